"""Tables as SQLAlchemy Core sees them; `migrations` makes them, and a test compares the two."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()


class UtcDateTime(sa.TypeDecorator[dt.datetime]):
    """A moment with time zone in Python, in UTC; SQLite keeps no zone of its own."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self, value: dt.datetime | None, dialect: sa.Dialect
    ) -> dt.datetime | None:
        """To UTC; a moment without a zone is refused."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(dt.UTC)

    def process_result_value(
        self, value: dt.datetime | None, dialect: sa.Dialect
    ) -> dt.datetime | None:
        """To UTC, where a database gives no zone."""
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


CODE_POINT_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text that is ordered by code points, as SQLite and Python order it."""

digest_key = sa.Table(
    "digest_key",
    metadata,
    # There is one row at most.
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("fingerprint", sa.LargeBinary, nullable=False),
    sa.CheckConstraint("slot = 1", name="digest_key_slot"),
)
"""The key under which the exact digests of `entries` stand, by its fingerprint."""

lists = sa.Table(
    "lists",
    metadata,
    sa.Column("list_id", sa.Integer, primary_key=True),
    sa.Column("name", CODE_POINT_TEXT, nullable=False, unique=True),
    sa.Column("tier", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.Column("updated", UtcDateTime, nullable=False),
    # A removed list keeps its row, so that its version goes on if it is made anew.
    sa.Column("removed", UtcDateTime, nullable=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    # Counts stand here since counting millions of entries takes seconds.
    sa.Column("active", sa.BigInteger, nullable=False),
    sa.Column("other", sa.BigInteger, nullable=False),
    sa.Column("active_md5", sa.BigInteger, nullable=False),
    sa.Column("active_sha1", sa.BigInteger, nullable=False),
    sa.Column("active_sha256", sa.BigInteger, nullable=False),
    sa.Column("active_pdq", sa.BigInteger, nullable=False),
    sa.Column("checked", UtcDateTime, nullable=True),
    # When an import last changed it.
    sa.Column("imported", UtcDateTime, nullable=True),
    # What changed after this version stands in `list_changes`.
    sa.Column("changes_from", sa.BigInteger, nullable=False, server_default="0"),
)

entries = sa.Table(
    "entries",
    metadata,
    sa.Column(
        "list_id",
        sa.Integer,
        sa.ForeignKey("lists.list_id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("entry_id", CODE_POINT_TEXT, primary_key=True),
    sa.Column("classification", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    # Keyed digests; the plain ones are never stored.
    sa.Column("md5", sa.LargeBinary, nullable=True),
    sa.Column("sha1", sa.LargeBinary, nullable=True),
    sa.Column("sha256", sa.LargeBinary, nullable=True),
    sa.Column("pdq", sa.LargeBinary, nullable=True),
    sa.Column("pdq_quality", sa.SmallInteger, nullable=True),
    # A PDQ hash by which the entry is not matched, as long as it is the entry's.
    sa.Column("aside", sa.LargeBinary, nullable=True),
    # When the source said so, in microseconds since 1970 in UTC.
    sa.Column("source_at", sa.BigInteger, nullable=True),
    # The version of the list with which it came to be as it is.
    sa.Column("changed", sa.BigInteger, nullable=False, server_default="0"),
    sa.CheckConstraint(
        "state IN ('active', 'withdrawn', 'negative', 'quarantined')", name="entries_state"
    ),
    sa.CheckConstraint("length(md5) = 16", name="entries_md5"),
    sa.CheckConstraint("length(sha1) = 16", name="entries_sha1"),
    sa.CheckConstraint("length(sha256) = 16", name="entries_sha256"),
    sa.CheckConstraint("length(pdq) = 32", name="entries_pdq"),
    sa.CheckConstraint("pdq_quality BETWEEN 0 AND 100", name="entries_pdq_quality"),
    # One B-tree by (list, entry id): the primary key is also the order of reading.
    sqlite_with_rowid=False,
)

list_changes = sa.Table(
    "list_changes",
    metadata,
    sa.Column(
        "list_id",
        sa.Integer,
        sa.ForeignKey("lists.list_id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("entry_id", CODE_POINT_TEXT, primary_key=True),
    sqlite_with_rowid=False,
)
"""Which entries changed with which version, as far as these were few."""

list_versions = sa.Table(
    "list_versions",
    metadata,
    sa.Column(
        "list_id",
        sa.Integer,
        sa.ForeignKey("lists.list_id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("updated", UtcDateTime, nullable=False),
)
"""When a list became each of its versions, as far back as its changes are remembered."""

list_syncs = sa.Table(
    "list_syncs",
    metadata,
    sa.Column("list_name", CODE_POINT_TEXT, primary_key=True),
    sa.Column("exchange", CODE_POINT_TEXT, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("cursor", sa.Text, nullable=False),
    sa.Column("began", UtcDateTime, nullable=True),
    sa.Column("ended", UtcDateTime, nullable=True),
    sa.Column("good", UtcDateTime, nullable=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("counts", sa.Text, nullable=False),
)
"""Where the synchronisations of lists stand."""

staging_metadata = sa.MetaData()
"""Tables of a connection alone, for one import: they are gone when the process is."""


def _draft_columns() -> tuple[sa.Column[Any], ...]:
    """The fields of `EntryDraft` but the first, in its order."""
    return (
        sa.Column("classification", sa.Text, nullable=True),
        sa.Column("state", sa.Text, nullable=True),
        sa.Column("md5", sa.LargeBinary, nullable=True),
        sa.Column("sha1", sa.LargeBinary, nullable=True),
        sa.Column("sha256", sa.LargeBinary, nullable=True),
        sa.Column("pdq", sa.LargeBinary, nullable=True),
        sa.Column("pdq_quality", sa.SmallInteger, nullable=True),
        sa.Column("source_at", sa.BigInteger, nullable=True),
    )


staged_rows = sa.Table(
    "staged_rows",
    staging_metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("entry_id", CODE_POINT_TEXT, nullable=False),
    *_draft_columns(),
    prefixes=["TEMPORARY"],
)
"""The rows of an import in the order of the file."""

staged_entries = sa.Table(
    "staged_entries",
    staging_metadata,
    sa.Column("entry_id", CODE_POINT_TEXT, primary_key=True),
    *_draft_columns(),
    sa.Column("superseded", sa.Integer, nullable=False, server_default="0"),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)
"""The entries that those rows name."""
