// Small helpers around the document.

type Child = Node | string | null | undefined | false;
type Properties = Record<string, string | number | boolean | null | undefined | ((event: Event) => void)>;

/** Makes an element. `class` and attributes are set as attributes, functions as listeners; false and undefined are left out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  name: K,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, String(value));
  }
  element.append(...children.filter((child): child is Node | string => child instanceof Node || typeof child === "string"));
  return element;
}

/** Returns the element with this id, which index.html has. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html lacks #${id}`);
  return element as T;
}

/** Returns 0.825 as "82.5 %". */
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Returns a signed number with one decimal and a proper minus. */
export function signed(value: number): string {
  const text = Math.abs(value).toFixed(1);
  if (text === "0.0") return text;
  return (value < 0 ? "−" : "+") + text;
}

/** Places that say what goes on, each beside the controls that it is about. Screen readers read them once they are silent. */
export type Status = "status" | "chosen-status" | "compare-status" | "copy-status" | "photo-status";

/** Says what goes on. */
export function say(text: string, where: Status = "status"): void {
  byId(where).textContent = text;
}

/** Copies the text of an element. */
export async function copy(what: string, shown: HTMLElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(shown.textContent ?? "");
    say(`Copied the ${what}`, "copy-status");
  } catch {
    // No permission, or no secure context: the reader can copy the selection.
    getSelection()?.selectAllChildren(shown);
    say(`Selected the ${what}; copy it with the keyboard`, "copy-status");
  }
}

/** Makes an element of a picture. */
export function svg(name: string, attributes: Record<string, string | number>, ...children: Node[]): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/** Shows bytes as the source of an image, and frees the previous ones once the new ones are there. */
export function show(image: HTMLImageElement, bytes: Uint8Array, type = "image/png"): void {
  const previous = image.src;
  const free = () => previous.startsWith("blob:") && URL.revokeObjectURL(previous);
  image.addEventListener("load", free, { once: true });
  image.src = URL.createObjectURL(blob(bytes, type));
  image.hidden = false;
}

/** Returns bytes as a blob. */
export const blob = (bytes: Uint8Array, type: string): Blob => new Blob([bytes as BlobPart], { type });

/** Whether the reader asked for less motion. */
export const still = matchMedia("(prefers-reduced-motion: reduce)");
