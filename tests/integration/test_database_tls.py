"""The connection to PostgreSQL: encrypted where it is asked for, and only to the server it is meant for."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccx_orchestrator.store.postgres import open_postgres
from ccx_orchestrator.store.schema import BadDatabase
from tests.support.postgres import certificate_of

pytestmark = pytest.mark.docker


async def is_encrypted(url: str) -> bool:
    """Open the store and ask the server about its connections."""
    async with open_postgres(url, "tls", "tls", 10.0) as store:
        connections = (
            "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename IS NOT NULL"
        )
        named = f"{connections} AND application_name = 'ccx tls'"
        return bool(await store.transact(lambda connection: connection.exec_driver_sql(named).scalar_one()))


@pytest.mark.parametrize(
    ("query", "expected"),
    [("sslmode=disable", False), ("sslmode=require", True), ("sslmode=verify-ca&sslrootcert={}", True)],
)
async def test_a_connection_is_as_encrypted_as_the_address_says(
    database: str, tmp_path: Path, query: str, expected: bool
) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text(certificate_of(database))
    assert await is_encrypted(f"{database.partition('?')[0]}?{query.format(authority)}") is expected


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("sslmode=verify-full&sslrootcert={}", "certificate"),  # it has another name
        ("sslmode=verify-ca&sslrootcert=/etc/ssl/certs/ca-certificates.crt", "certificate"),
        ("sslmode=of-course", "sslmode"),
    ],
)
async def test_another_server_is_refused(database: str, tmp_path: Path, query: str, reason: str) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text(certificate_of(database))
    with pytest.raises(BadDatabase, match=reason):
        await is_encrypted(f"{database.partition('?')[0]}?{query.format(authority)}")
