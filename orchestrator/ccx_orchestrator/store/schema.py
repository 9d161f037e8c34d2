"""Brings a database to the shape that this version knows, at every start."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from ccx.errors import BadInput

HEAD = "0003"
# An arbitrary number that all masters share: only one migrates at a time.
_LOCK = 0x63637801


class BadDatabase(BadInput):
    """The database cannot be used; the text says why and what to do."""


def migrate(connection: Connection) -> None:
    """Run the migrations that are missing, in the transaction that is open. Raises BadDatabase."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    found = _version(connection)
    if found == HEAD:
        return
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
        raise BadDatabase(
            f"The database is of version {found}, which this version of ccx does not know (its own is {HEAD}):"
            " install the newer ccx again, or name another database."
        ) from error


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
