"""Submissions, their requests and results, keys, callbacks and owners."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.String(32)


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "submissions",
        sa.Column("id", ID, primary_key=True),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("owner", sa.String(64)),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("language", sa.String(64), nullable=False),
        sa.Column("language_version", sa.Text),
        sa.Column("node", sa.String(64)),
        sa.Column("verdict", sa.String(32)),
        sa.Column("message", sa.Text),
        sa.Column("callback_url", sa.Text),
        sa.Column("interactive", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("finished_at", sa.BigInteger),
    )
    unfinished = sa.text("state != 'done'")
    op.create_index(
        "submissions_unfinished", "submissions", ["id"], sqlite_where=unfinished, postgresql_where=unfinished
    )
    op.create_index("submissions_by_verdict", "submissions", ["verdict", "id"])
    op.create_index("submissions_by_language", "submissions", ["language", "verdict", "id"])
    op.create_index("submissions_by_language_only", "submissions", ["language", "id"])
    op.create_table(
        "requests", sa.Column("id", ID, primary_key=True), sa.Column("body", sa.LargeBinary, nullable=False)
    )
    op.create_table(
        "results",
        sa.Column("id", ID, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("journal", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("client", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("submission", ID, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("idempotency_keys_by_submission", "idempotency_keys", ["submission"])
    op.create_table(
        "callbacks",
        sa.Column("submission", ID, primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
    )
    op.create_index("callbacks_by_due_at", "callbacks", ["due_at"])
    op.create_table(
        "owners",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("url", sa.Text),
        sa.Column("beat_at", sa.BigInteger, nullable=False),
    )
