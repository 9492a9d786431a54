// A photograph: the faces in it, what the classifier sees in each, a reconstruction, and the face changed.

import { create } from "@bufbuild/protobuf";
import { Classification, ClassifyRequestSchema, GetModelResponse } from "./gen/deepface/v1/classifier_pb";
import {
  GenerateRequestSchema, GenerateResponse, InvertRequestSchema, InvertResponse, RequestedAttribute, Result,
} from "./gen/deepface/v1/generator_pb";
import { FaceBox, Framing, Image, ImageSchema, Warning } from "./gen/deepface/v1/image_pb";
import { Card, every } from "./card";
import { byId, h, percent, say, svg } from "./dom";
import { sayRequest } from "./request";
import { classifier, failure, generator, stopped } from "./rpc";
import { resultTables, Score, table } from "./scores";

/** Layers that a reconstruction shows something of; heads cannot be inverted. */
const INVERTIBLE = /^(conv|pool|fc)/;
/** The layer that a reconstruction begins with: it still knows shapes. */
const USUAL_LAYER = "conv4_3";
/** Steps until the service says how many there are. */
const USUAL_STEPS = 50;

interface Thresholds {
  accurate: number;
  balanced: number;
}

/** An image that is made from the face, and what is said of it. */
interface Descent {
  title: string;
  alt: string;
  doing: string;
  done: string;
  open: (image: Image, signal: AbortSignal) => AsyncIterable<Pick<GenerateResponse | InvertResponse, "event">>;
  again: () => void;
  /** What the classifier sees in it, if that is to be said. */
  tables?: (result: Result) => HTMLElement[];
}

/** The panel of the photograph. */
export class Photo {
  private readonly thresholds = new Map<string, Thresholds>();
  private readonly maxBytes: number;
  private file: File | undefined;
  private bytes = new Uint8Array();
  private found: Classification[] = [];
  private chosen = 0;
  private work: AbortController | undefined;

  constructor(
    { model, limits }: GetModelResponse, private readonly asked: () => RequestedAttribute[],
    private readonly failed: (error: unknown, again: () => void) => void,
  ) {
    this.maxBytes = Number(limits?.maxImageBytes ?? 0) || Infinity;
    for (const { name, threshold, balancedThreshold } of (model?.groups ?? []).flatMap((group) => group.attributes)) {
      this.thresholds.set(name, { accurate: threshold, balanced: balancedThreshold });
    }
    const layers = (model?.layers ?? []).map(({ name }) => name).filter((name) => INVERTIBLE.test(name));
    const option = (name: string) => h("option", { value: name, selected: name === USUAL_LAYER }, name);
    byId("layer").replaceChildren(...layers.map(option));
    this.listen();
  }

  /** Takes a file, and asks what is in it. */
  async take(file: File): Promise<void> {
    this.file = file;
    this.problem("");
    if (file.size > this.maxBytes) {
      const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
      this.problem(`${file.name}: expected at most ${mib(this.maxBytes)}, got ${mib(file.size)}`);
      return;
    }
    try {
      this.bytes = new Uint8Array(await file.arrayBuffer());
    } catch {
      this.problem(`${file.name}: the browser cannot read this file`);
      return;
    }
    this.display(file);
    await this.classify();
  }

