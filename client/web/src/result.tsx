/** What became of a program: the verdict in a sentence, what it used, its outputs, differences and files. */
import { useMemo } from "preact/hooks";
import { bytes, text, type Case, type Language, type Submission } from "./api";
import { requestOf, type Program } from "./program";
import { COMPILER, download, picture, SHOWN_CHARACTERS, type Output, type Piece, type Run } from "./runner";
import { languages } from "./state";
import { say, VERDICTS, type Word } from "./words";

const MEBIBYTE = 1024 * 1024;

type Limits = Language["default_limits"];

export function sentence(verdict: string): string {
  return said("verdict", verdict);
}

export function word(verdict: string): string {
  return said("word", verdict);
}

/** One that only a later release knows is said by its name. */
function said(kind: "verdict" | "word", verdict: string): string {
  return VERDICTS.includes(verdict) ? say(`${kind}.${verdict}` as Word) : verdict.replaceAll("_", " ");
}

/** Whether the node says more than the sentence does. */
function isExplained(verdict: string): boolean {
  return ["runtime_error", "internal_error", "cancelled"].includes(verdict) || !VERDICTS.includes(verdict);
}

/** What a case may use: the language's limits, but for those that were asked for. */
function limitsOf(submission: Submission, sent: Program | undefined): Limits | null {
  const usual = languages.value.find((language) => language.name === submission.language)?.default_limits;
  return usual ? { ...usual, ...(sent ? requestOf(sent).limits : {}) } as Limits : null;
}

export function State({ run }: { run: Run }) {
  if (run.refusal) return <p class="verdict bad">{say("failed", { detail: run.refusal })}</p>;
  if (run.state === "queued")
    return <p class="verdict">{run.position ? say("state.queued.at", { position: run.position }) : say("state.queued")}</p>;
  if (run.state === "running") return <p class="verdict">{say("state.running.on", { node: run.node ?? "" })}</p>;
  return run.result ? <Verdict of={run.result} sent={run.sent} /> : null;
}

export function Verdict({ of: submission, sent }: { of: Submission; sent: Program | undefined }) {
  const verdict = submission.verdict ?? "internal_error";
  const failed = submission.cases.find((one) => one.verdict && one.verdict !== "ok") ?? submission.cases[0];
  return (
    <div class={`verdict ${verdict === "ok" ? "good" : "bad"}`}>
      <p>
        <strong>{sentence(verdict)}</strong> {isExplained(verdict) && submission.message}
      </p>
      {failed?.verdict && <Used of={failed} limits={limitsOf(submission, sent)} />}
    </div>
  );
}

function Used({ of: used, limits }: { of: Case; limits: Limits | null }) {
  const parts = [
    limits && say("used.cpu", { used: seconds(used.cpu_seconds), limit: limits.cpu_seconds }),
    limits && say("used.wall", { used: seconds(used.wall_seconds), limit: limits.wall_seconds }),
    limits && say("used.memory", { used: mebibytes(used.memory_bytes), limit: mebibytes(limits.memory_bytes) }),
    used.signal ? say("used.signal", { signal: used.signal }) : used.exit_code ? say("used.exit", { code: used.exit_code }) : null,
  ];
  return <p class="used">{parts.filter(Boolean).join(" · ")}</p>;
}

export function Results({ run, onLine }: { run: Run; onLine?: (file: string, line: number) => void }) {
  const result = run.result;
  const compiler = run.output.get(COMPILER);
  const cases = result?.cases ?? [];
  const numbers = [...new Set([...[...run.output.keys()].filter((at) => at !== COMPILER), ...cases.keys()])].sort((a, b) => a - b);
  return (
    <div class="results">
      {compiler && <Pane title={say("output.compiler")} output={compiler} {...(onLine && { onLine })} />}
      {cases.length > 1 && <CaseTable cases={cases} />}
      {numbers.map((at) => (
        <CaseOutput key={at} run={run} at={at} result={cases[at]} isOnly={numbers.length === 1} {...(onLine && { onLine })} />
      ))}
      {result && result.artifacts.length > 0 && <Artifacts of={result.artifacts} />}
    </div>
  );
}

