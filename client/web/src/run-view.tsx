import { useEffect, useRef, useState } from "preact/hooks";
import type { Editor } from "./editor";
import { EXAMPLES, HELLO } from "./examples";
import { marksIn } from "./marks";
import { change, languageOf, open, program, requestOf, revision, shown, startAnew, write } from "./program";
import { Results, State, versionOf } from "./result";
import { download, fresh, isBusy, run, start, stop, COMPILER } from "./runner";
import { languages } from "./state";
import type { Conversation } from "./terminal";
import { say, tongue } from "./words";

const LIMITS = ["cpu_seconds", "wall_seconds", "memory_bytes"] as const;
const MEBIBYTE = 1024 * 1024;

export function RunView() {
  const editor = useRef<Editor | null>(null);
  const terminal = useRef<HTMLDivElement | null>(null);
  const conversation = useRef<Conversation | null>(null);
  const [isOver, setOver] = useState(false);
  const [hasTerminal, setTerminal] = useState(false);

  const begin = async () => {
    if (isBusy.value) return;
    conversation.current?.end();
    conversation.current = null;
    setTerminal(program.value.terminal);
    if (!program.value.terminal) return start();
    const sent = structuredClone(program.value);
    run.value = fresh(sent);
    isBusy.value = true;
    const { converse } = await import("./terminal");
    await new Promise(requestAnimationFrame);
    if (!terminal.current) return;
    terminal.current.replaceChildren();
    conversation.current = converse(
      terminal.current,
      requestOf(sent),
      (told) => {
        const now = run.value ?? fresh(sent);
        if (told.type === "queued") run.value = { ...now, id: told.submission_id ?? null };
        if (told.type === "started") run.value = { ...now, state: "running", node: told.node ?? null };
        if (told.type === "done") run.value = { ...now, state: "done", result: told.submission ?? null };
        if (told.type === "refused") run.value = { ...now, state: "done", refusal: told.problem?.detail ?? "" };
      },
      () => (isBusy.value = false),
    );
  };
  const end = () => (conversation.current ? conversation.current.end() : void stop());
  useEffect(() => () => conversation.current?.end(), []);
  useEffect(() => {
    const keys = (event: KeyboardEvent) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.defaultPrevented) {
        event.preventDefault();
        void begin();
      }
    };
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  }, []);
  const goTo = (name: string, line: number) => {
    const at = program.value.files.findIndex((file) => file.name.split("/").at(-1) === name);
    if (at >= 0) shown.value = at;
    requestAnimationFrame(() => editor.current?.goTo(line));
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    void filesOf(event.dataTransfer).then((files) => open(files, languages.value));
  };
  return (
    <div
      class={`run-view ${isOver ? "over" : ""}`}
      onDragOver={(event) => (event.preventDefault(), setOver(true))}
      onDragLeave={(event) => event.currentTarget === event.target && setOver(false)}
      onDrop={drop}
      data-drop={say("program.drop")}
    >
      <h1 class="hidden">{say("nav.run")}</h1>
      <Bar onRun={begin} onStop={end} />
      <section class="write panel" aria-label={say("program.files")}>
        <Tabs />
        <EditorPane editor={editor} onRun={begin} />
      </section>
      <section class="options panel">
        <Options />
        <Cases />
      </section>
      <section class="outcome panel" aria-label={say("output")}>
        <div aria-live="polite">{run.value && <State run={run.value} />}</div>
        {run.value?.id && !hasTerminal && (
          <p class="note">
            <a href={`/s/${run.value.id}`}>
              {say("submission")} …{run.value.id.slice(-6)}
            </a>
          </p>
        )}
        {hasTerminal ? <div class="terminal" ref={terminal} /> : run.value && <Results run={run.value} onLine={goTo} />}
      </section>
    </div>
  );
}

/** All files that were dropped, those within folders too. */
async function filesOf(transfer: DataTransfer | null): Promise<File[]> {
  const entries = [...(transfer?.items ?? [])].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const walk = async (entry: FileSystemEntry): Promise<File[]> => {
    if (entry.isFile) return [await new Promise<File>((done, fail) => (entry as FileSystemFileEntry).file(done, fail))];
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    const inner = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    return (await Promise.all(inner.map(walk))).flat();
  };
  return (await Promise.all(entries.map(walk))).flat();
}

