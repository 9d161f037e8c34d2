"""Problem packages, judged here and by the tools that judge contests: problemtools (Kattis) and BAPCtools.

Three problems, each in the older and in the newer version of the format: a checker, a tolerance, an interactor. The
tools run the same submissions on this machine itself, and have to come to the same verdicts.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.judges import GUESSERS
from tests.support.node import NodeProcess, ccx_command, ccx_environment

pytestmark = [pytest.mark.docker, pytest.mark.timeout(200)]

DEADLINE_SECONDS = 150
UUID = "15c7a1c7-491b-4a2b-b2dc-3ebf7ecc0ad7"
TOOLS = Path(sys.executable).parent
# Its own configuration wants PyPy.
LANGUAGES = "python3:\n    compile: 'python3 -m py_compile {files}'\n    run: 'python3 \"{mainfile}\"'\n"
WORDS = {"AC": "ok", "WA": "wrong_answer", "RTE": "runtime_error", "TLE": "cpu_time_limit"}
FOLDERS = {
    "ok": "accepted",
    "wrong_answer": "wrong_answer",
    "runtime_error": "run_time_error",
    "cpu_time_limit": "time_limit_exceeded",
}
SPINS = "n = input()\nwhile n: pass\n"
CRASHES = "n = input()\nraise SystemExit(3)\n"


@dataclass(frozen=True)
class ContestProblem:
    """A problem, and submissions by the verdict that they deserve."""

    name: str
    tests: dict[str, str]
    answers: dict[str, str]
    submissions: dict[str, dict[str, str]]
    kind: str = "pass-fail"
    validator: dict[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()


SPLIT = ContestProblem(
    "split",
    {"sample/1": "9", "secret/1": "12", "secret/2": "70"},
    {"sample/1": "4 5", "secret/1": "6 6", "secret/2": "60 10"},
    {
        "ok": {
            "thirds.py": "n = int(input())\nprint(n // 3, n - n // 3)\n",
            "halves.c": "#include <stdio.h>\nint n;\n"
            'int main(void) { scanf("%d", &n); printf("%d\\n%d\\n", n / 2, n - n / 2); }\n',
        },
        "wrong_answer": {
            "last.py": "n = int(input())\nprint(n // 3, n - n // 3 + (n == 70))\n",
            "words.py": "print('four five')\n",
            "nothing.py": "input()\n",
            "three.py": "print(int(input()), 0, 0)\n",
        },
        "runtime_error": {"crashes.py": CRASHES},
        "cpu_time_limit": {"spins.py": SPINS},
    },
    validator={
        "check.py": """
import sys
from numbers_in import numbers_in
wanted = int(open(sys.argv[1]).read())
numbers = numbers_in(sys.stdin.read())
with open(sys.argv[3] + "/judgemessage.txt", "a") as message:
    message.write(f"{numbers} for {wanted}")
sys.exit(42 if len(numbers) == 2 and sum(numbers) == wanted else 43)
""",
        "numbers_in.py": """
def numbers_in(text):
    try:
        return [int(word) for word in text.split()]
    except ValueError:
        return []
""",
    },
)
ROOT = ContestProblem(
    "root",
    {"sample/1": "2", "secret/1": "0.5", "secret/2": "1e9"},
    {"sample/1": "1.4142135623730951", "secret/1": "0.7071067811865476", "secret/2": "31622.776601683792"},
    {
        "ok": {
            "exact.py": "print(float(input()) ** 0.5)\n",
            "close.py": "print(f'{float(input()) ** 0.5 * (1 + 5e-7):.15f}  ')\n",
            "exponent.py": "print(f'\\n{float(input()) ** 0.5:.10E}\\n')\n",
        },
        "wrong_answer": {
            "far.py": "print(float(input()) ** 0.5 * (1 + 1e-5))\n",
            "nan.py": "print('nan')\n",
            "more.py": "print(float(input()) ** 0.5, 0)\n",
            "comma.py": "print(str(float(input()) ** 0.5).replace('.', ','))\n",
        },
        "runtime_error": {"crashes.py": CRASHES},
    },
    flags=("float_tolerance", "1e-6"),
)
GUESS = ContestProblem(
    "guess",
    {"sample/1": "50", "secret/1": "1", "secret/2": "99"},
    {"sample/1": "", "secret/1": "", "secret/2": ""},
    {
        "ok": {
            "halves.py": GUESSERS["python"][1],
        },
        "wrong_answer": {
            "slowly.py": """
guess = 1
print(guess, flush=True)
while input() != "right":
    guess += 1
    print(guess, flush=True)
""",
            "leaves.py": "print(50, flush=True)\n",
            "babbles.py": "print('fifty', flush=True)\ninput()\n",
        },
        "runtime_error": {"crashes.py": "print(2, flush=True)\ninput()\nraise SystemExit(3)\n"},
    },
    kind="interactive",
    validator={
        "talk.py": """
import sys
secret = int(open(sys.argv[1]).read())
for turn in range(8):
    line = sys.stdin.readline().strip()
    if not line.isdigit():
        sys.exit(43)
    guess = int(line)
    print("lower" if secret < guess else "higher" if secret > guess else "right", flush=True)
    if guess == secret:
        sys.exit(42)
