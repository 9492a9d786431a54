// A request as the page holds it, and as messages, sentences, commands and addresses.

import { create } from "@bufbuild/protobuf";
import { ListAttributesResponse, MethodInfo, RequestedAttribute, RequestedAttributeSchema } from "./gen/deepface/v1/generator_pb";
import {
  GenerationSettings,
  GenerationSettingsSchema,
  InversionSettingsSchema,
  Method,
  Preset,
  RegularizersSchema,
  TargetSettingsSchema,
} from "./gen/deepface/v1/settings_pb";

/** Everything that decides a face but the seed. */
export interface Request {
  /** Above 0: present, below: absent; the strength is its size. In the order of the list of attributes. */
  asked: Map<string, number>;
  /** Steps of the descent; undefined: the default of the way. */
  steps?: number;
}

/** A way to make faces: a method, or the preset of the paper. */
export interface Way {
  name: string;
  label: string;
  flags: string[];
  method: Method;
  preset: Preset;
  takesAbsent: boolean;
  takesStrength: boolean;
}

const LABELS: Partial<Record<Method, [string, string]>> = {
  [Method.REGRESSION]: ["regression", "Regression (default)"],
  [Method.CGMM_MEAN]: ["cgmm-mean", "cGMM, means"],
  [Method.CGMM_SAMPLE]: ["cgmm-sample", "cGMM, samples"],
  [Method.CLASS_VISUALIZATION]: ["class-visualization", "Class visualisation"],
};

/** Lists what the service offers, the default first. */
export function ways(offered: ListAttributesResponse): Way[] {
  const standard = offered.defaults?.target?.method || Method.REGRESSION;
  const way = ({ method, takesAbsent, takesStrength }: MethodInfo): Way[] => {
    const label = LABELS[method];
    if (!label) return [];
    const flags = method === standard ? [] : ["--method", label[0]];
    const set = method === standard ? Method.UNSPECIFIED : method;
    return [{ name: label[0], label: label[1], flags, method: set, preset: Preset.UNSPECIFIED, takesAbsent, takesStrength }];
  };
  const presets = offered.presets.filter(({ preset }) => preset === Preset.PAPER).map(({ settings }): Way => {
    const of = offered.methods.find(({ method }) => method === settings?.target?.method);
    return {
      name: "paper", label: `The paper's method (${settings?.inversion?.steps ?? 1000} steps)`, flags: ["--paper"],
      method: Method.UNSPECIFIED, preset: Preset.PAPER, takesAbsent: of?.takesAbsent ?? false, takesStrength: of?.takesStrength ?? false,
    };
  });
  const all = [...offered.methods.flatMap(way), ...presets];
  return all.sort((a, b) => Number(b.flags.length === 0) - Number(a.flags.length === 0));
}

/** Lists the attributes, those that should be present first, as the command line does. */
export function attributes(request: Request): RequestedAttribute[] {
  const one = ([name, value]: [string, number]) => {
    const strength = Math.abs(value);
    return create(RequestedAttributeSchema, { name, absent: value < 0, strength: strength === 1 ? undefined : strength });
  };
  const entries = [...request.asked].filter(([, value]) => value !== 0);
  return [...entries.filter(([, value]) => value > 0), ...entries.filter(([, value]) => value < 0)].map(one);
}

/**
 * Makes the settings. The messages inside are there even where they are empty, as in the requests of the command line: a picture
 * contains its request, so that it would not be the same file otherwise.
 */
export function settings(request: Request, way: Way): GenerationSettings {
  return create(GenerationSettingsSchema, {
    preset: way.preset,
    target: create(TargetSettingsSchema, { method: way.method }),
    inversion: create(InversionSettingsSchema, { steps: request.steps, regularizers: create(RegularizersSchema) }),
  });
}

/** Says a value of a slider: "absent", "not asked", "present, strength 2". */
export function sayValue(value: number): string {
  if (value === 0) return "not asked";
  const strength = Math.abs(value);
  return (value < 0 ? "absent" : "present") + (strength === 1 ? "" : `, strength ${strength}`);
}

