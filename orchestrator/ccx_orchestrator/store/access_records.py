"""What a store has of those who may come in: users and nodes."""

from __future__ import annotations

from dataclasses import dataclass

from ccx_orchestrator.store.cluster_records import SqlClusterRecords
from ccx_orchestrator.store.database import SafeAccess
from ccx_orchestrator.store.tokens import SqlTokens


@dataclass(frozen=True, slots=True)
class AccessRecords:
    """Both, in one database."""

    tokens: SqlTokens
    cluster: SqlClusterRecords

    @classmethod
    def of(cls, access: SafeAccess) -> AccessRecords:
        """Those of that database."""
        return cls(SqlTokens(access), SqlClusterRecords(access))
