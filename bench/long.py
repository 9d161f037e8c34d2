"""Programs that take seconds, where a sandbox must cost nothing: Java against the machine it is made from, and C that prints a
lot against the same program as the C library alone would have it.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import tempfile
from pathlib import Path

from bench.measure import pool_is_full
from bench.sides import Node
from ccx.client import Client
from ccx.wire import LimitOverrides, SourceFile, SubmissionRequest, Verdict

LIMITS = LimitOverrides(cpu_seconds=60, wall_seconds=120, output_bytes=16 * 1024 * 1024)
IMAGE = "ccx-java"
# The machine tells at its end what processor time it has used.
_MAIN = """
public class Main {{
    {members}
    public static void main(String[] arguments) {{
        {body}
        if (arguments.length > 0)
            System.err.println(ProcessHandle.current().info().totalCpuDuration().get().toMillis());
    }}
}}
"""
JAVA = {
    "sieve": _MAIN.format(
        members="",
        body="int found = 0; for (int round = 0; round < 150; round++) { found = 0; boolean[] not = new boolean[5_000_000];"
        " for (int i = 2; i < not.length; i++) if (!not[i]) { found++;"
        " for (long j = (long) i * i; j < not.length; j += i) not[(int) j] = true; } } System.out.println(found);",
    ),
    "matrix": _MAIN.format(
        members="",
        body="int n = 700; double[][] a = new double[n][n], b = new double[n][n]; double sum = 0;"
        " for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) { a[i][j] = i + j; b[i][j] = i - j; }"
        " for (int round = 0; round < 8; round++) for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) { double s = 0;"
        " for (int k = 0; k < n; k++) s += a[i][k] * b[k][j]; sum += s; } System.out.println(sum);",
    ),
    "streams": _MAIN.format(
        members="",
        body="long sum = 0; for (int round = 0; round < 1500; round++) sum += java.util.stream.IntStream.range(0, 1_000_000)"
        ".boxed().filter(n -> n % 3 == 0).mapToLong(n -> (long) n * n).sum(); System.out.println(sum);",
    ),
    "maps": _MAIN.format(
        members="",
        body="long sum = 0; for (int round = 0; round < 240; round++) { var map = new java.util.HashMap<String, Integer>();"
        ' for (int i = 0; i < 400_000; i++) map.merge("k" + i % 50_000, 1, Integer::sum); sum += map.size(); }'
        " System.out.println(sum);",
    ),
    "recursion": _MAIN.format(
        members="static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }",
        body="System.out.println(fib(46));",
    ),
}
_PRINTS = """
#include <stdio.h>
int main(void) {{
    {first}
    for (int i = 0; i < 1000000; i++) printf("%d\\n", i);
    return 0;
}}
"""
BY_LINES_AT_FIRST = _PRINTS.format(first="")
AS_THE_LIBRARY = _PRINTS.format(first="setvbuf(stdout, NULL, _IOFBF, 4096);")


async def java(url: str, rounds: int) -> dict[str, dict[str, list[float]]]:
    """CPU seconds by program and side: `ccx`, and `java`, the same release with its own defaults in a bare container."""
    samples: dict[str, dict[str, list[float]]] = {name: {"ccx": [], "java": []} for name in JAVA}
    async with Client(url) as client:
        for _ in range(rounds):
            for name, source in JAVA.items():
                samples[name]["ccx"].append(await _cpu_seconds(client, "java", "Main.java", source))
                samples[name]["java"].append(await asyncio.to_thread(_by_java, source))
    return samples


async def printing(url: str, rounds: int) -> dict[str, list[float]]:
    """CPU seconds of a C program that prints a million lines: as it is, and where it chooses blocks itself."""
    samples: dict[str, list[float]] = {"as it is": [], "in blocks": []}
    async with Client(url) as client:
        for _ in range(rounds):
            samples["as it is"].append(await _cpu_seconds(client, "c", "main.c", BY_LINES_AT_FIRST))
            samples["in blocks"].append(await _cpu_seconds(client, "c", "main.c", AS_THE_LIBRARY))
    return samples


def worst_ratio(samples: dict[str, dict[str, list[float]]]) -> float:
    """Of the program that does worst, medians."""
    return max(statistics.median(sides["ccx"]) / statistics.median(sides["java"]) for sides in samples.values())


async def _cpu_seconds(client: Client, language: str, name: str, source: str) -> float:
    file = SourceFile(name=name, content=source)
    result = await client.submit(SubmissionRequest(language=language, files=(file,), limits=LIMITS))
    if result.verdict is not Verdict.OK:
        raise RuntimeError(f"{name} went wrong: {result.verdict} {result.message}")
    return result.cases[0].cpu_seconds


def _by_java(source: str) -> float:
    with tempfile.TemporaryDirectory(prefix="ccx-bench-") as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "Main.java").write_text(source)
        inside = "cp /source/Main.java /box && cd /box && javac Main.java && exec java -cp . Main tell"
        command = ["docker", "run", "--rm", "--label", "ccx=bench", "--network", "none", "--memory", "512m"]
        command += ["--tmpfs", "/box", "-v", f"{folder}:/source:ro", "--entrypoint", "sh", IMAGE, "-c", inside]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return int(done.stderr.strip().splitlines()[-1]) / 1e3


async def _main() -> None:
    async with Node("bench-long", 2) as node:
        await pool_is_full(node.url)
        printed = await printing(node.url, 15)
        ratio = statistics.median(printed["as it is"]) / statistics.median(printed["in blocks"])
        print(f"a million lines, CPU against blocks alone: {ratio:.3f}")
        samples = await java(node.url, 3)
        for name, sides in samples.items():
            print(name, {side: round(statistics.median(times), 2) for side, times in sides.items()})
        print(f"the worst against java's own: {worst_ratio(samples):.3f}")


if __name__ == "__main__":
    asyncio.run(_main())
