"""The option --limit."""

from __future__ import annotations

import pytest

from ccx.cli.options.limit_option import parse_limits
from ccx.errors import BadInput
from ccx.wire import LimitOverrides


@pytest.mark.parametrize(
    ("option", "field", "value"),
    [
        ("cpu=2", "cpu_seconds", 2),
        ("cpu=1.5s", "cpu_seconds", 1.5),
        ("wall=500ms", "wall_seconds", 0.5),
        ("memory=65536", "memory_bytes", 65_536),
        ("memory=128m", "memory_bytes", 128 * 2**20),
        ("output=64K", "output_bytes", 64 * 2**10),
        ("file=1g", "file_bytes", 2**30),
        ("processes=16", "processes", 16),
        (" cpu = 2 ", "cpu_seconds", 2),
    ],
)
def test_a_limit_is_read_with_its_unit(option: str, field: str, value: float) -> None:
    assert parse_limits([option]) == LimitOverrides.model_validate({field: value})


def test_no_option_is_no_limit() -> None:
    assert parse_limits([]) == LimitOverrides()


def test_limits_may_be_given_with_commas_and_repeated_and_the_last_counts() -> None:
    limits = parse_limits(["cpu=2,memory=1k", "cpu=3"])
    assert limits == LimitOverrides(cpu_seconds=3, memory_bytes=1024)


@pytest.mark.parametrize("option", ["", "cpu", "ram=1", "cpu=1,", "=1", "CPU=1"])
def test_what_is_no_limit_is_refused_with_the_names_there_are(option: str) -> None:
    with pytest.raises(BadInput, match="cpu, wall, memory, processes, output, file"):
        parse_limits([option])


@pytest.mark.parametrize(
    ("option", "example"),
    [
        ("cpu=", "500ms"),
        ("cpu=fast", "500ms"),
        ("cpu=0", "500ms"),
        ("cpu=-1", "500ms"),
        ("wall=nan", "500ms"),
        ("wall=1e400", "500ms"),
        ("cpu=2m", "500ms"),
        ("memory=1.5g", "128m"),
        ("memory=" + "9" * 5000, "128m"),
        ("memory=1t", "128m"),
        ("memory=٣", "128m"),
        ("processes=2.5", "16"),
        ("processes=16k", "16"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_with_an_example(option: str, example: str) -> None:
    with pytest.raises(BadInput, match=f"such as .*{example}"):
        parse_limits([option])
