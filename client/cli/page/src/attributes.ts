// The sliders: every attribute from absent over not asked to present.

import { AttributeInfo } from "./gen/deepface/v1/generator_pb";
import { byId, h } from "./dom";
import { sayValue, Way } from "./request";

interface Row {
  info: AttributeInfo;
  row: HTMLElement;
  slider: HTMLInputElement;
  value: HTMLElement;
  error: HTMLElement;
}

/** The sliders. */
export class Sliders {
  private readonly rows = new Map<string, Row>();
  private readonly groups: HTMLFieldSetElement[] = [];
  private strongest = 4;

  /** `changed` is called after every change by the reader. */
  constructor(infos: AttributeInfo[], private readonly changed: () => void) {
    const groups = Map.groupBy(infos, ({ group }) => group);
    const several = [...groups].filter(([, members]) => members.length > 1);
    const single = [...groups.values()].filter((members) => members.length === 1).flat();
    for (const [group, members] of several) this.addGroup(title(group), members);
    if (single.length > 0) this.addGroup("Other attributes", single);
    byId("sliders").replaceChildren(...this.groups);
    byId<HTMLInputElement>("search").addEventListener("input", () => this.search());
  }

  /** Every attribute that is asked for, in the order of the list. */
  asked(): Map<string, number> {
    const entries = [...this.rows].map(([name, { slider }]): [string, number] => [name, slider.valueAsNumber]);
    return new Map(entries.filter(([, value]) => value !== 0));
  }

  /** Sets all sliders, without telling anybody. */
  ask(asked: Map<string, number>): void {
    for (const [name, row] of this.rows) {
      row.slider.valueAsNumber = asked.get(name) ?? 0;
      paint(row);
    }
  }

  /** Sets one slider as if the reader had. */
  set(name: string, value: number): void {
    const row = this.rows.get(name);
    if (!row) return;
    row.slider.valueAsNumber = value;
    paint(row);
    this.changed();
  }

  /** Whether there is such an attribute. */
  has(name: string): boolean {
    return this.rows.has(name);
  }

  /** Limits the sliders to what a method takes. */
  limit({ takesAbsent, takesStrength }: Way): void {
    this.strongest = takesStrength ? 4 : 1;
    for (const row of this.rows.values()) {
      const { slider } = row;
      slider.max = String(this.strongest);
      slider.min = takesAbsent ? String(-this.strongest) : "0";
      slider.step = takesStrength ? "0.5" : "1";
      // The browser has moved a value that is out of range; ±0.5 rounds away.
      paint(row);
    }
    byId("absent-not-taken").hidden = takesAbsent;
  }

  /** Shows what is wrong with an attribute; false if there is no such attribute. */
  refuse(name: string, description: string): boolean {
    const row = this.rows.get(name);
    if (!row) return false;
    row.error.textContent = description;
    row.error.hidden = false;
    row.slider.setAttribute("aria-invalid", "true");
    row.slider.setAttribute("aria-describedby", row.error.id);
    return true;
  }

  /** Forgets what was wrong. */
  accept(): void {
    for (const { error, slider } of this.rows.values()) {
      error.hidden = true;
      slider.removeAttribute("aria-invalid");
      slider.removeAttribute("aria-describedby");
    }
  }

  /** Brings a slider into view and focuses it. */
  focus(name: string): void {
    this.rows.get(name)?.slider.focus();
  }

  private addGroup(name: string, members: AttributeInfo[]): void {
    const rows = members.map((info) => this.row(info));
    this.groups.push(h("fieldset", {}, h("legend", {}, name), ...rows));
  }

  private row(info: AttributeInfo): HTMLElement {
    const id = `attribute-${this.rows.size}`;
    const slider = h("input", { type: "range", id, min: -4, max: 4, step: 0.5, value: 0 });
    const value = h("span", { class: "value", "aria-hidden": "true" });
    const error = h("p", { class: "wrong", id: `${id}-error`, hidden: true });
    const label = h("label", { for: id }, info.name);
    const row = h("div", { class: "slider" }, label, slider, value, error);
    const all = { info, row, slider, value, error };
    slider.addEventListener("input", () => {
      paint(all);
      this.changed();
    });
    // Back to "not asked", where the middle is hard to hit with a pointer.
    slider.addEventListener("dblclick", () => this.set(info.name, 0));
    this.rows.set(info.name, all);
    paint(all);
    return row;
  }

  private search(): void {
    const words = plain(byId<HTMLInputElement>("search").value).split(" ").filter(Boolean);
    let found = 0;
    for (const { info, row } of this.rows.values()) {
      const text = plain(`${info.name} ${info.group}`);
      row.hidden = !words.every((word) => text.includes(word));
      found += row.hidden ? 0 : 1;
    }
    for (const group of this.groups) group.hidden = !group.querySelector(".slider:not([hidden])");
    byId("found").textContent = words.length === 0 ? "" : found === 1 ? "1 attribute" : `${found} attributes`;
  }
}

/** Letters and digits in lower case: case and punctuation of names do not matter. */
const plain = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();

/** "hair_color" as "Hair color". */
function title(group: string): string {
  const words = group.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function paint({ slider, value, row }: Row): void {
  const number = slider.valueAsNumber;
  const [least, most] = [Number(slider.min), Number(slider.max)];
  const place = (at: number) => `${(100 * (at - least)) / (most - least)}%`;
  slider.style.setProperty("--from", place(Math.min(0, number)));
  slider.style.setProperty("--to", place(Math.max(0, number)));
  slider.style.setProperty("--zero", place(0));
  slider.setAttribute("aria-valuetext", sayValue(number));
  const state = number === 0 ? "open" : number > 0 ? "present" : "absent";
  row.dataset.state = state;
  const strength = Math.abs(number);
  value.textContent = number === 0 ? "–" : state + (strength === 1 ? "" : ` ×${strength}`);
}
