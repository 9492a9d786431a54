// Bundles src/main.ts into page.js, with the notices of what is in it. `--check` compares instead of writing.
import { readFile } from "node:fs/promises";
import { build } from "esbuild";

const MOST_BYTES = 200_000;
const read = (file) => readFile(new URL(file, import.meta.url), "utf8");

const { outputFiles: [output], metafile } = await build({
  absWorkingDir: new URL(".", import.meta.url).pathname,
  entryPoints: ["src/main.ts"], outfile: "page.js", write: false, metafile: true,
  bundle: true, format: "esm", target: "es2022", minify: true, charset: "utf8", legalComments: "none",
  footer: { js: `/*\n${(await read("NOTICES.txt")).trim()}\n*/` },
});

const packages = new Set(Object.keys(metafile.inputs).flatMap((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? []));
const notices = await read("NOTICES.txt");
for (const name of packages) if (!notices.includes(name)) fail(`NOTICES.txt says nothing about ${name}, which is in the bundle`);
if (output.contents.length > MOST_BYTES) fail(`page.js: expected at most ${MOST_BYTES} bytes, got ${output.contents.length}`);

if (process.argv.includes("--check")) {
  if (output.text !== (await read("page.js"))) fail("page.js is not what its sources give: run `npm run build` and commit it");
  console.log("page.js is what its sources give");
} else {
  const { writeFile } = await import("node:fs/promises");
  await writeFile(new URL("page.js", import.meta.url), output.contents);
  console.log(`page.js: ${output.contents.length} bytes, with ${[...packages].sort().join(", ")}`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
