// Four faces: asked for, followed, stopped.

import { ask, expect, finished, shows, slider, test } from "./page";

test("moving a slider makes four faces that differ", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Nothing asked yet" })).toBeVisible();
  await expect(page.getByRole("slider")).toHaveCount(73);
  await slider(page, "Smiling").fill("2");
  await expect(page.getByRole("heading", { name: "Asked: Smiling ×2" })).toBeVisible();
  await finished(page);
  const images = page.locator("#faces img");
  for (const image of await images.all()) expect(await shows(image)).toBe(true);
  await expect(images.nth(3)).toHaveAttribute("alt", "Synthetic face for: Smiling ×2; seed 3");
  const sources = await images.evaluateAll(async (all) =>
    Promise.all(all.map(async (image) => {
      const canvas = new OffscreenCanvas(96, 96);
      canvas.getContext("2d")?.drawImage(image as HTMLImageElement, 0, 0, 96, 96);
      return String(canvas.getContext("2d")?.getImageData(0, 0, 96, 96).data);
    })));
  expect(new Set(sources).size).toBe(4);
});

test("iterates of every face arrive before its result", async ({ page }) => {
  await page.addInitScript(() => {
    const steps: string[][] = [[], [], [], []];
    Object.assign(window, { steps });
    new MutationObserver((changes) => {
      for (const { target } of changes) {
        const image = target as HTMLElement;
        const index = [...document.querySelectorAll("#faces img")].indexOf(image);
        steps[index]?.push(`${image.dataset.step}${image.dataset.finished === undefined ? "" : " finished"}`);
      }
    }).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-step", "data-finished"] });
  });
  await ask(page, "Male=1&steps=200");
  const all = await page.evaluate(() => (window as unknown as { steps: string[][] }).steps);
  for (const steps of all) {
    expect(steps.at(-1)).toBe("200 finished");
    const before = steps.filter((step) => !step.endsWith("finished")).map(Number).filter((step) => step > 0 && step < 200);
    expect(before.length).toBeGreaterThan(3);
    expect(before).toEqual([...before].sort((a, b) => a - b));
  }
});

test("where motion is unwelcome, hardly any iterate is shown", async ({ page }) => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.addInitScript(() => {
    const shown = new Set<string>();
    Object.assign(window, { shown });
    new MutationObserver(() => {
      const step = document.querySelector<HTMLElement>("#faces img")?.dataset.step;
      if (step && step !== "0") shown.add(step);
    }).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-step"] });
  });
  await ask(page, "Male=1&steps=200");
  expect(await page.evaluate(() => [...(window as unknown as { shown: Set<string> }).shown].length)).toBeLessThanOrEqual(3);
});

test("Stop ends the work in the service, which then serves the next request at once", async ({ page }) => {
  test.slow();
  await page.goto("/#Male=1");
  await finished(page);
  await page.getByLabel("Live").uncheck();
  const stop = page.getByRole("button", { name: "Stop" }).first();
  // The service makes 16 faces at a time. If stopped ones went on, the last request would wait for minutes.
  for (let round = 0; round < 6; round++) {
    await page.getByLabel("Steps").fill("5000");
    const ended = page.waitForEvent("requestfailed", (request) => request.url().endsWith("GeneratorService/Generate"));
    await page.getByRole("button", { name: "Make faces" }).click();
    await expect(page.locator("#faces figcaption").first()).toContainText("of 5000");
    await stop.click();
    await ended;
    await expect(page.locator("#status")).toHaveText("Stopped");
    await expect(page.locator("#faces figcaption").first()).toContainText("stopped at step");
    await expect(stop).toBeDisabled();
  }
  const caption = await page.locator("#faces figcaption").first().textContent();
  await page.waitForTimeout(500);
  await expect(page.locator("#faces figcaption").first()).toHaveText(caption ?? "");
  await page.getByLabel("Steps").fill("");
  const start = Date.now();
  await page.getByRole("button", { name: "Make faces" }).click();
  await finished(page);
  expect(Date.now() - start).toBeLessThan(20_000);
});

test("a change while faces are made starts anew, and a burst of changes only once", async ({ page }) => {
  await page.goto("/");
  const calls: string[] = [];
  page.on("request", (request) => request.url().endsWith("GeneratorService/Generate") && calls.push(request.url()));
  await page.getByLabel("Steps").fill("5000");
  await slider(page, "Male").fill("1");
  await expect(page.locator("#faces figcaption").first()).toContainText("of 5000");
  expect(calls.length).toBe(1);
  await page.getByLabel("Steps").fill("60");
  for (const strength of ["1.5", "2", "2.5", "3"]) await slider(page, "Male").fill(strength);
  await finished(page);
  expect(calls.length).toBe(2);
  await expect(page.locator("#faces img").first()).toHaveAttribute("alt", "Synthetic face for: Male ×3; seed 0");
});

test("Seed again takes the next seeds, and the address keeps the request", async ({ page }) => {
  await ask(page, "Senior=1&Smiling=-1&seed=7");
  await page.getByRole("button", { name: "Seed again" }).click();
  await expect(page.locator("#faces figcaption").first()).toContainText("seed 11 ·");
  await finished(page);
  await page.reload();
  await finished(page);
  await expect(page.getByRole("heading", { name: "Asked: Senior, not Smiling" })).toBeVisible();
  await expect(page.getByLabel("Seed", { exact: true })).toHaveValue("11");
});

test("chips take attributes back, and Clear all of them", async ({ page }) => {
  await ask(page, "Male=1&Smiling=-1");
  await page.getByRole("button", { name: "Remove not Smiling" }).click();
  await expect(page.getByRole("heading", { name: "Asked: Male", exact: true })).toBeVisible();
  await expect(slider(page, "Smiling")).toHaveAttribute("aria-valuetext", "not asked");
  await page.getByRole("button", { name: "Clear" }).click();
  await expect(page.getByRole("heading", { name: "Nothing asked yet" })).toBeVisible();
  await expect(page.locator("#faces")).toBeHidden();
});

test("the search finds attributes by name and by group", async ({ page }) => {
  await page.goto("/");
  const search = page.getByRole("searchbox");
  await search.fill("o clock");
  await expect(page.getByRole("slider")).toHaveCount(1);
  await search.fill("hair color");
  await expect(page.getByRole("slider")).toHaveCount(4);
  await expect(page.locator("#found")).toHaveText("4 attributes");
  await search.fill("zebra");
  await expect(page.locator("#found")).toHaveText("0 attributes");
});

test("a method that takes neither absence nor strength limits the sliders", async ({ page }) => {
  await ask(page, "Male=2&Smiling=-1");
  await page.getByLabel("Method").selectOption("cgmm-mean");
  await expect(slider(page, "Male")).toHaveValue("1");
  await expect(slider(page, "Smiling")).toHaveValue("0");
  await expect(page.getByRole("heading", { name: "Asked: Male", exact: true })).toBeVisible();
  await expect(page.getByText("This method takes only attributes")).toBeVisible();
  await finished(page);
});
