// What goes wrong is said where it can be put right.

import { ask, expect, finished, test } from "./page";

test("wrong fields are marked, with what the service says", async ({ page }) => {
  await ask(page, "Male=1");
  await page.getByLabel("Steps").fill("9999");
  await expect(page.locator("#steps-error")).toHaveText("expected 1 to 5000, got 9999");
  await expect(page.getByLabel("Steps")).toHaveAttribute("aria-invalid", "true");
  await expect(page.locator("#problem")).toBeHidden();
  await page.getByLabel("Steps").fill("");
  await finished(page);
  await expect(page.locator("#steps-error")).toBeHidden();
  await page.getByLabel("Seed", { exact: true }).fill("seven");
  await expect(page.locator("#seed-error")).toHaveText('expected a whole number from 0 to 18446744073709551615, got "seven"');
  // The other faces would have seeds that are not numbers of 64 bits.
  await page.getByLabel("Seed", { exact: true }).fill("18446744073709551615");
  await expect(page.locator("#seed-error")).toBeVisible();
  await expect(page.locator("#seed-error")).not.toContainText("seven");
});

test("a service that is away is named, and Try again goes on", async ({ page, context, complaints }) => {
  await page.goto("/");
  await page.getByRole("button", { name: "Child", exact: true }).waitFor();
  await context.setOffline(true);
  await page.getByRole("button", { name: "Child", exact: true }).click();
  await expect(page.getByRole("alert").first()).toContainText("The service does not answer");
  await context.setOffline(false);
  await page.getByRole("button", { name: "Try again" }).click();
  await finished(page);
  await expect(page.locator("#problem")).toBeHidden();
  // The browser itself reports the lost connection.
  expect(complaints.splice(0).every((complaint) => complaint.includes("ERR_INTERNET_DISCONNECTED"))).toBe(true);
});

test("a page whose services are away when it opens says so, and can try again", async ({ page, complaints }) => {
  const calls = "**/deepface.v1.*/**";
  await page.route(calls, (route) => route.abort("connectionrefused"));
  await page.goto("/");
  await expect(page.getByRole("alert").first()).toContainText("The service does not answer");
  await page.unroute(calls);
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("slider")).toHaveCount(73);
  expect(complaints.splice(0).every((complaint) => complaint.includes("ERR_CONNECTION_REFUSED"))).toBe(true);
});
