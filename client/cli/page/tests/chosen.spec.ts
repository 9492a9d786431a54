// The chosen face: what is seen in it, itself with one attribute flipped, its file and its commands.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { ask, expect, finished, needs, shows, test } from "./page";

const REQUEST = "Male=1&5+o'+Clock+Shadow=1.5&Smiling=-2&seed=7";

test("the chosen face shows what the classifier sees", async ({ page }) => {
  await ask(page, REQUEST);
  const second = page.locator(".face").nth(1);
  await second.click();
  await expect(second).toHaveAttribute("aria-pressed", "true");
  await expect(page.getByRole("heading", { name: "Seed 8: Male, 5 o' Clock Shadow ×1.5, not Smiling ×2" })).toBeVisible();
  const asked = page.getByRole("table", { name: "What the classifier sees of what was asked" });
  await expect(asked.locator("tbody tr")).toHaveCount(3);
  await expect(asked.getByRole("row", { name: /^Male \d+\.\d %/ })).toContainText("as asked");
  expect(await shows(page.locator("#chosen-image"))).toBe(true);
  await page.getByText("All attributes", { exact: true }).first().click();
  await expect(page.getByRole("table", { name: "All attributes" }).locator("tbody tr")).toHaveCount(73);
});

test("flipping an attribute shows both faces and what changed", async ({ page }) => {
  await ask(page, REQUEST);
  await page.locator(".face").first().click();
  await page.locator("#flip").selectOption("Eyeglasses");
  await page.getByRole("button", { name: "Compare" }).click();
  const images = page.locator("#comparison img[data-finished]");
  await expect(images).toHaveCount(2);
  await expect(images.first()).toHaveAttribute("alt", /not Eyeglasses; seed 7$/);
  await expect(images.last()).toHaveAttribute("alt", /Eyeglasses, not Smiling ×2; seed 7$/);
  for (const image of await images.all()) expect(await shows(image)).toBe(true);
  const changes = page.getByRole("table", { name: "Changed most with Eyeglasses" });
  await expect(changes.locator("tbody tr").first()).toContainText(/Eyeglasses.*was \d+\.\d %, \+\d+\.\d/);
});

test("a method that takes no absence compares with a request that does not name the attribute", async ({ page }) => {
  await ask(page, "Male=1&Smiling=1&method=cgmm-mean");
  await page.locator(".face").first().click();
  await page.locator("#flip").selectOption("Smiling");
  await page.getByRole("button", { name: "Compare" }).click();
  await expect(page.locator("#comparison img[data-finished]")).toHaveCount(2);
  await expect(page.locator("#comparison img").first()).toHaveAttribute("alt", "Synthetic face for: Male; seed 0");
});

for (const request of [REQUEST, "Senior=1&steps=20&method=paper&seed=18446744073709551600", "Child=1&method=class-visualization"]) {
  test(`the downloaded file of ${request} is that of the copied command`, async ({ page }, { outputDir }) => {
    const program = process.env.DEEPFACE;
    needs(program, "DEEPFACE does not name the program deepface");
    await ask(page, request);
    await page.locator(".face").nth(1).click();
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download PNG" }).click();
    const file = join(outputDir, "downloaded.png");
    await (await download).saveAs(file);
    const downloaded = readFileSync(file);
    // IPTC's term for a synthetic picture, and the request.
    expect(downloaded.includes("trainedAlgorithmicMedia")).toBe(true);
    expect(downloaded.includes("deepface:request")).toBe(true);

    await page.getByRole("button", { name: "Copy the command" }).click();
    await expect(page.locator("#copy-status")).toHaveText("Copied the command");
    const command = await page.evaluate(() => navigator.clipboard.readText());
    const folder = mkdtempSync(join(tmpdir(), "deepface-page-"));
    symlinkSync(resolve(program ?? ""), join(folder, "deepface"));
    const PATH = `${folder}${delimiter}${process.env.PATH}`;
    execFileSync("sh", ["-c", command], { cwd: folder, env: { ...process.env, PATH }, stdio: "pipe" });
    // The command names its file as the page does.
    const made = readFileSync(join(folder, (await download).suggestedFilename()));
    expect(downloaded.equals(made)).toBe(true);
  });
}

test("the copied call of grpcurl makes the same face", async ({ page }) => {
  const address = process.env.DEEPFACE_GENERATOR?.replace(/^http:\/\//, "");
  needs(address, "DEEPFACE_GENERATOR does not name the generator of the page");
  needs(installed("grpcurl"), "grpcurl is not installed");
  await ask(page, REQUEST);
  await page.locator(".face").nth(2).click();
  await page.getByRole("button", { name: "Copy the grpcurl call" }).click();
  await expect(page.locator("#copy-status")).toHaveText("Copied the call");
  const call = await page.evaluate(() => navigator.clipboard.readText());
  const reply = execFileSync("sh", ["-c", call.replace(/[\w.:]+ (?=deepface\.v1)/, `${address} `)], { maxBuffer: 2 ** 24 });
  const [face] = JSON.parse(reply.toString()).faces;
  expect(face.seed).toBe("9");
  const same = await page.evaluate(async (picture: string) => {
    const pixels = async (source: CanvasImageSource, side: number) => {
      const canvas = new OffscreenCanvas(side, side);
      canvas.getContext("2d")?.drawImage(source, 0, 0, side, side);
      return canvas.getContext("2d")?.getImageData(0, 0, side, side).data ?? new Uint8ClampedArray();
    };
    const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
    const called = await pixels(await createImageBitmap(new Blob([bytes])), 96);
    const shown = await pixels(document.querySelector<HTMLImageElement>("#chosen-image") as HTMLImageElement, 96);
    return called.reduce((sum, value, at) => sum + Math.abs(value - (shown[at] ?? 0)), 0) / called.length;
  }, face.picture);
  // The call's picture is twice as large, and was scaled down again here.
  expect(same).toBeLessThan(3);
});

test("the chosen face follows a change of the request", async ({ page }) => {
  await ask(page, "Male=1");
  await page.locator(".face").nth(2).click();
  await page.getByRole("button", { name: "Seed again" }).click();
  await finished(page);
  await expect(page.getByRole("heading", { name: "Seed 6: Male" })).toBeVisible();
});

function installed(program: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${program}`]);
    return true;
  } catch {
    return false;
  }
}
