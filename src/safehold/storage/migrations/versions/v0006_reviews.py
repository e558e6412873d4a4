"""People's work on cases, and what the queue is ordered by."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None

_MOMENT = sa.DateTime(timezone=True)
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_STRONGEST = ("confirmed", "local", "suspected")
_BATCH = 500


def upgrade() -> None:
    """Make the tables of `schema_reviews` and the new columns of cases."""
    op.add_column("cases", sa.Column("tier", sa.Text, nullable=False, server_default=""))
    op.add_column("cases", sa.Column("calm", sa.SmallInteger, nullable=False, server_default="100"))
    op.add_column("cases", sa.Column("attention", sa.Text, nullable=False, server_default=""))
    op.add_column("cases", sa.Column("purged", _MOMENT, nullable=True))
    op.create_index("cases_by_age", "cases", ["canary", "state", "case_id"])
    op.create_index("cases_by_urgency", "cases", ["canary", "state", "queue", "calm", "case_id"])
    op.create_index("cases_most_urgent", "cases", ["canary", "state", "calm", "case_id"])
    waiting = ["canary", "state", "attention", "calm", "case_id"]
    op.create_index("cases_by_attention", "cases", waiting)
    op.create_index("cases_opened", "cases", ["opened"])
    _partial("cases_pictures", "cases", ["service_id", "state", "case_id"], "pdq IS NOT NULL")
    _partial("decisions_by_people", "decisions", ["at", "case_id"], "occurrence_id IS NULL")
    _tiers()
    _work()
    _proposals()
    _groups()


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def _tiers() -> None:
    """The tier of cases that are there: the strongest that policy has found for them."""
    connection = op.get_bind()
    cases = sa.table("cases", sa.column("case_id"), sa.column("tier"))
    decisions = sa.table(
        "decisions", sa.column("case_id"), sa.column("actor"), sa.column("details", sa.JSON)
    )
    said = sa.select(decisions.c.case_id, decisions.c.details).where(decisions.c.actor == "policy")
    found: dict[str, str] = {}
    for row in connection.execute(said):
        tiers = {str(match.get("tier")) for match in _matches(row.details)}
        tiers.add(found.get(row.case_id, ""))
        strongest = next((tier for tier in _STRONGEST if tier in tiers), "")
        if strongest:
            found[row.case_id] = strongest
    update = (
        sa.update(cases)
        .where(cases.c.case_id == sa.bindparam("of_case"))
        .values(tier=sa.bindparam("of_tier"))
    )
    rows = [{"of_case": case, "of_tier": tier} for case, tier in sorted(found.items())]
    for start in range(0, len(rows), _BATCH):
        connection.execute(update, rows[start : start + _BATCH])


def _matches(details: Any) -> list[dict[str, Any]]:
    plain = json.loads(details) if isinstance(details, str) else details
    return list((plain or {}).get("matches", ()))


def _case(name: str = "case_id", *, key: bool = False) -> sa.Column[str]:
    return sa.Column(
        name,
        _TEXT,
        sa.ForeignKey("cases.case_id", ondelete="CASCADE"),
        primary_key=key,
        nullable=False,
    )


def _work() -> None:
    op.create_table(
        "case_locks",
        _case(key=True),
        sa.Column("user_id", _TEXT, nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("until", _MOMENT, nullable=False),
    )
    op.create_table(
        "case_passes",
        _case(key=True),
        sa.Column("user_id", _TEXT, primary_key=True),
        sa.Column("at", _MOMENT, nullable=False),
    )
    op.create_index("case_passes_of_user", "case_passes", ["user_id", "case_id"])
    op.create_table(
        "views",
        sa.Column("view_id", _TEXT, primary_key=True),
        _case(),
        sa.Column("evidence_id", _TEXT, nullable=False),
        sa.Column("user_id", _TEXT, nullable=False),
        sa.Column("session", sa.LargeBinary, nullable=False),
        sa.Column("opened", _MOMENT, nullable=False),
        sa.Column("until", _MOMENT, nullable=False),
        sa.Column("ended", _MOMENT, nullable=True),
        sa.Column("frames", sa.Integer, nullable=False),
        sa.Column("whole", sa.Boolean, nullable=False),
        sa.Column("blurred", sa.JSON, nullable=False),
        sa.Column("sharp", sa.JSON, nullable=False),
        sa.Column("colour", sa.JSON, nullable=False),
        sa.Column("sharp_seconds", sa.Float, nullable=False),
    )
    op.create_index("views_of_case", "views", ["case_id", "opened"])
    op.create_index("views_of_user", "views", ["user_id", "opened"])
    op.create_index("views_opened", "views", ["opened"])
    _partial("views_open", "views", ["until", "view_id"], "ended IS NULL")


def _proposals() -> None:
    op.create_table(
        "proposals",
        sa.Column("proposal_id", _TEXT, primary_key=True),
        _case(),
        sa.Column("service_id", _TEXT, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("proposed_by", _TEXT, nullable=False),
        sa.Column("proposed_at", _MOMENT, nullable=False),
        sa.Column("until", _MOMENT, nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.Column("decided_by", _TEXT, nullable=True),
        sa.Column("decided_at", _MOMENT, nullable=True),
    )
    op.create_index("proposals_of_case", "proposals", ["case_id"])
    op.create_index("proposals_in_state", "proposals", ["state", "proposed_at", "proposal_id"])
    op.create_index("proposals_newest", "proposals", ["proposed_at", "proposal_id"])
    op.create_table(
        "notes",
        sa.Column("note_id", _TEXT, primary_key=True),
        _case(),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("user_id", _TEXT, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("sealed_text", sa.LargeBinary, nullable=False),
    )
    op.create_index("notes_of_case", "notes", ["case_id"])
    op.create_table(
        "legal_holds",
        sa.Column("hold_id", _TEXT, primary_key=True),
        sa.Column("service_id", _TEXT, nullable=False),
        sa.Column("case_id", _TEXT, nullable=True),
        sa.Column("uploader", sa.LargeBinary, nullable=True),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("set_by", _TEXT, nullable=False),
        sa.Column("set_at", _MOMENT, nullable=False),
        sa.Column("lifted_by", _TEXT, nullable=True),
        sa.Column("lifted_at", _MOMENT, nullable=True),
        sa.CheckConstraint(
            "(case_id IS NULL) <> (uploader IS NULL)", name="legal_holds_case_or_account"
        ),
    )
    op.create_index("legal_holds_of_case", "legal_holds", ["case_id"])
    op.create_index("legal_holds_of_account", "legal_holds", ["service_id", "uploader"])
    op.create_index("legal_holds_newest", "legal_holds", ["set_at", "hold_id"])


def _groups() -> None:
    op.create_table(
        "group_splits",
        _case("first_case", key=True),
        _case("second_case", key=True),
        sa.Column("service_id", _TEXT, nullable=False),
    )
    op.create_index("group_splits_second", "group_splits", ["second_case"])
    op.create_table(
        "likenesses",
        _case(key=True),
        sa.Column("service_id", _TEXT, nullable=False),
        sa.Column("pdq", sa.LargeBinary, nullable=False),
        sa.Column("radius", sa.SmallInteger, nullable=False),
        sa.Column("grounds", sa.JSON, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("ended", _MOMENT, nullable=True),
        sa.CheckConstraint("length(pdq) = 32", name="likenesses_pdq"),
    )
    _partial("likenesses_of_service", "likenesses", ["service_id"], "ended IS NULL")
