// Tables of what the classifier sees.

import { Result, ResultAttribute } from "./gen/deepface/v1/generator_pb";
import { h, percent, signed, svg } from "./dom";

/** Attributes that changed without being asked and are listed. */
const MOST_MOVED = 6;

/** A row of a table. */
export interface Score {
  name: string;
  probability: number;
  /** Where the decision changes. */
  threshold?: number;
  /** The last column. */
  remark?: string;
  /** Whether the remark is unwelcome, such as "not seen". */
  wrong?: boolean;
  /** Whether the classifier decides that the attribute is there. */
  present?: boolean;
}

/** Makes a table with a bar per attribute. */
export function table(caption: string, scores: Score[], remarks = "Remark"): HTMLTableElement {
  const rows = scores.map(({ name, probability, threshold, remark, wrong, present }) => h("tr", {},
    h("th", { scope: "row", class: present ? "seen" : undefined }, name),
    h("td", { class: "bar" }, bar(probability, threshold)),
    h("td", { class: "number" }, percent(probability)),
    h("td", { class: wrong ? "remark wrong" : "remark" }, remark ?? "")));
  const head = h("tr", {},
    h("th", { scope: "col" }, "Attribute"),
    h("th", { scope: "col", colspan: 2 }, "Probability"),
    h("th", { scope: "col" }, remarks));
  return h("table", { class: "scores" },
    h("caption", {}, caption), h("thead", { class: "unseen" }, head), h("tbody", {}, ...rows));
}

/** A bar of a probability, and a tick at the threshold. The number stands beside it, so screen readers skip it. */
function bar(probability: number, threshold?: number): Element {
  const picture = svg("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" });
  picture.append(
    svg("rect", { class: "ground", width: 100, height: 8 }),
    svg("rect", { class: "share", width: (100 * probability).toFixed(1), height: 8 }));
  if (threshold !== undefined) picture.append(svg("rect", { class: "tick", x: (100 * threshold).toFixed(1), width: 1, height: 8 }));
  return picture;
}

/** What the classifier sees in a made face: what was asked, what changed with it, and everything. */
export function resultTables({ attributes, moved }: Result): HTMLElement[] {
  const changed = movedScores(attributes, moved);
  const more = changed.length > MOST_MOVED ? `: ${MOST_MOVED} of ${changed.length}` : "";
  return [
    table("What the classifier sees of what was asked", askedScores(attributes), "Decision, and change"),
    ...(changed.length > 0 ? [table(`Changed without being asked${more}`, changed.slice(0, MOST_MOVED), "Change")] : []),
    h("details", {},
      h("summary", {}, "All attributes"),
      table("All attributes", allScores(attributes), "Decision, and change")),
  ];
}

/** What was asked of a face, and whether the classifier sees it. */
function askedScores(attributes: ResultAttribute[]): Score[] {
  return attributes.filter(({ requested }) => requested !== undefined).map((attribute) => {
    const { name, probability, present, requested, change } = attribute;
    const granted = requested === present;
    const said = granted ? "as asked" : `${present ? "present" : "absent"}, not as asked`;
    const moved = change === undefined ? "" : `, ${signed(change)}`;
    return { name, probability, present, remark: said + moved, wrong: !granted };
  });
}

/** What else differs from the face of the seed without a request, the largest change first. */
function movedScores(attributes: ResultAttribute[], moved: string[]): Score[] {
  const names = new Set(moved);
  const size = ({ change }: ResultAttribute) => Math.abs(change ?? 0);
  return attributes.filter(({ name }) => names.has(name)).sort((a, b) => size(b) - size(a)).map(({ name, probability, present, change }) => ({
    name, probability, present, remark: `now ${present ? "present" : "absent"}${change === undefined ? "" : `, ${signed(change)}`}`,
  }));
}

/** Everything, the most probable first. */
function allScores(attributes: ResultAttribute[]): Score[] {
  return [...attributes].sort((a, b) => b.probability - a.probability).map(({ name, probability, present, change }) => ({
    name, probability, present, remark: (present ? "present" : "absent") + (change === undefined ? "" : `, ${signed(change)}`),
  }));
}

/** What differs most between two faces: log-odds of `after` minus those of `before`; `first` comes first. */
export function differences(before: ResultAttribute[], after: ResultAttribute[], first: string, most: number): Score[] {
  const earlier = new Map(before.map((attribute) => [attribute.name, attribute]));
  const all = after.flatMap((attribute) => {
    const was = earlier.get(attribute.name);
    if (!was) return [];
    const change = logOdds(attribute.probability) - logOdds(was.probability);
    return [{ ...attribute, was, change }];
  });
  const size = (one: { name: string; change: number }) => (one.name === first ? Infinity : Math.abs(one.change));
  return all.sort((a, b) => size(b) - size(a)).slice(0, most).map(({ name, probability, present, was, change }) => {
    const decided = was.present === present ? "" : present ? ", now present" : ", now absent";
    return { name, probability, present, remark: `was ${percent(was.probability)}, ${signed(change)}${decided}` };
  });
}

function logOdds(probability: number): number {
  const inside = Math.min(Math.max(probability, 1e-6), 1 - 1e-6);
  return Math.log(inside / (1 - inside));
}
