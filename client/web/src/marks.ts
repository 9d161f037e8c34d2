/** Where compilers and tracebacks say that something is wrong. */
export interface Mark {
  file: string;
  line: number;
  column: number | null;
  message: string;
  isError: boolean;
}

const GCC = /^(.+?):(\d+):(\d+): (?:fatal )?(error|warning): (.+)$/;
const JAVAC = /^(.+?\.java):(\d+): (error|warning): (.+)$/;
const FRAME = /^ {2}File "(.+?)", line (\d+)/;

export function marksIn(text: string): Mark[] {
  const lines = text.split("\n");
  const found = lines.flatMap((line): Mark[] => {
    const gcc = GCC.exec(line);
    if (gcc) return [{ file: base(gcc[1]), line: Number(gcc[2]), column: Number(gcc[3]), message: gcc[5] ?? "", isError: gcc[4] === "error" }];
    const javac = JAVAC.exec(line);
    if (javac) return [{ file: base(javac[1]), line: Number(javac[2]), column: null, message: javac[4] ?? "", isError: javac[3] === "error" }];
    return [];
  });
  return found.length ? found : ofTraceback(lines);
}

/** The innermost frame of the last traceback is where it went wrong; its last line says what. */
function ofTraceback(lines: string[]): Mark[] {
  const frames = lines.map((line) => FRAME.exec(line)).filter((frame) => frame !== null);
  const last = frames.filter((frame) => !frame[1]?.startsWith("/usr/") && !frame[1]?.startsWith("<")).at(-1);
  const message = lines.filter((line) => /^[\w.]+(Error|Exception|Interrupt|Exit|Warning)?\b.*$/.test(line) && !line.startsWith("Traceback")).at(-1);
  return last ? [{ file: base(last[1]), line: Number(last[2]), column: null, message: message ?? "", isError: true }] : [];
}

function base(path: string | undefined): string {
  return path?.split("/").at(-1) ?? "";
}
