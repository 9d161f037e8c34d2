/** The program that is being written: its files, input, cases and limits. Kept in the browser until it is sent. */
import { effect, signal } from "@preact/signals";
import { text, type Language, type Request } from "./api";
import { HELLO } from "./examples";

export interface File {
  name: string;
  content: string;
  encoding?: "base64";
}
export interface CaseDraft {
  name: string;
  stdin: string;
  expected: string;
}
export interface Program {
  language: string;
  files: File[];
  stdin: string;
  args: string;
  artifacts: string;
  limits: Record<string, string>;
  cases: CaseDraft[];
  terminal: boolean;
}

const KEPT = "ccx.program";
const MEBIBYTE = 1024 * 1024;

export const EMPTY: Program = {
  language: "python",
  files: [{ name: "main.py", content: HELLO["python"] ?? "" }],
  stdin: "",
  args: "",
  artifacts: "",
  limits: {},
  cases: [],
  terminal: false,
};

function kept<T>(name: string, otherwise: T): T {
  try {
    return { ...otherwise, ...JSON.parse(localStorage.getItem(name) ?? "{}") };
  } catch {
    return otherwise;
  }
}

function keep(name: string, value: unknown): void {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Full: what is on the screen is still there.
  }
}

export const program = signal<Program>(kept(KEPT, EMPTY));
export const shown = signal(0);
/** Counts changes of the files that were not typed: the editor has to show them, and nothing older than what is typed. */
export const revision = signal(0);
effect(() => keep(KEPT, program.value));

export function change(part: Partial<Program>): void {
  if (part.files) revision.value++;
  program.value = { ...program.value, ...part };
  if (shown.value >= program.value.files.length) shown.value = 0;
}

export function write(content: string): void {
  const at = shown.value;
  const files = program.value.files.map((file, index) => (index === at ? { ...file, content } : file));
  program.value = { ...program.value, files };
}

/** The language whose sources end as this name does. */
export function languageOf(name: string, languages: Language[]): string | undefined {
  return languages.find((language) => language.suffixes.some((suffix) => name.endsWith(suffix)))?.name;
}

/** The usual name of the main file. */
export function usualName(language: string, languages: Language[]): string {
  if (language === "java") return "Main.java";
  const suffix = languages.find((one) => one.name === language)?.suffixes[0] ?? "";
  return `main${suffix}`;
}

export function startAnew(language: string, languages: Language[], content: string): void {
  shown.value = 0;
  change({ language, files: [{ name: usualName(language, languages), content }] });
}

/** Files from the disk: pairs of `.in` and `.ans` or `.out` become cases, all others sources. */
export async function open(files: globalThis.File[], languages: Language[]): Promise<void> {
  const texts = await Promise.all(files.map(async (file) => ({ name: pathOf(file), content: await file.text() })));
  const cases = casesIn(texts);
  const sources = texts.filter((file) => !/\.(in|ans|out)$/.test(file.name));
  if (cases.length) change({ cases: [...program.value.cases, ...cases] });
  if (!sources.length) return;
  const isUntouched = program.value.files.every((file) => Object.values(HELLO).includes(file.content));
  const before = isUntouched ? [] : program.value.files.filter((old) => !sources.some((one) => one.name === old.name));
  const main = sources.find((file) => languageOf(file.name, languages));
  change({
    files: [...before, ...sources],
    language: (before.length ? undefined : main && languageOf(main.name, languages)) ?? program.value.language,
  });
  shown.value = before.length;
}

function pathOf(file: globalThis.File): string {
  return file.webkitRelativePath ? file.webkitRelativePath.split("/").slice(1).join("/") : file.name;
}

function casesIn(texts: File[]): CaseDraft[] {
  return texts
    .filter((file) => file.name.endsWith(".in"))
    .map((input) => {
      const name = input.name.slice(0, -3);
      const answer = texts.find((file) => file.name === `${name}.ans` || file.name === `${name}.out`);
      return { name, stdin: input.content, expected: answer?.content ?? "" };
    });
}

/** Words as a shell cuts them. */
export function split(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+)/g)].map(
    (found) => found[1]?.replace(/\\(.)/g, "$1") ?? found[2] ?? found[3] ?? "",
  );
}

export function requestOf(asked: Program): Request {
  const limits = Object.fromEntries(
    Object.entries(asked.limits)
      .filter(([, value]) => value.trim() !== "")
      .map(([name, value]) => [name, name === "memory_bytes" ? Math.round(Number(value) * MEBIBYTE) : Number(value)]),
  );
  const request: Record<string, unknown> = { language: asked.language, files: asked.files };
  if (Object.keys(limits).length) request["limits"] = limits;
  if (asked.artifacts.trim()) request["artifacts"] = split(asked.artifacts);
  if (asked.cases.length && !asked.terminal)
    request["cases"] = asked.cases.map((one) => ({
      name: one.name,
      stdin: one.stdin,
      args: split(asked.args),
      ...(one.expected === "" ? {} : { expected_stdout: one.expected }),
    }));
  else {
    if (asked.stdin && !asked.terminal) request["stdin"] = asked.stdin;
    if (asked.args.trim()) request["args"] = split(asked.args);
  }
  return request as Request;
}

/** A request as it was sent, to be shown, changed and sent again. */
export function programOf(request: Request): Program {
  const cases = request.cases ?? [];
  const memory = request.limits?.memory_bytes;
  const limits: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.limits ?? {})) if (value !== null) limits[name] = String(value);
  if (memory) limits["memory_bytes"] = String(memory / MEBIBYTE);
  return {
    ...EMPTY,
    language: request.language,
    files: request.files.map(({ name, content, encoding }) => ({
      name: name ?? request.language,
      content,
      ...(encoding === "base64" ? { encoding } : {}),
    })),
    stdin: text(request.stdin ?? "", request.stdin_encoding),
    args: (request.args ?? cases[0]?.args ?? []).map(inQuotes).join(" "),
    artifacts: (request.artifacts ?? []).map(inQuotes).join(" "),
    limits,
    cases: cases.map((one, at) => ({
      name: one.name ?? String(at + 1),
      stdin: text(one.stdin ?? "", one.stdin_encoding),
      expected: one.expected_stdout ?? "",
    })),
  };
}

function inQuotes(word: string): string {
  return /^[\w./=:+-]+$/.test(word) ? word : `"${word.replace(/[\\"]/g, "\\$&")}"`;
}

export function asCurl(asked: Program): string {
  const body = JSON.stringify(requestOf(asked)).replaceAll("'", "'\\''");
  return `curl -s ${location.origin}/v1/submissions -H 'Content-Type: application/json' -d '${body}'`;
}

export function asCcx(asked: Program): string {
  const limits = Object.entries(asked.limits)
    .filter(([, value]) => value.trim())
    .map(([name, value]) => `${name.split("_")[0]}=${value}${name === "memory_bytes" ? "m" : ""}`);
  const words = ["ccx run", ...asked.files.map((file) => quoted(file.name)), "-l", asked.language];
  if (limits.length) words.push("--limit", limits.join(","));
  words.push("--server", location.origin);
  if (asked.args.trim()) words.push("--", asked.args);
  return words.join(" ");
}

function quoted(name: string): string {
  return /^[\w./-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}
