// The page of `deepface serve --ui`: it joins the parts, and keeps the request.

import type { ListAttributesResponse, RequestedAttribute } from "./gen/deepface/v1/generator_pb";
import { Sliders } from "./attributes";
import { Chosen } from "./chosen";
import { byId, h, say } from "./dom";
import { Faces } from "./faces";
import { Photo } from "./photo";
import { attributes, Request, sayAttribute, sayRequest, toHash, Way, ways } from "./request";
import { classifier, failure, generator } from "./rpc";

/** How long a slider must rest until faces are made, in milliseconds. */
const PAUSE = 400;
const LARGEST_SEED = 2n ** 64n - 1n;
const FACES = 4n;
const EXAMPLES = [["Male", "Smiling", "Eyeglasses"], ["Blond Hair", "Heavy Makeup"], ["Senior", "Mustache"], ["Child"]];

// A link would replace the request in the address.
byId("skip").addEventListener("click", () => byId("results").focus());
void open();

/** Asks what the services offer, and builds the page; with an offer to try again if they are away. */
async function open(): Promise<void> {
  say("Asking the services");
  try {
    const [offered, model] = await Promise.all([generator.listAttributes({}), classifier.getModel({})]);
    hideProblem();
    byId("main").hidden = false;
    say("");
    const page = new Page(offered);
    new Photo(model, () => page.wish(), problem);
    page.read();
  } catch (error) {
    problem(error, () => void open());
  }
}

class Page {
  private readonly ways: Way[];
  private readonly sliders: Sliders;
  private readonly faces: Faces;
  private readonly chosen: Chosen;
  private timer = 0;

  constructor(private readonly offered: ListAttributesResponse) {
    this.ways = ways(offered);
    byId("method").replaceChildren(...this.ways.map(({ name, label }) => h("option", { value: name }, label)));
    this.sliders = new Sliders(offered.attributes, () => this.changed());
    this.chosen = new Chosen(offered.attributes.map(({ name }) => name), problem);
    this.faces = new Faces((face) => this.chosen.show(face), (error) => this.refused(error));
    this.examples();
    byId("method").addEventListener("change", () => {
      this.sliders.limit(this.way());
      this.changed();
    });
    for (const id of ["seed", "steps"]) byId(id).addEventListener("input", () => this.changed());
    byId("again").addEventListener("click", () => this.again());
    byId("clear").addEventListener("click", () => this.clear());
    byId("controls").addEventListener("submit", (event) => {
      event.preventDefault();
      this.start();
    });
    addEventListener("hashchange", () => this.read());
  }

  /** Asks for what the address of the page says. */
  read(): void {
    const hash = new URLSearchParams(location.hash.slice(1));
    const way = this.ways.find(({ name }) => name === hash.get("method")) ?? this.ways[0];
    byId<HTMLSelectElement>("method").value = way?.name ?? "";
    byId<HTMLInputElement>("seed").value = hash.get("seed") ?? "0";
    byId<HTMLInputElement>("steps").value = hash.get("steps") ?? "";
    const strength = (value: string) => Math.max(-4, Math.min(4, Number(value) || 0));
    const asked = [...hash].filter(([name]) => this.sliders.has(name)).map(([name, value]): [string, number] => [name, strength(value)]);
    this.sliders.limit(this.way());
    this.sliders.ask(new Map(asked));
    this.describe();
    this.start();
  }

  private way(): Way {
    const name = byId<HTMLSelectElement>("method").value;
    const way = this.ways.find((one) => one.name === name) ?? this.ways[0];
    if (!way) throw new Error("the service offers no method");
    return way;
  }

  private request(): Request {
    const steps = text("steps");
    return { asked: this.sliders.asked(), steps: steps === "" ? undefined : Number(steps) };
  }

  /** The seed, or undefined and a message at the field. */
  private seed(): bigint | undefined {
    const typed = text("seed");
    const seed = /^\d{1,20}$/.test(typed) ? BigInt(typed) : -1n;
    const fine = seed >= 0n && seed <= LARGEST_SEED;
    refuse("seed", fine ? "" : `expected a whole number from 0 to ${LARGEST_SEED}, got "${typed}"`);
    return fine ? seed : undefined;
  }

  private changed(): void {
    this.describe();
    clearTimeout(this.timer);
    if (byId<HTMLInputElement>("live").checked) this.timer = setTimeout(() => this.start(), PAUSE);
  }

  /** What is asked for. */
  wish(): RequestedAttribute[] {
    return attributes(this.request());
  }

