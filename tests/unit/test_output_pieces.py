from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_orchestrator.domain.events import Output, Stream
from ccx_orchestrator.domain.output_pieces import MAX_PIECES, OutputPieces, end_of_characters

OUT, ERR = Stream.STDOUT, Stream.STDERR
outputs = st.lists(
    st.builds(Output, st.just(0), st.sampled_from(Stream), st.binary(min_size=1, max_size=5)), max_size=60
)


def written(given: list[Output], stream: Stream) -> bytes:
    return b"".join(output.data for output in given if output.stream is stream)


@given(outputs, st.sets(st.integers(0, 60)))
def test_nothing_is_lost_or_changes_its_place_within_an_output(told: list[Output], takes: set[int]) -> None:
    pieces = OutputPieces()
    taken: list[Output] = []
    for index, output in enumerate(told):
        pieces.add(output)
        if index in takes:
            taken += pieces.take(whole_characters=True)
    taken += pieces.take(whole_characters=False)
    assert pieces.size == 0
    assert all(output.data for output in taken)
    for stream in Stream:
        assert written(taken, stream) == written(told, stream)


def test_pieces_in_a_row_become_one_and_the_order_between_the_outputs_stays() -> None:
    pieces = OutputPieces()
    for stream, data in ((OUT, b"a"), (OUT, b"b"), (ERR, b"c"), (OUT, b"d")):
        pieces.add(Output(0, stream, data))
    assert pieces.take(whole_characters=True) == [Output(0, OUT, b"ab"), Output(0, ERR, b"c"), Output(0, OUT, b"d")]


def test_a_byte_to_each_output_in_turn_makes_no_more_than_a_few_pieces() -> None:
    pieces = OutputPieces()
    for _ in range(1000):
        pieces.add(Output(0, OUT, b"o"))
        pieces.add(Output(0, ERR, b"e"))
    assert len(pieces.take(whole_characters=True)) <= MAX_PIECES


def test_the_beginning_of_a_character_waits_for_the_rest_of_it() -> None:
    pieces = OutputPieces()
    euro = "€".encode()
    pieces.add(Output(0, OUT, b"5 " + euro[:2]))
    assert pieces.take(whole_characters=True) == [Output(0, OUT, b"5 ")]
    pieces.add(Output(0, OUT, euro[2:] + b"\n"))
    assert pieces.take(whole_characters=True) == [Output(0, OUT, "€\n".encode())]


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (b"", 0),
        (b"abc", 3),
        ("é".encode(), 2),
        (b"a\xc3", 1),
        (b"a\xf0\x9f\x98", 1),
        ("a😀".encode(), 5),
        (b"\xff", 1),
        (b"\x80\x80\x80\x80", 4),
    ],
)
def test_only_what_may_become_a_character_is_held_back(data: bytes, end: int) -> None:
    assert end_of_characters(data) == end
