"""Tables of the audit log, and the row that readiness writes; `docs/formats/audit.md`."""

from __future__ import annotations

import sqlalchemy as sa

from safehold.storage.schema import CODE_POINT_TEXT, UtcDateTime, metadata

# Only an INTEGER key is SQLite's own row number, and needs no second tree.
SEQ = sa.BigInteger().with_variant(sa.Integer, "sqlite")

audit_events = sa.Table(
    "audit_events",
    metadata,
    sa.Column("seq", SEQ, primary_key=True, autoincrement=False),
    # `at` and `data` are the very texts that are hashed.
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("subject", CODE_POINT_TEXT, nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("previous", sa.LargeBinary, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Index("audit_events_of_subject", "subject", "seq"),
)
"""The chain. Rows are added and never changed."""

audit_head = sa.Table(
    "audit_head",
    metadata,
    # There is one row, made by the migration.
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.CheckConstraint("slot = 1", name="audit_head_slot"),
)
"""How long the chain is and how it ends. Writers hold this row while they append."""

audit_checkpoints = sa.Table(
    "audit_checkpoints",
    metadata,
    sa.Column("checkpoint_id", sa.Integer, primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
)

write_checks = sa.Table(
    "write_checks",
    metadata,
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.CheckConstraint("slot = 1", name="write_checks_slot"),
)
"""One row, written to learn whether the database can be written."""
