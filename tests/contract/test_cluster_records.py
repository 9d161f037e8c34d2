"""What every store keeps of a cluster's nodes: in memory, in a file, on a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ccx.errors import BadInput, NodeExists, NodeNotFound
from ccx.wire import NodeRole
from ccx_orchestrator.ports.cluster_records import AuthorityRecord, ClusterRecords, JoinTokenRecord, MemberRecord
from ccx_orchestrator.store.access_records import AccessRecords
from ccx_orchestrator.store.memory_cluster_records import MemoryClusterRecords
from ccx_orchestrator.store.postgres import open_postgres_access
from ccx_orchestrator.store.sqlite import open_sqlite_access

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
AUTHORITY = AuthorityRecord(1, "a" * 64, "certificate", "key", NOW)
NODE = MemberRecord("e" * 32, "h1", NodeRole.SLAVE, AUTHORITY.id, NOW, LATER)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.docker)])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AbstractAsyncContextManager[ClusterRecords]:
    if request.param == "memory":
        return nullcontext(MemoryClusterRecords())
    if request.param == "sqlite":
        return _of(open_sqlite_access(tmp_path / "node.sqlite"))
    return _of(open_postgres_access(request.getfixturevalue("database")))


@asynccontextmanager
async def _of(opening: AbstractAsyncContextManager[AccessRecords]) -> AsyncIterator[ClusterRecords]:
    async with opening as access:
        yield access.cluster


@pytest.fixture
async def records(opened: AbstractAsyncContextManager[ClusterRecords]) -> AsyncIterator[ClusterRecords]:
    async with opened as records:
        yield records


async def test_in_the_beginning_nobody_is_trusted(records: ClusterRecords) -> None:
    trusted = await records.trusted()
    assert (trusted.revision, trusted.authorities, trusted.revoked) == (0, (), ())


async def test_authorities_come_and_go_and_every_change_has_a_revision(records: ClusterRecords) -> None:
    await records.add_authority(AUTHORITY)
    with pytest.raises(BadInput, match="has an authority already"):
        await records.add_authority(replace(AUTHORITY, id="b" * 64))
    second = replace(AUTHORITY, number=2, id="b" * 64)
    await records.add_authority(second)
    assert ((await records.trusted()).revision, (await records.trusted()).authorities) == (2, (AUTHORITY, second))
    await records.remove_authority(1)
    assert ((await records.trusted()).revision, (await records.trusted()).authorities) == (3, (second,))


async def test_a_join_token_is_used_once_or_until_it_expires(records: ClusterRecords) -> None:
    once = JoinTokenRecord("1" * 64, NodeRole.MASTER, LATER, is_reusable=False)
    often = JoinTokenRecord("2" * 64, NodeRole.SLAVE, LATER, is_reusable=True)
    for token in (once, often):
        await records.add_join_token(token)
    taken = await asyncio.gather(*(records.take_join_token(once.digest, NOW) for _ in range(8)))
    assert [one for one in taken if one] == [once]
    assert [await records.take_join_token(often.digest, NOW) for _ in range(2)] == [often, often]
    assert await records.take_join_token(often.digest, LATER) is None
    assert await records.take_join_token("3" * 64, NOW) is None


async def test_a_name_belongs_to_one_node_until_that_is_revoked_or_its_certificate_ends(
    records: ClusterRecords,
) -> None:
    await records.add_authority(AUTHORITY)
    await records.admit(NODE, NOW)
    again = replace(NODE, enrolment="f" * 32, joined_at=NOW + timedelta(days=1))
    with pytest.raises(NodeExists, match="ccx nodes revoke h1"):
        await records.admit(again, NOW)
    await records.revoke("h1")
    await records.admit(again, NOW)
    trusted = await records.trusted()
    assert (trusted.revision, trusted.revoked) == (2, (NODE.enrolment,))
    assert await records.members(NOW) == (replace(NODE, is_revoked=True), again)
    third = replace(NODE, enrolment="9" * 32, joined_at=LATER, expires_at=LATER + timedelta(days=30))
    await records.admit(third, LATER)
    assert await records.members(LATER) == (third,)
    assert (await records.trusted()).revoked == ()


async def test_of_many_that_want_one_name_one_has_it(records: ClusterRecords) -> None:
    many = [replace(NODE, enrolment=f"{number:032x}") for number in range(8)]
    ends = await asyncio.gather(*(records.admit(one, NOW) for one in many), return_exceptions=True)
    assert [type(end) for end in ends if end is not None] == [NodeExists] * 7


async def test_a_certificate_is_renewed_unless_the_node_was_revoked(records: ClusterRecords) -> None:
    await records.admit(NODE, NOW)
    end = LATER + timedelta(days=20)
    await records.renew(NODE.enrolment, "b" * 64, end)
    assert await records.members(NOW) == (replace(NODE, authority="b" * 64, expires_at=end),)
    await records.revoke("h1")
    for name in ("h1", "h2"):
        with pytest.raises(NodeNotFound, match=name):
            await records.revoke(name)
    for enrolment in (NODE.enrolment, "0" * 32):
        with pytest.raises(NodeNotFound):
            await records.renew(enrolment, "b" * 64, end)
