// Four faces at a time: started, followed, stopped, chosen.

import { create } from "@bufbuild/protobuf";
import { GenerateRequestSchema, Result, Started } from "./gen/deepface/v1/generator_pb";
import { Card, every } from "./card";
import { byId, h, say } from "./dom";
import { attributes, Request, sayRequest, settings, Way } from "./request";
import { generator, stopped } from "./rpc";

const COUNT = 4;

/** A finished face, and all that decided it. */
export interface Face {
  request: Request;
  way: Way;
  seed: bigint;
  started: Started;
  result: Result;
}

/** Follows one Generate stream into cards, which are as many as its faces. */
export async function generate(
  request: Request, way: Way, seed: bigint, steps: number, cards: Card[], signal: AbortSignal,
  finished: (index: number, face: Face) => void,
): Promise<void> {
  const asked = attributes(request);
  const said = sayRequest(asked);
  cards.forEach((card, index) => {
    const own = seed + BigInt(index);
    card.start(`seed ${own}`, `Synthetic face for: ${said}; seed ${own}`);
  });
  const message = create(GenerateRequestSchema, {
    attributes: asked, settings: settings(request, way), seed, stream: { every: every(steps) },
    count: cards.length === 1 ? undefined : cards.length,
  });
  let started: Started | undefined;
  try {
    for await (const { event } of generator.generate(message, { signal })) {
      if (event.case === "started") {
        started = event.value;
        const total = started.settings?.inversion?.steps ?? steps;
        for (const card of cards) card.started(total);
      } else if (event.case === "iterate") {
        cards[event.value.index]?.iterate(event.value);
      } else if (event.case === "result" && started) {
        const result = event.value;
        cards[result.index]?.finish(result);
        finished(result.index, { request, way, seed: seed + BigInt(result.index), started, result });
      }
    }
  } finally {
    for (const card of cards) card.stop();
  }
}

/** The grid of faces. */
export class Faces {
  private readonly cards: Card[] = [];
  private readonly buttons: HTMLButtonElement[] = [];
  private faces: (Face | undefined)[] = [];
  private work: AbortController | undefined;
  private chosen: number | undefined;

  /** `choose` is told the face that the reader chose, whenever it is finished; `failed` is told errors. */
  constructor(private readonly choose: (face: Face) => void, private readonly failed: (error: unknown) => void) {
    for (let index = 0; index < COUNT; index++) {
      const card = new Card();
      const button = h("button", { type: "button", class: "face", "aria-pressed": "false", click: () => this.press(index) }, card.image);
      button.disabled = true;
      this.cards.push(card);
      this.buttons.push(button);
      byId("faces").append(h("figure", {}, button, card.progress, card.caption));
    }
    byId("stop").addEventListener("click", () => this.stop());
  }

  /** Starts anew; what was going on is cancelled. */
  async start(request: Request, way: Way, seed: bigint, steps: number): Promise<void> {
    this.work?.abort();
    const work = new AbortController();
    this.work = work;
    this.faces = [];
    for (const button of this.buttons) button.disabled = true;
    byId("grid").hidden = false;
    byId("empty").hidden = true;
    busy(true);
    say(`Making ${COUNT} faces`);
    const before = performance.now();
    try {
      await generate(request, way, seed, steps, this.cards, work.signal, (index, face) => {
        if (this.work !== work) return;
        this.faces[index] = face;
        const button = this.buttons[index];
        if (button) button.disabled = false;
        if (index === this.chosen) this.choose(face);
      });
      if (this.work === work) say(`${COUNT} faces in ${((performance.now() - before) / 1000).toFixed(1)} s. Choose one to look closer.`);
    } catch (error) {
      // A newer start also cancels; it has said what it does.
      if (this.work === work && stopped(error)) say("Stopped");
      else if (this.work === work) this.failed(error);
    } finally {
      if (this.work === work) busy(false);
    }
  }

  /** Cancels the work, which the service then ends within a step. */
  stop(): void {
    this.work?.abort();
  }

  /** Stops, and shows no faces. */
  clear(): void {
    this.stop();
    this.work = undefined;
    this.faces = [];
    this.release();
    busy(false);
    byId("grid").hidden = true;
    byId("empty").hidden = false;
  }

  /** No face is the chosen one. */
  release(): void {
    this.chosen = undefined;
    for (const button of this.buttons) button.setAttribute("aria-pressed", "false");
  }

  private press(index: number): void {
    const face = this.faces[index];
    if (!face) return;
    this.chosen = index;
    this.buttons.forEach((button, at) => button.setAttribute("aria-pressed", String(at === index)));
    this.choose(face);
    byId("chosen").scrollIntoView({ block: "nearest" });
  }
}

function busy(yes: boolean): void {
  const stop = byId<HTMLButtonElement>("stop");
  // The focus must not stay on a button that cannot be pressed any more.
  if (!yes && document.activeElement === stop) byId("start").focus();
  stop.disabled = !yes;
  byId("faces").setAttribute("aria-busy", String(yes));
}
