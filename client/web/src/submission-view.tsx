import { useEffect, useState } from "preact/hooks";
import { api, Refusal, text, type Event, type Submission } from "./api";
import { asCcx, asCurl, change, EMPTY, programOf, type Program } from "./program";
import { Results, State, word } from "./result";
import { fold, fresh, start, type Run } from "./runner";
import { go } from "./state";
import { say } from "./words";

interface Step {
  at: string | null;
  text: string;
}

export function SubmissionView({ id }: { id: string }) {
  const [source, setSource] = useState<Program | null>(null);
  const [run, setRun] = useState<Run>(() => ({ ...fresh({ ...EMPTY, files: [] }), id }));
  const [result, setResult] = useState<Submission | null>(null);
  const [steps, setSteps] = useState<Step[]>([]);
  const [trouble, setTrouble] = useState("");
  useEffect(() => {
    let isLeft = false;
    const read = async () => {
      try {
        setResult(await api.submission(id));
        const asked = await api.request(id).then(programOf, () => null); // one of an older release has none
        setSource(asked);
        let now: Run = { ...fresh(asked ?? { ...EMPTY, files: [] }), id };
        for await (const event of api.events(id)) {
          if (isLeft) return;
          setSteps((before) => withStep(before, event));
          now = fold(now, event);
          setRun(now);
        }
        const ended = await api.submission(id);
        setResult(ended);
        setRun({ ...now, state: "done", result: ended });
      } catch (error) {
        const isNone = error instanceof Refusal && [404, 422].includes(error.status);
        setTrouble(isNone ? say("submission.none") : say("failed", { detail: String(error) }));
      }
    };
    void read();
    return () => {
      isLeft = true;
    };
  }, [id]);
  if (trouble) return <p class="pad bad" role="alert">{trouble}</p>;
  const edit = () => {
    if (source) change(source);
    go("/");
  };
  const again = () => {
    edit();
    void start();
  };
  return (
    <article class="submission">
      <div class="panel">
        <h1>
          {say("submission")} <code>…{id.slice(-8)}</code>
        </h1>
        <State run={run} />
        <div class="bar">
          {source && <button class="main" onClick={again}>{say("run.again")}</button>}
          {source && <button onClick={edit}>{say("submission.edit")}</button>}
          {run.state !== "done" && <button onClick={() => void api.cancel(id)}>{say("submission.cancel")}</button>}
          <Copy text={location.href} label={say("submission.copy.link")} />
          {source && <Copy text={asCurl(source)} label={say("submission.copy.curl")} />}
          {source && <Copy text={asCcx(source)} label={say("submission.copy.ccx")} />}
        </div>
        <h2>{say("submission.timeline")}</h2>
        <ol class="timeline">
          {[...(result ? [{ at: result.created_at, text: say("event.accepted") }] : []), ...steps, ...endOf(run.result)].map((step, at) => (
            <li key={at}>
              {step.at && <time dateTime={step.at}>{new Date(step.at).toLocaleTimeString()}</time>} {step.text}
            </li>
          ))}
        </ol>
      </div>
      <div class="panel">
        <Results run={run} />
      </div>
      <div class="panel">
        <h2>{say("submission.source")}</h2>
        {source?.files.map((file) => (
          <section key={file.name} class="pane">
            <h3>{file.name}</h3>
            <pre tabIndex={0}>{text(file.content, file.encoding)}</pre>
          </section>
        ))}
      </div>
    </article>
  );
}

/** The nodes that a submission was on, in order. */
function withStep(before: Step[], event: Event): Step[] {
  if (event.type === "started") return [...before, { at: null, text: say("event.started", { node: event.node }) }];
  const isAnew = event.type === "queued" && before.length > 0 && event.id?.endsWith("-1");
  return isAnew ? [...before, { at: null, text: say("event.again") }] : before;
}

function endOf(result: Submission | null): Step[] {
  if (!result?.verdict) return [];
  return [{ at: result.finished_at ?? null, text: say("event.done", { verdict: word(result.verdict) }) }];
}

function Copy({ text, label }: { text: string; label: string }) {
  const [isDone, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return <button onClick={copy}>{isDone ? say("submission.copied") : label}</button>;
}
