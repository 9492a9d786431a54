// The page for everybody: keyboard, screen readers, small screens, dark screens; and what it may load.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { ask, expect, finished, REPOSITORY, slider, test } from "./page";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const POLICY = new Set([
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data: blob:", "connect-src 'self'", "base-uri 'none'",
  "form-action 'none'", "frame-ancestors 'none'",
]);

/** Fills every part of the page. */
async function everything(page: Page): Promise<void> {
  await ask(page, "Male=1&Blond+Hair=2&Fully+Visible+Forehead=-1.5&Strong+Nose-Mouth+Lines=1&seed=18446744073709551000");
  await page.locator(".face").nth(1).click();
  await page.getByRole("button", { name: "Compare" }).click();
  await expect(page.locator("#comparison table")).toBeVisible();
  await page.getByLabel("Drop a photograph here, or choose one").setInputFiles(join(REPOSITORY, "client/cli/page/tests/faces.png"));
  await expect(page.locator("#boxes .box")).toHaveCount(10);
  await page.getByRole("button", { name: "Reconstruct" }).click();
  await expect(page.locator("#reconstruction img[data-finished]")).toBeVisible();
  for (const summary of await page.locator("summary").all()) await summary.click();
}

for (const colorScheme of ["light", "dark"] as const) {
  for (const width of [360, 1280]) {
    test(`axe finds nothing in ${colorScheme} at ${width} pixels, and nothing is wider than the screen`, async ({ page }) => {
      await page.setViewportSize({ width, height: 800 });
      await page.emulateMedia({ colorScheme });
      await page.goto("/");
      await expect(page.getByRole("slider")).toHaveCount(73);
      expect(await violations(page)).toEqual([]);
      await everything(page);
      expect(await violations(page)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    });
  }
}

/** What axe-core finds, of any impact. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> } };
    const { violations } = await axe.run();
    return violations.flatMap(({ id, impact, nodes }) => nodes.map(({ html }) => `${id} (${impact}): ${html}`));
  });
}

test("everything works by keyboard, and the focus is always visible", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByRole("slider")).toHaveCount(73);
  await page.keyboard.press("Tab");
  await expect(page.getByRole("button", { name: "Skip to the faces" })).toBeInViewport();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("searchbox")).toBeFocused();
  await page.keyboard.type("smiling");
  await page.keyboard.press("Enter");
  await expect(slider(page, "Smiling")).toBeFocused();
  const says = (text: string) => expect(slider(page, "Smiling")).toHaveAttribute("aria-valuetext", text);
  await says("not asked");
  for (let press = 0; press < 2; press++) await page.keyboard.press("ArrowLeft");
  await says("absent");
  for (let press = 0; press < 4; press++) await page.keyboard.press("ArrowRight");
  await says("present");
  for (let press = 0; press < 2; press++) await page.keyboard.press("ArrowRight");
  await says("present, strength 2");
  await finished(page);
  await tabTo(page, ".face");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Seed 0: Smiling ×2" })).toBeVisible();
  await tabTo(page, "#flip");
  await page.keyboard.type("Bald");
  await tabTo(page, "#compare");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("table", { name: "Changed most with Bald" })).toBeVisible();
  await tabTo(page, "#copy-command");
  await page.keyboard.press("Space");
  await expect(page.locator("#copy-status")).toHaveText("Copied the command");
  await tabTo(page, "#photo-file");
});

/** Presses Tab until the focus is on such an element; every focus on the way must be visible. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let press = 0; press < 60; press++) {
    await page.keyboard.press("Tab");
    const [there, outline] = await page.evaluate((wanted) => {
      const focused = document.activeElement ?? document.body;
      return [focused.matches(wanted), getComputedStyle(focused).outlineStyle];
    }, selector);
    expect(outline).not.toBe("none");
    if (there) return;
  }
  throw new Error(`Tab does not reach ${selector}`);
}

test("the live region speaks at the beginning and the end, not at every step", async ({ page }) => {
  await page.addInitScript(() => {
    const said: string[] = [];
    Object.assign(window, { said });
    new MutationObserver(() => {
      const text = document.querySelector("#status")?.textContent ?? "";
      if (text !== said.at(-1)) said.push(text);
    }).observe(document, { subtree: true, childList: true, characterData: true });
  });
  await ask(page, "Male=1&steps=100");
  await expect(page.locator("#status")).toContainText("4 faces in");
  const said = await page.evaluate(() => (window as unknown as { said: string[] }).said.filter(Boolean));
  expect(said).toEqual(["Asking the services", "Making 4 faces", expect.stringMatching(/^4 faces in \d+\.\d s/)]);
});

test("the files have their types and a strict policy", async ({ request }) => {
  const types = { "/": "text/html", "/page.css": "text/css", "/page.js": "text/javascript", "/icon.svg": "image/svg+xml" };
  for (const [path, type] of Object.entries(types)) {
    const reply = await request.get(path);
    expect(reply.status()).toBe(200);
    expect(reply.headers()["content-type"]).toContain(type);
    expect(new Set(reply.headers()["content-security-policy"]?.split("; "))).toEqual(POLICY);
  }
});
