import { useEffect, useRef, useState } from "preact/hooks";
import { api, type NodeInfo, type Summary } from "./api";
import type { Curve } from "./chart";
import { mebibytes, versionOf } from "./result";
import { gaps, may, nodes, onSubmission } from "./state";
import { say, type Word } from "./words";

// From here on a card for each would be more than anybody reads.
const MOST_CARDS = 40;
const MOST_CHIPS = 60;

export function Cluster() {
  const all = nodes.value;
  const [hasCurves, setCurves] = useState(true);
  const known = useUnfinished();
  const [here] = all;
  if (!here) return <p class="pad">{say("loading")}</p>;
  const reports = all.map((node) => node.report).filter((report) => report !== null && report !== undefined);
  const waiting = [...known.values()].filter((line) => line.state === "queued");
  return (
    <div class="cluster">
      <div class="panel">
        <h1>{say("nav.cluster")}</h1>
        <div class="bar">
          <p>
            {say("cluster.summary", {
              ok: all.filter((node) => node.health === "ok").length,
              all: all.length,
              running: reports.reduce((sum, report) => sum + report.running, 0),
              slots: reports.reduce((sum, report) => sum + report.slots, 0),
              waiting: here.report?.queued ?? 0,
            })}
          </p>
          <span class="gap" />
          <button aria-pressed={hasCurves} onClick={() => setCurves(!hasCurves)}>
            {say(hasCurves ? "cluster.curves.stop" : "cluster.curves.start")}
          </button>
        </div>
      </div>
      <section class="panel where" aria-label={say("cluster.where")}>
        <h2>{say("cluster.where")}</h2>
        <Lane title={say("cluster.waiting")} ids={waiting.map((line) => line.id)} known={known} />
        {all
          .filter((node) => node.submissions?.length || all.length <= MOST_CARDS)
          .map((node) => (
            <Lane key={node.url ?? node.name} title={node.name} ids={node.submissions ?? []} known={known} slots={node.report?.slots ?? 0} health={node.health} />
          ))}
      </section>
      {all.length <= MOST_CARDS ? (
        <div class="cards">
          {all.map((node) => (
            <Card key={node.url ?? node.name} node={node} hasCurves={hasCurves} />
          ))}
        </div>
      ) : (
        <NodesTable all={all} />
      )}
    </div>
  );
}

/** The submissions that wait or run, by id: read once, and kept by what the node tells. */
function useUnfinished(): Map<string, Summary> {
  const [known, setKnown] = useState<Map<string, Summary>>(new Map());
  useEffect(() => {
    let isLeft = false;
    void Promise.all(["queued", "running"].map((state) => api.submissions({ state, limit: "200" })))
      .then((pages) => !isLeft && setKnown(new Map(pages.flatMap((page) => page.submissions.map((line) => [line.id, line])))))
      .catch(() => undefined);
    const leave = onSubmission((changed) =>
      setKnown((before) => {
        const now = new Map(before);
        if (changed.state === "done") now.delete(changed.id);
        else now.set(changed.id, changed);
        return now;
      }),
    );
    return () => {
      isLeft = true;
      leave();
    };
  }, [gaps.value]);
  return known;
}

interface LaneProps {
  title: string;
  ids: string[];
  known: Map<string, Summary>;
  slots?: number;
  health?: string;
}

/** What is in one place: a mark for each submission, and a hollow one for each slot that is free. */
function Lane({ title, ids, known, slots = 0, health = "ok" }: LaneProps) {
  const free = Math.max(0, Math.min(slots - ids.length, MOST_CHIPS - ids.length));
  return (
    <div class={`lane ${health}`}>
      <h3 title={title}>{title}</h3>
      <ul aria-label={title}>
        {ids.slice(0, MOST_CHIPS).map((id) => (
          <li key={id} class={`chip l-${(known.get(id)?.language ?? "").replace(/\W/g, "")}`}>
            <a href={`/s/${id}`} title={known.get(id)?.client ?? id}>
              …{id.slice(-4)} <small>{known.get(id)?.language ?? ""}</small>
            </a>
          </li>
        ))}
        {ids.length > MOST_CHIPS && <li class="chip">+{ids.length - MOST_CHIPS}</li>}
        {Array.from({ length: free }, (_, at) => (
          <li key={`free-${at}`} class="chip free" aria-hidden="true" />
        ))}
      </ul>
    </div>
  );
}

