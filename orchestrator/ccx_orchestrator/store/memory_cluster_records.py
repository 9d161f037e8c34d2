"""The nodes of a cluster in memory: gone with the process."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ccx_orchestrator.ports.cluster_records import (
    AuthorityRecord,
    JoinTokenRecord,
    MemberRecord,
    Trusted,
    authority_exists,
    node_exists,
    node_missing,
)


class MemoryClusterRecords:
    """See `ports.cluster_records.ClusterRecords`."""

    def __init__(self) -> None:
        self._revision = 0
        self._authorities: dict[int, AuthorityRecord] = {}
        self._tokens: dict[str, JoinTokenRecord] = {}
        self._members: dict[str, MemberRecord] = {}

    async def trusted(self) -> Trusted:
        """See `ClusterRecords`."""
        revoked = sorted(one.enrolment for one in self._members.values() if one.is_revoked)
        authorities = tuple(self._authorities[number] for number in sorted(self._authorities))
        return Trusted(self._revision, authorities, tuple(revoked))

    async def add_authority(self, record: AuthorityRecord) -> None:
        """See `ClusterRecords`."""
        if record.number in self._authorities:
            raise authority_exists()
        self._authorities[record.number] = record
        self._revision += 1

    async def remove_authority(self, number: int) -> None:
        """See `ClusterRecords`."""
        del self._authorities[number]
        self._revision += 1

    async def add_join_token(self, record: JoinTokenRecord) -> None:
        """See `ClusterRecords`."""
        self._tokens[record.digest] = record

    async def take_join_token(self, digest: str, now: datetime) -> JoinTokenRecord | None:
        """See `ClusterRecords`."""
        found = self._tokens.get(digest)
        if found is None or found.expires_at <= now:
            return None
        if not found.is_reusable:
            del self._tokens[digest]
        return found

    async def admit(self, record: MemberRecord, now: datetime) -> None:
        """See `ClusterRecords`."""
        if any(one.name == record.name and not one.is_revoked and one.expires_at > now for one in self._of_all()):
            raise node_exists(record.name)
        self._members[record.enrolment] = record

    async def renew(self, enrolment: str, authority: str, expires_at: datetime) -> None:
        """See `ClusterRecords`."""
        found = self._members.get(enrolment)
        if found is None or found.is_revoked:
            raise node_missing(enrolment)
        self._members[enrolment] = replace(found, authority=authority, expires_at=expires_at)

    async def revoke(self, name: str) -> None:
        """See `ClusterRecords`."""
        named = [one for one in self._of_all() if one.name == name and not one.is_revoked]
        if not named:
            raise node_missing(name)
        for one in named:
            self._members[one.enrolment] = replace(one, is_revoked=True)
        self._revision += 1

    async def members(self, now: datetime) -> tuple[MemberRecord, ...]:
        """See `ClusterRecords`."""
        self._members = {one.enrolment: one for one in self._of_all() if one.expires_at > now}
        self._tokens = {one.digest: one for one in self._tokens.values() if one.expires_at > now}
        return tuple(sorted(self._of_all(), key=lambda one: (one.name, one.joined_at)))

    def _of_all(self) -> list[MemberRecord]:
        return list(self._members.values())
