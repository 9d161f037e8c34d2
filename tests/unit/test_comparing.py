"""When output is right, and what is said where it is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx.cli.options.compare_option import parse_comparison
from ccx.errors import BadInput
from ccx.wire import Comparison
from ccx_orchestrator.domain.comparing import difference

NEAR = {"float_absolute_tolerance": 1e-6, "float_relative_tolerance": 1e-6}


@pytest.mark.parametrize(
    ("how", "expected", "actual", "is_right"),
    [
        ({}, "a\nb\n", "a  \nb\n\n", True),
        ({}, "a\nb", "a\r\nb\r\n", True),
        ({}, "a b", "a  b", False),
        ({}, "a", " a", False),
        ({"mode": "exact"}, "a\n", "a", False),
        ({"mode": "exact"}, "a\n", "a\n", True),
        ({"mode": "tokens"}, "a b\nc", "a\tb  c\n", True),
        ({"mode": "tokens"}, "a b", "ab", False),
        ({"mode": "tokens"}, "1.0", "1", False),
        ({"case_sensitive": False}, "Yes", "YES", True),
        ({"case_sensitive": False}, "Straße", "STRASSE", True),
        ({}, "Yes", "YES", False),
        (NEAR, "1.0 2.5", "1 2.5000001", True),
        (NEAR, "1.0", "1.1", False),
        (NEAR, "1000000", "1000000.9", True),
        (NEAR, "0", "-0", True),
        (NEAR, "0.0", "1e-7", True),
        (NEAR, "nan inf -inf", "NaN infinity -Infinity", True),
        (NEAR, "inf", "-inf", False),
        (NEAR, "nan", "0", False),
        (NEAR, "1e999", "1e998", True),
        (NEAR, "one 1.5", "one 1.5", True),
        (NEAR, "one", "two", False),
        ({"float_absolute_tolerance": 0.5}, "10", "10.5", True),
        ({"float_relative_tolerance": 0.1}, "10", "11.5", False),
    ],
)
def test_what_is_right(how: dict[str, Any], expected: str, actual: str, is_right: bool) -> None:
    found = difference(expected.encode(), actual.encode(), Comparison(**how))
    assert (found is None) is is_right, found


@pytest.mark.parametrize(
    ("how", "expected", "actual", "told"),
    [
        ({}, "1\n2\n3\n", "1\n5\n3\n", "Line 2 is '5'; expected was '2'."),
        ({}, "1\n2\n", "1\n", "The output ended before line 2 of what was expected: '2'."),
        ({}, "1\n", "1\n2\n", "Line 2 has more than was expected: '2'."),
        ({"mode": "exact"}, "a\n", "a", r"Line 1 is 'a'; expected was 'a\n'."),
        ({"mode": "tokens"}, "a b\nc", "a b\n\nd", "Line 3 is 'd'; expected was 'c'."),
    ],
)
def test_the_first_difference_is_told(how: dict[str, Any], expected: str, actual: str, told: str) -> None:
    assert difference(expected.encode(), actual.encode(), Comparison(**how)) == told


def test_a_difference_in_long_lines_is_shown_with_what_is_around_it() -> None:
    told = difference(b"x" * 1000 + b"right" + b"y" * 1000, b"x" * 1000 + b"wrong" + b"y" * 1000, Comparison())
    assert told is not None
    assert len(told) < 300
    assert told.startswith("Line 1 is …'xxxxxxxxxxxxxxxxxxxxwrong")


@given(st.binary(), st.sampled_from(["exact", "trim", "tokens"]), st.booleans())
def test_what_is_the_same_is_right_and_any_bytes_can_be_compared(data: bytes, mode: Any, is_sensitive: bool) -> None:
    how = Comparison(mode=mode, case_sensitive=is_sensitive)
    assert difference(data, bytes(data), how) is None
    difference(data, data[::-1] + b"x", how)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_whatever_differs_is_told_in_bounds(expected: bytes, actual: bytes) -> None:
    told = difference(expected, actual, Comparison(float_absolute_tolerance=1.0))
    assert told is None or len(told) < 1200


def test_a_tolerance_is_for_words_alone() -> None:
    with pytest.raises(ValueError, match="a tolerance needs the mode tokens, not exact"):
        Comparison(mode="exact", float_absolute_tolerance=1.0)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (None, {}),
        ("tokens", {"mode": "tokens"}),
        ("exact, ignore-case", {"mode": "exact", "case_sensitive": False}),
        ("float=1e-6", {"float_absolute_tolerance": 1e-6, "float_relative_tolerance": 1e-6}),
        ("tokens,abs=0.5", {"mode": "tokens", "float_absolute_tolerance": 0.5}),
    ],
)
def test_the_command_line_says_it_in_words(text: str | None, fields: dict[str, Any]) -> None:
    assert parse_comparison(text) == Comparison(**fields)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("fuzzy", "'fuzzy' is not a way to compare; there is exact, trim, tokens, ignore-case"),
        ("float=x", "'float=x' has no number"),
        ("exact,float=1", "a tolerance goes with tokens alone"),
        ("abs=-1", "a tolerance goes with tokens alone"),
    ],
)
def test_what_makes_no_sense_there_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        parse_comparison(text)
