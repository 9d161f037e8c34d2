/** xterm.js and the WebSocket of a program that is typed to; loaded when it is needed. */
import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { bytes, type Request, type Submission } from "./api";

export interface Conversation {
  end(): void;
}
interface Told {
  type: string;
  data?: string;
  encoding?: string;
  bytes?: number;
  submission_id?: string;
  node?: string;
  submission?: Submission;
  problem?: { detail: string };
}

const WINDOW = 65_536; // bytes of input that the program may have waiting

export function converse(host: HTMLElement, request: Request, onTold: (told: Told) => void, onEnd: () => void): Conversation {
  const style = getComputedStyle(host);
  const terminal = new Terminal({
    cursorBlink: true,
    fontFamily: style.getPropertyValue("--mono"),
    fontSize: 14,
    scrollback: 5000,
    screenReaderMode: true,
    documentOverride: withoutStyleElements(),
    theme: { background: "#10161a", foreground: "#e6edf0", cursor: "#e6edf0" },
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  const styles = adoptStyles(host);
  terminal.open(host);
  fit.fit();
  terminal.focus();

  const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/interactive`;
  const socket = new WebSocket(address);
  const size = () => ({ rows: terminal.rows, columns: terminal.cols });
  const tell = (message: unknown) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message));
  let credit = WINDOW;
  let typed = "";
  const send = () => {
    while (typed && credit > 0) {
      const piece = typed.slice(0, Math.min(4096, Math.floor(credit / 4) || 1));
      typed = typed.slice(piece.length);
      credit -= new TextEncoder().encode(piece).length;
      tell({ type: "input", data: piece });
    }
  };
  socket.onopen = () => tell({ type: "start", submission: request, terminal: size() });
  socket.onmessage = (message) => {
    const told = JSON.parse(String(message.data)) as Told;
    if (told.type === "output") terminal.write(bytes(told.data ?? "", told.encoding));
    else if (told.type === "credit") {
      credit += told.bytes ?? 0;
      send();
    } else onTold(told);
  };
  socket.onclose = () => {
    terminal.options.cursorBlink = false;
    terminal.options.disableStdin = true;
    onEnd();
  };
  terminal.onData((data) => {
    typed += data;
    send();
  });
  terminal.onResize(() => tell({ type: "resize", terminal: size() }));
  const observer = new ResizeObserver(() => fit.fit());
  observer.observe(host);
  return {
    end() {
      observer.disconnect();
      socket.close();
      styles.disconnect();
      terminal.dispose();
    },
  };
}

const STYLE = "ccx-style";

/** xterm writes its styles into elements, which the page's policy forbids. It is given others, and what they say is
 * adopted as sheets. */
function withoutStyleElements(): Document {
  return new Proxy(document, {
    get(target, name) {
      if (name === "createElement") return (kind: string) => target.createElement(kind === "style" ? STYLE : kind);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function adoptStyles(host: HTMLElement): MutationObserver {
  const sheets = new Map<Element, CSSStyleSheet>();
  const observer = new MutationObserver(() => {
    for (const element of host.querySelectorAll(STYLE)) {
      let sheet = sheets.get(element);
      if (!sheet) {
        sheet = new CSSStyleSheet();
        sheets.set(element, sheet);
        document.adoptedStyleSheets.push(sheet);
      }
      sheet.replaceSync(element.textContent ?? "");
    }
  });
  observer.observe(host, { childList: true, subtree: true, characterData: true });
  return observer;
}