function Bar({ onRun, onStop }: { onRun: () => void; onStop: () => void }) {
  const picker = useRef<HTMLInputElement>(null);
  const now = program.value;
  return (
    <div class="bar">
      <select
        aria-label={say("program.language")}
        value={now.language}
        onChange={(event) => {
          const language = event.currentTarget.value;
          const isUntouched = now.files.length === 1 && Object.values(HELLO).includes(now.files[0]?.content ?? "");
          if (isUntouched) startAnew(language, languages.value, HELLO[language] ?? "");
          else change({ language });
        }}
      >
        {languages.value.map((language) => (
          <option key={language.name} value={language.name}>
            {language.title} {versionOf(language)}
          </option>
        ))}
      </select>
      <select
        aria-label={say("program.examples")}
        value=""
        onChange={(event) => {
          const example = EXAMPLES[event.currentTarget.value];
          event.currentTarget.value = "";
          if (!example) return;
          startAnew(now.language, languages.value, example.programs[now.language] ?? "");
          change({ terminal: example.terminal ?? false, stdin: example.stdin ?? "", cases: [] });
        }}
      >
        <option value="">{say("program.examples")}…</option>
        {Object.entries(EXAMPLES)
          .filter(([, example]) => example.programs[now.language])
          .map(([name]) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
      </select>
      <button onClick={() => picker.current?.click()}>{say("program.open")}</button>
      <input
        ref={picker}
        class="hidden"
        type="file"
        multiple
        tabIndex={-1}
        aria-label={say("program.open")}
        onChange={(event) => {
          void open([...(event.currentTarget.files ?? [])], languages.value);
          event.currentTarget.value = "";
        }}
      />
      <button onClick={() => now.files.forEach((file) => download(file.name, file.content))}>{say("program.download")}</button>
      <span class="gap" />
      {isBusy.value ? (
        <button class="main stop" onClick={onStop}>
          {say("stop")}
        </button>
      ) : (
        <button class="main" onClick={onRun} title={say("run.key")} disabled={!now.files.length}>
          ▶ {say("run")}
        </button>
      )}
    </div>
  );
}

function Tabs() {
  const { files } = program.value;
  const rename = (at: number) => {
    const name = prompt(say("program.file.name"), files[at]?.name)?.trim();
    if (!name || files.some((file, other) => other !== at && file.name === name)) return;
    const language = files.length === 1 ? languageOf(name, languages.value) : undefined;
    change({ files: files.map((file, other) => (other === at ? { ...file, name } : file)), ...(language && { language }) });
  };
  const add = () => {
    const name = prompt(say("program.file.name"))?.trim();
    if (!name || files.some((file) => file.name === name)) return;
    change({ files: [...files, { name, content: "" }] });
    shown.value = files.length;
  };
  const remove = (at: number) => {
    change({ files: files.filter((_, other) => other !== at) });
    shown.value = Math.max(0, Math.min(shown.value, files.length - 2));
  };
  return (
    <div class="tabs">
      <div role="tablist" aria-label={say("program.files")}>
        {files.map((file, at) => (
          <button
            key={file.name}
            role="tab"
            aria-selected={at === shown.value}
            onClick={() => (shown.value = at)}
            onDblClick={() => rename(at)}
            title={file.name}
          >
            {file.name}
          </button>
        ))}
      </div>
      <button class="plain" onClick={add} aria-label={say("program.file.new")} title={say("program.file.new")}>
        +
      </button>
      <span class="gap" />
      <button class="plain" onClick={() => rename(shown.value)}>
        {say("program.file.rename")}
      </button>
      {files.length > 1 && (
        <button class="plain" onClick={() => remove(shown.value)} aria-label={say("program.file.remove", { name: files[shown.value]?.name ?? "" })}>
          ✕
        </button>
      )}
    </div>
  );
}

function EditorPane({ editor, onRun }: { editor: { current: Editor | null }; onRun: () => void }) {
  const host = useRef<HTMLDivElement>(null);
  const [isThere, setThere] = useState(false);
  const file = program.value.files[shown.value];
  const language = file && (languageOf(file.name, languages.value) ?? program.value.language);
  useEffect(() => {
    let isLeft = false;
    void import("./editor").then(({ edit }) => {
      if (isLeft || !host.current) return;
      editor.current = edit(host.current, say("program.editor"), write, onRun);
      setThere(true);
    });
    return () => {
      isLeft = true;
      editor.current?.destroy();
      editor.current = null;
    };
  }, [tongue.value]);
  useEffect(() => {
    if (isThere && file) editor.current?.show(file.content, language ?? "");
  }, [isThere, revision.value, file?.name, language]);
  const now = run.value;
  useEffect(() => {
    if (!isThere || !file) return;
    const told = now?.state === "done" ? [...now.output].flatMap(([at, one]) => one.pieces.filter((piece) => at === COMPILER || piece.stream === "stderr")) : [];
    const whole = told.map((piece) => piece.text).join("");
    editor.current?.mark(marksIn(whole).filter((mark) => mark.file === file.name.split("/").at(-1)));
  }, [isThere, now?.state, now?.id, file?.name]);
  return <div class="editor" ref={host} data-there={isThere} />;
}

function Options() {
  const now = program.value;
  const language = languages.value.find((one) => one.name === now.language);
  return (
    <details open={now.stdin !== "" || undefined}>
      <summary>{say("program.options")}</summary>
      {!now.cases.length && (
        <label>
          {say("program.input")}
          <textarea rows={3} disabled={now.terminal} value={now.stdin} onInput={(event) => change({ stdin: event.currentTarget.value })} />
        </label>
      )}
      <label class="check">
        <input type="checkbox" checked={now.terminal} onChange={(event) => change({ terminal: event.currentTarget.checked })} />
        {say("program.terminal")}
      </label>
      <label>
        {say("program.args")} <small>{say("program.args.hint")}</small>
        <input value={now.args} onInput={(event) => change({ args: event.currentTarget.value })} />
      </label>
      <label>
        {say("program.artifacts")} <small>{say("program.artifacts.hint")}</small>
        <input value={now.artifacts} onInput={(event) => change({ artifacts: event.currentTarget.value })} />
      </label>
      <fieldset>
        <legend>{say("program.limits")}</legend>
        {LIMITS.map((name) => {
          const scale = name === "memory_bytes" ? MEBIBYTE : 1;
          const most = (language?.highest_limits[name] ?? 0) / scale;
          return (
            <label key={name}>
              {say(`limit.${name}`)} <small>{say("limit.most", { value: most })}</small>
              <input
                type="number"
                min={0}
                max={most}
                step="any"
                placeholder={String((language?.default_limits[name] ?? 0) / scale)}
                value={now.limits[name] ?? ""}
                onInput={(event) => change({ limits: { ...now.limits, [name]: event.currentTarget.value } })}
              />
            </label>
          );
        })}
      </fieldset>
    </details>
  );
}

function Cases() {
  const { cases } = program.value;
  const set = (at: number, part: Partial<(typeof cases)[number]>) =>
    change({ cases: cases.map((one, other) => (other === at ? { ...one, ...part } : one)) });
  const add = () => change({ cases: [...cases, { name: String(cases.length + 1), stdin: "", expected: "" }], terminal: false });
  return (
    <details open={cases.length > 0 || undefined}>
      <summary>
        {say("program.cases")} {cases.length > 0 && `(${cases.length})`}
      </summary>
      <p class="note">{say("case.hint")}</p>
      {cases.map((one, at) => (
        <fieldset key={at} class="case">
          <legend>
            <input aria-label={say("case.name")} value={one.name} onInput={(event) => set(at, { name: event.currentTarget.value })} />
            <button class="plain" aria-label={say("case.remove", { name: one.name })} onClick={() => change({ cases: cases.filter((_, other) => other !== at) })}>
              ✕
            </button>
          </legend>
          <label>
            {say("case.input")}
            <textarea rows={2} value={one.stdin} onInput={(event) => set(at, { stdin: event.currentTarget.value })} />
          </label>
          <label>
            {say("case.expected")}
            <textarea rows={2} value={one.expected} onInput={(event) => set(at, { expected: event.currentTarget.value })} />
          </label>
        </fieldset>
      ))}
      <button onClick={add}>{say("case.add")}</button>
    </details>
  );
}