  /** Says what is asked for, with a button per attribute that takes it back. */
  private describe(): void {
    const asked = this.wish();
    const chip = (attribute: (typeof asked)[number]) => h("li", {}, h("button", {
      type: "button", class: attribute.absent ? "chip absent" : "chip", "aria-label": `Remove ${sayAttribute(attribute)}`,
      click: () => this.remove(attribute.name),
    }, sayAttribute(attribute), h("span", { "aria-hidden": "true" }, "×")));
    byId("asked").replaceChildren(...asked.map(chip));
    byId("asked-title").textContent = asked.length === 0 ? "Nothing asked yet" : `Asked: ${sayRequest(asked)}`;
    byId<HTMLButtonElement>("clear").disabled = asked.length === 0;
    byId<HTMLButtonElement>("start").disabled = asked.length === 0;
    byId<HTMLButtonElement>("again").disabled = asked.length === 0;
  }

  private remove(name: string): void {
    this.sliders.set(name, 0);
    // Its button is gone; the focus would be, too.
    const next = byId("asked").querySelector<HTMLElement>("button");
    if (next) next.focus();
    else byId("search").focus();
  }

  private start(): void {
    clearTimeout(this.timer);
    this.sliders.accept();
    for (const id of ["seed", "steps", "method"]) refuse(id, "");
    hideProblem();
    const request = this.request();
    const seed = this.seed();
    const address = toHash(request.asked, this.way(), text("seed"), text("steps"));
    history.replaceState(null, "", address === "" ? location.pathname : `#${address}`);
    if (request.asked.size === 0) {
      this.faces.clear();
      this.chosen.hide();
      return;
    }
    const { steps } = request;
    // The service knows the range; only what does not fit the field cannot be sent.
    if (steps !== undefined && !(Number.isInteger(steps) && Math.abs(steps) < 2 ** 31)) {
      refuse("steps", `expected a whole number, got "${text("steps")}"`);
      return;
    }
    if (seed === undefined) return;
    const way = this.way();
    const { settings } = this.offered.presets.find(({ preset }) => preset === way.preset) ?? { settings: this.offered.defaults };
    void this.faces.start(request, way, seed, steps ?? settings?.inversion?.steps ?? 50);
  }

  /** The next four seeds. */
  private again(): void {
    const seed = this.seed();
    if (seed === undefined) return;
    const next = seed + FACES;
    byId<HTMLInputElement>("seed").value = String(next + FACES - 1n <= LARGEST_SEED ? next : 0n);
    this.start();
  }

  private clear(): void {
    this.sliders.ask(new Map());
    this.describe();
    this.start();
    byId("search").focus();
    say("Nothing is asked for any more");
  }

  private examples(): void {
    const known = EXAMPLES.filter((names) => names.every((name) => this.sliders.has(name)));
    const button = (names: string[]) => h("button", {
      type: "button", click: () => {
        this.sliders.ask(new Map(names.map((name) => [name, 1])));
        this.describe();
        this.start();
      },
    }, names.join(", "));
    byId("examples").replaceChildren(...known.map((names) => h("li", {}, button(names))));
  }

  /** Shows wrong fields at their controls, and the rest at the top. */
  private refused(error: unknown): void {
    const { violations } = failure(error);
    const asked = attributes(this.request());
    const rest = violations.filter(({ field, description }) => {
      const index = /^attributes\[(\d+)\]/.exec(field)?.[1];
      const name = index === undefined ? undefined : asked[Number(index)]?.name;
      if (name !== undefined) return !this.sliders.refuse(name, description);
      const at = { seed: "seed", count: "seed", "settings.inversion.steps": "steps", "settings.target.method": "method" }[field];
      if (at === undefined) return true;
      refuse(at, description);
      return false;
    });
    if (violations.length === 0 || rest.length > 0) problem(error, () => this.start());
    else say("The service refused the request; see the marked fields");
  }
}

/** What is typed into a field. */
const text = (id: string): string => byId<HTMLInputElement>(id).value.trim();

/** Shows what is wrong with a field; nothing, if the text is empty. */
function refuse(id: string, description: string): void {
  const place = byId(`${id}-error`);
  place.textContent = description;
  place.hidden = description === "";
  byId(id).setAttribute("aria-invalid", String(description !== ""));
}

/** Shows an error at the top, with a button that tries again. */
function problem(error: unknown, again: () => void): void {
  const { message, again: may } = failure(error);
  byId("problem-text").textContent = message;
  const retry = byId<HTMLButtonElement>("retry");
  retry.hidden = !may;
  retry.onclick = () => {
    hideProblem();
    again();
  };
  byId("problem").hidden = false;
  say("");
}

function hideProblem(): void {
  byId("problem").hidden = true;
}
