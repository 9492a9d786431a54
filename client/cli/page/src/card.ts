// One image that is being made: its iterates, its progress, its loss.

import { Iterate, Result } from "./gen/deepface/v1/generator_pb";
import { h, show, still } from "./dom";
import type { Image } from "./gen/deepface/v1/image_pb";

/** One image that is being made. */
export class Card {
  readonly image = h("img", { alt: "", hidden: true });
  readonly progress = h("progress", { value: 0, max: 1 });
  readonly caption = h("figcaption");
  /** What the caption begins with. */
  private title = "";
  private steps = 0;
  private waiting: Iterate | undefined;
  private frame = 0;

  /** Begins anew. The previous image stays until there is a new one. `alt` says what is asked for. */
  start(title: string, alt: string): void {
    this.title = title;
    this.steps = 0;
    this.waiting = undefined;
    this.image.alt = alt;
    this.image.dataset.step = "0";
    delete this.image.dataset.finished;
    this.progress.setAttribute("aria-label", `Progress of ${title}`);
    this.progress.hidden = false;
    this.progress.value = 0;
    this.caption.textContent = `${title} · waiting`;
  }

  /** The settings in force are known. */
  started(steps: number): void {
    this.steps = steps;
    this.progress.max = steps;
  }

  /** Shows an iterate with the next frame of the screen; if they come faster, the last one. */
  iterate(iterate: Iterate): void {
    this.waiting = iterate;
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      if (this.waiting) this.draw(this.waiting);
      this.waiting = undefined;
    });
  }

  /** Shows the finished image. */
  finish(result: Result, remark = ""): void {
    this.waiting = undefined;
    showImage(this.image, result.image);
    this.image.dataset.step = String(result.steps);
    this.image.dataset.finished = "";
    this.progress.hidden = true;
    this.caption.textContent = `${this.title} · loss ${loss(result.loss?.total)}${remark}`;
  }

  /** Says that the work ended before the image was finished. */
  stop(): void {
    if (this.image.dataset.finished !== undefined) return;
    this.waiting = undefined;
    this.progress.hidden = true;
    const step = this.image.dataset.step ?? "0";
    this.caption.textContent = `${this.title} · stopped${step === "0" ? "" : ` at step ${step}`}`;
  }

  private draw({ image, step, loss: terms }: Iterate): void {
    showImage(this.image, image);
    this.image.dataset.step = String(step);
    this.progress.value = step;
    this.caption.textContent = `${this.title} · step ${step} of ${this.steps} · loss ${loss(terms?.total)}`;
  }
}

/** Steps between two iterates: ten or so for a face, two where motion is unwelcome; for long descents never more than sixty. */
export function every(steps: number): number {
  return still.matches ? Math.max(25, Math.ceil(steps / 2)) : Math.max(5, Math.ceil(steps / 60));
}

const loss = (total: number | undefined): string => (total === undefined ? "unknown" : total.toFixed(3));

function showImage(element: HTMLImageElement, image: Image | undefined): void {
  if (image?.content.case === "encoded") show(element, image.content.value);
}
