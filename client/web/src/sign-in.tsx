import { useState } from "preact/hooks";
import { api } from "./api";
import { begin } from "./state";
import { say } from "./words";

export function SignIn() {
  const [token, setToken] = useState("");
  const [trouble, setTrouble] = useState("");
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      await api.signIn(token);
      await begin();
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <form class="sign-in panel" onSubmit={submit}>
      <h1>{say("sign.in")}</h1>
      <p>{say("sign.why")}</p>
      <label>
        {say("sign.token")}
        <input
          type="password"
          autocomplete="off"
          value={token}
          onInput={(event) => setToken(event.currentTarget.value)}
          aria-invalid={trouble !== ""}
          aria-describedby="sign-in-trouble"
        />
      </label>
      <p id="sign-in-trouble" role="alert" class="bad">
        {trouble}
      </p>
      <button class="main" disabled={!token.trim()}>
        {say("sign.in")}
      </button>
    </form>
  );
}
