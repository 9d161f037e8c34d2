"""Checkers and interactors: programs that judge programs, each in a sandbox of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from ccx.client import Client
from ccx.errors import UnknownLanguage
from ccx.wire import Submission, Verdict
from tests.support.judges import CHECKERS, GUESSERS, INTERACTOR, SPLITS, TESTLIB, UPPER, checker_in, judge
from tests.support.node import NodeProcess, StartsNodes, eventually, sandboxes_of, submission

pytestmark = pytest.mark.docker

MIB = 1 << 20
SECONDS = 60.0


@pytest.fixture
async def client(session_node: NodeProcess) -> AsyncIterator[Client]:
    async with Client(session_node.url) as client, asyncio.timeout(SECONDS):
        yield client


@pytest.fixture(scope="module")
def cold_node(suite: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    with NodeProcess(f"{suite}-cold", tmp_path_factory.mktemp("cold"), "2", CCX_POOL="False") as node:
        yield node


@pytest.fixture(params=["session_node", "cold_node"])
async def warm_or_cold(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """Of a node that starts sandboxes ahead, and of one that does not."""
    node: NodeProcess = request.getfixturevalue(request.param)
    async with Client(node.url) as client, asyncio.timeout(SECONDS):
        yield client


async def judged(client: Client, program: str, language: str = "python", **fields: Any) -> Submission:
    return await client.submit(submission(language, program, **fields))


def verdicts(result: Submission) -> list[str | None]:
    return [case.verdict for case in result.cases]


# ---- checkers ----


@pytest.mark.parametrize("language", CHECKERS)
async def test_a_checker_in_any_language_judges_every_case(warm_or_cold: Client, language: str) -> None:
    cases = [{"stdin": "9"}, {"stdin": "-10"}, {"stdin": "7"}]
    program = SPLITS.replace("n - n // 3", "n - n // 3 + (n == 7)")
    result = await judged(warm_or_cold, program, cases=cases, checker=checker_in(language))
    assert verdicts(result) == ["ok", "ok", "wrong_answer"], result
    assert [(case.feedback or "").split(" for ")[-1][:3].strip(" ,") for case in result.cases] == ["9", "-10", "7"]


async def test_a_checker_has_input_answer_arguments_and_nothing_of_the_case_before(client: Client) -> None:
    nosy = """
