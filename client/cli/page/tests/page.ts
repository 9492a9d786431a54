// A page that fails its test if the browser has anything to complain about.

import { expect, Locator, Page, test as base } from "@playwright/test";

/** The folder of the repository. */
export const REPOSITORY = new URL("../../../../", import.meta.url).pathname;

interface Fixtures {
  /** What the browser said: errors on the console, exceptions, violations of the content security policy, foreign requests. */
  complaints: string[];
}

export const test = base.extend<Fixtures>({
  baseURL: async ({}, use) => use(process.env.DEEPFACE_PAGE ?? ""),
  complaints: [async ({ page, baseURL }, use) => {
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => complaints.push(`exception: ${error.message}`));
    page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== new URL(baseURL ?? "").origin && !["blob:", "data:"].includes(protocol)) complaints.push(`request: ${request.url()}`);
    });
    await page.addInitScript(() => addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
      console.error(`content security policy: ${violatedDirective} ${blockedURI}`)));
    await use(complaints);
    expect(complaints).toEqual([]);
  }, { auto: true }],
});

export { expect };

/** Opens the page with a request in its address, and waits for the four faces. */
export async function ask(page: Page, request: string): Promise<void> {
  await page.goto(`/#${request}`);
  await finished(page);
}

/** Waits for the four faces. */
export async function finished(page: Page): Promise<void> {
  await expect(page.locator("#faces img[data-finished]")).toHaveCount(4);
}

/** Skips a test that lacks something, with a line that says what. */
export function needs(there: unknown, what: string): void {
  if (there) return;
  console.log(`skipped: ${what}`);
  test.skip();
}

/** The slider of an attribute. */
export const slider = (page: Page, name: string): Locator => page.getByRole("slider", { name, exact: true });

/** Whether an image shows something: it is decoded, and not all of one colour. */
export async function shows(image: Locator): Promise<boolean> {
  return image.evaluate(async (element: HTMLImageElement) => {
    await element.decode();
    const canvas = new OffscreenCanvas(element.naturalWidth, element.naturalHeight);
    const context = canvas.getContext("2d");
    context?.drawImage(element, 0, 0);
    const pixels = context?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
    return new Set(pixels.filter((_, at) => at % 4 === 0)).size > 50;
  });
}
