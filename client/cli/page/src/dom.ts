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

/** Returns "one, two and three". */
export const list = (words: string[]): string => new Intl.ListFormat("en-GB").format(words);

/** Says something to screen readers, once they are silent; it is also the visible state of the page. */
export function say(text: string): void {
  byId("status").textContent = text;
}

/** Copies a text, and shows on the button that it did. */
export async function copy(button: HTMLButtonElement, text: string, shown: HTMLElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied");
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = label), 1500);
  } catch {
    // No permission, or no secure context: the reader can copy the selection.
    getSelection()?.selectAllChildren(shown);
    say("Selected; copy it with the keyboard");
  }
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
