from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ccx.errors import InvalidSubmission
from ccx.wire import LIMIT_NAMES, LimitOverrides
from ccx_orchestrator.domain.limits import Limits, choose_limits
from tests.support.languages import HIGHEST, LIMITS


def test_what_is_not_asked_for_is_the_default() -> None:
    chosen = choose_limits(LimitOverrides(cpu_seconds=1.5), LIMITS, {}, HIGHEST)
    assert chosen.cpu_seconds == 1.5
    assert chosen.wall_seconds == LIMITS.wall_seconds


def test_every_limit_above_the_ceiling_is_named_and_none_is_clamped() -> None:
    asked = LimitOverrides(cpu_seconds=61, memory_bytes=(2 << 30) + 1, processes=1)
    with pytest.raises(InvalidSubmission) as refused:
        choose_limits(asked, LIMITS, {}, HIGHEST)
    assert [error.field for error in refused.value.errors] == ["limits.cpu_seconds", "limits.memory_bytes"]
    assert "must be at most 60" in refused.value.detail


def test_a_limit_below_the_lowest_is_refused() -> None:
    with pytest.raises(InvalidSubmission, match="must be at least 16777216"):
        choose_limits(LimitOverrides(memory_bytes=1), LIMITS, {"memory_bytes": 16 << 20}, HIGHEST)


def test_both_models_have_the_same_limits() -> None:
    assert tuple(LimitOverrides.model_fields) == tuple(Limits.model_fields) == LIMIT_NAMES


def test_what_is_not_limited_is_above_every_limit() -> None:
    bounded = LIMITS.changed(address_space_bytes=1 << 30)
    assert (bounded.are_within(LIMITS), LIMITS.are_within(bounded)) == (True, False)
    with pytest.raises(InvalidSubmission, match=r"limits\.address_space_bytes: must be at most 1073741824 \(1 GiB\)"):
        choose_limits(LimitOverrides(address_space_bytes=2 << 30), bounded, {}, bounded)


def test_a_limit_that_does_not_exist_is_refused_in_a_folder() -> None:
    with pytest.raises(ValidationError, match="stack_bytes"):
        Limits.model_validate(LIMITS.model_dump() | {"stack_bytes": 1})


@given(
    asked=st.builds(
        LimitOverrides,
        cpu_seconds=st.none() | st.floats(0.001, 60),
        wall_seconds=st.none() | st.floats(0.001, 120),
        memory_bytes=st.none() | st.integers(1, 2 << 30),
        processes=st.none() | st.integers(1, 512),
        output_bytes=st.none() | st.integers(1, 16 << 20),
        file_bytes=st.none() | st.integers(1, 512 << 20),
        address_space_bytes=st.none() | st.integers(1, 2**60),
    )
)
def test_a_limit_within_the_ceiling_is_exactly_what_was_asked(asked: LimitOverrides) -> None:
    chosen: Limits = choose_limits(asked, LIMITS, {}, HIGHEST)
    for name in LIMIT_NAMES:
        wanted = getattr(asked, name)
        assert getattr(chosen, name) == (getattr(LIMITS, name) if wanted is None else wanted)
