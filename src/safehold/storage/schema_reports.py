"""Tables of reports to authorities, their journals, and documents that outlive evidence."""

from __future__ import annotations

import sqlalchemy as sa

from safehold.storage.schema import CODE_POINT_TEXT, UtcDateTime, metadata

reports = sa.Table(
    "reports",
    metadata,
    sa.Column("report_id", CODE_POINT_TEXT, primary_key=True),
    # No foreign key: a report outlives whatever happens to the row of its case.
    sa.Column("case_id", CODE_POINT_TEXT, nullable=False),
    sa.Column("service_id", CODE_POINT_TEXT, nullable=False),
    # A keyed pseudonym.
    sa.Column("uploader", sa.LargeBinary, nullable=True),
    sa.Column("authority", sa.Text, nullable=False),
    sa.Column("environment", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.Column("updated", UtcDateTime, nullable=False),
    sa.Column("created_by", CODE_POINT_TEXT, nullable=False),
    sa.Column("trouble", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("sealed_details", sa.LargeBinary, nullable=False),
    sa.Column("sealed_documents", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("prepared_by", CODE_POINT_TEXT, nullable=True),
    sa.Column("prepared_at", UtcDateTime, nullable=True),
    sa.Column("approved_by", CODE_POINT_TEXT, nullable=True),
    sa.Column("approved_at", UtcDateTime, nullable=True),
    sa.Column("remote_id", sa.Text, nullable=False),
    sa.Column("filed_at", UtcDateTime, nullable=True),
    sa.CheckConstraint("length(uploader) = 16", name="reports_uploader"),
    sa.CheckConstraint("length(digest) IN (0, 32)", name="reports_digest"),
    sa.Index("reports_of_case", "case_id", "report_id"),
    sa.Index("reports_in_state", "state", "report_id"),
    sa.Index("reports_about", "service_id", "uploader", "report_id"),
    sa.Index(
        "reports_filed",
        "filed_at",
        sqlite_where=sa.text("filed_at IS NOT NULL"),
        postgresql_where=sa.text("filed_at IS NOT NULL"),
    ),
)

report_files = sa.Table(
    "report_files",
    metadata,
    sa.Column(
        "report_id",
        CODE_POINT_TEXT,
        sa.ForeignKey("reports.report_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("case_id", CODE_POINT_TEXT, nullable=False),
    sa.Column("evidence_id", CODE_POINT_TEXT, nullable=False),
    sa.Column("relevance", sa.Text, nullable=False),
    sa.Index("report_files_of_case", "case_id", "report_id"),
)

report_steps = sa.Table(
    "report_steps",
    metadata,
    sa.Column(
        "report_id",
        CODE_POINT_TEXT,
        sa.ForeignKey("reports.report_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("file", sa.Integer, nullable=True),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("code", sa.Integer, nullable=True),
    sa.Column("status", sa.Integer, nullable=True),
    sa.Column("remote_report", sa.Text, nullable=False),
    sa.Column("remote_file", sa.Text, nullable=False),
    # A keyed name of the MD5; the plain one is never stored.
    sa.Column("md5", sa.LargeBinary, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("document_id", CODE_POINT_TEXT, nullable=True),
    sa.Index("report_steps_at", "at"),
)

kept_documents = sa.Table(
    "kept_documents",
    metadata,
    sa.Column("document_id", CODE_POINT_TEXT, primary_key=True),
    # No foreign keys: what is kept outlives case and report.
    sa.Column("case_id", CODE_POINT_TEXT, nullable=False),
    sa.Column("service_id", CODE_POINT_TEXT, nullable=False),
    sa.Column("report_id", CODE_POINT_TEXT, nullable=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("object_name", sa.Text, nullable=False),
    sa.Column("key_name", sa.Text, nullable=False),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sealed_size", sa.BigInteger, nullable=False),
    sa.Column("sealed_sha256", sa.LargeBinary, nullable=False),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.CheckConstraint("length(sealed_sha256) = 32", name="kept_documents_sealed_sha256"),
    sa.Index("kept_documents_of_case", "case_id", "created", "document_id"),
)
