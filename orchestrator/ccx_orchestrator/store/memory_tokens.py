"""Tokens of callers in memory: gone with the process."""

from __future__ import annotations

from ccx_orchestrator.ports.tokens import TokenRecord, token_exists, token_missing


class MemoryTokens:
    """See `ports.tokens.Tokens`."""

    def __init__(self) -> None:
        self._by_name: dict[str, TokenRecord] = {}

    async def add(self, record: TokenRecord) -> None:
        """See `ports.tokens.Tokens`."""
        if record.name in self._by_name:
            raise token_exists(record.name)
        self._by_name[record.name] = record

    async def replace(self, record: TokenRecord) -> None:
        """See `ports.tokens.Tokens`."""
        if record.name not in self._by_name:
            raise token_missing(record.name)
        self._by_name[record.name] = record

    async def remove(self, name: str) -> None:
        """See `ports.tokens.Tokens`."""
        if self._by_name.pop(name, None) is None:
            raise token_missing(name)

    async def find(self, digest: str) -> TokenRecord | None:
        """See `ports.tokens.Tokens`."""
        return next((record for record in self._by_name.values() if record.digest == digest), None)

    async def all(self) -> tuple[TokenRecord, ...]:
        """See `ports.tokens.Tokens`."""
        return tuple(sorted(self._by_name.values(), key=lambda record: record.name))
