"""Reports to authorities, documents that are kept, and services that are trials."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None

_MOMENT = sa.DateTime(timezone=True)
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables of `schema_reports`; services that are there are no trials."""
    op.add_column(
        "services", sa.Column("demo", sa.Boolean, nullable=False, server_default=sa.false())
    )
    _reports()
    _of_reports()
    _documents()


def _reports() -> None:
    op.create_table(
        "reports",
        sa.Column("report_id", _TEXT, primary_key=True),
        sa.Column("case_id", _TEXT, nullable=False),
        sa.Column("service_id", _TEXT, nullable=False),
        sa.Column("uploader", sa.LargeBinary, nullable=True),
        sa.Column("authority", sa.Text, nullable=False),
        sa.Column("environment", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created", _MOMENT, nullable=False),
        sa.Column("updated", _MOMENT, nullable=False),
        sa.Column("created_by", _TEXT, nullable=False),
        sa.Column("trouble", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("sealed_details", sa.LargeBinary, nullable=False),
        sa.Column("sealed_documents", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("prepared_by", _TEXT, nullable=True),
        sa.Column("prepared_at", _MOMENT, nullable=True),
        sa.Column("approved_by", _TEXT, nullable=True),
        sa.Column("approved_at", _MOMENT, nullable=True),
        sa.Column("remote_id", sa.Text, nullable=False),
        sa.Column("filed_at", _MOMENT, nullable=True),
        sa.CheckConstraint("length(uploader) = 16", name="reports_uploader"),
        sa.CheckConstraint("length(digest) IN (0, 32)", name="reports_digest"),
    )
    op.create_index("reports_of_case", "reports", ["case_id", "report_id"])
    op.create_index("reports_in_state", "reports", ["state", "report_id"])
    op.create_index("reports_about", "reports", ["service_id", "uploader", "report_id"])
    filed = sa.text("filed_at IS NOT NULL")
    op.create_index(
        "reports_filed", "reports", ["filed_at"], sqlite_where=filed, postgresql_where=filed
    )


def _of_report() -> sa.Column[str]:
    return sa.Column(
        "report_id", _TEXT, sa.ForeignKey("reports.report_id", ondelete="CASCADE"), primary_key=True
    )


def _of_reports() -> None:
    op.create_table(
        "report_files",
        _of_report(),
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("case_id", _TEXT, nullable=False),
        sa.Column("evidence_id", _TEXT, nullable=False),
        sa.Column("relevance", sa.Text, nullable=False),
    )
    op.create_index("report_files_of_case", "report_files", ["case_id", "report_id"])
    op.create_table(
        "report_steps",
        _of_report(),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("file", sa.Integer, nullable=True),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("code", sa.Integer, nullable=True),
        sa.Column("status", sa.Integer, nullable=True),
        sa.Column("remote_report", sa.Text, nullable=False),
        sa.Column("remote_file", sa.Text, nullable=False),
        sa.Column("md5", sa.LargeBinary, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("document_id", _TEXT, nullable=True),
    )
    op.create_index("report_steps_at", "report_steps", ["at"])


def _documents() -> None:
    op.create_table(
        "kept_documents",
        sa.Column("document_id", _TEXT, primary_key=True),
        sa.Column("case_id", _TEXT, nullable=False),
        sa.Column("service_id", _TEXT, nullable=False),
        sa.Column("report_id", _TEXT, nullable=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("object_name", sa.Text, nullable=False),
        sa.Column("key_name", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sealed_size", sa.BigInteger, nullable=False),
        sa.Column("sealed_sha256", sa.LargeBinary, nullable=False),
        sa.Column("created", _MOMENT, nullable=False),
        sa.CheckConstraint("length(sealed_sha256) = 32", name="kept_documents_sealed_sha256"),
    )
    named = ["case_id", "created", "document_id"]
    op.create_index("kept_documents_of_case", "kept_documents", named)
