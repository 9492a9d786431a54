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

  /** `changed` is called after every change by the reader. */
  constructor(infos: AttributeInfo[], private readonly changed: () => void) {
    for (const [name, members] of runs(infos)) this.addGroup(name, members);
    byId("sliders").replaceChildren(...this.groups);
    const search = byId<HTMLInputElement>("search");
    search.addEventListener("input", () => this.search());
    search.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      byId("sliders").querySelector<HTMLElement>(".slider:not([hidden]) input")?.focus();
    });
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
    const strongest = takesStrength ? 4 : 1;
    for (const row of this.rows.values()) {
      const { slider } = row;
      slider.max = String(strongest);
      slider.min = takesAbsent ? String(-strongest) : "0";
      slider.step = takesStrength ? "0.5" : "1";
      // The browser has moved a value that is out of range.
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

/** Groups in the order of the list. Attributes in a row that are alone in their groups share one. */
function runs(infos: AttributeInfo[]): [string, AttributeInfo[]][] {
  const named: [string, AttributeInfo[]][] = [];
  const sizes = Map.groupBy(infos, ({ group }) => group);
  let alone = false;
  for (const info of infos) {
    const single = sizes.get(info.group)?.length === 1;
    const last = named.at(-1);
    if (last && single && alone) last[1].push(info);
    else if (last && !single && last[1][0]?.group === info.group) last[1].push(info);
    else named.push([title(info.group), [info]]);
    alone = single;
  }
  const several = ([, members]: [string, AttributeInfo[]]) => new Set(members.map(({ group }) => group)).size > 1;
  return named.map((run) => (several(run) ? ["Other attributes", run[1]] : run));
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