sys.exit(43)
""",
    },
)
PROBLEMS = (SPLIT, ROOT, GUESS)


def write(place: Path, content: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content)


def package(place: Path, problem: ContestProblem, *, is_new: bool) -> Path:
    """The problem in a folder, in either version of the format."""
    if is_new:
        about = {
            "problem_format_version": "2025-09",
            "name": {"en": problem.name},
            "type": problem.kind,
            "uuid": UUID,
            "license": "public domain",
            "limits": {"time_limit": 1},
        }
    else:
        words = {"pass-fail": "custom", "interactive": "custom interactive"}
        about = {"name": problem.name, "validation": words[problem.kind] if problem.validator else "default"}
        about["validator_flags"] = " ".join(problem.flags)
        write(place / ".timelimit", "1\n")
    if is_new and problem.flags:
        write(place / "data/test_group.yaml", json.dumps({"output_validator_args": list(problem.flags)}))
    write(place / "problem.yaml", json.dumps(about))
    for name, text in problem.tests.items():
        write(place / f"data/{name}.in", f"{text}\n")
        write(place / f"data/{name}.ans", f"{problem.answers[name]}\n")
    folder = "output_validator" if is_new else "output_validators/validate"
    for name, text in problem.validator.items():
        write(place / folder / name, text)
    for verdict, programs in problem.submissions.items():
        for name, text in programs.items():
            write(place / "submissions" / FOLDERS[verdict] / name, text)
    return place


def expected(problem: ContestProblem) -> dict[str, str]:
    return {name: verdict for verdict, programs in problem.submissions.items() for name in programs}


def graded(place: Path, server: str) -> dict[str, str]:
    """What ccx says: verdicts by the name of the file."""
    everybody = place.parent / "everybody"
    for path in (place / "submissions").glob("*/*"):
        write(everybody / path.name, path.read_text())
    command = ccx_command("grade", everybody, "--tests", place, "--server", server, "--json", place / "out.json")
    done = subprocess.run(
        command, env=ccx_environment(), capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False
    )
    assert done.returncode == 1, done.stderr
    grades = json.loads((place / "out.json").read_text())["grades"]
    return {next(everybody.glob(f"{one['person']}.*")).name: one["verdict"] for one in grades}


def judged_by(place: Path, command: list[str], line: str) -> dict[str, str]:
    """What a tool says that runs the submissions of a package; `line` has the file and the verdict."""
    write(place.parent / "home/.config/problemtools/languages.yaml", LANGUAGES)
    environment = os.environ | {"HOME": str(place.parent / "home"), "PATH": f"{TOOLS}:{os.environ['PATH']}"}
    environment.pop("XDG_CONFIG_HOME", None)
    done = subprocess.run(
        [str(TOOLS / command[0]), *command[1:]],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    found = {match[1]: WORDS[match[2]] for match in re.finditer(line, text)}
    assert found, text
    return found


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_a_package_has_the_verdicts_of_problemtools(
    problem: ContestProblem, session_node: NodeProcess, tmp_path: Path
) -> None:
    place = package(tmp_path / problem.name, problem, is_new=False)
    ours = graded(place, session_node.url)
    assert ours == expected(problem)
    command = ["verifyproblem", str(place), "--parts", "submissions", "--fixed_timelim", "1", "--log_level", "info"]
    assert ours == judged_by(place, command, r"\w+/(\S+) \(.*?\) \w+: ([A-Z]+)")


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_a_package_has_the_verdicts_of_bapctools(
    problem: ContestProblem, session_node: NodeProcess, tmp_path: Path
) -> None:
    place = package(tmp_path / problem.name, problem, is_new=True)
    ours = graded(place, session_node.url)
    assert ours == expected(problem)
    assert ours == judged_by(place, ["bt", "run", "--no-bar"], r"\w+/(\S+): +([A-Z]+) ")


def test_groups_have_points_and_flags_of_their_own(session_node: NodeProcess, tmp_path: Path) -> None:
    """A validator that is told how far off an answer may be, by group."""
    place = tmp_path / "near"
    write(place / "problem.yaml", "validation: custom\nvalidator_flags: '0'\n")
    write(
        place / "output_validators/near.py",
        "import sys\nwanted = int(open(sys.argv[2]).read())\n"
        "sys.exit(42 if abs(int(sys.stdin.read()) - wanted) <= int(sys.argv[4]) else 43)\n",
    )
    for name, settings in {
        "easy": "accept_score: 30\noutput_validator_flags: '10'\n",
        "hard": "accept_score: 70\n",
    }.items():
        write(place / f"data/secret/{name}/testdata.yaml", settings)
        for number in (1, 2):
            write(place / f"data/secret/{name}/{number}.in", f"{number}\n")
            write(place / f"data/secret/{name}/{number}.ans", f"{100 * number}\n")
    for person, error in {"exact": 0, "near": 9, "far": 11}.items():
        write(tmp_path / f"class/{person}/main.py", f"print(100 * int(input()) + {error})\n")
    command = ccx_command("grade", "class", "--tests", place, "--server", session_node.url, "--json", "out.json")
    subprocess.run(command, cwd=tmp_path, env=ccx_environment(), check=False, capture_output=True, timeout=90)
    grades = json.loads((tmp_path / "out.json").read_text())["grades"]
    assert {one["person"]: one["points"] for one in grades} == {"exact": 100, "near": 30, "far": 0}
