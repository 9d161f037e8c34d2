/** All words of the page, in the languages it speaks. The files are shared with the rest of the client. */
import { signal } from "@preact/signals";
import en from "../../ccx/words/en.json";
import fr from "../../ccx/words/fr.json";

export type Word = keyof typeof en;

/** The verdicts that have words. A node of a later release may know others. */
export const VERDICTS = Object.keys(en).flatMap((key) => (key.startsWith("verdict.") ? [key.slice("verdict.".length)] : []));

const WORDS: Record<string, Record<Word, string>> = { en, fr };
export const TONGUES = Object.keys(WORDS);
const KEPT = "ccx.tongue";

function preferred(): string {
  const wanted = [localStorage.getItem(KEPT), ...navigator.languages.map((name) => name.slice(0, 2))];
  return wanted.find((name) => name !== null && name in WORDS) ?? "en";
}

export const tongue = signal(preferred());

export function speak(name: string): void {
  localStorage.setItem(KEPT, name);
  tongue.value = name;
  document.documentElement.lang = name;
}

/** The text for a word, with its gaps filled. */
export function say(word: Word, gaps: Record<string, string | number> = {}): string {
  const text = WORDS[tongue.value]?.[word] ?? en[word];
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(gaps[name] ?? ""));
}
