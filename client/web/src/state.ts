/** What all views share: who is there, what the node serves, and what it tells of nodes and submissions. */
import { computed, signal } from "@preact/signals";
import { api, Refusal, type Identity, type Language, type NodeInfo, type Summary } from "./api";

export const path = signal(location.pathname);
export const identity = signal<Identity | null>(null);
export const languages = signal<Language[]>([]);
export const nodes = signal<NodeInfo[]>([]);
export const isLost = signal(false);
/** Counts what makes lists stale: each new value says to read them again. */
export const gaps = signal(0);

export const may = computed(() => new Set<string>(identity.value?.may ?? []));
export const mustSignIn = computed(() => identity.value !== null && !may.value.has("run"));

const listeners = new Set<(changed: Summary) => void>();
export function onSubmission(listener: (changed: Summary) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function go(to: string): void {
  history.pushState(null, "", to);
  path.value = location.pathname;
}
addEventListener("popstate", () => (path.value = location.pathname));

/** A link within the page, which need not be loaded for it. */
export function follow(event: MouseEvent): void {
  const link = (event.target as HTMLElement).closest("a");
  const isOurs = link && link.origin === location.origin && !link.target && !link.hasAttribute("download");
  if (!isOurs || event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
  if (link.pathname !== "/" && !/^\/(submissions|cluster|s\/)/.test(link.pathname)) return;
  event.preventDefault();
  go(link.pathname);
}

let watching: AbortController | null = null;

/** Ask again who is there, and what there is. */
export async function begin(): Promise<void> {
  watching?.abort();
  try {
    identity.value = await api.whoAmI();
    isLost.value = false;
    if (may.value.has("read")) {
      languages.value = await api.languages();
      void watch();
    }
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) {
      await api.signOut(); // the cookie's token has ended
      identity.value = await api.whoAmI();
      return;
    }
    isLost.value = true;
    setTimeout(begin, PAUSE_MILLISECONDS);
  }
}

const PAUSE_MILLISECONDS = 1000;

/** One connection for all that this page shows: a browser gives one address six. */
async function watch(): Promise<void> {
  const mine = (watching = new AbortController());
  let last: string | undefined;
  while (!mine.signal.aborted) {
    try {
      for await (const told of api.watch(mine.signal, last)) {
        if (isLost.value) {
          isLost.value = false;
          languages.value = await api.languages();
        }
        last = told.id ?? last;
        if (told.type === "nodes") nodes.value = told.nodes;
        else if (told.type === "submission") for (const listener of listeners) listener(told.submission);
        else gaps.value++;
      }
    } catch (error) {
      if (mine.signal.aborted) return;
      if (error instanceof Refusal && error.status === 401) return void begin();
    }
    isLost.value = true;
    await new Promise((done) => setTimeout(done, PAUSE_MILLISECONDS));
  }
}
