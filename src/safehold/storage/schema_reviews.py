"""Tables of people's work on cases. What belongs to a case goes with it."""

from __future__ import annotations

import sqlalchemy as sa

from safehold.storage.schema import CODE_POINT_TEXT, UtcDateTime, metadata


def _case(name: str = "case_id", *, key: bool = False) -> sa.Column[str]:
    return sa.Column(
        name,
        CODE_POINT_TEXT,
        sa.ForeignKey("cases.case_id", ondelete="CASCADE"),
        primary_key=key,
        nullable=False,
    )


case_locks = sa.Table(
    "case_locks",
    metadata,
    _case(key=True),
    sa.Column("user_id", CODE_POINT_TEXT, nullable=False),
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("until", UtcDateTime, nullable=False),
)

case_passes = sa.Table(
    "case_passes",
    metadata,
    _case(key=True),
    sa.Column("user_id", CODE_POINT_TEXT, primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Index("case_passes_of_user", "user_id", "case_id"),
)

views = sa.Table(
    "views",
    metadata,
    sa.Column("view_id", CODE_POINT_TEXT, primary_key=True),
    _case(),
    sa.Column("evidence_id", CODE_POINT_TEXT, nullable=False),
    sa.Column("user_id", CODE_POINT_TEXT, nullable=False),
    # A keyed digest of the session.
    sa.Column("session", sa.LargeBinary, nullable=False),
    sa.Column("opened", UtcDateTime, nullable=False),
    sa.Column("until", UtcDateTime, nullable=False),
    sa.Column("ended", UtcDateTime, nullable=True),
    sa.Column("frames", sa.Integer, nullable=False),
    sa.Column("whole", sa.Boolean, nullable=False),
    # Numbers of stills, sorted.
    sa.Column("blurred", sa.JSON, nullable=False),
    sa.Column("sharp", sa.JSON, nullable=False),
    sa.Column("colour", sa.JSON, nullable=False),
    sa.Column("sharp_seconds", sa.Float, nullable=False),
    sa.Index("views_of_case", "case_id", "opened"),
    sa.Index("views_of_user", "user_id", "opened"),
    sa.Index("views_opened", "opened"),
    sa.Index(
        "views_open",
        "until",
        "view_id",
        sqlite_where=sa.text("ended IS NULL"),
        postgresql_where=sa.text("ended IS NULL"),
    ),
)

proposals = sa.Table(
    "proposals",
    metadata,
    sa.Column("proposal_id", CODE_POINT_TEXT, primary_key=True),
    _case(),
    sa.Column("service_id", CODE_POINT_TEXT, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("proposed_by", CODE_POINT_TEXT, nullable=False),
    sa.Column("proposed_at", UtcDateTime, nullable=False),
    sa.Column("until", UtcDateTime, nullable=False),
    sa.Column("details", sa.JSON, nullable=False),
    sa.Column("decided_by", CODE_POINT_TEXT, nullable=True),
    sa.Column("decided_at", UtcDateTime, nullable=True),
    sa.Index("proposals_of_case", "case_id"),
    sa.Index("proposals_in_state", "state", "proposed_at", "proposal_id"),
    sa.Index("proposals_newest", "proposed_at", "proposal_id"),
)

notes = sa.Table(
    "notes",
    metadata,
    sa.Column("note_id", CODE_POINT_TEXT, primary_key=True),
    _case(),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("user_id", CODE_POINT_TEXT, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("sealed_text", sa.LargeBinary, nullable=False),
    sa.Index("notes_of_case", "case_id"),
)

legal_holds = sa.Table(
    "legal_holds",
    metadata,
    sa.Column("hold_id", CODE_POINT_TEXT, primary_key=True),
    sa.Column("service_id", CODE_POINT_TEXT, nullable=False),
    # No foreign key: a hold outlives whatever happens to the row of its case.
    sa.Column("case_id", CODE_POINT_TEXT, nullable=True),
    # A keyed pseudonym.
    sa.Column("uploader", sa.LargeBinary, nullable=True),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("set_by", CODE_POINT_TEXT, nullable=False),
    sa.Column("set_at", UtcDateTime, nullable=False),
    sa.Column("lifted_by", CODE_POINT_TEXT, nullable=True),
    sa.Column("lifted_at", UtcDateTime, nullable=True),
    sa.CheckConstraint(
        "(case_id IS NULL) <> (uploader IS NULL)", name="legal_holds_case_or_account"
    ),
    sa.Index("legal_holds_of_case", "case_id"),
    sa.Index("legal_holds_of_account", "service_id", "uploader"),
    sa.Index("legal_holds_newest", "set_at", "hold_id"),
)

group_splits = sa.Table(
    "group_splits",
    metadata,
    # Each pair stands here both ways round.
    _case("first_case", key=True),
    _case("second_case", key=True),
    sa.Column("service_id", CODE_POINT_TEXT, nullable=False),
    sa.Index("group_splits_second", "second_case"),
)

likenesses = sa.Table(
    "likenesses",
    metadata,
    _case(key=True),
    sa.Column("service_id", CODE_POINT_TEXT, nullable=False),
    sa.Column("pdq", sa.LargeBinary, nullable=False),
    sa.Column("radius", sa.SmallInteger, nullable=False),
    # Pairs, sorted.
    sa.Column("grounds", sa.JSON, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("ended", UtcDateTime, nullable=True),
    sa.CheckConstraint("length(pdq) = 32", name="likenesses_pdq"),
    sa.Index(
        "likenesses_of_service",
        "service_id",
        sqlite_where=sa.text("ended IS NULL"),
        postgresql_where=sa.text("ended IS NULL"),
    ),
)