import os, sys
found = sorted(os.path.join(folder, name) for folder, _, names in os.walk(".") for name in names)
before = os.listdir("/tmp")
open("left", "w").write("x"); open("/tmp/left", "w").write("x")
print(found, sys.argv[1:], sys.stdin.read(), before, file=sys.stderr)
sys.exit(42)
"""
    cases = [
        {"stdin": "in1", "expected_stdout": "answer1", "checker_args": ["case", "1"]},
        {"stdin": "in2", "expected_stdout": "answer2", "checker_args": []},
    ]
    result = await judged(client, "print(input())", cases=cases, checker=judge(nosy, name="nosy.py", args=["own"]))
    files = "['./ccx-case/answer', './ccx-case/feedback/.made', './ccx-case/input', './ccx-case/output', './nosy.py']"
    names = "'ccx-case/input', 'ccx-case/answer', 'ccx-case/feedback', 'own'"
    assert [case.feedback for case in result.cases] == [
        f"{files} [{names}, 'case', '1'] in1\n []",
        f"{files} [{names}] in2\n []",
    ]
    assert result.verdict is Verdict.OK


async def test_testlib_says_right_wrong_and_what_is_wrong(client: Client) -> None:
    cases = [{"stdin": str(number), "expected_stdout": "9"} for number in (9, 8, 1)]
    program = SPLITS + "if n == 1: print('more')\n"
    result = await judged(client, program, cases=cases, checker=judge(TESTLIB, convention="testlib"))
    assert verdicts(result) == ["ok", "wrong_answer", "wrong_answer"]
    assert [case.feedback for case in result.cases] == [
        "ok 9",
        "wrong answer no such sum",
        "wrong output format Expected two numbers",
    ]
    assert result.message == "The checker does not accept it: wrong answer no such sum"


async def test_a_program_that_fails_by_itself_is_not_checked(client: Client) -> None:
    cases = [{"stdin": "1"}, {"stdin": "x"}]
    result = await judged(client, SPLITS, cases=cases, checker=checker_in("python"))
    assert verdicts(result) == ["ok", "runtime_error"]
    assert result.cases[1].feedback is None


@pytest.mark.parametrize(
    ("source", "limits", "message"),
    [
        (
            "import sys; print('oh', file=sys.stderr); sys.exit(7)",
            {},
            "The checker failed. It exited with status 7: oh",
        ),
        ("while True: pass", {"cpu_seconds": 0.2}, "The checker failed. It used more than 0.2 s of CPU time."),
        ("x = bytearray(10**9)", {"memory_bytes": 64 * MIB}, "The checker failed. It needed more memory than"),
        ("import os; os.kill(os.getpid(), 11)", {}, "The checker failed. It was ended by signal 11 (SIGSEGV)."),
        ("while True: print('x' * 9999)", {}, "The checker failed. It wrote more than 1048576 bytes to stdout"),
        ("open('/tmp/x', 'wb').write(bytes(10**9))", {"file_bytes": MIB}, "The checker failed. It"),
    ],
)
async def test_a_checker_that_fails_is_a_fault_of_the_judge(
    client: Client, source: str, limits: dict[str, Any], message: str
) -> None:
    cases = [{"stdin": "1"}, {"stdin": "2"}]
    result = await judged(client, SPLITS, cases=cases, checker=judge(source, limits=limits))
    assert verdicts(result) == ["internal_error", "internal_error"], result
    assert (result.message or "").startswith(message)
    assert [case.stdout for case in result.cases] == ["0 1\n", "0 2\n"]


async def test_a_checker_that_does_not_compile_says_so_and_nothing_is_run(client: Client) -> None:
    result = await judged(client, SPLITS, stdin="1", checker=judge("int main(void) { return nothing; }", "c"))
    assert result.verdict is Verdict.INTERNAL_ERROR
    assert "The checker failed. It does not compile" in (result.message or "")
    assert "nothing" in (result.message or "")
    assert result.cases == ()


async def test_a_submission_that_does_not_compile_is_told_that_whatever_its_checker_is(client: Client) -> None:
    broken = judge("int main(void) { return nothing; }", "c")
    result = await judged(client, "int main(void) { return 1 }", "c", checker=broken)
    assert result.verdict is Verdict.COMPILE_ERROR


async def test_cases_may_have_checkers_of_their_own(client: Client) -> None:
    yes, no = judge("raise SystemExit(42)"), judge("raise SystemExit(43)")
    cases = [{"checker": yes}, {"checker": no}, {}, {"expected_stdout": "x", "checker": yes}]
    result = await judged(client, "print('y')", cases=cases)
    assert verdicts(result) == ["ok", "wrong_answer", "ok", "ok"]


async def test_what_a_checker_prints_of_a_program_is_bounded_and_whole_text(client: Client) -> None:
    source = "import sys; sys.stderr.buffer.write(b'\\xff\\x1b[31m' + b'x' * 10**6); sys.exit(43)"
    result = await judged(client, "print(1)", checker=judge(source))
    assert result.verdict is Verdict.WRONG_ANSWER
    assert len(result.cases[0].feedback or "") <= 8192
    assert len(result.message or "") < 300


async def test_a_program_cannot_reach_its_checker(client: Client) -> None:
    """What the checker left, and what is to be judged next, is in another sandbox."""
    spy = "import os\nprint([os.path.join(f, n) for f, _, ns in os.walk('/box') for n in ns if 'spy' not in n])\n"
    cases = [{"stdin": "secret", "expected_stdout": "answer"}] * 2
    checker = judge("open('/tmp/mine', 'w'); open('/dev/shm/mine', 'w'); raise SystemExit(42)")
    result = await judged(client, {"spy.py": spy + "import time; time.sleep(0.2)"}, cases=cases, checker=checker)  # type: ignore[arg-type]
    assert [case.stdout for case in result.cases] == ["[]\n", "[]\n"]


async def test_sandboxes_of_checkers_are_gone_when_it_was_cancelled(node: NodeProcess) -> None:
    slow = submission("python", "print(1)", checker=judge("import time; time.sleep(50)"))
    async with node.client() as client:
        accepted = await client.submit(slow, wait=False)

        async def is_being_checked() -> bool:
            return bool((await client.submission(accepted.id)).cases)

        async def is_gone() -> bool:
            return not sandboxes_of(node.name)

        await eventually(is_being_checked, "its output")
        assert len(sandboxes_of(node.name)) == 2
        assert (await client.cancel(accepted.id)).verdict is Verdict.CANCELLED
        await eventually(is_gone, "the end of both sandboxes")


# ---- interactors ----


@pytest.mark.parametrize("language", GUESSERS)
async def test_a_program_and_an_interactor_talk(warm_or_cold: Client, language: str) -> None:
    name, source = GUESSERS[language]
    cases = [{"stdin": str(secret)} for secret in (49, 0, 99)]
    result = await judged(warm_or_cold, {name: source}, language, cases=cases, interactor=judge(INTERACTOR))  # type: ignore[arg-type]
    assert verdicts(result) == ["ok", "ok", "ok"], result
    assert [case.feedback for case in result.cases] == ["1 turns", "6 turns", "7 turns"]
    assert result.cases[0].stdout == "49\n"


@pytest.mark.parametrize(
    ("program", "verdict", "message"),
    [
        ("while True: print(1, flush=True); input()", "wrong_answer", "does not accept it: too many turns"),
        ("print(1)", "wrong_answer", "does not accept it: it left"),
        ("print(1, flush=True); input(); raise SystemExit(3)", "runtime_error", "It exited with status 3."),
        ("import time; time.sleep(50)", "wall_time_limit", "It ran for longer than 3 s."),
        ("while True: pass", "cpu_time_limit", "It used more than 0.3 s of CPU time."),
        ("print('x', flush=True); input()", "internal_error", "The interactor failed. It exited with status 1"),
    ],
)
async def test_who_is_wrong_first_is_wrong(client: Client, program: str, verdict: str, message: str) -> None:
    limits = {"wall_seconds": 3, "cpu_seconds": 0.3}
    cases = [{"stdin": "50"}, {"stdin": "51"}]
    result = await judged(client, program, cases=cases, limits=limits, interactor=judge(INTERACTOR))
    assert verdicts(result) == [verdict, verdict], result
    assert message in (result.message or "")


async def test_what_is_right_is_right_also_where_the_program_goes_on(client: Client) -> None:
    program = "print(50, flush=True)\nimport sys\nprint(sys.stdin.read())\nfor _ in range(3): print('still here')\n"
    result = await judged(client, program, stdin="50", interactor=judge(INTERACTOR))
    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "50\nright\n\n" + "still here\n" * 3)


async def test_two_that_flood_each_other_come_to_an_end(client: Client) -> None:
    flood = "import sys\nwhile True: sys.stdout.write('x' * 65536)\n"
    result = await judged(client, flood, interactor=judge(flood), limits={"wall_seconds": 3})
    assert result.verdict in {Verdict.OUTPUT_LIMIT, Verdict.INTERNAL_ERROR}
    assert "1048576 bytes to stdout" in (result.message or "")


async def test_much_is_said_in_both_directions(client: Client) -> None:
    echo = "import sys\nfor line in sys.stdin: sys.stdout.write(line)\n"
    asks = """
