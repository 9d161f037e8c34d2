import { useEffect, useState } from "preact/hooks";
import { api, type Summary } from "./api";
import { word } from "./result";
import { gaps, languages, onSubmission } from "./state";
import { say, VERDICTS, type Word } from "./words";

const PAGE = "50";
const MOST = 500;
const STATES = ["queued", "running", "done"];

type Filters = Record<"state" | "verdict" | "language", string>;

export function Submissions() {
  const [filters, setFilters] = useState<Filters>({ state: "", verdict: "", language: "" });
  const [lines, setLines] = useState<Summary[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [trouble, setTrouble] = useState("");
  const asked = Object.fromEntries(Object.entries(filters).filter(([, value]) => value));

  const read = async (cursor?: string) => {
    try {
      const page = await api.submissions({ ...asked, limit: PAGE, ...(cursor && { cursor }) });
      setLines((before) => (cursor ? [...(before ?? []), ...page.submissions] : page.submissions));
      setNext(page.next_cursor ?? null);
      setTrouble("");
    } catch (error) {
      setTrouble(say("failed", { detail: String(error) }));
    }
  };
  useEffect(() => void read(), [filters, gaps.value]);
  useEffect(
    () =>
      onSubmission((changed) => {
        setLines((before) => {
          if (!before) return before;
          const others = before.filter((line) => line.id !== changed.id);
          if (!isWanted(changed, filters)) return others;
          return [...others, changed].sort((one, other) => (one.id < other.id ? 1 : -1)).slice(0, MOST);
        });
      }),
    [filters],
  );
  const choice = (name: keyof Filters, values: string[], text: (value: string) => string) => (
    <label>
      {say(`list.${name}`)}
      <select value={filters[name]} onChange={(event) => setFilters({ ...filters, [name]: event.currentTarget.value })}>
        <option value="">{say("list.any")}</option>
        {values.map((value) => (
          <option key={value} value={value}>
            {text(value)}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <div class="panel">
      <h1>{say("nav.submissions")}</h1>
      <div class="bar filters">
        {choice("state", STATES, (value) => say(`state.${value}` as Word))}
        {choice("verdict", VERDICTS, word)}
        {choice("language", languages.value.map((language) => language.name), (value) => value)}
      </div>
      {trouble && <p class="bad" role="alert">{trouble}</p>}
      {lines?.length === 0 && <p class="note">{say("list.empty")}</p>}
      {lines && lines.length > 0 && (
        <div class="wide">
          <table>
            <thead>
              <tr>
                {(["id", "state", "language", "node", "client", "when", "took"] as const).map((name) => (
                  <th key={name}>{say(`list.${name}`)}</th>
                ))}
              </tr>
            </thead>
            <tbody>
              {lines.map((line) => (
                <tr key={line.id}>
                  <td>
                    <a href={`/s/${line.id}`}>…{line.id.slice(-6)}</a>
                  </td>
                  <td class={line.verdict ? (line.verdict === "ok" ? "good" : "bad") : ""}>
                    {line.verdict ? word(line.verdict) : say(`state.${line.state}` as Word)}
                  </td>
                  <td>{line.language}</td>
                  <td>{line.node ?? ""}</td>
                  <td>{(line.client ?? "").replace(/^key /, "")}</td>
                  <td>
                    <time dateTime={line.created_at}>{new Date(line.created_at).toLocaleString()}</time>
                  </td>
                  <td>{took(line)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {next && <button onClick={() => void read(next)}>{say("list.more")}</button>}
    </div>
  );
}

function isWanted(line: Summary, filters: Filters): boolean {
  return (
    (!filters.state || line.state === filters.state) &&
    (!filters.verdict || line.verdict === filters.verdict) &&
    (!filters.language || line.language === filters.language)
  );
}

function took(line: Summary): string {
  if (!line.started_at || !line.finished_at) return "";
  return `${((Date.parse(line.finished_at) - Date.parse(line.started_at)) / 1000).toFixed(2)} s`;
}
