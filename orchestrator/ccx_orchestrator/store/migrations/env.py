"""Called by Alembic, on the connection that `store.schema` hands in."""

from __future__ import annotations

from alembic import context

from ccx_orchestrator.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
