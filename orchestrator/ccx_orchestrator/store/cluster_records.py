"""The nodes of a cluster in a database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from ccx.errors import StoreUnavailable
from ccx.wire import NodeRole
from ccx_orchestrator.ports.cluster_records import (
    AuthorityRecord,
    JoinTokenRecord,
    MemberRecord,
    Trusted,
    authority_exists,
    node_exists,
    node_missing,
)
from ccx_orchestrator.store.database import SafeAccess
from ccx_orchestrator.store.tables import authorities, cluster, join_tokens, members

T = TypeVar("T")


class SqlClusterRecords:
    """See `ports.cluster_records.ClusterRecords`."""

    def __init__(self, access: SafeAccess) -> None:
        self._access = access

    async def trusted(self) -> Trusted:
        """See `ClusterRecords`."""

        def look(connection: Connection) -> Trusted:
            revision = connection.execute(select(cluster.c.revision)).scalar_one_or_none()
            found = connection.execute(select(authorities).order_by(authorities.c.number))
            revoked = connection.execute(select(members.c.enrolment).where(members.c.is_revoked))
            return Trusted(
                revision or 0, tuple(AuthorityRecord(*row) for row in found), tuple(sorted(revoked.scalars()))
            )

        return await self._access.transact(look)

    async def add_authority(self, record: AuthorityRecord) -> None:
        """See `ClusterRecords`."""

        def add(connection: Connection) -> None:
            connection.execute(insert(authorities), asdict(record))
            if record.number == 1:
                connection.execute(insert(cluster), {"id": 1, "revision": 0})
            _changed(connection)

        try:
            await self._access.transact(add)
        except StoreUnavailable as error:
            if isinstance(error.__cause__, IntegrityError):
                raise authority_exists() from error
            raise

    async def remove_authority(self, number: int) -> None:
        """See `ClusterRecords`."""

        def remove(connection: Connection) -> None:
            connection.execute(delete(authorities).where(authorities.c.number == number))
            _changed(connection)

        await self._access.transact(remove)

    async def add_join_token(self, record: JoinTokenRecord) -> None:
        """See `ClusterRecords`."""
        await self._access.transact(lambda connection: connection.execute(insert(join_tokens), asdict(record)))

    async def take_join_token(self, digest: str, now: datetime) -> JoinTokenRecord | None:
        """See `ClusterRecords`."""

        def take(connection: Connection) -> JoinTokenRecord | None:
            wanted = (join_tokens.c.digest == digest) & (join_tokens.c.expires_at > now)
            used_up = delete(join_tokens).where(wanted & ~join_tokens.c.is_reusable).returning(join_tokens)
            row = connection.execute(used_up).first() or connection.execute(select(join_tokens).where(wanted)).first()
            return None if row is None else JoinTokenRecord(**_fields(row))

        return await self._access.transact(take)

    async def admit(self, record: MemberRecord, now: datetime) -> None:
        """See `ClusterRecords`."""

        def add(connection: Connection) -> bool:
            is_there = (members.c.name == record.name) & ~members.c.is_revoked & (members.c.expires_at > now)
            if connection.execute(select(members.c.enrolment).where(is_there)).first():
                return False
            connection.execute(insert(members), asdict(record))
            return True

        if not await self._alone(add):
            raise node_exists(record.name)

    async def renew(self, enrolment: str, authority: str, expires_at: datetime) -> None:
        """See `ClusterRecords`."""
        which = (members.c.enrolment == enrolment) & ~members.c.is_revoked
        change = update(members).where(which).values(authority=authority, expires_at=expires_at)
        if not await self._access.transact(lambda connection: connection.execute(change).rowcount):
            raise node_missing(enrolment)

    async def revoke(self, name: str) -> None:
        """See `ClusterRecords`."""

        def mark(connection: Connection) -> bool:
            which = (members.c.name == name) & ~members.c.is_revoked
            if not connection.execute(update(members).where(which).values(is_revoked=True)).rowcount:
                return False
            _changed(connection)
            return True

        if not await self._access.transact(mark):
            raise node_missing(name)

    async def members(self, now: datetime) -> tuple[MemberRecord, ...]:
        """See `ClusterRecords`."""

        def look(connection: Connection) -> tuple[MemberRecord, ...]:
            connection.execute(delete(join_tokens).where(join_tokens.c.expires_at <= now))
            connection.execute(delete(members).where(members.c.expires_at <= now))
            found = connection.execute(select(members).order_by(members.c.name, members.c.joined_at))
            return tuple(MemberRecord(**_fields(row)) for row in found)

        return await self._access.transact(look)

    async def _alone(self, work: Callable[[Connection], T]) -> T:
        """While nobody else changes the members: SQLite has one writer anyhow."""

        def whole(connection: Connection) -> T:
            if connection.dialect.name == "postgresql":
                connection.execute(text("LOCK TABLE members IN EXCLUSIVE MODE"))
            return work(connection)

        return await self._access.transact(whole)


def _changed(connection: Connection) -> None:
    connection.execute(update(cluster).values(revision=cluster.c.revision + 1))


def _fields(row: Any) -> dict[str, Any]:
    fields = dict(row._mapping)  # noqa: SLF001  (SQLAlchemy's name for a row as a mapping)
    return fields | {"role": NodeRole(fields["role"])}
