"""`ccx run`: the real command in a process of its own, against a very small node on a real socket."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.conftest import RunsCcx, TinyNode

LIMITS = {
    "cpu_seconds": 5,
    "wall_seconds": 10,
    "memory_bytes": 2**28,
    "processes": 64,
    "output_bytes": 2**20,
    "file_bytes": 2**26,
}
OF_A_LANGUAGE = {"aliases": [], "version": "1", "image": "i", "default_limits": LIMITS, "highest_limits": LIMITS}
LANGUAGES = [
    OF_A_LANGUAGE | {"name": "c", "title": "C", "aliases": ["gcc"], "suffixes": [".c", ".h"]},
    OF_A_LANGUAGE | {"name": "lua", "title": "Lua", "suffixes": [".lua"]},
]
CASE = {
    "name": "1",
    "verdict": "ok",
    "exit_code": 0,
    "cpu_seconds": 0.03,
    "wall_seconds": 0.05,
    "memory_bytes": 1_200_128,
}
VERDICT_LINE = b"ccx: ok \xc2\xb7 0.03 s CPU \xc2\xb7 0.05 s \xc2\xb7 1.1 MiB\n"
SUBMIT = "POST /v1/submissions"


def result(verdict: str = "ok", *, submission: dict[str, Any] | None = None, **case: Any) -> dict[str, Any]:
    common = {"id": "7", "state": "done", "verdict": verdict, "language": "c", "created_at": "2024-01-01T00:00:00Z"}
    return common | {"cases": [CASE | {"verdict": verdict} | case]} | (submission or {})


@pytest.fixture
def node(tiny_node: TinyNode) -> TinyNode:
    tiny_node.says("GET /v1/languages", LANGUAGES)
    return tiny_node


@pytest.fixture(autouse=True)
def _program(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("int main;")


def test_output_error_output_and_exit_code_of_the_program_are_those_of_ccx(node: TinyNode, ccx: RunsCcx) -> None:
    node.says(
        SUBMIT, result("runtime_error", stdout="out\r\n", stderr="err\n", exit_code=3, message="It exited with 3.")
    )
    done = ccx("run", "a.c", server=node.url)
    assert done.stdout == b"out\r\n"
    assert done.stderr.splitlines(keepends=True)[0] == b"err\n"
    assert done.stderr.count(b"\n") == 2
    assert b"ccx: runtime_error: It exited with 3 " in done.stderr
    assert done.returncode == 3


def test_bytes_that_are_no_text_pass_unchanged(node: TinyNode, ccx: RunsCcx) -> None:
    node.says(SUBMIT, result(stdout="AP8NCg==", stdout_encoding="base64", stderr="/w==", stderr_encoding="base64"))
    done = ccx("run", "-q", "a.c", server=node.url)
    assert (done.stdout, done.stderr, done.returncode) == (b"\0\xff\r\n", b"\xff", 0)


def test_the_verdict_line_begins_a_line_of_its_own(node: TinyNode, ccx: RunsCcx) -> None:
    node.says(SUBMIT, result(stderr="no newline"))
    assert ccx("run", "a.c", server=node.url).stderr == b"no newline\n" + VERDICT_LINE


def test_a_program_that_dies_by_a_signal_gives_128_and_its_number(node: TinyNode, ccx: RunsCcx) -> None:
    node.says(SUBMIT, result("runtime_error", signal="SIGSEGV", exit_code=None))
    assert ccx("run", "a.c", server=node.url).returncode == 139


def test_what_the_compiler_writes_goes_to_standard_error_even_where_all_is_well(node: TinyNode, ccx: RunsCcx) -> None:
    node.says(SUBMIT, result(stdout="5\n", submission={"compile": {"stdout": "note\n", "stderr": "warning\n"}}))
    done = ccx("run", "a.c", server=node.url)
    assert (done.stdout, done.stderr) == (b"5\n", b"note\nwarning\n" + VERDICT_LINE)


def test_a_compile_error_has_its_own_exit_code(node: TinyNode, ccx: RunsCcx) -> None:
    compiling = {"exit_code": 1, "stderr": "a.c:1: error\n", "message": "It exited with status 1."}
    node.says(SUBMIT, result("compile_error", submission={"compile": compiling, "cases": []}))
    done = ccx("run", "a.c", server=node.url)
    assert (done.stdout, done.returncode) == (b"", 201)
    assert done.stderr.startswith(b"a.c:1: error\nccx: compile_error: It exited with status 1 ")


def test_all_that_the_command_line_says_is_sent(node: TinyNode, ccx: RunsCcx, tmp_path: Path) -> None:
    (tmp_path / "a.h").write_bytes(b"\xff")
    (tmp_path / "five").write_text("5\n")
    node.says(SUBMIT, result())
    options = ["--limit", "cpu=2,memory=1m", "--limit", "processes=3", "--compile-arg", "-O3", "--compile-arg=-g"]
    done = ccx("run", "a.c", "a.h", *options, "--expect", "five", "--", "-x", "--", "b", stdin=b"2 3", server=node.url)
    assert done.returncode == 0
    (sent,) = node.sent_to(SUBMIT)
    assert sent.query == "wait=true"
    assert sent.document() == {
        "language": "c",
        "files": [{"name": "a.c", "content": "int main;"}, {"name": "a.h", "content": "/w==", "encoding": "base64"}],
        "entrypoint": "a.c",
        "compile_args": ["-O3", "-g"],
        "limits": {"cpu_seconds": 2.0, "memory_bytes": 2**20, "processes": 3},
        "cases": [{"stdin": "2 3", "args": ["-x", "--", "b"], "expected_stdout": "5\n"}],
    }


def test_standard_input_that_is_no_text_is_sent_unchanged(node: TinyNode, ccx: RunsCcx) -> None:
    node.says(SUBMIT, result())
    ccx("run", "a.c", stdin=b"\0\xff", server=node.url)
    document = node.sent_to(SUBMIT)[0].document()
    assert (document["stdin"], document["stdin_encoding"]) == ("AP8=", "base64")


def test_a_terminal_is_not_read_from(node: TinyNode, starts_ccx: Callable[..., subprocess.Popen[bytes]]) -> None:
    node.says(SUBMIT, result())
    ours, theirs = pty.openpty()
    try:
        process = starts_ccx("run", "a.c", server=node.url, stdin=theirs, stdout=subprocess.PIPE)
        process.communicate(timeout=30)
    finally:
        os.close(ours)
        os.close(theirs)
    assert process.returncode == 0
    assert "stdin" not in node.sent_to(SUBMIT)[0].document()


def test_a_closed_standard_input_and_output_do_no_harm(
    node: TinyNode, starts_ccx: Callable[..., subprocess.Popen[bytes]]
) -> None:
    node.says(SUBMIT, result(stdout="lost"))
    process = starts_ccx("run", "a.c", server=node.url, preexec_fn=lambda: os.closerange(0, 2))
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, VERDICT_LINE)


def test_the_language_can_be_named_where_the_suffix_does_not_say_it(
    node: TinyNode, ccx: RunsCcx, tmp_path: Path
) -> None:
    (tmp_path / "program").write_text("")
    node.says(SUBMIT, result())
    assert ccx("run", "-l", "gcc", "program", server=node.url).returncode == 0
    assert node.sent_to(SUBMIT)[0].document()["language"] == "c"


def test_a_directory_is_sent_with_its_main_file(node: TinyNode, ccx: RunsCcx, tmp_path: Path) -> None:
    for name in ("p/lib/b.lua", "p/main.lua", "p/.hidden"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    node.says(SUBMIT, result())
    assert ccx("run", "p", server=node.url).returncode == 0
    document = node.sent_to(SUBMIT)[0].document()
    assert (document["language"], document["entrypoint"]) == ("lua", "main.lua")
    assert [file["name"] for file in document["files"]] == ["main.lua", "lib/b.lua"]


def test_the_main_file_can_be_named(node: TinyNode, ccx: RunsCcx, tmp_path: Path) -> None:
    (tmp_path / "b.lua").write_text("x")
    node.says(SUBMIT, result())
    assert ccx("run", ".", "--entrypoint", "b.lua", server=node.url).returncode == 0
    assert node.sent_to(SUBMIT)[0].document()["entrypoint"] == "b.lua"


def test_the_result_is_printed_as_json_and_nothing_else_is(node: TinyNode, ccx: RunsCcx) -> None:
    node.says(SUBMIT, result("memory_limit", stdout="é"))
    done = ccx("run", "--json", "a.c", server=node.url)
    document = json.loads(done.stdout)
    assert (document["verdict"], document["cases"][0]["stdout"]) == ("memory_limit", "é")
    assert (done.stderr, done.returncode) == (b"", 205)


def test_artifacts_are_written_and_missing_ones_are_told(node: TinyNode, ccx: RunsCcx, tmp_path: Path) -> None:
    artifacts = [
        {"name": "plot.png", "content": "/w==", "encoding": "base64"},
        {"name": "b", "error": "It is too large."},
    ]
    node.says(SUBMIT, result(submission={"artifacts": artifacts}))
    done = ccx("run", "a.c", "--artifact", "plot.png", "--artifact", "b", "--artifacts-dir", "out", server=node.url)
    assert (tmp_path / "out/plot.png").read_bytes() == b"\xff"
    assert done.stderr == b"ccx: no artifact 'b': It is too large.\n" + VERDICT_LINE
    assert node.sent_to(SUBMIT)[0].document()["artifacts"] == ["plot.png", "b"]


def test_a_node_without_a_language_says_what_to_do(tiny_node: TinyNode, ccx: RunsCcx, tmp_path: Path) -> None:
    tiny_node.says("GET /v1/languages", [])
    (tmp_path / "a.c").write_text("")
    done = ccx("run", "a.c", server=tiny_node.url)
    assert done.stderr.startswith(b"ccx: The node serves no language: build the images")
    assert done.returncode == 212


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["gone.c"], "'gone.c' does not exist"),
        (["a.c", "--limit", "cpu=fast"], "such as 2, 1.5s or 500ms"),
        (["a.c", "--expect", "gone"], "--expect: 'gone' cannot be read: No such file or directory"),
        (["a.c", "--expect", "binary"], "--expect: 'binary' is not UTF-8 text"),
        (["binary"], "'binary' has no suffix; known are .c, .h, .lua, or name the language with --language"),
        (["a.c", "-l", "cobol"], "no language 'cobol'; it has c, lua"),
        (["a.c", "-l", "gc"], "it has c, lua. Did you mean 'gcc'?"),
        (["-"], "Which language is what is piped in? Name it with --language"),
        (["-", "a.c"], "'-' is a program from standard input, all of it"),
        (["a.c", "--entrypoint", "b.c"], "'b.c' is not one of the files; there are a.c"),
        (["a.c", "--artifact", "../x"], "artifacts.0: must not have empty, '.' or '..' parts"),
        (["empty"], "'empty' has no file in it"),
        (["a.c", "--", "x" * 20_000], "args: must be at most 16384 bytes together"),
        (["a.c", "--", "\udcff"], "surrogate"),
        (["a.c", "--no-such-option"], "No such option: --no-such-option"),
        ([], "Missing argument 'FILE'; 'ccx run --help' shows how."),
        (["--", "a.c"], "Missing argument 'FILE'"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_212(
    node: TinyNode, ccx: RunsCcx, tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    (tmp_path / "binary").write_bytes(b"\xff")
    (tmp_path / "empty").mkdir()
    done = ccx("run", *arguments, server=node.url)
    errors = done.stderr.decode()
    assert complaint in errors
    assert errors.startswith("ccx: ")
    assert errors.count("\n") == 1
    assert (done.stdout, done.returncode) == (b"", 212)
    assert node.sent_to(SUBMIT) == []


@pytest.mark.parametrize(
    ("slug", "status", "code"),
    [
        ("invalid-submission", 422, 212),
        ("queue-full", 429, 213),
        ("engine-unavailable", 503, 210),
        ("body-too-large", 413, 212),
    ],
)
def test_a_refusal_of_the_node_is_its_sentence_and_an_exit_code(
    node: TinyNode, ccx: RunsCcx, slug: str, status: int, code: int
) -> None:
    node.refuses(SUBMIT, slug, status, "It\nwill not do.")
    done = ccx("run", "a.c", server=node.url)
    assert (done.stderr, done.returncode) == (b"ccx: It will not do.\n", code)


def test_every_field_the_node_complains_of_is_named_once(node: TinyNode, ccx: RunsCcx) -> None:
    errors = [{"field": "args", "message": "too long"}, {"field": "limits.cpu_seconds", "message": "too high"}]
    node.refuses(SUBMIT, "invalid-submission", 422, "args too long.", errors=errors)
    done = ccx("run", "a.c", server=node.url)
    assert done.stderr == b"ccx: args too long; limits.cpu_seconds: too high.\n"


def test_a_node_that_is_not_there_is_named_with_a_remedy(ccx: RunsCcx) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        done = ccx("run", "a.c", "--server", url)
    assert done.returncode == 211
    assert done.stderr.startswith(f"ccx: No ccx node answers at {url} (nobody listens there); check".encode())
    assert done.stderr.count(b"\n") == 1


def test_the_option_server_goes_before_the_environment(node: TinyNode, ccx: RunsCcx) -> None:
    node.says(SUBMIT, result())
    assert ccx("run", "a.c", "--server", node.url, server="http://127.0.0.1:1").returncode == 0


def test_a_reader_that_leaves_early_ends_it_as_sigpipe_would(
    node: TinyNode, starts_ccx: Callable[..., subprocess.Popen[bytes]]
) -> None:
    node.says(SUBMIT, result(stdout="x" * 1_000_000))
    reading, writing = os.pipe()
    os.close(reading)
    try:
        process = starts_ccx("run", "-q", "a.c", server=node.url, stdin=subprocess.DEVNULL, stdout=writing)
    finally:
        os.close(writing)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (141, b"")


def test_a_full_disk_is_told(node: TinyNode, starts_ccx: Callable[..., subprocess.Popen[bytes]]) -> None:
    node.says(SUBMIT, result(stdout="x" * 10_000))
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        process = starts_ccx("run", "a.c", server=node.url, stdin=subprocess.DEVNULL, stdout=full)
        _, errors = process.communicate(timeout=30)
    assert errors == b"ccx: The output cannot be written: No space left on device.\n"
    assert process.returncode == 212


def test_ctrl_c_ends_the_command_with_130_and_without_a_word(
    node: TinyNode, starts_ccx: Callable[..., subprocess.Popen[bytes]]
) -> None:
    node.says(SUBMIT, result())
    node.holds(SUBMIT)
    process = starts_ccx("run", "a.c", server=node.url, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert node.reached.wait(30)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output, errors) == (130, b"", b"")


def test_a_fault_of_ccx_itself_is_one_line_and_exit_code_210(node: TinyNode, ccx: RunsCcx) -> None:
    node.says(SUBMIT, result(stdout="%", stdout_encoding="base64"))
    done = ccx("run", "a.c", server=node.url)
    assert done.stderr.startswith(b"ccx: internal error: ValueError: ")
    assert (done.stderr.count(b"\n"), done.returncode) == (1, 210)
    assert b"Traceback" in ccx("run", "a.c", server=node.url, CCX_DEBUG="1").stderr


def test_a_program_can_be_piped_in(node: TinyNode, ccx: RunsCcx) -> None:
    node.says(SUBMIT, result(stdout="5\n"))
    done = ccx("run", "-q", "-l", "gcc", "-", stdin=b"int main;", server=node.url)
    assert (done.stdout, done.returncode) == (b"5\n", 0)
    assert node.sent_to(SUBMIT)[0].document() == {"language": "c", "files": [{"content": "int main;"}]}


def test_input_that_json_would_escape_goes_as_base64(node: TinyNode, ccx: RunsCcx) -> None:
    node.says(SUBMIT, result())
    ccx("run", "a.c", stdin=b"\0" * 3000, server=node.url)
    sent = node.sent_to(SUBMIT)[0].document()
    assert (sent["stdin_encoding"], len(sent["stdin"])) == ("base64", 4000)


def test_a_language_without_an_image_is_told_with_the_command_that_builds_it(
    tiny_node: TinyNode, ccx: RunsCcx, tmp_path: Path
) -> None:
    (tmp_path / "a.lua").write_text("")
    lua = LANGUAGES[1] | {"image": "", "version": ""}
    tiny_node.says("GET /v1/languages", LANGUAGES[:1])
    tiny_node.says("GET /v1/languages", [lua])
    done = ccx("run", "a.lua", server=tiny_node.url)
    assert done.stderr == b"ccx: The node has no image for Lua; build it on its host with: ccx images build lua.\n"
    assert done.returncode == 210


def test_a_program_that_found_no_input_is_told_how_to_type_to_it(
    node: TinyNode, starts_ccx: Callable[..., subprocess.Popen[bytes]]
) -> None:
    node.says(SUBMIT, result("runtime_error", stderr="EOFError: EOF when reading a line\n", exit_code=1))
    ours, theirs = pty.openpty()
    try:
        process = starts_ccx("run", "a.c", server=node.url, stdin=theirs)
        _, errors = process.communicate(timeout=30)
    finally:
        os.close(ours)
        os.close(theirs)
    assert errors.endswith(b"\nccx: its standard input was empty; to type to it: ccx run -i\n")


@pytest.mark.parametrize("port", [":{port}", "127.0.0.1:{port}"])
def test_a_port_is_an_address_of_this_machine(node: TinyNode, ccx: RunsCcx, port: str) -> None:
    node.says(SUBMIT, result())
    assert ccx("run", "-q", "a.c", server=port.format(port=node.url.rsplit(":", 1)[1])).returncode == 0


def test_the_verdict_has_a_colour_in_a_terminal_unless_nobody_wants_it(
    node: TinyNode, starts_ccx: Callable[..., subprocess.Popen[bytes]]
) -> None:
    node.says(SUBMIT, result())
    seen = []
    wants: list[dict[str, str]] = [{}, {"NO_COLOR": "1"}]
    for want in wants:
        ours, theirs = pty.openpty()
        process = starts_ccx(
            "run",
            "a.c",
            server=node.url,
            stdin=subprocess.DEVNULL,
            stderr=theirs,
            environment={"TERM": "xterm"} | want,
        )
        process.communicate(timeout=30)
        seen.append(os.read(ours, 4096))
        os.close(ours)
        os.close(theirs)
    assert [b"\x1b[32mok\x1b[0m" in line for line in seen] == [True, False]
