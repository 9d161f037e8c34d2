/** One run: what was sent, and what the node tells of it. */
import { signal } from "@preact/signals";
import { api, bytes, Refusal, text, type Event, type Submission } from "./api";
import { program, requestOf, type Program } from "./program";

export interface Piece {
  stream: "stdout" | "stderr";
  text: string;
}
export interface Run {
  id: string | null;
  sent: Program;
  state: "queued" | "running" | "done";
  position: number | null;
  node: string | null;
  /** By case; -1 is the compiler. Cut at its beginning where it is long. */
  output: Map<number, Output>;
  result: Submission | null;
  refusal: string | null;
}
export interface Output {
  pieces: Piece[];
  length: number;
  isCut: boolean;
}

export const COMPILER = -1;
// More than this on the screen helps nobody and holds the browser up.
export const SHOWN_CHARACTERS = 200_000;
const PAUSE_MILLISECONDS = 500;
const LONGEST_SILENCE_MILLISECONDS = 60_000;

export const run = signal<Run | null>(null);
export const isBusy = signal(false);

export function fresh(sent: Program): Run {
  const now = { id: null, state: "queued", position: null, node: null, result: null, refusal: null } as const;
  return { ...now, sent, output: new Map() };
}

/** Fold an event into what is known. */
export function fold(before: Run, event: Event): Run {
  switch (event.type) {
    case "queued":
      // A higher attempt begins anew: what was told of the one before is void.
      return { ...before, id: event.submission_id, position: event.position ?? null, state: "queued", output: new Map() };
    case "started":
      return { ...before, state: "running", node: event.node, position: null };
    case "output":
      return { ...before, output: withPiece(before.output, event.case ?? COMPILER, event.stream, text(event.data, event.encoding)) };
    case "done":
      return { ...before, state: "done", result: event.submission ?? before.result };
    default:
      return before;
  }
}

function withPiece(all: Map<number, Output>, at: number, stream: Piece["stream"], more: string): Map<number, Output> {
  const before = all.get(at) ?? { pieces: [], length: 0, isCut: false };
  const last = before.pieces.at(-1);
  const pieces = before.pieces;
  if (last?.stream === stream && last.text.length < 4096) last.text += more;
  else pieces.push({ stream, text: more });
  let length = before.length + more.length;
  let isCut = before.isCut;
  while (length > SHOWN_CHARACTERS && pieces.length > 1) {
    length -= pieces.shift()?.text.length ?? 0;
    isCut = true;
  }
  return new Map(all).set(at, { pieces, length, isCut });
}

/** Send the program as it stands, and follow it to its end. A lost connection is taken up again. */
export async function start(): Promise<void> {
  const sent = structuredClone(program.value);
  let now = fresh(sent);
  show(now, true);
  isBusy.value = true;
  let last: string | undefined;
  let heardAt = Date.now();
  try {
    let events = api.run(requestOf(sent));
    for (;;) {
      try {
        for await (const event of events) {
          heardAt = Date.now();
          last = event.id ?? last;
          now = fold(now, event);
          show(now);
        }
        if (now.state === "done" || now.id === null) break;
      } catch (error) {
        const isGone = error instanceof Refusal && error.status === 0 && now.id !== null;
        if (!isGone || Date.now() - heardAt > LONGEST_SILENCE_MILLISECONDS) throw error;
      }
      await new Promise((done) => setTimeout(done, PAUSE_MILLISECONDS));
      events = api.events(now.id ?? "", last);
    }
    if (now.id !== null && !now.result) now = { ...now, result: await api.submission(now.id) };
  } catch (error) {
    now = { ...now, state: "done", refusal: error instanceof Error ? error.message : String(error) };
  } finally {
    isBusy.value = false;
    show(now, true);
  }
}

export async function stop(): Promise<void> {
  const id = run.value?.id;
  if (id) await api.cancel(id).catch(() => undefined);
}

let waiting = false;
let newest: Run;

/** Events may come faster than a screen is drawn. */
function show(now: Run, atOnce = false): void {
  newest = now;
  if (atOnce) {
    run.value = now;
  } else if (!waiting) {
    waiting = true;
    setTimeout(() => {
      waiting = false;
      run.value = newest;
    }, 50);
  }
}

/** A file that the browser offers to save. */
export function download(name: string, content: string | Uint8Array<ArrayBuffer>, type = "text/plain"): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name.split("/").at(-1) || "file";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const PICTURES: Record<string, string> = { png: "image/png", jpg: "image/jpeg", jpeg: "image/jpeg", gif: "image/gif", svg: "image/svg+xml", webp: "image/webp" };

/** The address of a picture among what a program left, null where it is none. */
export function picture(artifact: { name: string; content: string; encoding?: string }): string | null {
  const type = PICTURES[artifact.name.split(".").at(-1)?.toLowerCase() ?? ""];
  return type ? URL.createObjectURL(new Blob([bytes(artifact.content, artifact.encoding)], { type })) : null;
}