function CaseTable({ cases }: { cases: Case[] }) {
  return (
    <table class="cases">
      <thead>
        <tr>
          <th>{say("case.name")}</th>
          <th>{say("list.verdict")}</th>
          <th>{say("list.took")}</th>
        </tr>
      </thead>
      <tbody>
        {cases.map((one, at) => (
          <tr key={at}>
            <td>{one.name || say("case.number", { number: at + 1 })}</td>
            <td class={one.verdict === "ok" ? "good" : "bad"}>{one.verdict ? word(one.verdict) : ""}</td>
            <td>{one.verdict ? `${seconds(one.cpu_seconds)} s` : ""}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface CaseOutputProps {
  run: Run;
  at: number;
  result: Case | undefined;
  isOnly: boolean;
  onLine?: (file: string, line: number) => void;
}

function CaseOutput({ run, at, result, isOnly, onLine }: CaseOutputProps) {
  const streamed = run.output.get(at);
  const output = streamed ?? ofResult(result);
  const name = result?.name || run.sent.cases[at]?.name || say("case.number", { number: at + 1 });
  const expected = run.sent.cases[at]?.expected;
  if (!output && run.state !== "done") return null;
  const whole = result && (result.stdout || result.stderr) ? () => download("output.txt", text(result.stdout, result.stdout_encoding) + text(result.stderr, result.stderr_encoding)) : undefined;
  return (
    <>
      <Pane
        title={isOnly ? say("output") : name}
        output={output ?? { pieces: [], length: 0, isCut: false }}
        {...(onLine && { onLine })}
        {...(whole && { onAll: whole })}
      />
      {result?.verdict === "wrong_answer" && expected !== undefined && (
        <Difference expected={expected} got={text(result.stdout, result.stdout_encoding)} />
      )}
    </>
  );
}

function ofResult(result: Case | undefined): Output | undefined {
  if (!result) return undefined;
  const pieces: Piece[] = [];
  if (result.stdout) pieces.push({ stream: "stdout", text: text(result.stdout, result.stdout_encoding) });
  if (result.stderr) pieces.push({ stream: "stderr", text: text(result.stderr, result.stderr_encoding) });
  const shown = pieces.map((piece) => ({ ...piece, text: piece.text.slice(-SHOWN_CHARACTERS) }));
  return { pieces: shown, length: 0, isCut: pieces.some((piece) => piece.text.length > SHOWN_CHARACTERS) };
}

interface PaneProps {
  title: string;
  output: Output;
  onLine?: (file: string, line: number) => void;
  onAll?: () => void;
}

function Pane({ title, output, onLine, onAll }: PaneProps) {
  return (
    <section class="pane" aria-label={title}>
      <h3>{title}</h3>
      {output.isCut && (
        <p class="note">
          {say("output.cut")}{" "}
          {onAll && (
            <button class="plain" onClick={onAll}>
              {say("output.all")}
            </button>
          )}
        </p>
      )}
      <pre role="log" tabIndex={0} aria-label={title}>
        {output.pieces.map((piece, at) => (
          <span key={at} class={piece.stream} title={piece.stream === "stderr" ? say("output.stderr") : undefined}>
            {piece.stream === "stderr" && onLine ? <Linked text={piece.text} onLine={onLine} /> : piece.text}
          </span>
        ))}
        {output.pieces.length === 0 && <span class="note">{say("output.nothing")}</span>}
      </pre>
    </section>
  );
}

const PLACE = /(^|\n)((?:[^\s:"]+?:\d+(?::\d+)?)|(?: {2}File "[^"\n]+", line \d+))/g;

/** Places that a compiler or a traceback names lead to their line in the editor. */
function Linked({ text: whole, onLine }: { text: string; onLine: (file: string, line: number) => void }) {
  const parts = [];
  let at = 0;
  for (const found of whole.slice(0, 20_000).matchAll(PLACE)) {
    const place = found[2] ?? "";
    const from = found.index + (found[1]?.length ?? 0);
    const [, file, line] = /"?([^":\s]+)"?(?::|, line )(\d+)/.exec(place) ?? [];
    parts.push(whole.slice(at, from));
    parts.push(
      <button key={from} class="place" onClick={() => onLine(file?.split("/").at(-1) ?? "", Number(line))}>
        {place}
      </button>,
    );
    at = from + place.length;
  }
  return (
    <>
      {parts}
      {whole.slice(at)}
    </>
  );
}

/** The two texts around the first line in which they differ, side by side. */
function Difference({ expected, got }: { expected: string; got: string }) {
  const [wanted, had] = [expected.trimEnd().split("\n"), got.trimEnd().split("\n")];
  const found = wanted.findIndex((one, at) => one.trimEnd() !== had[at]?.trimEnd());
  const first = found < 0 ? wanted.length : found;
  const from = Math.max(0, first - 2);
  const part = (lines: string[]) =>
    lines.slice(from, first + 5).map((one, at) => (
      <div key={at} class={from + at === first ? "different" : ""}>
        <span class="number">{from + at + 1}</span> {one.slice(0, 300)}
      </div>
    ));
  return (
    <section class="difference">
      <p>{say("difference.line", { line: first + 1 })}</p>
      <div class="sides">
        <figure>
          <figcaption>{say("difference.expected")}</figcaption>
          <pre tabIndex={0}>{part(wanted)}</pre>
        </figure>
        <figure>
          <figcaption>{say("difference.got")}</figcaption>
          <pre tabIndex={0}>{part(had)}</pre>
        </figure>
      </div>
    </section>
  );
}

function Artifacts({ of: artifacts }: { of: Submission["artifacts"] }) {
  return (
    <section class="artifacts">
      <h3>{say("artifacts")}</h3>
      {artifacts.map((artifact) => (
        <Artifact key={artifact.name} of={artifact} />
      ))}
    </section>
  );
}

function Artifact({ of: artifact }: { of: Submission["artifacts"][number] }) {
  const { name, content, encoding, error } = artifact;
  const address = useMemo(() => (error ? null : picture({ name, content, ...(encoding && { encoding }) })), [name, content]);
  if (error) return <p class="bad">{say("artifact.missing", { name, error })}</p>;
  return (
    <figure>
      {address && <img src={address} alt={name} />}
      <figcaption>
        <button class="plain" onClick={() => download(name, bytes(content, encoding), "application/octet-stream")}>
          {name}
        </button>
      </figcaption>
    </figure>
  );
}

/** The number in what a language says of its version. */
export function versionOf(language: Language): string {
  return /\d[\d.]*/.exec(language.version)?.[0] ?? "";
}

export function seconds(value: number | null | undefined): string {
  return (value ?? 0).toFixed(2);
}

export function mebibytes(value: number | null | undefined): string {
  return ((value ?? 0) / MEBIBYTE).toFixed(value && value < 10 * MEBIBYTE ? 1 : 0);
}
