from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from ccx_orchestrator.store import schema
from ccx_orchestrator.store.schema import BadDatabase, migrate
from ccx_orchestrator.store.tables import metadata


@pytest.mark.parametrize("bring_up", [schema.make, schema.upgrade, migrate])
def test_tables_are_as_they_are_declared_however_they_were_made(
    bring_up: Callable[[Connection], None], tmp_path: Path
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'new.sqlite'}")
    with engine.begin() as connection:
        bring_up(connection)
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert MigrationContext.configure(connection).get_current_revision() == schema.HEAD
        partial = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'submissions_unfinished'"))
        assert partial.scalar_one().endswith("WHERE state != 'done'")
    engine.dispose()


def test_a_database_of_an_older_version_is_brought_up(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'older.sqlite'}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        migrate(connection)
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_the_head_is_the_newest_migration() -> None:
    script = ScriptDirectory(str(Path(schema.__file__).parent / "migrations"))
    assert script.get_current_head() == schema.HEAD


def test_a_database_that_is_up_to_date_is_left_alone(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'same.sqlite'}")
    for _ in range(2):
        with engine.begin() as connection:
            migrate(connection)
    engine.dispose()


def test_a_database_of_a_newer_version_is_refused_with_a_remedy(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'newer.sqlite'}")
    with engine.begin() as connection:
        migrate(connection)
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(BadDatabase, match="install the newer ccx"):
            migrate(connection)
    engine.dispose()
