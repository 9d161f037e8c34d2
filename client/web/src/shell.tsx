import { Cluster } from "./cluster";
import { RunView } from "./run-view";
import { SignIn } from "./sign-in";
import { begin, follow, identity, isLost, mustSignIn, path } from "./state";
import { SubmissionView } from "./submission-view";
import { Submissions } from "./submissions";
import { say, speak, tongue, TONGUES } from "./words";
import { api } from "./api";

const VIEWS = [
  { to: "/", word: "nav.run" },
  { to: "/submissions", word: "nav.submissions" },
  { to: "/cluster", word: "nav.cluster" },
] as const;

export function Shell() {
  return (
    <div class="shell" onClick={follow}>
      <header>
        <a class="brand" href="/">
          ccx
        </a>
        <nav>
          {VIEWS.map(({ to, word }) => (
            <a key={to} href={to} aria-current={path.value === to ? "page" : undefined}>
              {say(word)}
            </a>
          ))}
          <a href="/docs" target="_blank" rel="noreferrer">
            {say("nav.api")}
          </a>
        </nav>
        <Who />
        <select
          class="tongue"
          aria-label={say("language.choice")}
          value={tongue.value}
          onChange={(event) => speak(event.currentTarget.value)}
        >
          {TONGUES.map((name) => (
            <option key={name} value={name}>
              {name.toUpperCase()}
            </option>
          ))}
        </select>
      </header>
      <div class="news" role="status">
        {isLost.value && <p class="lost">{say("lost")}</p>}
      </div>
      <main>{identity.value === null ? <p class="pad">{say("loading")}</p> : mustSignIn.value ? <SignIn /> : <View />}</main>
    </div>
  );
}

function Who() {
  const who = identity.value;
  if (!who?.asks_for_tokens || !who.name) return null;
  const leave = async () => {
    await api.signOut();
    await begin();
  };
  return (
    <span class="who">
      {who.name}{" "}
      <button class="plain" onClick={leave}>
        {say("sign.out")}
      </button>
    </span>
  );
}

function View() {
  const id = /^\/s\/([0-9a-f]{32})$/.exec(path.value)?.[1];
  if (id) return <SubmissionView key={id} id={id} />;
  if (path.value === "/submissions") return <Submissions />;
  if (path.value === "/cluster") return <Cluster />;
  return <RunView />;
}
