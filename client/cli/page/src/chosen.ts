// The chosen face: what the classifier sees in it, how to make it again, its file, and itself with one attribute flipped.

import { create } from "@bufbuild/protobuf";
import { GenerateFaceRequestSchema } from "./gen/deepface/v1/generator_pb";
import { Card } from "./card";
import { blob, byId, copy, h, say, show } from "./dom";
import { Face, generate } from "./faces";
import { attributes, command, fileName, grpcurl, Request, sayRequest, scale, settings } from "./request";
import { generator, stopped } from "./rpc";
import { differences, resultTables, table } from "./scores";

/** Attributes that a comparison lists. */
const MOST_DIFFERENCES = 12;

/** The panel of the chosen face. */
export class Chosen {
  private face: Face | undefined;
  private comparison: AbortController | undefined;
  /** Whether the reader chose the attribute to flip. */
  private flipped = false;
  private readonly address: string;

  constructor(names: string[], private readonly failed: (error: unknown, again: () => void) => void) {
    this.address = document.querySelector<HTMLMetaElement>("meta[name=deepface-generator]")?.content ?? "127.0.0.1:50052";
    byId("flip").replaceChildren(...names.map((name) => h("option", { value: name }, name)));
    byId("download").addEventListener("click", () => void this.download());
    byId("compare").addEventListener("click", () => void this.compare());
    byId("copy-command").addEventListener("click", () => void copy("command", byId("command")));
    byId("copy-grpcurl").addEventListener("click", () => void copy("call", byId("grpcurl")));
    byId("flip").addEventListener("change", () => (this.flipped = true));
  }

  /** Shows a face. */
  show(face: Face): void {
    this.comparison?.abort();
    this.face = face;
    const { request, way, seed, result, started } = face;
    const asked = attributes(request);
    const said = sayRequest(asked);
    byId("chosen").hidden = false;
    byId("chosen-title").textContent = `Seed ${seed}: ${said}`;
    const image = byId<HTMLImageElement>("chosen-image");
    image.alt = `Chosen synthetic face for: ${said}; seed ${seed}`;
    if (result.image?.content.case === "encoded") show(image, result.image.content.value);
    byId("chosen-scores").replaceChildren(...resultTables(result));
    byId("command").textContent = command(request, way, seed);
    byId("grpcurl").textContent = grpcurl(request, way, seed, this.size(started.imageSize), this.address);
    byId("comparison").replaceChildren();
    say("", "chosen-status");
    say("", "compare-status");
    say("", "copy-status");
    const first = asked[0]?.name;
    if (first !== undefined && !this.flipped) byId<HTMLSelectElement>("flip").value = first;
  }

  /** Shows nothing. */
  hide(): void {
    this.comparison?.abort();
    this.face = undefined;
    byId("chosen").hidden = true;
  }

  private readonly size = (side: number): number => side * scale(side);

  private async download(): Promise<void> {
    const { face } = this;
    if (!face) return;
    const { request, way, seed, started } = face;
    say("Making the file", "chosen-status");
    try {
      const { faces } = await generator.generateFace(create(GenerateFaceRequestSchema, {
        attributes: attributes(request), settings: settings(request, way), seeds: [seed], size: this.size(started.imageSize),
      }));
      const made = faces[0];
      if (!made) return;
      const url = URL.createObjectURL(blob(made.picture, made.mediaType));
      h("a", { href: url, download: fileName(request, way, seed) }).click();
      // The download has read the bytes long before.
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
      say("Downloaded. The file says that it is synthetic, and what made it.", "chosen-status");
    } catch (error) {
      say("", "chosen-status");
      this.failed(error, () => void this.download());
    }
  }

  /** Makes the face twice, with and without one attribute. */
  private async compare(): Promise<void> {
    const { face } = this;
    if (!face) return;
    this.comparison?.abort();
    const work = new AbortController();
    this.comparison = work;
    const name = byId<HTMLSelectElement>("flip").value;
    const { request, way, seed, started } = face;
    const value = request.asked.get(name) ?? 0;
    const strength = Math.abs(value) || 1;
    const sides = [
      { title: `without ${name}`, value: way.takesAbsent ? -strength : 0 },
      { title: `with ${name}`, value: strength },
    ];
    const place = byId("comparison");
    const made: (Face | undefined)[] = [];
    const columns = sides.map(({ title }) => {
      const card = new Card();
      return { card, figure: h("figure", {}, card.image, card.progress, card.caption, h("strong", {}, title)) };
    });
    place.replaceChildren(h("div", { class: "pair" }, ...columns.map(({ figure }) => figure)));
    say(`Comparing with and without ${name}`, "compare-status");
    const steps = started.settings?.inversion?.steps ?? 50;
    try {
      await Promise.all(sides.map(async (side, at) => {
        const column = columns[at];
        if (!column) return;
        const asked = new Map(request.asked).set(name, side.value);
        const other: Request = { ...request, asked };
        if (attributes(other).length === 0) {
          // A request needs an attribute, and this method takes no absent one.
          const alone = `${name} is all that was asked: without it there is no request. Ask for another attribute as well.`;
          column.figure.replaceChildren(h("p", {}, alone));
          return;
        }
        await generate(other, way, seed, steps, [column.card], work.signal, (_, finished) => (made[at] = finished));
      }));
      const [without, with_] = made;
      if (without && with_) {
        place.append(table(`Changed most with ${name}`,
          differences(without.result.attributes, with_.result.attributes, name, MOST_DIFFERENCES), "Change"));
      }
      say(without && with_ ? `Compared with and without ${name}` : "", "compare-status");
    } catch (error) {
      work.abort();
      if (this.comparison !== work || stopped(error)) return;
      say("", "compare-status");
      this.failed(error, () => void this.compare());
    }
  }
}
