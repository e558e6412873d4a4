"""Cases and what belongs to them, and the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

_MOMENT = sa.DateTime(timezone=True)
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_SEQ = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_DUE = "deadline IS NOT NULL AND state IN ('awaiting_bytes', 'open')"


def _of_case() -> sa.Column[str]:
    return sa.Column(
        "case_id", _TEXT, sa.ForeignKey("cases.case_id", ondelete="CASCADE"), nullable=False
    )


def upgrade() -> None:
    """Make the tables, and the head of a log without events."""
    _cases()
    _what_belongs_to_cases()
    _audit()


def _cases() -> None:
    op.create_table(
        "cases",
        sa.Column("case_id", _TEXT, primary_key=True),
        sa.Column("service_id", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("surface", sa.Text, nullable=False),
        sa.Column("opened", _MOMENT, nullable=False),
        sa.Column("updated", _MOMENT, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("key_name", sa.Text, nullable=False),
        sa.Column("canary", sa.Boolean, nullable=False),
        sa.Column("deadline", _MOMENT, nullable=True),
        sa.Column("cleared", sa.JSON, nullable=False),
        sa.Column("pdq", sa.LargeBinary, nullable=True),
        sa.Column("pdq_quality", sa.SmallInteger, nullable=True),
        sa.CheckConstraint("length(content) = 16", name="cases_content_length"),
        sa.CheckConstraint("length(pdq) = 32", name="cases_pdq"),
        sa.UniqueConstraint("service_id", "content", name="cases_content"),
    )
    op.create_index("cases_of_service", "cases", ["service_id", "case_id"])
    op.create_index("cases_in_queue", "cases", ["canary", "state", "queue", "case_id"])
    op.create_index(
        "cases_due",
        "cases",
        ["deadline", "case_id"],
        sqlite_where=sa.text(_DUE),
        postgresql_where=sa.text(_DUE),
    )


def _what_belongs_to_cases() -> None:
    op.create_table(
        "occurrences",
        sa.Column("occurrence_id", _TEXT, primary_key=True),
        _of_case(),
        sa.Column("service_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("surface", sa.Text, nullable=False),
        sa.Column("uploader", sa.LargeBinary, nullable=True),
        sa.Column("receipt", sa.Text, nullable=False),
        sa.Column("sealed_context", sa.LargeBinary, nullable=False),
    )
    op.create_index(
        "occurrences_of_uploader",
        "occurrences",
        ["service_id", "uploader", "case_id"],
        sqlite_where=sa.text("uploader IS NOT NULL"),
        postgresql_where=sa.text("uploader IS NOT NULL"),
    )
    op.create_table(
        "evidence",
        sa.Column("evidence_id", _TEXT, primary_key=True),
        _of_case(),
        sa.Column("object_name", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sealed_size", sa.BigInteger, nullable=False),
        sa.Column("sealed_sha256", sa.LargeBinary, nullable=False),
        sa.Column("sealed_manifest", sa.LargeBinary, nullable=False),
        sa.Column("created", _MOMENT, nullable=False),
        sa.CheckConstraint("length(sealed_sha256) = 32", name="evidence_sealed_sha256"),
    )
    op.create_table(
        "decisions",
        sa.Column("decision_id", _TEXT, primary_key=True),
        _of_case(),
        sa.Column("occurrence_id", sa.Text, nullable=True),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("reasons", sa.JSON, nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
    )
    op.create_table(
        "statements",
        sa.Column("statement_id", _TEXT, primary_key=True),
        _of_case(),
        sa.Column("service_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("author", sa.LargeBinary, nullable=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("receipt", sa.Text, nullable=False),
        sa.Column("sealed_text", sa.LargeBinary, nullable=False),
    )
    for table in ("occurrences", "evidence", "decisions", "statements"):
        op.create_index(f"{table}_of_case", table, ["case_id"])


def _audit() -> None:
    op.create_table(
        "audit_events",
        sa.Column("seq", _SEQ, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("previous", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    op.create_index("audit_events_of_subject", "audit_events", ["subject", "seq"])
    head = op.create_table(
        "audit_head",
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("slot = 1", name="audit_head_slot"),
    )
    op.bulk_insert(head, [{"slot": 1, "seq": 0, "hash": bytes(32)}])
    op.create_table(
        "audit_checkpoints",
        sa.Column("checkpoint_id", sa.Integer, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_table(
        "write_checks",
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.CheckConstraint("slot = 1", name="write_checks_slot"),
    )
