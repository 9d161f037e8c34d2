"""Sandboxes on a kernel of their own, in every language: what holds there, what is named, and that nothing is left.

gVisor cannot change the limits of what runs, and its kernel has no counters of its own: see docs/security.md.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import docker
import psutil
import pytest

from ccx.client import Client
from ccx.wire import CaseResult, Submission, Verdict
from ccx_orchestrator.doctor.sandboxes import FOLDER
from tests.integration.test_programs_as_people_write_them import C_HEAD, DEEP, TWO_LINES, WHO_I_AM
from tests.support.judges import CHECKERS, GUESSERS, INTERACTOR, SPLITS, UPPER, checker_in, judge
from tests.support.node import NodeProcess, containers_with, engine_client, eventually, sandboxes_of, submission
from tests.support.own_engine import IS_POSSIBLE, OwnEngine, own_engine

RUNSC = shutil.which("runsc")
pytestmark = [
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.skipif(not IS_POSSIBLE, reason="it takes root and dockerd"),
    # The SDK leaves sockets that were cut off to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

MIB = 1 << 20
GONE_SECONDS = 40.0  # the engine kills a thousand processes of a kernel's, which are traced, in its own time
SECONDS = 60.0
# A runtime that is told to have a network tries to set one up, and a kernel's virtual machine is not there on every host.
CONFIGURATION = {
    "runtimes": {"runsc": {"path": RUNSC, "runtimeArgs": ["--network=none", "--platform=ptrace"]}},
}
SUM = {
    "c": '#include <stdio.h>\nint main(void) { int a, b; scanf("%d %d", &a, &b); printf("%d\\n", a + b); }\n',
    "python": "print(sum(map(int, input().split())))\n",
    "java": "public class Main { public static void main(String[] arguments) {"
    " var in = new java.util.Scanner(System.in); System.out.println(in.nextInt() + in.nextInt()); } }\n",
}
# What `ccx doctor` tries the limits with does the same in every language.
PROBES = {
    language: FOLDER.joinpath(name).read_text()
    for language, name in {"c": "probe.c", "python": "probe.py", "java": "probe.java"}.items()
}
LIMITS: dict[str, dict[str, float]] = {
    "c": {"memory_bytes": 64 * MIB, "processes": 16},
    "python": {"memory_bytes": 64 * MIB, "processes": 16},
    "java": {"memory_bytes": 128 * MIB, "processes": 64},
}
FORK_BOMBS = {
    "c": '#include <stdio.h>\n#include <unistd.h>\nint main(void) { puts("begun"); fflush(stdout); for (;;) fork(); }\n',
    "python": "import os\nprint('begun', flush=True)\nwhile True:\n"
    "    try:\n        os.fork()\n    except OSError:\n        pass\n",
    "java": "public class Main { public static void main(String[] arguments) throws Exception {"
    ' System.out.println("begun");'
    ' new ProcessBuilder("sh", "-c", "f() { f | f & }; f; sleep 100").start().waitFor(); System.exit(1); } }\n',
}


@dataclass(frozen=True)
class Gvisor:
    """A node whose sandboxes all run in gVisor, and the engine that they are on."""

    node: NodeProcess
    engine: OwnEngine

    async def run(self, language: str, program: str, **fields: Any) -> Submission:
        async with Client(self.node.url) as client, asyncio.timeout(SECONDS):
            return await client.submit(submission(language, program, **fields))

    async def in_every_language(self, programs: dict[str, str], **fields: Any) -> dict[str, Submission]:
        """What it comes to in each, by the limits of `LIMITS` and those given."""
        limits = fields.pop("limits", {})
        runs = [self.run(each, programs[each], limits=LIMITS[each] | limits, **fields) for each in programs]
        return dict(zip(programs, await asyncio.gather(*runs), strict=True))

    async def probe(self, what: str, **limits: float) -> dict[str, CaseResult]:
        """The one case of the probes that try to pass one limit."""
        results = await self.in_every_language(PROBES, args=[what], limits={"cpu_seconds": 2} | limits)
        return {language: result.cases[0] for language, result in results.items()}

    async def is_settled(self) -> bool:
        """Whether there is nothing but what the node keeps ready."""
        async with Client(self.node.url) as client:
            kept = sum(shelf.idle + shelf.starting for shelf in (await client.health()).pool)
        return len(sandboxes_of(self.node.name, self.engine.address)) <= kept

    def runtime_processes(self) -> list[list[str]]:
        """The command lines of what gVisor itself has running on that engine: kernels, file servers, starts."""
        return [
            process.info["cmdline"]
            for process in psutil.process_iter(["cmdline"])
            if any("runsc" in word for word in process.info["cmdline"] or [])
            and any(str(self.engine.folder) in word for word in process.info["cmdline"])
        ]


@pytest.fixture(scope="module")
def gvisor(suite: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gvisor]:
    assert RUNSC, "scripts/setup-tests.sh installs runsc"
    folder = tmp_path_factory.mktemp("gvisor")
    configuration = folder / "daemon.json"
    configuration.write_text(json.dumps(CONFIGURATION))
    with own_engine(f"--config-file={configuration}", images=("ccx-c", "ccx-python", "ccx-java")) as engine:
        with NodeProcess(
            f"{suite}-gvisor", folder, "3", CCX_RUNTIME="runsc", CCX_POOL_MAXIMUM="1", DOCKER_HOST=engine.address
        ) as node:
            found = Gvisor(node, engine)
            yield found
        assert found.runtime_processes() == [], "left behind by gVisor"
        assert containers_with("ccx", engine.address) == []


def named(cases: dict[str, CaseResult]) -> set[tuple[Verdict | None, str | None]]:
    """The verdicts that there were, and the limits that they name."""
    return {(case.verdict, case.limit) for case in cases.values()}


@pytest.mark.parametrize("limits", [{"memory_bytes": 256 * MIB, "processes": 64}, {"memory_bytes": 192 * MIB}])
async def test_a_program_reads_and_writes_with_usual_limits_or_not(limits: dict[str, float], gvisor: Gvisor) -> None:
    results = await gvisor.in_every_language(SUM, stdin="2 3\n", limits=limits)
    told = {(result.verdict, result.cases[0].stdout) for result in results.values()}
    assert told == {(Verdict.OK, "5\n")}, results


async def test_every_case_finds_the_files_as_they_were(gvisor: Gvisor) -> None:
    results = await gvisor.in_every_language(SUM, cases=[{"stdin": "2 3\n"}, {"stdin": "4 5\n"}])
    told = {(result.verdict, *(case.stdout for case in result.cases)) for result in results.values()}
    assert told == {(Verdict.OK, "5\n", "9\n")}, results


async def test_programs_as_people_write_them_run_there_too(gvisor: Gvisor) -> None:
    """Output that was written is shown, deep recursion, sources as editors save them, a user with a name, options."""
    hangs = f'{C_HEAD}int main(void) {{ printf("first\\n"); for (;;) ; }}'
    ended = await gvisor.run("c", hangs, limits={"cpu_seconds": 1})
    assert (ended.verdict, ended.cases[0].stdout) == (Verdict.CPU_TIME_LIMIT, "first\n")
    usual: dict[str, Any] = {"limits": {"memory_bytes": 512 * MIB, "cpu_seconds": 20, "wall_seconds": 40}}
    for language in PROBES:
        deep = await gvisor.run(language, DEEP[language], **usual)
        assert (deep.verdict, deep.cases[0].stdout) == (Verdict.OK, "100000\n"), deep
        named = await gvisor.run(language, WHO_I_AM[language])
        assert named.cases[0].stdout == "sandbox sandbox /box/work sandbox\n", named
        marked = await gvisor.run(language, "\ufeff" + TWO_LINES[language].replace("\n", "\r\n"))
        assert marked.cases[0].stdout == "one\ntwo\n", marked
        near = {"stdin": "2 3\n", "expected_stdout": "5.0000001", "compare": {"float_absolute_tolerance": 1e-6}}
        assert (await gvisor.run(language, SUM[language], cases=[near])).verdict is Verdict.OK
    optimised = await gvisor.run("python", "assert False\nprint(__debug__)\n", run_options=["-O"])
    asserted = await gvisor.run("java", "void main() { assert false; }", run_options=["-ea"])
    assert (optimised.cases[0].stdout, asserted.verdict) == ("False\n", Verdict.RUNTIME_ERROR)


async def test_a_checker_judges_on_a_kernel_of_its_own(gvisor: Gvisor) -> None:
    for language in CHECKERS:
        cases = [{"stdin": "9"}, {"stdin": "7"}]
        program = SPLITS.replace("n - n // 3", "n - n // 3 + (n == 7)")
        result = await gvisor.run("python", program, cases=cases, checker=checker_in(language))
        assert [case.verdict for case in result.cases] == ["ok", "wrong_answer"], result


async def test_an_interactor_talks_from_kernel_to_kernel(gvisor: Gvisor) -> None:
    for language, (_, source) in GUESSERS.items():
        result = await gvisor.run(language, source, stdin="99", interactor=judge(INTERACTOR))
        assert (result.verdict, result.cases[0].feedback) == (Verdict.OK, "7 turns"), result


async def test_a_case_has_its_files_and_leaves_one(gvisor: Gvisor) -> None:
    cases = [
        {
            "files": [{"name": "input.txt", "content": text}],
            "output_file": "output.txt",
            "expected_stdout": text.upper(),
        }
        for text in ("one", "two")
    ]
    programs = {language: source for language, (_, source) in UPPER.items()}
    results = await gvisor.in_every_language(programs, cases=cases)
    assert {result.verdict for result in results.values()} == {Verdict.OK}, results


async def test_memory_is_limited_and_named(gvisor: Gvisor) -> None:
    cases = await gvisor.probe("allocate", file_bytes=8 * MIB)
    assert named(cases) == {(Verdict.MEMORY_LIMIT, "memory_bytes")}, cases


async def test_processor_time_is_limited_and_named(gvisor: Gvisor) -> None:
    cases = await gvisor.probe("burn", cpu_seconds=0.7)
    assert named(cases) == {(Verdict.CPU_TIME_LIMIT, "cpu_seconds")}, cases


async def test_wall_time_is_limited_and_named(gvisor: Gvisor) -> None:
    cases = await gvisor.probe("sleep", wall_seconds=1.0)
    assert named(cases) == {(Verdict.WALL_TIME_LIMIT, "wall_seconds")}, cases


async def test_output_is_limited_and_named(gvisor: Gvisor) -> None:
    cases = await gvisor.probe("flood", output_bytes=100_000)
    assert named(cases) == {(Verdict.OUTPUT_LIMIT, "output_bytes")}, cases


async def test_there_is_no_network(gvisor: Gvisor) -> None:
    cases = await gvisor.probe("network")
    assert {(case.verdict, case.stdout) for case in cases.values()} == {(Verdict.OK, "interfaces: lo\n")}, cases


async def test_processes_are_limited_but_not_named(gvisor: Gvisor) -> None:
    cases = await gvisor.probe("fork", cpu_seconds=5, memory_bytes=256 * MIB)
    assert named(cases) == {(Verdict.RUNTIME_ERROR, None)}, cases
    assert all("refused: " in case.stdout + case.stderr for case in cases.values()), cases


@pytest.mark.parametrize("language", FORK_BOMBS)
async def test_a_fork_bomb_ends_with_its_submission(language: str, gvisor: Gvisor) -> None:
    limits = LIMITS[language] | {"cpu_seconds": 1, "wall_seconds": 3}
    result = await gvisor.run(language, FORK_BOMBS[language], limits=limits)
    # Whichever gives out first: the program's time, the memory or the threads of the kernel that it alone uses.
    ends = {Verdict.CPU_TIME_LIMIT, Verdict.WALL_TIME_LIMIT, Verdict.MEMORY_LIMIT, Verdict.INTERNAL_ERROR}
    assert result.verdict in ends, result
    innocent = await gvisor.run("python", SUM["python"], stdin="20 22\n")
    assert (innocent.verdict, innocent.cases[0].stdout) == (Verdict.OK, "42\n"), innocent
    await eventually(gvisor.is_settled, "no sandbox but those kept ready", GONE_SECONDS)


async def test_a_compiler_is_held_to_the_limits_of_the_run(gvisor: Gvisor) -> None:
    result = await gvisor.run("c", SUM["c"], limits={"memory_bytes": 8 * MIB})
    assert result.compile is not None
    assert (result.verdict, result.compile.limit) == (Verdict.COMPILE_ERROR, "memory_bytes"), result
    assert str(result.message).endswith("its limit of 8 MiB.")


async def test_a_start_that_fails_leaves_nothing_running(gvisor: Gvisor) -> None:
    before = len(gvisor.runtime_processes())
    with engine_client(gvisor.engine.address) as client:
        container = client.api.create_container(
            "ccx-c", host_config=client.api.create_host_config(runtime="runsc", mem_limit=8 * MIB, network_mode="none")
        )
        with suppress(docker.errors.APIError):
            client.api.start(container)
        assert client.api.inspect_container(container)["State"]["Status"] != "running"
        client.api.remove_container(container, force=True)

    async def is_as_before() -> bool:
        return len(gvisor.runtime_processes()) <= before

    await eventually(is_as_before, "no process of gVisor more than before", GONE_SECONDS)
