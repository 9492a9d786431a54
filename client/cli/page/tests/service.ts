// Where the page is: DEEPFACE_PAGE, or a `deepface serve --ui` that is started for the tests, on free ports.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";

const ANY = "127.0.0.1:0";

/** Sets DEEPFACE_PAGE and DEEPFACE_GENERATOR for the workers; returns what stops the program. */
export default async function start(): Promise<() => Promise<void>> {
  if (process.env.DEEPFACE_PAGE) return async () => {};
  const program = process.env.DEEPFACE;
  if (!program) throw new Error("set DEEPFACE_PAGE to the address of a running page, or DEEPFACE to the program `deepface`");
  const service = spawn(program, ["serve", "--ui", ANY, "--classifier-listen", ANY, "--generator-listen", ANY]);
  try {
    const { page, said } = await pageOf(service);
    process.env.DEEPFACE_PAGE = page;
    process.env.DEEPFACE_GENERATOR = /^generator\s+(http:\S+)/m.exec(said)?.[1];
  } catch (error) {
    service.kill();
    throw error;
  }
  return async () => {
    const ended = new Promise((resolve) => service.once("exit", resolve));
    service.kill();
    await ended;
  };
}

/** The address among those that the program prints that answers a browser with a page. */
async function pageOf(service: ChildProcess): Promise<{ page: string; said: string }> {
  let said = "";
  let ended = false;
  for (const stream of [service.stdout, service.stderr]) stream?.on("data", (bytes) => (said += bytes));
  service.once("exit", () => (ended = true));
  service.once("error", () => (ended = true));
  for (let tries = 0; tries < 300 && !ended; tries++) {
    for (const [address] of said.matchAll(/http:\/\/[\w.:[\]-]+/g)) if (await isPage(address)) return { page: address, said };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`\`deepface serve --ui\` shows no page; it said:\n${said}`);
}

async function isPage(address: string): Promise<boolean> {
  try {
    const reply = await fetch(address, { signal: AbortSignal.timeout(2000) });
    return reply.ok && (reply.headers.get("content-type") ?? "").startsWith("text/html");
  } catch {
    // A gRPC service: it speaks only HTTP/2.
    return false;
  }
}
