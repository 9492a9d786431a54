// Tests of the page in a browser that is installed on this machine, against the real services.

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { defineConfig } from "@playwright/test";

const names = ["chromium", "chromium-browser", "google-chrome"];
const folders = (process.env.PATH ?? "").split(delimiter);
const installed = names.flatMap((name) => folders.map((folder) => join(folder, name))).find((file) => existsSync(file));

export default defineConfig({
  testDir: "tests",
  globalSetup: "./tests/service.ts",
  // The services use every core; tests beside each other would only wait.
  workers: 1,
  timeout: 60_000,
  expect: { timeout: 30_000 },
  forbidOnly: true,
  reporter: [["list"]],
  use: {
    launchOptions: { executablePath: process.env.CHROMIUM ?? installed },
    permissions: ["clipboard-read", "clipboard-write"],
    viewport: { width: 1280, height: 900 },
    trace: "off",
  },
});
