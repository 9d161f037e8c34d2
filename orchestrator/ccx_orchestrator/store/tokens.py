"""Tokens of callers in a database."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from ccx.errors import StoreUnavailable
from ccx.wire import Quota, Role
from ccx_orchestrator.ports.tokens import TokenRecord, token_exists, token_missing
from ccx_orchestrator.store.database import SafeAccess
from ccx_orchestrator.store.tables import tokens


class SqlTokens:
    """See `ports.tokens.Tokens`."""

    def __init__(self, access: SafeAccess) -> None:
        self._access = access

    async def add(self, record: TokenRecord) -> None:
        """See `ports.tokens.Tokens`."""
        try:
            await self._access.transact(lambda connection: connection.execute(insert(tokens), _row(record)))
        except StoreUnavailable as error:
            if isinstance(error.__cause__, IntegrityError):
                raise token_exists(record.name) from error
            raise

    async def replace(self, record: TokenRecord) -> None:
        """See `ports.tokens.Tokens`."""
        change = update(tokens).where(tokens.c.name == record.name).values(**_row(record))
        if not await self._access.transact(lambda connection: connection.execute(change).rowcount):
            raise token_missing(record.name)

    async def remove(self, name: str) -> None:
        """See `ports.tokens.Tokens`."""
        forget = delete(tokens).where(tokens.c.name == name)
        if not await self._access.transact(lambda connection: connection.execute(forget).rowcount):
            raise token_missing(name)

    async def find(self, digest: str) -> TokenRecord | None:
        """See `ports.tokens.Tokens`."""
        found = await self._access.read(select(tokens).where(tokens.c.digest == digest))
        return _record(found[0]) if found else None

    async def all(self) -> tuple[TokenRecord, ...]:
        """See `ports.tokens.Tokens`."""
        return tuple(_record(row) for row in await self._access.read(select(tokens).order_by(tokens.c.name)))


def _row(record: TokenRecord) -> dict[str, Any]:
    return asdict(record) | {"quota": record.quota.model_dump_json(exclude_defaults=True)}


def _record(row: Any) -> TokenRecord:
    fields = dict(row._mapping)  # noqa: SLF001  (SQLAlchemy's name for a row as a mapping)
    return TokenRecord(**fields | {"role": Role(row.role), "quota": Quota.model_validate_json(row.quota)})
