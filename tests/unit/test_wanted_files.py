"""Which files are fetched where some are asked for by patterns."""

from __future__ import annotations

import pytest

from ccx.wire.fields import MAX_ARTIFACTS
from ccx.wire.patterns import matches
from ccx_orchestrator.docker_host.runner.protocol import BrokenFrame, FileNames, FrameReader, frame, list_frame
from ccx_orchestrator.domain.wanted_files import highest_count, wanted_files


def wanted(asked: list[str], present: list[str], *, are_all: bool = True) -> list[tuple[str, str | None]]:
    return [(file.name, file.refusal) for file in wanted_files(asked, present, are_all=are_all)]


@pytest.mark.parametrize(
    ("name", "pattern", "does"),
    [
        ("a.png", "*.png", True),
        ("a.png", "?.[pg]ng", True),
        ("a.png", "a.png", True),
        ("a.PNG", "*.png", False),
        ("plots/a.png", "*.png", False),
        ("plots/a.png", "plots/*", True),
        ("plots/a.png", "*/*.png", True),
        (".hidden.png", "*.png", False),
        (".hidden.png", ".*.png", True),
        ("*", "*", True),
        ("[x].png", "[x].png", True),
        ("x.png", "[x].png", True),
        ("a" * 200, "*a" * 100 + "b", False),
    ],
)
def test_a_pattern_is_read_as_a_shell_reads_it(name: str, pattern: str, does: bool) -> None:
    assert matches(name, pattern) is does


def test_files_come_in_the_order_asked_for_and_by_name_and_once() -> None:
    assert wanted(["b.txt", "*.png", "*.txt"], ["2.png", "b.txt", "1.png", "a.txt"]) == [
        ("b.txt", None),
        ("1.png", None),
        ("2.png", None),
        ("a.txt", None),
    ]


def test_a_pattern_without_a_file_says_so_and_a_named_file_is_left_to_the_runner() -> None:
    assert wanted(["*.png", "a.txt"], []) == [("*.png", "no file matches"), ("a.txt", None)]


def test_files_that_were_named_come_before_those_that_only_match() -> None:
    present = [f"{number:03}.png" for number in range(100)]
    found = wanted(["*.png", "099.png", "*1.png"], present)
    assert found[: MAX_ARTIFACTS - 1] == [(name, None) for name in present[: MAX_ARTIFACTS - 1]]
    assert [name for name, _ in found[MAX_ARTIFACTS - 1 :]] == ["*.png", "099.png", "*1.png"]
    assert found[MAX_ARTIFACTS - 1][1] == "68 more match, but at most 32 files are sent back: use a narrower pattern"
    assert len([name for name, refusal in found if refusal is None]) == MAX_ARTIFACTS
    assert len(found) <= highest_count(["*.png", "099.png", "*1.png"])


def test_a_listing_that_was_cut_off_is_told_of() -> None:
    assert wanted(["*.png"], ["a.png"], are_all=False) == [
        ("a.png", None),
        ("*.png", "there are so many files that not all were looked at: name the ones to send back"),
    ]


def test_names_that_no_request_could_have_are_left_out() -> None:
    assert wanted(["*"], ["a\nb", "x" * 2000, "ok"]) == [("ok", None)]


def test_without_patterns_there_is_an_answer_each() -> None:
    assert highest_count(["a", "b"]) == 2


def test_a_listing_on_the_wire() -> None:
    assert list_frame() == b"\0\0\0\0L"
    names = b"\0\1a" + b"\0\2\xff\xfe" + b"\0\3b/c"
    found = FrameReader().feed(frame("n", b"\1" + names) + frame("n", b"\0"))
    assert list(found) == [FileNames(("a", "b/c"), True), FileNames((), False)]


@pytest.mark.parametrize("payload", [b"", b"\1\0", b"\1\0\3ab"])
def test_a_listing_that_is_cut_off_is_broken(payload: bytes) -> None:
    with pytest.raises(BrokenFrame):
        list(FrameReader().feed(frame("n", payload)))
