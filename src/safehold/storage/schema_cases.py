"""Tables of cases and what belongs to them, as `schema` has those of lists."""

from __future__ import annotations

import sqlalchemy as sa

from safehold.storage.schema import CODE_POINT_TEXT, UtcDateTime, metadata

WAITING = "state IN ('awaiting_bytes', 'open')"
"""Cases whose deadline means something; the query repeats it, so that its index is used."""


def _of_case() -> sa.Column[str]:
    """What belongs to a case goes with it."""
    return sa.Column(
        "case_id",
        CODE_POINT_TEXT,
        sa.ForeignKey("cases.case_id", ondelete="CASCADE"),
        nullable=False,
    )


cases = sa.Table(
    "cases",
    metadata,
    sa.Column("case_id", CODE_POINT_TEXT, primary_key=True),
    sa.Column("service_id", sa.Text, nullable=False),
    # A keyed digest; the plain one is never stored.
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("queue", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("surface", sa.Text, nullable=False),
    sa.Column("opened", UtcDateTime, nullable=False),
    sa.Column("updated", UtcDateTime, nullable=False),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("key_name", sa.Text, nullable=False),
    sa.Column("canary", sa.Boolean, nullable=False),
    sa.Column("deadline", UtcDateTime, nullable=True),
    # Pairs, sorted.
    sa.Column("cleared", sa.JSON, nullable=False),
    sa.Column("pdq", sa.LargeBinary, nullable=True),
    sa.Column("pdq_quality", sa.SmallInteger, nullable=True),
    sa.Column("tier", sa.Text, nullable=False, server_default=""),
    # 100 less the urgency: an index in rising order then serves the queue in both databases.
    sa.Column("calm", sa.SmallInteger, nullable=False, server_default="100"),
    sa.Column("attention", sa.Text, nullable=False, server_default=""),
    sa.Column("purged", UtcDateTime, nullable=True),
    sa.CheckConstraint("length(content) = 16", name="cases_content_length"),
    sa.CheckConstraint("length(pdq) = 32", name="cases_pdq"),
    sa.UniqueConstraint("service_id", "content", name="cases_content"),
    sa.Index("cases_of_service", "service_id", "case_id"),
    sa.Index("cases_in_queue", "canary", "state", "queue", "case_id"),
    sa.Index("cases_by_age", "canary", "state", "case_id"),
    sa.Index("cases_by_urgency", "canary", "state", "queue", "calm", "case_id"),
    sa.Index("cases_most_urgent", "canary", "state", "calm", "case_id"),
    sa.Index("cases_by_attention", "canary", "state", "attention", "calm", "case_id"),
    sa.Index("cases_opened", "opened"),
    sa.Index(
        "cases_pictures",
        "service_id",
        "state",
        "case_id",
        sqlite_where=sa.text("pdq IS NOT NULL"),
        postgresql_where=sa.text("pdq IS NOT NULL"),
    ),
    sa.Index(
        "cases_due",
        "deadline",
        "case_id",
        sqlite_where=sa.text(f"deadline IS NOT NULL AND {WAITING}"),
        postgresql_where=sa.text(f"deadline IS NOT NULL AND {WAITING}"),
    ),
)

occurrences = sa.Table(
    "occurrences",
    metadata,
    sa.Column("occurrence_id", CODE_POINT_TEXT, primary_key=True),
    _of_case(),
    sa.Column("service_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("surface", sa.Text, nullable=False),
    # A keyed pseudonym.
    sa.Column("uploader", sa.LargeBinary, nullable=True),
    sa.Column("receipt", sa.Text, nullable=False),
    sa.Column("sealed_context", sa.LargeBinary, nullable=False),
    sa.Index("occurrences_of_case", "case_id"),
    sa.Index(
        "occurrences_of_uploader",
        "service_id",
        "uploader",
        "case_id",
        sqlite_where=sa.text("uploader IS NOT NULL"),
        postgresql_where=sa.text("uploader IS NOT NULL"),
    ),
)

evidence = sa.Table(
    "evidence",
    metadata,
    sa.Column("evidence_id", CODE_POINT_TEXT, primary_key=True),
    _of_case(),
    sa.Column("object_name", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sealed_size", sa.BigInteger, nullable=False),
    sa.Column("sealed_sha256", sa.LargeBinary, nullable=False),
    sa.Column("sealed_manifest", sa.LargeBinary, nullable=False),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.CheckConstraint("length(sealed_sha256) = 32", name="evidence_sealed_sha256"),
    sa.Index("evidence_of_case", "case_id"),
)

decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("decision_id", CODE_POINT_TEXT, primary_key=True),
    _of_case(),
    sa.Column("occurrence_id", sa.Text, nullable=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("details", sa.JSON, nullable=False),
    sa.Index("decisions_of_case", "case_id"),
    sa.Index(
        "decisions_by_people",
        "at",
        "case_id",
        sqlite_where=sa.text("occurrence_id IS NULL"),
        postgresql_where=sa.text("occurrence_id IS NULL"),
    ),
)

statements = sa.Table(
    "statements",
    metadata,
    sa.Column("statement_id", CODE_POINT_TEXT, primary_key=True),
    _of_case(),
    sa.Column("service_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    # A keyed pseudonym.
    sa.Column("author", sa.LargeBinary, nullable=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("receipt", sa.Text, nullable=False),
    sa.Column("sealed_text", sa.LargeBinary, nullable=False),
    sa.Index("statements_of_case", "case_id"),
)