import sys, threading
lines = [f"{number} {'x' * 90}\\n" for number in range(9000)]
def ask():
    sys.stdout.writelines(lines); sys.stdout.flush(); import os; os.close(1)
threading.Thread(target=ask, daemon=True).start()
for line in lines:
    if sys.stdin.readline() != line: sys.exit(43)
sys.exit(42)
"""
    result = await judged(client, echo, interactor=judge(asks), limits={"output_bytes": 2 * MIB})
    assert result.verdict is Verdict.OK, result.message


async def test_testlib_has_interactors_too(client: Client) -> None:
    source = "import sys\nprint(open(sys.argv[1]).read(), flush=True)\nsys.exit(0 if input() == '4' else 1)\n"
    result = await judged(client, "print(int(input()) * 2)", stdin="2", interactor=judge(source, convention="testlib"))
    assert result.verdict is Verdict.OK


# ---- files of cases, and files as output ----


@pytest.mark.parametrize("language", UPPER)
async def test_a_case_has_its_own_files_and_its_output_is_a_file(warm_or_cold: Client, language: str) -> None:
    name, source = UPPER[language]
    cases = [
        {
            "files": [{"name": "input.txt", "content": text}],
            "output_file": "output.txt",
            "expected_stdout": expected,
        }
        for text, expected in [("one\n", "ONE"), ("two\n", "TWO\n"), ("three", "FOUR")]
    ]
    files = {name: source, "input.txt": "the submission's own"}
    result = await judged(warm_or_cold, files, language, cases=[*cases, cases[0] | {"files": []}])  # type: ignore[arg-type]
    assert verdicts(result) == ["ok", "ok", "wrong_answer", "wrong_answer"], result
    assert result.message == "Its output is not the expected one. Line 1 is 'THREE'; expected was 'FOUR'."
    assert "THE SUBMISSION'S OWN" in (result.cases[3].message or "")


async def test_an_output_file_may_be_missing_no_file_or_checked(client: Client) -> None:
    program = """
