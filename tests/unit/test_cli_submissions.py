"""`ccx submit`, `status`, `logs`, `cancel`, `list`, and `ccx run` from a stream: the real command against a very small
node.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ccx.cli.output.submission_table import status_line, table
from ccx.wire import Submission, SubmissionPage
from tests.unit.test_cli_run import LANGUAGES, SUBMIT, VERDICT_LINE, result

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.conftest import RunsCcx, TinyNode

ID = "7"
GET = "GET /v1/submissions/7"
EVENTS = "GET /v1/submissions/7/events"


@pytest.fixture
def node(tiny_node: TinyNode) -> TinyNode:
    tiny_node.says("GET /v1/languages", LANGUAGES)
    return tiny_node


@pytest.fixture(autouse=True)
def _program(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("int main;")


def streams(node: TinyNode, route: str, *events: dict[str, Any]) -> None:
    lines = [json.dumps({"id": f"1-{number}"} | event) + "\n\n" for number, event in enumerate(events, 1)]
    body = "".join(lines).encode()
    head = f"HTTP/1.1 200 X\r\nContent-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n"
    node.says_bytes(route, head.encode() + b"Connection: close\r\n\r\n" + body)


def output(data: str, stream: str = "stdout", **more: Any) -> dict[str, Any]:
    return {"type": "output", "case": 0, "stream": stream, "data": data} | more


QUEUED = {"type": "queued", "submission_id": ID, "position": 3}
STARTED = {"type": "started", "node": "n", "language_version": "1", "attempt": 1}


def done(submission: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "done", "verdict": "ok", "submission": submission}


def test_output_from_the_stream_is_not_printed_again_at_the_end(node: TinyNode, ccx: RunsCcx) -> None:
    ended = result(stdout="out\r\n", stderr="err", submission={"compile": {"stderr": "warning\n"}})
    pieces = [
        output("warning\n", "stderr", case=None),
        output("b3V0", encoding="base64"),
        output("err", "stderr"),
        output("\r\n"),
    ]
    streams(node, SUBMIT, QUEUED, STARTED, *pieces, {"type": "of a later version"}, done(ended))
    told = ccx("run", "a.c", server=node.url)
    assert told.stdout == b"out\r\n"
    assert told.stderr == b"warning\nerr\n" + VERDICT_LINE
    assert node.sent_to(SUBMIT)[0].headers["accept"] == "application/x-ndjson"


def test_a_result_that_the_stream_leaves_out_is_asked_for(node: TinyNode, ccx: RunsCcx) -> None:
    streams(node, SUBMIT, QUEUED, STARTED, output("a"), done())
    node.says(GET, result("runtime_error", stdout="ab", exit_code=3))
    told = ccx("run", "-q", "a.c", server=node.url)
    assert (told.stdout, told.stderr, told.returncode) == (b"ab", b"", 3)


def test_what_began_anew_is_printed_from_its_start(node: TinyNode, ccx: RunsCcx) -> None:
    anew = [QUEUED | {"id": "2-1"}, STARTED | {"id": "2-2", "attempt": 2}, output("whole", id="2-3")]
    streams(node, SUBMIT, QUEUED, STARTED, output("who"), *anew, done(result(stdout="whole")) | {"id": "2-4"})
    assert ccx("run", "-q", "a.c", server=node.url).stdout == b"whowhole"


def test_a_stream_that_breaks_off_is_a_node_that_cannot_be_reached(node: TinyNode, ccx: RunsCcx) -> None:
    streams(node, SUBMIT, QUEUED, STARTED, output("a"))
    told = ccx("run", "-q", "a.c", server=node.url)
    assert (told.stdout, told.returncode) == (b"a", 211)
    assert told.stderr == (
        b"ccx: The connection to the node was lost over submission 7; "
        b"'ccx status 7' tells what became of it, once a node answers.\n"
    )


def test_submit_prints_the_id_and_leaves(node: TinyNode, ccx: RunsCcx) -> None:
    node.says(SUBMIT, result() | {"state": "queued", "verdict": None}, status=202)
    told = ccx("submit", "a.c", "--limit", "cpu=2", "--", "-x", server=node.url, stdin=b"in")
    assert (told.stdout, told.stderr, told.returncode) == (b"7\n", b"", 0)
    (sent,) = node.sent_to(SUBMIT)
    assert sent.query == "wait=false"
    document = sent.document()
    assert (document["args"], document["stdin"], document["limits"]) == (["-x"], "in", {"cpu_seconds": 2.0})


@pytest.mark.parametrize("command", [["submit", "a.c"], ["status", "7"], ["logs", "7"], ["cancel", "7"], ["list"]])
def test_without_a_node_that_goes_on_there_is_nothing_to_ask(ccx: RunsCcx, command: list[str]) -> None:
    told = ccx(*command)
    assert told.returncode == 212
    assert told.stderr.startswith(b"ccx: No node is named")
    assert told.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"state": "queued", "verdict": None, "queue_position": 4}, "7 queued, number 4"),
        ({"state": "running", "verdict": None, "node": "n"}, "7 running on n"),
        ({}, "7 ok · 0.03 s CPU · 0.05 s · 1.1 MiB"),
    ],
)
def test_status_is_one_line(node: TinyNode, ccx: RunsCcx, fields: dict[str, Any], line: str) -> None:
    node.says(GET, result() | fields)
    told = ccx("status", ID, server=node.url)
    assert (told.stdout.decode(), told.returncode) == (line + "\n", 0)
    assert status_line(Submission.model_validate(result() | fields)) == line


def test_status_waits_for_the_end_and_exits_as_the_program_did(node: TinyNode, ccx: RunsCcx) -> None:
    streams(node, EVENTS, QUEUED, STARTED, output("hidden"), done(result("runtime_error", exit_code=3)))
    told = ccx("status", "-f", "--json", ID, server=node.url)
    assert (json.loads(told.stdout)["verdict"], told.stderr, told.returncode) == ("runtime_error", b"", 3)


def test_logs_are_what_it_has_written_so_far(node: TinyNode, ccx: RunsCcx) -> None:
    node.says(GET, result(stdout="out", stderr="err") | {"state": "running", "verdict": None})
    told = ccx("logs", ID, server=node.url)
    assert (told.stdout, told.stderr, told.returncode) == (b"out", b"err", 0)


def test_logs_follow_to_the_end_and_over_a_broken_connection(node: TinyNode, ccx: RunsCcx) -> None:
    streams(node, EVENTS, QUEUED, STARTED, output("one "))
    rest = [output("two", id="1-4"), done(result("runtime_error", stdout="one two", exit_code=4)) | {"id": "1-5"}]
    streams(node, EVENTS, *rest)
    told = ccx("logs", "-f", ID, server=node.url)
    assert (told.stdout, told.stderr, told.returncode) == (b"one two", b"", 4)
    assert [each.headers.get("last-event-id") for each in node.sent_to(EVENTS)] == [None, "1-3"]


def test_cancel_tells_how_each_is_then(node: TinyNode, ccx: RunsCcx) -> None:
    node.says("DELETE /v1/submissions/7", result("cancelled"))
    node.says("DELETE /v1/submissions/8", result("ok") | {"id": "8"})
    told = ccx("cancel", "7", "8", server=node.url)
    assert [line.split()[:2] for line in told.stdout.decode().splitlines()] == [["7", "cancelled"], ["8", "ok"]]
    assert told.returncode == 0


def test_list_is_a_table_and_says_how_to_go_on(node: TinyNode, ccx: RunsCcx) -> None:
    page = {"submissions": [result(), result() | {"id": "8", "state": "running", "verdict": None}], "next_cursor": "c"}
    node.says("GET /v1/submissions", page)
    options = ["--limit", "2", "--state", "running", "-l", "c", "--verdict", "ok", "--cursor", "b"]
    told = ccx("list", *options, server=node.url)
    header, first, second = told.stdout.decode().splitlines()
    assert header.split() == ["ID", "STATE", "LANGUAGE", "NODE", "CREATED", "TOOK"]
    assert (first.split()[:3], second.split()[:3]) == (["7", "ok", "c"], ["8", "running", "c"])
    assert (
        told.stderr == b"ccx: there are more: ccx list --limit 2 --state running --language c --verdict ok --cursor c\n"
    )
    assert node.received[-1].query == "limit=2&cursor=b&state=running&language=c&verdict=ok"


def test_list_is_json_on_request(node: TinyNode, ccx: RunsCcx) -> None:
    node.says("GET /v1/submissions", {"submissions": [], "next_cursor": "c"})
    told = ccx("list", "--json", server=node.url)
    assert json.loads(told.stdout) == {"submissions": [], "next_cursor": "c"}
    assert told.stderr == b""


def test_an_empty_table_has_its_headers() -> None:
    assert table(SubmissionPage(submissions=())).split()[0] == "ID"


def test_an_interactive_run_has_neither_json_nor_an_expected_output(ccx: RunsCcx) -> None:
    for option in (["--json"], ["--expect", "a.c"]):
        told = ccx("run", "-i", "a.c", *option)
        assert told.returncode == 212
        assert told.stderr.startswith(b"ccx: --interactive: ")


A, B = "0" * 24 + "1a2b3c4d", "0" * 24 + "99993c4d"


@pytest.mark.parametrize(("given", "meant"), [("1a2b3c4d", A), ("99993c4d", B), (B, B)])
def test_the_last_characters_of_an_id_are_enough(node: TinyNode, ccx: RunsCcx, given: str, meant: str) -> None:
    node.says("GET /v1/submissions", {"submissions": [result() | {"id": A}, result() | {"id": B}]})
    node.says(f"GET /v1/submissions/{meant}", result() | {"id": meant})
    told = ccx("status", given, server=node.url)
    assert (told.stdout.split()[0].decode(), told.returncode) == (meant, 0)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [("3c4d", f"is a part of several ids: {A}, {B}; give more of it"), ("beef", "ends or begins with 'beef'")],
)
def test_a_part_of_an_id_that_tells_nothing_is_refused(
    node: TinyNode, ccx: RunsCcx, given: str, complaint: str
) -> None:
    node.says("GET /v1/submissions", {"submissions": [result() | {"id": A}, result() | {"id": B}]})
    told = ccx("cancel", given, server=node.url)
    assert (complaint in told.stderr.decode(), told.returncode) == (True, 212)


def test_a_table_shows_the_ends_of_ids_and_fits_60_columns() -> None:
    submission = result("cpu_time_limit") | {"id": A, "node": "master", "language": "python"}
    at = {"created_at": "2024-01-01T00:00:00Z", "started_at": "2024-01-01T00:00:01Z"}
    page = {"submissions": [submission | at | {"finished_at": "2024-01-01T00:00:02.5Z"}]}
    lines = table(SubmissionPage.model_validate(page)).splitlines()
    assert lines[1].split() == ["1a2b3c4d", "cpu_time_limit", "python", "master", "24-01-01", "1.50", "s"]
    assert max(map(len, lines)) <= 60


def test_names_that_others_chose_do_nothing_to_the_terminal(node: TinyNode, ccx: RunsCcx) -> None:
    harmful = result("runtime_error", message="\x1b[2Jgone \u202eesrever\nnext") | {"node": "a\x07\u2066b"}
    node.says(GET, harmful)
    node.says("GET /v1/submissions", {"submissions": [harmful]})
    told = ccx("status", ID, server=node.url).stdout + ccx("list", server=node.url).stdout
    text = told.decode()
    assert "a\\x07\\u2066b" in text
    assert not set(text) & {"\x1b", "\u202e", "\u2066", "\x07"}