  private listen(): void {
    const input = byId<HTMLInputElement>("photo-file");
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      if (file) void this.take(file);
    });
    const place = byId("drop");
    const over = (yes: boolean) => place.classList.toggle("over", yes);
    place.addEventListener("dragover", (event) => {
      event.preventDefault();
      over(true);
    });
    place.addEventListener("dragleave", () => over(false));
    place.addEventListener("drop", (event) => {
      event.preventDefault();
      over(false);
      const file = event.dataTransfer?.files[0];
      if (file) void this.take(file);
    });
    // A file that misses the panel must not replace the page.
    for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
    byId("framing").addEventListener("change", () => this.file && void this.classify());
    byId("balanced").addEventListener("change", () => this.showFace());
    byId("invert").addEventListener("click", () => void this.invert());
    byId("change").addEventListener("click", () => void this.change());
    byId("stop-invert").addEventListener("click", () => this.work?.abort());
  }

  private framing(): Framing {
    return byId<HTMLSelectElement>("framing").value === "face" ? Framing.FACE : Framing.DETECT;
  }

  private async classify(): Promise<void> {
    this.work?.abort();
    const work = new AbortController();
    this.work = work;
    this.found = [];
    this.chosen = 0;
    this.problem("");
    byId("photo-result").hidden = true;
    byId("boxes").replaceChildren();
    say("Looking for faces", "photo-status");
    const image = create(ImageSchema, { content: { case: "encoded", value: this.bytes }, framing: this.framing() });
    try {
      const { results } = await classifier.classify(create(ClassifyRequestSchema, { images: [image] }), { signal: work.signal });
      this.found = results;
      byId("reconstruction").replaceChildren();
      byId("changed-scores").replaceChildren();
      byId("photo-result").hidden = false;
      this.showBoxes();
      this.showFace();
      const faces = results[0]?.facesFound ?? 0;
      say(faces === 0 ? "Classified the picture" : faces === 1 ? "Found 1 face" : `Found ${faces} faces`, "photo-status");
    } catch (error) {
      // A newer file cancels.
      if (!stopped(error)) this.refused(error, () => void this.classify());
    }
  }

  private display(file: File): void {
    const image = byId<HTMLImageElement>("photo");
    const previous = image.src;
    image.alt = `Your photograph, ${file.name}`;
    image.onload = () => {
      if (previous.startsWith("blob:")) URL.revokeObjectURL(previous);
      byId("photo-frame").hidden = false;
      this.showBoxes();
    };
    image.onerror = () => {
      // The service reads TIFF and QOI, too.
      byId("photo-frame").hidden = true;
      this.problem(`${file.name}: the browser cannot show this file, so its faces are only listed`);
    };
    image.src = URL.createObjectURL(file);
  }

  private showBoxes(): void {
    const image = byId<HTMLImageElement>("photo");
    const boxes = document.getElementById("boxes");
    if (!boxes || !image.complete || image.naturalWidth === 0) return;
    const { naturalWidth: width, naturalHeight: height } = image;
    boxes.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const unit = Math.max(width, height) / 100;
    boxes.replaceChildren(...this.found.flatMap(({ face }, index) => (face ? [box(face, index, index === this.chosen, unit)] : [])));
  }

  private showFace(): void {
    const count = this.found.length;
    const buttons = count < 2 ? [] : this.found.map((_, index) => h("button", {
      type: "button", "aria-pressed": index === this.chosen, click: () => {
        this.chosen = index;
        this.showBoxes();
        this.showFace();
        byId("photo-faces").querySelectorAll("button")[index]?.focus();
      },
    }, `Face ${index + 1}`));
    for (const [index, button] of buttons.entries()) button.setAttribute("aria-pressed", String(index === this.chosen));
    byId("photo-faces").replaceChildren(...buttons);
    const one = this.found[this.chosen];
    if (!one) return;
    byId("photo-warnings").replaceChildren(...warnings(one.warnings));
    const where = one.face ? ` Detected with a confidence of ${percent(one.face.score)}.` : "";
    const omitted = one.facesFound > count ? `${one.facesFound} faces found, the largest ${count} shown.` : "";
    byId("photo-about").textContent = (omitted + where).trim();
    const balanced = byId<HTMLInputElement>("balanced").checked;
    const scores = one.groups.flatMap(({ attributes }) => attributes).map((attribute): Score => {
      const present = balanced ? attribute.presentBalanced : attribute.present;
      const thresholds = this.thresholds.get(attribute.name);
      const threshold = balanced ? thresholds?.balanced : thresholds?.accurate;
      const remark = threshold === undefined ? "" : `${present ? "above" : "not above"} ${percent(threshold)}`;
      return { name: attribute.name, probability: attribute.probability, present, threshold, remark };
    }).sort((a, b) => b.probability - a.probability);
    const label = count > 1 ? `face ${this.chosen + 1}` : "the face";
    byId("photo-scores").replaceChildren(
      table(`Present in ${label}, by the classifier`, scores.filter(({ present }) => present), "Threshold"),
      h("details", {},
        h("summary", {}, "Absent attributes"),
        table(`Absent in ${label}`, scores.filter(({ present }) => !present), "Threshold")));
  }

  /** Reconstructs the face from the activations of one layer. */
  private invert(): Promise<void> {
    const layer = byId<HTMLSelectElement>("layer").value;
    const stream = { every: every(USUAL_STEPS) };
    return this.follow({
      title: `from ${layer}`,
      alt: `Reconstruction of the face from the activations of ${layer}`,
      doing: `Reconstructing from ${layer}`,
      done: `Reconstructed from ${layer}`,
      open: (image, signal) => generator.invert(create(InvertRequestSchema, { image, layer, stream }), { signal }),
      again: () => void this.invert(),
    });
  }

  /** Changes the face as the attributes ask. */
  private change(): Promise<void> {
    const attributes = this.asked();
    const wish = sayRequest(attributes);
    const stream = { every: every(USUAL_STEPS) };
    return this.follow({
      title: wish,
      alt: `The face, changed: ${wish}`,
      doing: "Changing the face",
      done: "Changed the face",
      open: (from, signal) => generator.generate(create(GenerateRequestSchema, { attributes, from, stream }), { signal }),
      again: () => void this.change(),
      tables: resultTables,
    });
  }

  /** Shows an image that comes from the face, beside the face. */
  private async follow({ title, alt, doing, done, open, again, tables }: Descent): Promise<void> {
    this.work?.abort();
    const work = new AbortController();
    this.work = work;
    this.problem("");
    const card = new Card();
    const original = h("canvas", { width: 192, height: 192, role: "img", "aria-label": "The face as the network sees it" });
    const face = this.found[this.chosen]?.face;
    const shown = this.crop(original, face);
    byId("reconstruction").replaceChildren(
      ...(shown ? [h("figure", {}, original, h("figcaption", {}, "what the network sees"))] : []),
      h("figure", {}, card.image, card.progress, card.caption));
    byId("changed-scores").replaceChildren();
    card.start(title, alt);
    const stop = byId<HTMLButtonElement>("stop-invert");
    stop.disabled = false;
    say(doing, "photo-status");
    const detected = this.framing() === Framing.DETECT;
    const image = create(ImageSchema, {
      content: { case: "encoded", value: this.bytes }, framing: this.framing(), face: detected ? this.chosen : undefined,
    });
    try {
      for await (const { event } of open(image, work.signal)) {
        if (event.case === "started") {
          card.started(event.value.settings?.inversion?.steps ?? USUAL_STEPS);
          byId("photo-warnings").replaceChildren(...warnings(event.value.warnings));
        } else if (event.case === "iterate") card.iterate(event.value);
        else if (event.case === "result") {
          card.finish(event.value, likeness(event.value));
          byId("changed-scores").replaceChildren(...(tables?.(event.value) ?? []));
          say(done, "photo-status");
        }
      }
    } catch (error) {
      card.stop();
      if (this.work !== work) return;
      if (stopped(error)) say("Stopped", "photo-status");
      else this.refused(error, again);
    } finally {
      if (this.work === work) stop.disabled = true;
    }
  }

  /** Draws the square that the model saw, upright; false if the browser cannot show the file. */
  private crop(canvas: HTMLCanvasElement, face: FaceBox | undefined): boolean {
    const image = byId<HTMLImageElement>("photo");
    const context = canvas.getContext("2d");
    if (!context || image.naturalWidth === 0) return false;
    const { naturalWidth, naturalHeight } = image;
    const square = face ?? { left: 0, top: 0, width: naturalWidth, height: naturalHeight, rollDegrees: 0 };
    context.translate(canvas.width / 2, canvas.height / 2);
    context.scale(canvas.width / square.width, canvas.height / square.height);
    context.rotate((-square.rollDegrees * Math.PI) / 180);
    context.drawImage(image, -(square.left + square.width / 2), -(square.top + square.height / 2));
    return true;
  }

  private refused(error: unknown, again: () => void): void {
    const { violations } = failure(error);
    if (violations.length === 0) {
      say("", "photo-status");
      this.failed(error, again);
      return;
    }
    this.problem(violations.map(({ description }) => description).join("; "));
    say("", "photo-status");
  }

  private problem(text: string): void {
    const place = byId("photo-problem");
    place.textContent = text;
    place.hidden = text === "";
  }
}

/** How much of the photograph's face is left, if the service says so. */
function likeness({ similarity }: Result): string {
  return similarity === undefined ? "" : ` · similarity ${similarity.toFixed(2)}`;
}

function warnings(all: Warning[]): HTMLElement[] {
  return all.map(({ message }) => h("li", {}, message));
}

/** A square around a face, turned as the face is, and its number. */
function box(face: FaceBox, index: number, chosen: boolean, unit: number): Element {
  const { left, top, width, height, rollDegrees } = face;
  const turned = `rotate(${rollDegrees} ${left + width / 2} ${top + height / 2})`;
  const number = document.createTextNode(String(index + 1));
  return svg("g", { class: chosen ? "box chosen" : "box", transform: turned },
    svg("rect", { x: left, y: top, width, height, rx: unit }),
    svg("text", { x: left + unit, y: top + 4.5 * unit, "font-size": 4 * unit }, number));
}
