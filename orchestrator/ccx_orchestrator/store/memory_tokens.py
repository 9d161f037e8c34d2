"""Tokens of callers in memory: gone with the process."""

from __future__ import annotations

from ccx.errors import TokenExists, TokenNotFound
from ccx_orchestrator.ports.tokens import TokenRecord


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


def token_exists(name: str) -> TokenExists:
    """The refusal of a name that is taken."""
    return TokenExists(f"There is a token {name!r} already: choose another name, rotate that one, or revoke it first.")


def token_missing(name: str) -> TokenNotFound:
    """The refusal of a name that no token has."""
    return TokenNotFound(f"There is no token {name!r}; 'ccx token list' shows which there are.")
