/** The node's public API, and nothing else: what the page shows `curl` can show. */
import type { components } from "./wire";

type Schemas = components["schemas"];
export type Submission = Schemas["Submission"];
export type Summary = Schemas["SubmissionSummary"];
export type Page = Schemas["SubmissionPage"];
export type Request = Schemas["SubmissionRequest"];
export type Language = Schemas["LanguageInfo"];
export type NodeInfo = Schemas["NodeInfo"];
export type Identity = Schemas["Identity"];
export type Event = Schemas["Event"];
export type FeedEvent = Schemas["FeedEvent"];
export type Case = Submission["cases"][number];
export type Verdict = Schemas["Verdict"];

/** What the node refuses, in its own words. `status` 0: it does not answer. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly type: string,
    detail: string,
  ) {
    super(detail);
  }
}

const STREAM = "application/x-ndjson";

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...init });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Refusal(0, "", error instanceof Error ? error.message : String(error));
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw new Refusal(answer.status, problem.type ?? "", problem.detail ?? answer.statusText);
}

async function get<T>(path: string): Promise<T> {
  return (await ask(path)).json();
}

function posted(body: unknown, method = "POST"): RequestInit {
  return { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } };
}

/** The lines of a stream of JSON, as they come. */
async function* lines<T>(answer: Response): AsyncGenerator<T> {
  if (!answer.body) return;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw new Refusal(0, "", String(error));
    });
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) if (line) yield JSON.parse(line) as T;
  }
}

export const api = {
  whoAmI: () => get<Identity>("/v1/whoami"),
  languages: () => get<Language[]>("/v1/languages"),
  submission: (id: string) => get<Submission>(`/v1/submissions/${id}`),
  request: (id: string) => get<Request>(`/v1/submissions/${id}/request`),
  submissions: (asked: Record<string, string>) => get<Page>(`/v1/submissions?${new URLSearchParams(asked)}`),
  cancel: (id: string) => ask(`/v1/submissions/${id}`, { method: "DELETE" }),
  signIn: (token: string) => ask("/v1/session", posted({ token })),
  signOut: () => ask("/v1/session", { method: "DELETE" }),
  drain: (name: string, on: boolean) =>
    ask(`/v1/nodes/${encodeURIComponent(name)}/drain`, { method: on ? "POST" : "DELETE" }),

  /** Hand a program in and follow it. It goes on where the page is closed. */
  async *run(request: Request): AsyncGenerator<Event> {
    const asked = posted(request);
    const headers = { ...asked.headers, accept: STREAM } as HeadersInit;
    yield* lines<Event>(await ask("/v1/submissions?wait=true&detach=true", { ...asked, headers }));
  },

  /** The events of a submission after that one, to its end. */
  async *events(id: string, after?: string): AsyncGenerator<Event> {
    const headers: Record<string, string> = { accept: STREAM };
    if (after) headers["last-event-id"] = after;
    yield* lines<Event>(await ask(`/v1/submissions/${id}/events`, { headers }));
  },

  /** What happens to nodes and submissions, until it is aborted. */
  async *watch(signal: AbortSignal, after?: string): AsyncGenerator<FeedEvent> {
    const headers: Record<string, string> = { accept: STREAM };
    if (after) headers["last-event-id"] = after;
    yield* lines<FeedEvent>(await ask("/v1/events", { headers, signal }));
  },
};

/** Text as the wire has it: base64 where the encoding says so. */
export function text(content: string, encoding: string | undefined): string {
  if (encoding !== "base64") return content;
  return new TextDecoder().decode(bytes(content, encoding));
}

export function bytes(content: string, encoding: string | undefined): Uint8Array<ArrayBuffer> {
  if (encoding !== "base64") return new TextEncoder().encode(content) as Uint8Array<ArrayBuffer>;
  return Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
}
