// A photograph: classified, reconstructed from its activations, and changed.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { expect, REPOSITORY, shows, test } from "./page";

/** Ten generated faces in one picture. */
const FACES = join(REPOSITORY, "client/cli/page/tests/faces.png");

async function choose(page: Page, file: string | { name: string; mimeType: string; buffer: Buffer }): Promise<void> {
  await page.goto("/");
  await expect(page.getByRole("slider")).toHaveCount(73);
  await page.getByLabel("Drop a photograph here, or choose one").setInputFiles(file);
}

test("every face of a photograph is found, boxed and classified", async ({ page }) => {
  await choose(page, FACES);
  await expect(page.locator("#photo-status")).toHaveText("Found 10 faces");
  await expect(page.locator("#boxes .box")).toHaveCount(10);
  await expect(page.locator("#boxes .box.chosen text")).toHaveText("1");
  // The boxes lie on the picture, whatever its size on the screen.
  const [picture, boxes] = [await page.locator("#photo").boundingBox(), await page.locator("#boxes").boundingBox()];
  for (const side of ["x", "y", "width", "height"] as const) expect(boxes?.[side]).toBeCloseTo(picture?.[side] ?? NaN, 0);
  const table = page.getByRole("table", { name: "Present in face 1, by the classifier" });
  await expect(table.locator("tbody tr").first()).toContainText(/\d+\.\d %above \d+\.\d %/);
  const first = await table.textContent();
  await page.getByRole("button", { name: "Face 2" }).click();
  await expect(page.getByRole("button", { name: "Face 2" })).toHaveAttribute("aria-pressed", "true");
  await expect(page.getByRole("button", { name: "Face 2" })).toBeFocused();
  const second = page.getByRole("table", { name: "Present in face 2, by the classifier" });
  expect(await second.textContent()).not.toBe(first);
  const before = await second.locator("tbody tr").count();
  await page.getByLabel("Weigh presence and absence equally").check();
  expect(await second.locator("tbody tr").count()).not.toBe(before);
  await page.getByText("Absent attributes").click();
  const rows = page.locator("#photo-scores tbody tr");
  await expect(rows).toHaveCount(73);
});

test("a dropped photograph is classified", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByRole("slider")).toHaveCount(73);
  const transfer = await page.evaluateHandle((bytes) => {
    const transfer = new DataTransfer();
    const data = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([data], "faces.png", { type: "image/png" }));
    return transfer;
  }, readFileSync(FACES).toString("base64"));
  await page.locator("#drop").dispatchEvent("drop", { dataTransfer: transfer });
  await expect(page.locator("#photo-status")).toHaveText("Found 10 faces");
});

test("a face is reconstructed from the activations of a layer", async ({ page }) => {
  await choose(page, FACES);
  await page.getByRole("button", { name: "Face 3", exact: true }).click();
  await page.getByLabel("Activations of").selectOption("conv3_3");
  await page.getByRole("button", { name: "Reconstruct" }).click();
  const image = page.locator("#reconstruction img[data-finished]");
  await expect(image).toHaveAttribute("alt", "Reconstruction of the face from the activations of conv3_3");
  expect(await shows(image)).toBe(true);
  // It resembles what the network saw much more than that resembles its own mirror image turned upside down.
  const [near, far] = await page.evaluate(() => {
    const grey = (source: CanvasImageSource, turned: boolean) => {
      const context = new OffscreenCanvas(32, 32).getContext("2d");
      if (turned) context?.setTransform(-1, 0, 0, -1, 32, 32);
      context?.drawImage(source, 0, 0, 32, 32);
      const { data } = context?.getImageData(0, 0, 32, 32) ?? { data: new Uint8ClampedArray() };
      return [...data].filter((_, at) => at % 4 === 1);
    };
    const seen = document.querySelector("#reconstruction canvas") as HTMLCanvasElement;
    const made = document.querySelector("#reconstruction img") as HTMLImageElement;
    const distance = (a: number[], b: number[]) => a.reduce((sum, value, at) => sum + Math.abs(value - (b[at] ?? 0)), 0);
    return [distance(grey(seen, false), grey(made, false)), distance(grey(seen, true), grey(made, false))];
  });
  expect(near).toBeLessThan((far ?? 0) / 2);
});

test("a face is changed as the attributes ask", async ({ page }) => {
  await choose(page, FACES);
  await expect(page.locator("#photo-status")).toHaveText("Found 10 faces");
  // Without a wish the service says what is missing.
  await page.getByRole("button", { name: "Change it as asked above" }).click();
  await expect(page.locator("#photo-problem")).toContainText("at least 1 attribute");
  // Only the fragment changes, so the photograph stays.
  await page.goto("/#Eyeglasses=1");
  await page.getByRole("button", { name: "Face 2", exact: true }).click();
  await page.getByRole("button", { name: "Change it as asked above" }).click();
  const image = page.locator("#reconstruction img[data-finished]");
  await expect(image).toHaveAttribute("alt", "The face, changed: Eyeglasses");
  expect(await shows(image)).toBe(true);
  await expect(page.locator("#photo-problem")).toBeHidden();
  // It says how much of the face is left, whether the wish is there, and what changed with it.
  await expect(page.locator("#reconstruction figcaption").last()).toContainText(/loss \d\.\d+ · similarity 0\.\d\d/);
  const asked = page.getByRole("table", { name: "What the classifier sees of what was asked" });
  await expect(asked.locator("tbody tr")).toContainText(/^Eyeglasses\d+\.\d %(as asked|absent, not as asked), \+\d/);
  await page.locator("#changed-scores summary").click();
  await expect(page.locator("#changed-scores details tbody tr")).toHaveCount(73);
  // Another descent has other scores, or none.
  await page.getByRole("button", { name: "Reconstruct" }).click();
  await expect(page.locator("#changed-scores table")).toHaveCount(0);
});

test("what is no picture is refused beside the file, and so is a picture without a face", async ({ page }) => {
  await choose(page, { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("not a picture") });
  await expect(page.locator("#photo-problem")).toBeVisible();
  await expect(page.locator("#photo-result")).toBeHidden();
  const blank = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(120, 80);
    canvas.getContext("2d")?.fillRect(0, 0, 120, 80);
    const bytes = new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer());
    return btoa(String.fromCharCode(...bytes));
  });
  const picture = { name: "blank.png", mimeType: "image/png", buffer: Buffer.from(blank, "base64") };
  await page.getByLabel("Drop a photograph here, or choose one").setInputFiles(picture);
  await expect(page.locator("#photo-problem")).toContainText("no face");
  // As a face, it is classified, with warnings.
  await page.getByLabel("What the picture shows").selectOption("face");
  await expect(page.locator("#photo-scores table").first()).toBeVisible();
  await expect(page.getByRole("list", { name: "Warnings" }).getByRole("listitem").first()).toBeVisible();
  await expect(page.locator("#photo-problem")).toBeHidden();
});
