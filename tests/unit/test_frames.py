from __future__ import annotations

import struct
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_orchestrator.docker_host.runner.protocol import (
    MAX_PAYLOAD,
    BrokenFrame,
    Chunk,
    Complaint,
    Credit,
    Frame,
    FrameReader,
    Ready,
    file_frames,
    frame,
    step_frame,
)
from ccx_orchestrator.domain.plan import Step
from tests.support.languages import LIMITS

STREAM = (
    frame("r", struct.pack(">HB", 1, 2))
    + frame("o", struct.pack(">I", 7) + b"a\0b")
    + frame("w", struct.pack(">II", 7, 9))
    + frame("!", b"gone")
)
FRAMES: list[Frame] = [Ready(1, 2), Chunk(7, False, b"a\0b"), Credit(7, 9), Complaint("gone")]


@given(st.lists(st.integers(0, len(STREAM)), max_size=10))
def test_frames_are_the_same_however_the_bytes_are_cut(cuts: list[int]) -> None:
    reader = FrameReader()
    found: list[Frame] = []
    for start, end in pairwise([0, *sorted(cuts), len(STREAM)]):
        found += reader.feed(STREAM[start:end])
    assert found == FRAMES


@given(st.binary(max_size=200))
def test_garbage_is_a_broken_frame_and_nothing_else(data: bytes) -> None:
    with suppress(BrokenFrame):
        list(FrameReader().feed(data))


def test_a_frame_that_claims_too_much_is_refused_before_it_is_read() -> None:
    with pytest.raises(BrokenFrame, match="65537"):
        list(FrameReader().feed(struct.pack(">IB", MAX_PAYLOAD + 1, ord("o"))))


@given(st.binary(max_size=200_000))
def test_a_files_pieces_are_its_content(data: bytes) -> None:
    begin, *pieces = file_frames("ä/b.txt", data)
    assert begin[5:] == b"\0" + "ä/b.txt".encode()
    assert b"".join(piece[5:] for piece in pieces) == data


@pytest.mark.parametrize("size", [0, 10, 65_000, 70_000])
def test_a_step_carries_as_much_input_as_fits(size: int) -> None:
    data, inline = step_frame(3, Step(("cat",), LIMITS, b"x" * size), ("A=b",), restore=False)
    assert len(data) <= MAX_PAYLOAD + 5
    assert inline == min(size, inline)
    assert (inline == size) == bool(data[9] & 1)
    assert data.endswith(b"x" * inline)
