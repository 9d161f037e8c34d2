"""What the window shows and says, without Qt."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ccx.errors import BadInput
from ccx.events import Output, Queued, Started
from ccx.gui.connection import NotConnected, url_of
from ccx.gui.marks import Mark, marks_in
from ccx.gui.model import Case, Document, Workspace, decoded
from ccx.gui.running import SHOWN_CHARACTERS, Run
from tests.support.language_infos import LANGUAGES


def test_a_file_of_another_language_changes_the_language_of_an_untouched_program() -> None:
    workspace = Workspace()
    workspace.add([Document("a.c", "int main(void) {}")], LANGUAGES)
    assert (workspace.language, [one.name for one in workspace.documents]) == ("c", ["a.c"])
    workspace.add([Document("b.py", "x")], LANGUAGES)
    assert (workspace.language, [one.name for one in workspace.documents]) == ("c", ["a.c", "b.py"])


def test_pairs_become_cases() -> None:
    workspace = Workspace()
    workspace.add([Document("1.in", "a"), Document("1.ans", "b"), Document("2.in", "c")], LANGUAGES)
    assert workspace.cases == [Case("1", "a", "b"), Case("2", "c", "")]


def test_a_request_has_what_was_typed() -> None:
    request = Workspace(stdin="x", args="-n 'a b'", cpu_seconds="0,5", memory_mebibytes="64").request()
    assert (request.stdin, request.args) == ("x", ("-n", "a b"))
    assert (request.limits.cpu_seconds, request.limits.memory_bytes) == (0.5, 64 * 2**20)


@pytest.mark.parametrize(
    "fields", [{"args": "'"}, {"cpu_seconds": "soon"}, {"wall_seconds": "-1"}, {"documents": [Document("../x", "")]}]
)
def test_what_cannot_be_sent_is_told(fields: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        Workspace(**fields).request()  # type: ignore[arg-type]


def test_a_workspace_is_kept_and_read() -> None:
    workspace = Workspace("c", [Document("a.c", "é")], cases=[Case("1", "x", "y")])
    assert Workspace.from_json(workspace.to_json()) == workspace


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_text_is_read_in_the_encoding_it_is_in(encoding: str) -> None:
    text = "# Été à la plage, où l'on écrit beaucoup de texte en français\n" * 3
    assert decoded(text.encode(encoding))[0] == text


@pytest.mark.parametrize(
    ("host", "port", "url"),
    [
        ("localhost", "8700", "http://localhost:8700"),
        ("h1:9000", "8700", "http://h1:9000"),
        ("https://h1", "8700", "https://h1"),
        ("10.0.0.1", "", "http://10.0.0.1"),
    ],
)
def test_what_was_typed_is_an_address(host: str, port: str, url: str) -> None:
    assert url_of(host, port) == url


@pytest.mark.parametrize("host", ["", "http://", "a b"])
def test_what_is_no_address_is_told(host: str) -> None:
    with pytest.raises(NotConnected):
        url_of(host, "")


def test_a_higher_attempt_begins_anew() -> None:
    run = Run(Workspace().request())
    for event in (Queued(id="1-1", submission_id="x"), Started(id="1-2", node="a", language_version="", attempt=1)):
        run.fold(event)
    run.fold(Output(id="1-3", case=0, stream="stdout", data="void"))
    run.fold(Queued(id="2-1", submission_id="x"))
    assert (run.taken_pieces(), run.is_anew) == ([], True)


def test_characters_that_are_cut_in_two_come_together() -> None:
    run = Run(Workspace().request())
    for data in ("w6k=", "w6k="):  # é
        run.fold(Output(case=0, stream="stdout", data=data, encoding="base64"))
    assert "".join(piece.text for piece in run.taken_pieces()) == "éé"


def test_more_than_a_screen_can_show_is_cut_at_its_beginning() -> None:
    run = Run(Workspace().request())
    for letter in "abc":
        run.fold(Output(case=0, stream="stdout", data=letter * SHOWN_CHARACTERS))
    assert {piece.text[0] for piece in run.taken_pieces()} == {"c"}
    assert run.taken_pieces() == []


def test_places_of_errors_are_found() -> None:
    gcc = "main.c: In function 'main':\nmain.c:2:12: error: 'x' undeclared\n/usr/x.h:1:1: warning: w\n"
    assert marks_in(gcc) == (Mark("main.c", 2, "'x' undeclared"), Mark("x.h", 1, "w", is_error=False))
    assert marks_in("Main.java:3: error: ';' expected\n") == (Mark("Main.java", 3, "';' expected"),)
    frames = '  File "/box/work/a.py", line 2, in <module>\n    f()\n  File "/usr/lib/x.py", line 9\n'
    trace = f"Traceback (most recent call last):\n{frames}ValueError: no\n"
    assert marks_in(trace) == (Mark("a.py", 2, "ValueError: no"),)
    assert marks_in("nothing of the kind") == ()


def test_nothing_of_unix_is_needed_on_the_way_to_the_window() -> None:
    code = """
import sys
for name in ("termios", "tty", "fcntl", "pwd", "grp", "resource", "uvloop", "pty"):
    sys.modules[name] = None
import ccx, ccx.client, ccx.interactive, ccx.credentials, ccx.cli.main, ccx.gui.app
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_file_that_is_not_there_is_told_before_a_window_opens(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ccx.cli", "gui", "nothing.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.count("\n"), "'nothing.py' does not exist" in done.stderr) == (212, 1, True)
