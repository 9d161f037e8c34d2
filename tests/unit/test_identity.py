from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from ccx_orchestrator.domain.submission_ids import SubmissionIds, earliest_at


@given(st.lists(st.floats(0, 1e11), max_size=30))
def test_each_is_greater_than_the_one_before_whatever_the_clock_does(times: list[float]) -> None:
    identities = SubmissionIds()
    made = [identities.next(seconds) for seconds in times]
    assert made == sorted(set(made))
    assert {UUID(one).version for one in made} <= {7}
    assert {len(one) for one in made} <= {32}


def test_the_time_can_be_compared_with() -> None:
    identities = SubmissionIds()
    earlier, later = identities.next(1_000.0), identities.next(2_000.0)
    assert earlier < earliest_at(2_000.0) <= later


def test_two_processes_do_not_make_the_same() -> None:
    assert SubmissionIds().next(1.0) != SubmissionIds().next(1.0)
