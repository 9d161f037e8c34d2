"""What holds for programs in every language alike. `tests/programs` has the same program in each."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ccx.wire import Submission, Verdict
from tests.support.node import Runs

pytestmark = pytest.mark.docker

PROGRAMS = Path(__file__).parents[1] / "programs"
MIB = 1 << 20


@dataclass(frozen=True)
class Dialect:
    """A language, and what differs between them as far as these tests go."""

    language: str
    main: str
    memory_bytes: int
    processes: int
    neighbours: dict[str, str | bytes]
    """Many files that `main_with_neighbours` uses one of."""
    main_with_neighbours: str

    @property
    def versatile(self) -> dict[str, str | bytes]:
        return {self.main: (PROGRAMS / self.main).read_text()}


PYTHON = Dialect(
    "python",
    "versatile.py",
    memory_bytes=32 * MIB,
    processes=8,
    neighbours={f"part_{number}.py": f"NUMBER = {number}\n" for number in range(99)},
    main_with_neighbours="import part_7, part_98\nprint(part_7.NUMBER + part_98.NUMBER)\n",
)
C = Dialect(
    "c",
    "versatile.c",
    memory_bytes=32 * MIB,
    processes=8,
    neighbours={f"part_{number}.h": f"#define NUMBER_{number} {number}\n" for number in range(99)},
    main_with_neighbours='#include <stdio.h>\n#include "part_7.h"\n#include "part_98.h"\n'
    'int main(void) { printf("%d\\n", NUMBER_7 + NUMBER_98); }\n',
)
JAVA = Dialect(
    "java",
    "Versatile.java",
    memory_bytes=128 * MIB,
    processes=64,
    neighbours={
        f"parts/Part{number}.java": f"package parts; public class Part{number} {{ public static int NUMBER={number}; }}"
        for number in range(99)
    },
    main_with_neighbours="import parts.*;\npublic class Sum { public static void main(String[] arguments) {"
    " System.out.println(Part7.NUMBER + Part98.NUMBER); } }\n",
)
every_language = pytest.mark.parametrize("dialect", [PYTHON, C, JAVA], ids=lambda dialect: dialect.language)


@dataclass(frozen=True)
class RunsVersatile:
    """Runs the versatile program of a language with these arguments."""

    run: Runs
    dialect: Dialect

    async def __call__(self, *args: str, **fields: Any) -> Submission:
        given = {"args": list(args)} if args else {}
        return await self.run(self.dialect.language, self.dialect.versatile, **(given | fields))


@pytest.fixture
def versatile(run: Runs, dialect: Dialect) -> RunsVersatile:
    return RunsVersatile(run, dialect)


# ---- input, output, arguments ----


@every_language
async def test_a_program_that_does_nothing_is_ok_and_has_written_nothing(versatile: RunsVersatile) -> None:
    result = await versatile("nothing")

    (case,) = result.cases
    assert (result.verdict, case.verdict, case.exit_code, case.signal) == (Verdict.OK, Verdict.OK, 0, None)
    assert (case.stdout, case.stderr, case.stdout_bytes, case.stderr_bytes) == ("", "", 0, 0)
    assert (case.limit, case.message, result.message) == (None, None, None)
    assert case.wall_seconds > 0
    assert case.memory_bytes > 0


@every_language
async def test_no_input_is_an_input_that_has_ended(versatile: RunsVersatile) -> None:
    assert (await versatile("count")).cases[0].stdout == "0\n"


@every_language
async def test_a_megabyte_of_input_arrives_byte_for_byte(versatile: RunsVersatile) -> None:
    data = bytes(range(256)) * 4096

    result = await versatile("echo", stdin=base64.b64encode(data).decode(), stdin_encoding="base64")

    assert result.verdict is Verdict.OK
    assert result.cases[0].stdout_data() == data
    assert (result.cases[0].stdout_encoding, result.cases[0].stdout_bytes) == ("base64", MIB)


@every_language
async def test_a_program_need_not_read_its_input(versatile: RunsVersatile) -> None:
    result = await versatile("nothing", stdin="x" * MIB)

    assert result.verdict is Verdict.OK


@every_language
async def test_arguments_arrive_as_they_are(versatile: RunsVersatile) -> None:
    arguments = ["two words", "", "-x", "--", "$HOME", "*", '"quoted"', "{args}", "äöü 日本語"]

    result = await versatile("arguments", *arguments)

    assert result.cases[0].stdout.split("\n")[:-1] == arguments


@every_language
async def test_an_exit_code_is_passed_on_and_any_but_0_is_a_runtime_error(versatile: RunsVersatile) -> None:
    codes = [0, 1, 2, 42, 127, 128, 200, 255]

    result = await versatile(cases=[{"name": f"exit {code}", "args": ["exit", str(code)]} for code in codes])

    assert [case.exit_code for case in result.cases] == codes
    assert [case.verdict for case in result.cases] == [Verdict.OK] + [Verdict.RUNTIME_ERROR] * 7
    assert result.cases[3].message == "It exited with status 42."
    assert (result.verdict, result.message) == (Verdict.RUNTIME_ERROR, "It exited with status 1.")


@every_language
async def test_a_program_that_itself_exits_as_if_killed_for_memory_is_a_runtime_error(versatile: RunsVersatile) -> None:
    result = await versatile("exit", "137")

    (case,) = result.cases
    assert (case.verdict, case.exit_code, case.signal, case.limit) == (Verdict.RUNTIME_ERROR, 137, None, None)


# ---- files ----


@every_language
async def test_a_hundred_files_are_all_there(run: Runs, dialect: Dialect) -> None:
    files = {"Sum" + Path(dialect.main).suffix: dialect.main_with_neighbours} | dialect.neighbours

    result = await run(dialect.language, files)

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "105\n")


@every_language
async def test_the_main_file_need_not_come_first(run: Runs, dialect: Dialect) -> None:
    main = "Sum" + Path(dialect.main).suffix
    files = dialect.neighbours | {main: dialect.main_with_neighbours}

    result = await run(dialect.language, files, entrypoint=main)

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "105\n")


@every_language
async def test_a_main_file_may_have_any_name(run: Runs, dialect: Dialect) -> None:
    content = dialect.versatile[dialect.main]
    suffix = Path(dialect.main).suffix
    names = ["two words", "größe 数", "--version", "@options", "a'b\"c$(d)", "deep/er/down"]

    results = await asyncio.gather(
        *(run(dialect.language, {name + suffix: content}, args=["arguments", "here"]) for name in names)
    )

    ran = {name: (result.verdict, result.cases[0].stdout) for name, result in zip(names, results, strict=True)}
    assert ran == dict.fromkeys(names, (Verdict.OK, "here\n"))


@every_language
async def test_a_lone_file_needs_no_name(run: Runs, dialect: Dialect) -> None:
    result = await run(dialect.language, dialect.versatile[dialect.main], args=["arguments", "here"])

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "here\n")


# ---- cases ----


@every_language
async def test_every_case_has_its_own_input_and_is_compared_with_its_own_output(versatile: RunsVersatile) -> None:
    add = {"args": ["add"]}
    result = await versatile(
        cases=[
            add | {"stdin": "2 3\n", "expected_stdout": "5"},
            add | {"stdin": "2 3\n", "expected_stdout": "6\n", "name": "wrong"},
            add | {"stdin": "20 30\n"},
            {"args": ["exit", "3"], "expected_stdout": ""},
        ]
    )

    assert [case.verdict for case in result.cases] == [
        Verdict.OK,
        Verdict.WRONG_ANSWER,
        Verdict.OK,
        Verdict.RUNTIME_ERROR,
    ]
    assert [case.name for case in result.cases] == ["1", "wrong", "3", "4"]
    assert [case.stdout for case in result.cases] == ["5\n", "5\n", "50\n", ""]
    told = "Its output is not the expected one. Line 1 is '5'; expected was '6'."
    assert (result.verdict, result.message) == (Verdict.WRONG_ANSWER, told)


@every_language
async def test_a_case_says_how_its_output_is_compared(versatile: RunsVersatile) -> None:
    near = {"float_absolute_tolerance": 0.5}
    case = {"args": ["add"], "stdin": "2 3\n"}
    result = await versatile(
        cases=[
            case | {"expected_stdout": "5", "compare": {"mode": "exact"}},
            case | {"expected_stdout": "\n  5", "compare": {"mode": "tokens"}},
            case | {"expected_stdout": "5.25", "compare": near},
            case | {"expected_stdout": "5.75", "compare": near},
        ]
    )
    verdicts = [case.verdict for case in result.cases]
    assert verdicts == [Verdict.WRONG_ANSWER, Verdict.OK, Verdict.OK, Verdict.WRONG_ANSWER]
    assert result.cases[3].message == "Its output is not the expected one. Line 1 is '5'; expected was '5.75'."


@every_language
async def test_the_first_failure_can_be_the_last_case(versatile: RunsVersatile) -> None:
    cases = [{"args": ["exit", code], "name": f"exit {code}"} for code in ("0", "7", "0")]

    result = await versatile(cases=cases, stop_on_failure=True)

    assert [case.name for case in result.cases] == ["exit 0", "exit 7"]
    assert result.verdict is Verdict.RUNTIME_ERROR


@every_language
async def test_no_case_sees_the_files_of_another(versatile: RunsVersatile) -> None:
    result = await versatile(cases=[{"args": ["traces"]}] * 3)

    assert [case.stdout for case in result.cases] == ["nothing\n"] * 3, result
    assert result.verdict is Verdict.OK


@every_language
async def test_a_case_that_reaches_a_limit_does_not_harm_the_next(versatile: RunsVersatile) -> None:
    harm = [["spin"], ["exit", "0"], ["hog"], ["exit", "0"], ["multiply", "1000"], ["exit", "0"]]

    result = await versatile(
        cases=[{"args": args} for args in harm],
        limits={
            "cpu_seconds": 0.5,
            "memory_bytes": versatile.dialect.memory_bytes,
            "processes": versatile.dialect.processes,
        },
    )

    assert [case.verdict for case in result.cases] == [
        Verdict.CPU_TIME_LIMIT,
        Verdict.OK,
        Verdict.MEMORY_LIMIT,
        Verdict.OK,
        Verdict.PROCESS_LIMIT,
        Verdict.OK,
    ]


# ---- artifacts ----


@every_language
async def test_files_that_were_asked_for_come_back_and_others_say_why_not(versatile: RunsVersatile) -> None:
    names = ["plain.bin", "deep/er/text.txt", "missing", "link", "folder"]

    result = await versatile("artifacts", artifacts=names)

    plain, text, missing, link, folder = result.artifacts
    assert [artifact.name for artifact in result.artifacts] == names
    assert (plain.data(), plain.encoding, plain.error) == (bytes(range(256)), "base64", None)
    assert (text.content, text.error) == ("täxt\n", None)
    assert (missing.content, missing.error) == ("", "there is no such file")
    assert (link.content, link.error) == ("", "it is not a regular file")
    assert (folder.content, folder.error) == ("", "it is not a regular file")
    assert result.verdict is Verdict.OK


@every_language
async def test_patterns_bring_the_files_that_match_and_say_where_none_does(versatile: RunsVersatile) -> None:
    asked = ["deep/*/*.txt", "p*.bin", "missing", "*.png", "lin[k]", "*/*.txt", "plain.bin"]

    result = await versatile("artifacts", artifacts=asked)

    assert [(artifact.name, len(artifact.data()), artifact.error) for artifact in result.artifacts] == [
        ("deep/er/text.txt", 6, None),
        ("missing", 0, "there is no such file"),
        ("*.png", 0, "no file matches"),
        ("lin[k]", 0, "no file matches"),
        ("*/*.txt", 0, "no file matches"),
        ("plain.bin", 256, None),
    ]
    assert result.verdict is Verdict.OK


# ---- limits ----


@every_language
async def test_cpu_time_is_limited(versatile: RunsVersatile) -> None:
    result = await versatile("spin", limits={"cpu_seconds": 0.5})

    (case,) = result.cases
    assert (case.verdict, case.limit) == (Verdict.CPU_TIME_LIMIT, "cpu_seconds")
    assert case.message == result.message == "It used more than 0.5 s of CPU time."
    assert 0.5 <= case.cpu_seconds < 1.5
    assert case.stdout == "before\n"


@every_language
async def test_time_on_the_clock_is_limited(versatile: RunsVersatile) -> None:
    result = await versatile("sleep", "30", limits={"wall_seconds": 0.7})

    (case,) = result.cases
    assert (case.verdict, case.limit) == (Verdict.WALL_TIME_LIMIT, "wall_seconds")
    assert case.message == result.message == "It ran for longer than 0.7 s."
    assert 0.7 <= case.wall_seconds < 3
    assert case.stdout == "before\n"


@every_language
async def test_memory_is_limited(versatile: RunsVersatile) -> None:
    memory_bytes = versatile.dialect.memory_bytes

    result = await versatile("hog", limits={"memory_bytes": memory_bytes})

    (case,) = result.cases
    assert (case.verdict, case.limit) == (Verdict.MEMORY_LIMIT, "memory_bytes"), case
    assert case.message == result.message == f"It needed more memory than its limit of {memory_bytes // MIB} MiB."
    # Pages of the image's own libraries are the host's, and counted as resident all the same.
    assert 0.8 * memory_bytes < case.memory_bytes < memory_bytes + 16 * MIB
    assert case.stdout == "before\n"


@every_language
async def test_output_of_exactly_the_limit_is_ok(versatile: RunsVersatile) -> None:
    result = await versatile("flood", "100000", limits={"output_bytes": 100_000})

    (case,) = result.cases
    assert (case.verdict, case.stdout_truncated) == (Verdict.OK, False)
    assert case.stdout == "x" * 100_000


@every_language
async def test_output_above_the_limit_is_cut_and_counted(versatile: RunsVersatile) -> None:
    result = await versatile("flood", "100001", limits={"output_bytes": 100_000})

    (case,) = result.cases
    assert (case.verdict, case.limit) == (Verdict.OUTPUT_LIMIT, "output_bytes")
    assert case.message == result.message == "It wrote more than 100000 bytes to stdout."
    assert case.stdout == "x" * 100_000
    assert (case.stdout_truncated, case.stdout_bytes) == (True, 100_001)


@every_language
async def test_the_size_of_a_file_is_limited(versatile: RunsVersatile) -> None:
    result = await versatile("file", "4194304", limits={"file_bytes": MIB})

    (case,) = result.cases
    assert case.verdict in {
        Verdict.OUTPUT_LIMIT,
        Verdict.RUNTIME_ERROR,
    }  # a language may see an error where others get a signal
    if case.verdict is Verdict.OUTPUT_LIMIT:
        assert (case.limit, case.message) == (
            "file_bytes",
            "It tried to write a file larger than 1048576 bytes (SIGXFSZ).",
        )
    else:
        assert "File too large" in case.stderr
    assert case.stdout == "before\n"


@every_language
async def test_processes_and_threads_are_limited(versatile: RunsVersatile) -> None:
    processes = versatile.dialect.processes

    result = await versatile("multiply", "1000", limits={"processes": processes})

    (case,) = result.cases
    assert (case.verdict, case.limit) == (Verdict.PROCESS_LIMIT, "processes"), case
    assert case.message == result.message == f"It tried to have more than {processes} processes or threads at once."
    assert case.stdout == "before\n"


@every_language
async def test_what_is_left_running_does_not_keep_a_program_from_ending(versatile: RunsVersatile) -> None:
    async with asyncio.timeout(20):
        result = await versatile("multiply", "3")

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "before\nall there\n")