function Card({ node, hasCurves }: { node: NodeInfo; hasCurves: boolean }) {
  const report = node.report;
  return (
    <section class={`panel card ${node.health}`} aria-label={node.name}>
      <h2>
        {node.name} {node.url ? null : <small>{say("cluster.this")}</small>}
      </h2>
      <p class="health">
        <span class="dot" aria-hidden="true" /> {say(`health.${node.health}` as Word)}{" "}
        <small>{say("cluster.since", { time: new Date(node.since).toLocaleString() })}</small>
      </p>
      {report && (
        <>
          <p>
            {say("cluster.slots", { running: report.running, slots: report.slots })}
            {report.queued > 0 && ` · ${say("cluster.queue", { count: report.queued })}`}
          </p>
          <p class="languages">{report.languages.map((language) => `${language.name} ${versionOf(language)}`).join(" · ")}</p>
          {report.engine !== "ok" && <p class="bad">{report.engine}</p>}
          <Meter label={say("cluster.cpu")} value={report.usage.cpu_percent} text={`${Math.round(report.usage.cpu_percent)} %`} />
          <Meter
            label={say("cluster.memory")}
            value={(100 * report.usage.memory_bytes) / report.usage.memory_total_bytes}
            text={`${mebibytes(report.usage.memory_bytes)} / ${mebibytes(report.usage.memory_total_bytes)} MiB`}
          />
          {hasCurves && <Curves node={node} />}
        </>
      )}
      {may.value.has("operate") && <Drain node={node} />}
    </section>
  );
}

function Meter({ label, value, text }: { label: string; value: number; text: string }) {
  return (
    <label class="meter">
      <span>{label}</span>
      <meter min={0} max={100} value={value} />
      <span>{text}</span>
    </label>
  );
}

function Curves({ node }: { node: NodeInfo }) {
  const host = useRef<HTMLDivElement>(null);
  const drawn = useRef<Curve | null>(null);
  useEffect(() => {
    let isLeft = false;
    void import("./chart").then(({ curve }) => {
      if (!isLeft && host.current) drawn.current = curve(host.current, { cpu: say("cluster.cpu"), memory: say("cluster.memory") });
    });
    return () => {
      isLeft = true;
      drawn.current?.destroy();
    };
  }, []);
  const usage = node.report?.usage;
  useEffect(() => {
    if (usage) drawn.current?.add(Date.parse(usage.at) / 1000, usage.cpu_percent, (100 * usage.memory_bytes) / usage.memory_total_bytes);
  }, [usage?.at]);
  return <div class="curve" ref={host} role="img" aria-label={`${say("cluster.cpu")}, ${say("cluster.memory")}: ${node.name}`} />;
}

function Drain({ node }: { node: NodeInfo }) {
  const isOff = node.report?.draining ?? node.health === "draining";
  const [trouble, setTrouble] = useState("");
  const toggle = () => api.drain(node.name, !isOff).then(() => setTrouble(""), (error: unknown) => setTrouble(String(error)));
  return (
    <>
      <button onClick={() => void toggle()} title={say("cluster.drain.hint", { name: node.name })}>
        {say(isOff ? "cluster.undrain" : "cluster.drain")}
      </button>
      {trouble && <p class="bad" role="alert">{trouble}</p>}
    </>
  );
}

function NodesTable({ all }: { all: NodeInfo[] }) {
  const [asked, setAsked] = useState("");
  const words = asked.toLowerCase().split(/\s+/).filter(Boolean);
  const found = all.filter((node) => words.every((word) => textOf(node).includes(word)));
  return (
    <div class="panel wide">
      <input
        type="search"
        aria-label={say("cluster.find")}
        placeholder={say("cluster.find.hint")}
        value={asked}
        onInput={(event) => setAsked(event.currentTarget.value)}
      />
      <table>
        <thead>
          <tr>
            <th>{say("list.node")}</th>
            <th>{say("list.state")}</th>
            <th>{say("cluster.running")}</th>
            <th>{say("cluster.cpu")}</th>
            <th>{say("list.language")}</th>
          </tr>
        </thead>
        <tbody>
          {found.map((node) => (
            <tr key={node.url ?? node.name}>
              <td>{node.name}</td>
              <td class={node.health === "ok" ? "good" : "bad"}>{say(`health.${node.health}` as Word)}</td>
              <td>{node.report ? `${node.report.running} / ${node.report.slots}` : ""}</td>
              <td>{node.report ? `${Math.round(node.report.usage.cpu_percent)} %` : ""}</td>
              <td>{node.report?.languages.map((language) => language.name).join(", ")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What a node is found by: its name, how it is, and what it serves. */
function textOf(node: NodeInfo): string {
  const languages = node.report?.languages.map((language) => language.name) ?? [];
  return [node.name, node.health, say(`health.${node.health}` as Word), ...languages].join(" ").toLowerCase();
}
