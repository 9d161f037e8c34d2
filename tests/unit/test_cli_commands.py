"""The other commands, help and usage: the real command in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from ccx.cli.output.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.conftest import RunsCcx, TinyNode

LIMITS = {
    "cpu_seconds": 5,
    "wall_seconds": 10,
    "memory_bytes": 2**28,
    "processes": 64,
    "output_bytes": 2**20,
    "file_bytes": 2**26,
    "address_space_bytes": None,
}
C: dict[str, Any] = {
    "name": "c",
    "title": "C",
    "aliases": ["gcc", "[red]"],
    "suffixes": [".c", ".h"],
    "version": "gcc 14.2.0",
    "image": "ccx-c",
    "by_name_only": False,
    "default_limits": LIMITS,
    "highest_limits": LIMITS | {"cpu_seconds": 60},
}
NO_ORCHESTRATOR = "sys.modules['ccx_orchestrator'] = None"
FAKE_ORCHESTRATOR = """
import types
orchestrator = types.ModuleType('ccx_orchestrator')
orchestrator.__main__ = types.ModuleType('ccx_orchestrator.__main__')
def serve(*arguments, **locks):
    print(arguments)
    return 3
def build_images(names, report):
    report(f'building {names}')
orchestrator.__main__.serve = serve
orchestrator.__main__.build_images = build_images
sys.modules |= {'ccx_orchestrator': orchestrator, 'ccx_orchestrator.__main__': orchestrator.__main__}
"""


def test_languages_are_a_table_without_colour_where_it_is_piped(tiny_node: TinyNode, ccx: RunsCcx) -> None:
    tiny_node.says("GET /v1/languages", [C])
    done = ccx("languages", "--server", tiny_node.url)
    header, row = done.stdout.decode().splitlines()
    assert header.split() == ["LANGUAGE", "VERSION", "SUFFIXES", "ALIASES", "CPU", "WALL", "MEMORY"]
    assert re.split(r" {2,}", row.strip()) == [
        "c",
        "gcc 14.2.0",
        ".c .h",
        "gcc [red]",
        "5 s (most 60)",
        "10 s (most 10)",
        "256 MiB (most 256)",
    ]
    assert (done.stderr, done.returncode) == (b"", 0)


def test_languages_are_json_on_request(tiny_node: TinyNode, ccx: RunsCcx) -> None:
    tiny_node.says("GET /v1/languages", [C])
    done = ccx("languages", "--json", server=tiny_node.url)
    assert json.loads(done.stdout) == [C]


def test_something_else_than_a_node_is_told_of(tiny_node: TinyNode, ccx: RunsCcx) -> None:
    done = ccx("languages", server=tiny_node.url)
    assert (done.stdout, done.returncode) == (b"", 211)
    assert b"answered HTTP 404, but not as a ccx node does" in done.stderr


@pytest.mark.parametrize("arguments", [["languages"], ["serve"], ["images", "build"]])
@pytest.mark.parametrize("server", [None, ""])
def test_without_the_orchestrator_one_sentence_says_what_to_install(
    ccx: RunsCcx, arguments: list[str], server: str | None
) -> None:
    done = ccx(*arguments, preamble=NO_ORCHESTRATOR, server=server)
    assert done.returncode == 212
    assert done.stderr.endswith(b"pip install '.[orchestrator]'\n")
    assert done.stderr.count(b"\n") == 1


def test_serve_passes_what_was_given_and_leaves_the_rest_to_the_nodes_settings(ccx: RunsCcx) -> None:
    done = ccx("serve", preamble=FAKE_ORCHESTRATOR)
    assert (done.stdout, done.returncode) == (b"(None, None, None, None, None)\n", 3)
    options = ["--name", "n", "--host", "::1", "--port", "80", "--languages", "c, java"]
    done = ccx("serve", "4", *options, preamble=FAKE_ORCHESTRATOR)
    assert done.stdout == b"(4, 'n', '::1', 80, ('c', 'java'))\n"


@pytest.mark.parametrize("arguments", [["0"], ["many"], ["--port", "70000"], ["--languages", "c,"], ["1", "2"]])
def test_serve_refuses_what_makes_no_sense_in_one_sentence(ccx: RunsCcx, arguments: list[str]) -> None:
    done = ccx("serve", *arguments, preamble=FAKE_ORCHESTRATOR)
    assert (done.stdout, done.stderr.count(b"\n"), done.returncode) == (b"", 1, 212)


def test_images_are_built_by_name_or_all_of_them(ccx: RunsCcx) -> None:
    assert ccx("images", "build", preamble=FAKE_ORCHESTRATOR).stdout == b"building []\n"
    assert ccx("images", "build", "c", "java", preamble=FAKE_ORCHESTRATOR).stdout == b"building ['c', 'java']\n"


@pytest.mark.parametrize("command", [[], ["run"], ["serve"], ["languages"], ["images"], ["images", "build"]])
def test_every_command_explains_itself_without_colour_where_it_is_piped(ccx: RunsCcx, command: list[str]) -> None:
    done = ccx(*command, "--help")
    text = done.stdout.decode()
    assert " ".join(["Usage: ccx", *command]) in text
    assert "\x1b" not in text
    assert (done.stderr, done.returncode) == (b"", 0)


def test_the_help_of_run_has_examples_and_every_exit_code(ccx: RunsCcx) -> None:
    text = ccx("run", "-h").stdout.decode()
    assert "ccx run hello.py" in text
    assert all(f"{code:d} " in text for code in ExitCode if code > 200)


def test_ccx_alone_shows_its_commands(ccx: RunsCcx) -> None:
    done = ccx()
    assert b"languages" in done.stdout
    assert done.returncode == 0


def test_the_version_is_told(ccx: RunsCcx) -> None:
    done = ccx("--version")
    assert re.fullmatch(rb"ccx \S.*\n", done.stdout)
    assert done.returncode == 0


def test_a_command_with_a_typing_error_is_one_sentence_with_a_guess(ccx: RunsCcx) -> None:
    done = ccx("rum")
    assert done.stderr == b"ccx: No such command 'rum'. Did you mean 'run'? 'ccx --help' shows how.\n"
    assert done.returncode == 212


INTERRUPTED_WHILE_IMPORTING = """
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
from ccx.cli.entry import main
main()
"""


def test_ctrl_c_before_the_command_is_there_ends_it_without_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_WHILE_IMPORTING, "languages"], capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_an_address_that_is_none_is_bad_input(ccx: RunsCcx) -> None:
    done = ccx("languages", "--server", "http://host:99999")
    assert done.returncode == 212
    assert b"write it like http://127.0.0.1:8700" in done.stderr


def test_the_help_of_server_says_what_happens_without_it(ccx: RunsCcx) -> None:
    for command, told in (("run", b"or one that is started for this command"), ("status", b"Left out: yours in the")):
        assert told in b" ".join(ccx(command, "--help").stdout.replace(b"\xe2\x94\x82", b"").split())
    assert b"Left out: http://127.0.0.1:8700" in b" ".join(ccx("nodes", "--help").stdout.split())


def test_a_list_is_at_most_as_long_as_a_node_answers(ccx: RunsCcx) -> None:
    done = ccx("list", "--limit", "201", server="http://127.0.0.1:9")
    assert done.returncode == 212
    assert b"less than or equal to 200" in done.stderr


def test_help_is_a_command_too_and_shows_no_types(ccx: RunsCcx) -> None:
    asked, told = ccx("help", "list").stdout.decode(), ccx("list", "--help").stdout.decode()
    assert asked == told
    assert "Usage: ccx list" in told
    assert "Only those: queued, running or done." in told
    for command in (["run"], ["serve"], ["nodes", "drain"]):
        assert not re.findall(r"<\w+", ccx("help", *command).stdout.decode().replace("ccx run sum.c <", ""))


def test_help_whose_reader_leaves_is_no_failure(starts_ccx: Callable[..., subprocess.Popen[bytes]]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        process = starts_ccx("--help", stdin=subprocess.DEVNULL, stdout=writing)
    finally:
        os.close(writing)
    assert process.communicate(timeout=30)[1] == b""
    assert process.returncode == 0


def completed(ccx: RunsCcx, words: str, **environment: str) -> list[str]:
    asked = {"_CCX_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    return ccx(stdin=b"", server=None, preamble="sys.argv[:] = ['ccx']", **asked, **environment).stdout.decode().split()


def test_the_shell_completes_limits_languages_and_ids(tiny_node: TinyNode, ccx: RunsCcx) -> None:
    assert completed(ccx, "ccx run --limit cpu=2,m") == ["cpu=2,memory="]
    tiny_node.says("GET /v1/languages", [C])
    assert completed(ccx, "ccx run --language g", CCX_SERVER=tiny_node.url) == ["gcc"]
    assert completed(ccx, "ccx run --language g") == []
    ended = {"id": "ab12", "state": "done", "verdict": "ok", "language": "c", "created_at": "2024-01-01T00:00:00Z"}
    tiny_node.says("GET /v1/submissions", {"submissions": [ended]})
    assert completed(ccx, "ccx status a", CCX_SERVER=tiny_node.url) == ["ab12"]
