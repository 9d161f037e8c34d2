"""A master and slaves that differ in languages and limits: what runs where, and what is refused."""

from __future__ import annotations

import pytest

from ccx.client import Client
from ccx.errors import InvalidSubmission
from ccx.wire import Verdict
from tests.support.judges import SPLITS, checker_in
from tests.support.node import StartsNodes, eventually, submission

pytestmark = pytest.mark.docker

TIGHT = (
    '{"python": {"highest": {"cpu_seconds": 2, "wall_seconds": 4}, "default": {"cpu_seconds": 1, "wall_seconds": 2}}}'
)
WIDE = '{"python": {"highest": {"cpu_seconds": 500}}}'


async def test_a_submission_with_a_checker_runs_where_both_languages_are(starts_nodes: StartsNodes) -> None:
    one, both = starts_nodes(languages="python"), starts_nodes(languages="python,c")
    master = starts_nodes(languages="none", CCX_SLAVES=f"{one.url},{both.url}")
    async with master.client() as client:
        await eventually(lambda: _serves(client, "c"), "the slaves are heard of")
        for _ in range(3):
            asked = submission("python", SPLITS, cases=[{"stdin": "9"}, {"stdin": "8"}], checker=checker_in("c"))
            result = await client.submit(asked)
            assert (result.verdict, result.node) == (Verdict.OK, both.name), result
            assert [case.feedback for case in result.cases] == ["3 and 6 for 9", "2 and 6 for 8"]


async def test_what_a_slave_would_refuse_is_not_sent_there(starts_nodes: StartsNodes) -> None:
    """And what every node lets a program use where nothing is asked for is what this node says."""
    tight, usual = starts_nodes(languages="python", CCX_LIMITS=TIGHT), starts_nodes(languages="python")
    master = starts_nodes(
        languages="none", CCX_SLAVES=f"{tight.url},{usual.url}", CCX_LIMITS=WIDE, CCX_UNSERVED_SECONDS="1"
    )
    async with master.client() as client:
        await eventually(lambda: _serves(client, "python"), "a slave is heard of")
        (told,) = await client.languages()
        assert (told.default_limits.cpu_seconds, told.highest_limits.cpu_seconds) == (5, 500)
        ran = [await client.submit(submission("python", "print(1)", limits={"cpu_seconds": s})) for s in (1, 5, 60)]
        assert {(result.verdict, result.node) for result in ran} == {(Verdict.OK, usual.name)}
        with pytest.raises(InvalidSubmission, match="at most 500"):
            await client.submit(submission("python", "print(1)", limits={"cpu_seconds": 501}))
        nowhere = await client.submit(submission("python", "print(1)", limits={"cpu_seconds": 61}))
        assert nowhere.verdict is Verdict.INTERNAL_ERROR
        assert "No node that serves python with these limits was there" in (nowhere.message or "")


async def _serves(client: Client, language: str) -> bool:
    return language in {one.name for one in await client.languages()}
