"""The languages of the programs that judge a submission: a master without them leaves it to others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column."""
    op.add_column("submissions", sa.Column("judged_in", sa.Text, nullable=False, server_default=""))
