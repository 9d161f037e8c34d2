"""Brings a database to the shape that this version knows, at every start."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select, text
from sqlalchemy.schema import CreateTable

from ccx.errors import BadInput
from ccx_orchestrator.store.tables import metadata

HEAD = "0004"
# An arbitrary number that all masters share: only one migrates at a time.
_LOCK = 0x63637801
# Alembic's own, as it makes it.
_version_table = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))


class BadDatabase(BadInput):
    """The database cannot be used; the text says why and what to do."""


def migrate(connection: Connection) -> None:
    """Make what is missing, in the transaction that is open: all of an empty database at once, for a new node should
    not have to wait for its own history. Raises BadDatabase.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    tables = inspect(connection).get_table_names()
    if not tables:
        make(connection)
    elif _version(connection, tables) != HEAD:
        upgrade(connection)


def make(connection: Connection) -> None:
    """All tables as they are declared, and the version that they are of."""
    metadata.create_all(connection)
    connection.execute(CreateTable(_version_table))
    connection.execute(_version_table.insert().values(version_num=HEAD))


def touch(connection: Connection) -> None:
    """Write, and change nothing. Raises SQLAlchemyError where that is not possible."""
    connection.execute(_version_table.update().values(version_num=_version_table.c.version_num))


def upgrade(connection: Connection) -> None:
    """Run the migrations that are missing. Raises BadDatabase."""
    # Only now: it takes a while to import.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        found = _version(connection, inspect(connection).get_table_names())
        raise BadDatabase(
            f"The database is of version {found}, which this version of ccx does not know (its own is {HEAD}):"
            " install the newer ccx again, or name another database."
        ) from error


def _version(connection: Connection, tables: Collection[str]) -> str | None:
    if _version_table.name not in tables:
        return None
    return connection.execute(select(_version_table.c.version_num)).scalar_one_or_none()
