"""The tables. What lists and queues look at is kept apart from what is large, so that neither slows down the other.

Ids sort by time (see `domain.submission_ids`), so they are the order of the queue and of lists. A change here needs a
migration in `migrations/versions`, which a test compares with this.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    literal_column,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Time(TypeDecorator[datetime]):
    """A moment, as microseconds since the epoch: the same on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """To the database."""
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database."""
        return None if value is None else EPOCH + value * MICROSECOND


metadata = MetaData()
ID = String(32)

submissions = Table(
    "submissions",
    metadata,
    Column("id", ID, primary_key=True),
    Column("state", String(8), nullable=False),
    Column("owner", String(64)),  # the node in whose queue it waits or which runs it; null once done
    Column("attempt", Integer, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("client", Text, nullable=False),
    Column("language", String(64), nullable=False),
    Column(
        "judged_in", Text, nullable=False, server_default=""
    ),  # the languages of what judges it, with blanks between
    Column("language_version", Text),
    Column("node", String(64)),
    Column("verdict", String(32)),
    Column("message", Text),
    Column("callback_url", Text),
    Column("interactive", Boolean, nullable=False, default=False),
    Column("created_at", Time, nullable=False),
    Column("started_at", Time),
    Column("finished_at", Time),
)
# In so many letters, not as a parameter: PostgreSQL would not know that the small index below will do.
unfinished = submissions.c.state != literal_column("'done'")
Index("submissions_unfinished", submissions.c.id, sqlite_where=unfinished, postgresql_where=unfinished)
Index("submissions_by_verdict", submissions.c.verdict, submissions.c.id)
Index("submissions_by_language", submissions.c.language, submissions.c.verdict, submissions.c.id)
Index("submissions_by_language_only", submissions.c.language, submissions.c.id)
Index("submissions_by_client", submissions.c.client, submissions.c.id)

# Large, and seldom read once it has ended.
requests = Table("requests", metadata, Column("id", ID, primary_key=True), Column("body", LargeBinary, nullable=False))

# Large and only needed after it has ended.
results = Table(
    "results",
    metadata,
    Column("id", ID, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("journal", LargeBinary, nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("client", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("submission", ID, nullable=False),
    Column("created_at", Time, nullable=False),
)
Index("idempotency_keys_by_submission", idempotency_keys.c.submission)

callbacks = Table(
    "callbacks",
    metadata,
    Column("submission", ID, primary_key=True),
    Column("url", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_at", Time, nullable=False),
)
Index("callbacks_by_due_at", callbacks.c.due_at)

# Who may come in. Of a token its SHA-256 alone is kept, so that whoever reads the database has none.
tokens = Table(
    "tokens",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("hint", String(8), nullable=False),
    Column("role", String(16), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time),
    Column("quota", Text, nullable=False),
)

# Who signs the certificates of nodes, who may join, and who has joined. `revision` of the one row of `cluster` grows
# with every change of whom to trust.
cluster = Table(
    "cluster",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("revision", Integer, nullable=False),
)
authorities = Table(
    "authorities",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String(64), nullable=False),
    Column("certificate", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("created_at", Time, nullable=False),
)
join_tokens = Table(
    "join_tokens",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("expires_at", Time, nullable=False),
    Column("is_reusable", Boolean, nullable=False),
)
members = Table(
    "members",
    metadata,
    Column("enrolment", String(32), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("authority", String(64), nullable=False),
    Column("joined_at", Time, nullable=False),
    Column("expires_at", Time, nullable=False),
    Column("is_revoked", Boolean, nullable=False),
)

# Nodes that are alive, where several share the database, and where they are reached, if they say so. `beat_at` is by
# the clock of the database.
owners = Table(
    "owners",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("url", Text),
    Column("beat_at", BigInteger, nullable=False),
)