/** Says a request: "Male, Blond Hair ×2, not Smiling". */
export function sayRequest(asked: RequestedAttribute[]): string {
  return asked.map(sayAttribute).join(", ");
}

/** Says one attribute of a request. */
export function sayAttribute({ name, absent, strength }: RequestedAttribute): string {
  return (absent ? "not " : "") + name + (strength === undefined ? "" : ` ×${strength}`);
}

/** Quotes a word for POSIX shells, where it needs quotes. */
export function quoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  // Inside double quotes only these four are special; interactive shells also expand "!".
  if (!/["$`\\!]/.test(word)) return `"${word}"`;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The command that makes this face. */
export function command(request: Request, way: Way, seed: bigint): string {
  const word = ({ name, strength }: RequestedAttribute) =>
    strength === undefined && !name.includes("=") ? name : `${name}=${strength ?? 1}`;
  const all = attributes(request);
  const present = all.filter(({ absent }) => !absent).map(word);
  // A name that begins with a hyphen would be taken for a flag.
  const plain = present.every((name) => !name.startsWith("-"));
  const absent = all.filter((attribute) => attribute.absent).map(word)
    .flatMap((name) => (name.startsWith("-") ? [`--not=${name}`] : ["--not", name]));
  const steps = request.steps === undefined ? [] : ["--steps", String(request.steps)];
  const flags = [...absent, ...way.flags, ...steps, "--seed", String(seed)];
  const words = plain ? [...present, ...flags] : [...flags, "--", ...present];
  return ["deepface", "generate", ...words].map(quoted).join(" ");
}

/** The call of grpcurl that makes this face; its answer has the picture in base64. */
export function grpcurl(request: Request, way: Way, seed: bigint, size: number, address: string): string {
  const asked = attributes(request).map(({ name, absent, strength }) =>
    ({ name, ...(absent && { absent }), ...(strength !== undefined && { strength }) }));
  const set = {
    ...(way.preset === Preset.PAPER && { preset: "PRESET_PAPER" }),
    ...(way.method !== Method.UNSPECIFIED && { target: { method: `METHOD_${Method[way.method]}` } }),
    ...(request.steps !== undefined && { inversion: { steps: request.steps } }),
  };
  const json = JSON.stringify({
    attributes: asked, ...(Object.keys(set).length > 0 && { settings: set }), seeds: [String(seed)], size,
  });
  // JSON can say an apostrophe without one, so the quotes of the shell are safe.
  const safe = json.replaceAll("'", "\\u0027");
  return `grpcurl -plaintext -d '${safe}' \\\n    ${address} deepface.v1.GeneratorService/GenerateFace`;
}

/** A name for the file of a face, as the command line makes it: `male-not-smiling-seed-7.png`. */
export function fileName(request: Request, way: Way, seed: bigint): string {
  const slug = (name: string) => name.replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "").toLowerCase();
  const one = ({ name, absent, strength }: RequestedAttribute) =>
    (absent ? "not-" : "") + slug(name) + (strength === undefined ? "" : `=${strength}`);
  const asked = attributes(request).map(one).join("-").slice(0, 80) || "face";
  return [asked, ...(way.flags.length > 0 ? [way.name] : []), `seed-${seed}.png`].join("-");
}

/** The factor by which pictures are enlarged, as by the command line: about 256 pixels wide. */
export const scale = (side: number): number => Math.max(1, Math.round(256 / side));

/** Writes a request into the address of the page, so that a reload and a bookmark keep it. */
export function toHash(asked: Map<string, number>, way: Way, seed: string, steps: string): string {
  const parts = new URLSearchParams();
  for (const [name, value] of asked) if (value !== 0) parts.set(name, String(value));
  if (seed !== "0") parts.set("seed", seed);
  if (way.flags.length > 0) parts.set("method", way.name);
  if (steps !== "") parts.set("steps", steps);
  return parts.toString();
}
