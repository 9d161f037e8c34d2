"""The runner's frame parser under libFuzzer, with the sanitizers: short and repeatable here, longer by hand."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from tests.support.runner_link import RUNNER_ROOM, Flag, Frame, Step, strings

SEEDS = (
    Frame("F", b"\1bin/a.out"),
    Frame("D", b"content"),
    Frame("P", b""),
    Frame("S", Step(("true",)).encoded(1)),
    Frame("S", Step(("cat", "", "-"), input=b"1 2\n", flags=Flag.TERMINAL, marker="/tmp/m").encoded(2)),
    Frame("R", struct.pack(">Q", 1) + strings(("sh", "-c", "x")) + strings(("A=b",))),
    Frame("S", Step(("cat",), flags=Flag.INPUT_COMPLETE | Flag.PRESTARTED | Flag.GIVES_BACK).encoded(3)),
    Frame("I", b"\0\0\0\2more"),
    Frame("E", b"\0\0\0\2"),
    Frame("K", b"\0\0\0\2\x0f"),
    Frame("X", b"\0\0\0\2"),
    Frame("V", b"\0\0\0\2\0\x18\0\x50"),
    Frame("G", struct.pack(">Q", 1 << 20) + b"a/b/c"),
)


@pytest.fixture
def fuzzer(tmp_path: Path) -> Path:
    assert shutil.which("clang"), "clang with libFuzzer is missing: scripts/setup-tests.sh installs it"
    command = ["make", "--silent", "-f", str(RUNNER_ROOM / "Makefile"), "fuzz"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=100)
    return tmp_path / "frames-fuzz"


@pytest.mark.timeout(150)
def test_no_input_confuses_the_parser(fuzzer: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, frame in enumerate(SEEDS):
        (corpus / f"frame-{number}").write_bytes(frame.encoded())
    (corpus / "all").write_bytes(b"".join(frame.encoded() for frame in SEEDS))
    bounds = ("-runs=200000", "-max_total_time=10", "-seed=1", "-max_len=8192", "-timeout=10", "-rss_limit_mb=2048")
    answer = subprocess.run(
        [str(fuzzer), *bounds, str(corpus)], cwd=tmp_path, check=False, capture_output=True, timeout=100
    )
    assert answer.returncode == 0, answer.stderr.decode(errors="replace")
