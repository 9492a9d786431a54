// Commands as shells read them.

import { execFileSync } from "node:child_process";
import { expect, test } from "@playwright/test";
import { Method, Preset } from "../src/gen/deepface/v1/settings_pb";
import { command, fileName, grpcurl, scale, sayValue } from "../src/request";
import type { Way } from "../src/request";

const way: Way = {
  name: "regression", label: "", flags: [], method: Method.UNSPECIFIED, preset: Preset.UNSPECIFIED, takesAbsent: true, takesStrength: true,
};
const words = (line: string): string[] =>
  execFileSync("sh", ["-c", `print() { printf '%s\\n' "$@"; }; print ${line}`]).toString().trimEnd().split("\n");

test("a command reaches the program word by word, whatever the names are", () => {
  const asked = new Map([["5 o' Clock Shadow", 1], [`$HOME "x" \`id\` \\ !`, 2], ["Bald", -1], ["é", -0.5], ["Male", 1]]);
  expect(words(command({ asked }, way, 7n))).toEqual([
    "deepface", "generate", "5 o' Clock Shadow", `$HOME "x" \`id\` \\ !=2`, "Male", "--not", "Bald", "--not", "é=0.5", "--seed", "7",
  ]);
  expect(command({ asked: new Map([["Male", 1]]), steps: 20 }, { ...way, flags: ["--paper"] }, 2n ** 64n - 1n))
    .toBe("deepface generate Male --paper --steps 20 --seed 18446744073709551615");
});

test("names that look like flags or strengths stay names", () => {
  const asked = new Map([["-x", 1], ["a=b", 1], ["--y", -1]]);
  expect(words(command({ asked }, way, 0n))).toEqual(["deepface", "generate", "--not=--y", "--seed", "0", "--", "-x", "a=b=1"]);
});

test("a call of grpcurl is JSON for the service, whatever the names are", () => {
  const asked = new Map([["5 o' Clock Shadow", 1.5], [`"\\`, -1]]);
  const call = grpcurl({ asked, steps: 9 }, { ...way, method: Method.CGMM_MEAN }, 2n ** 63n, 288, "127.0.0.1:1");
  const said = words(call);
  expect(JSON.parse(said[3] ?? "")).toEqual({
    attributes: [{ name: "5 o' Clock Shadow", strength: 1.5 }, { name: `"\\`, absent: true }],
    settings: { target: { method: "METHOD_CGMM_MEAN" }, inversion: { steps: 9 } },
    seeds: ["9223372036854775808"], size: 288,
  });
  expect(said.slice(4)).toEqual(["127.0.0.1:1", "deepface.v1.GeneratorService/GenerateFace"]);
});

test("names of files, scales and values are those of the command line", () => {
  expect(fileName({ asked: new Map([["5 o' Clock Shadow", 2], ["Bald", -1]]) }, way, 3n)).toBe("5-o-clock-shadow=2-not-bald-seed-3.png");
  expect(fileName({ asked: new Map([["é", 1]]) }, way, 3n)).toBe("face-seed-3.png");
  expect([64, 96, 112, 224, 256, 1000].map(scale)).toEqual([4, 3, 2, 1, 1, 1]);
  expect([-4, -1, 0, 0.5, 1, 2].map(sayValue)).toEqual(["absent, strength 4", "absent", "not asked", "present, strength 0.5", "present", "present, strength 2"]);
});