import os
match input():
    case "dir": os.mkdir("out.txt")
    case "link": os.symlink("/etc/passwd", "out.txt")
    case "9": open("out.txt", "w").write("4 5")
"""
    cases = [{"stdin": text, "output_file": "out.txt"} for text in ("none", "dir", "link", "9")]
    result = await judged(client, program, cases=cases, checker=checker_in("python"))
    assert verdicts(result) == ["wrong_answer", "wrong_answer", "wrong_answer", "ok"]
    assert [case.message for case in result.cases[:3]] == [
        "Its output should be in out.txt: there is no such file.",
        "Its output should be in out.txt: it is not a regular file.",
        "Its output should be in out.txt: it is not a regular file.",
    ]


async def test_files_for_which_there_is_no_room_or_place_are_told(client: Client) -> None:
    cases = [
        {"files": [{"name": "dir/a", "content": "x"}]},
        {"files": [{"name": "main.py/below", "content": "x"}]},
        {"files": [{"name": "dir/a", "content": "x" * (6 * MIB)}]},
        {"files": [{"name": "a", "content": "x"}]},
    ]
    program = {"main.py": "import os; print(os.listdir('.'))"}
    result = await judged(client, program, cases=cases, limits={"memory_bytes": 300 * MIB})  # type: ignore[arg-type]
    assert verdicts(result) == ["ok", "runtime_error", "ok", "ok"]
    assert result.cases[1].message == "It could not be started: Not a directory."
    assert sorted(eval(result.cases[3].stdout)) == ["a", "main.py"]


# ---- refused, and placed ----


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"checker": judge("x"), "interactor": judge("x")}, "interactor: cannot be used together with a checker"),
        ({"checker": judge("x", "klingon")}, "klingon"),
        ({"cases": [{"checker_args": ["x"]}]}, "cases.0.checker_args: cannot be used without"),
        ({"cases": [{"output_file": "x"}]}, "cases.0.output_file: needs expected_stdout or a checker"),
        ({"cases": [{"compare": {"mode": "exact"}}], "checker": judge("x")}, "cases.0.compare: cannot be used"),
        ({"cases": [{"checker": judge(str(number))} for number in range(5)]}, "at most 4"),
        ({"checker": judge("x", limits={"cpu_seconds": 10_000})}, "cpu_seconds"),
        ({"cases": [{"files": [{"content": "x"}]}]}, "every file of a case needs a name"),
        ({"cases": [{"files": [{"name": "../x", "content": "x"}]}]}, "files.0.name"),
        ({"cases": [{"output_file": "x", "expected_stdout": ""}], "interactor": judge("x")}, "the interactor decides"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_its_field(
    session_node: NodeProcess, fields: dict[str, Any], message: str
) -> None:
    body = {"language": "python", "files": [{"content": "print(1)"}]} | fields
    async with httpx2.AsyncClient(base_url=session_node.url) as http:
        answer = await http.post("/v1/submissions", json=body)
    assert answer.status_code in {404, 422}
    assert message in answer.text
    assert "pydantic" not in answer.text


async def test_the_language_of_a_checker_may_be_an_alias(client: Client) -> None:
    result = await judged(client, "print(1)", checker=judge("raise SystemExit(42)", "py"))
    assert result.verdict is Verdict.OK


async def test_a_node_without_the_checkers_language_refuses(starts_nodes: StartsNodes) -> None:
    node = starts_nodes(languages="python")
    async with Client(node.url) as client:
        with pytest.raises(UnknownLanguage, match=r"checker\.language: .*'c' is not one this node serves"):
            await judged(client, "print(1)", checker=checker_in("c"))
