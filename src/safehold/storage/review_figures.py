"""Figures of review in SQL.

What differs between the dialects (days, hours) is done here, on narrow rows of the window.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from safehold.cases.model import CaseState
from safehold.cases.review.model import Figures
from safehold.storage.schema_cases import cases, decisions
from safehold.storage.schema_reviews import views

_DECIDED = ("cleared", "confirmed")
_BATCH = 400


def figures(connection: sa.Connection, since: dt.datetime, until: dt.datetime) -> Figures:
    """See `ReviewStore.figures`."""
    opened = _opened(connection, since, until)
    by_people = _by_people(connection, since, until)
    days = Counter(row.opened.date().isoformat() for row in opened)
    decided_days = Counter(row.at.date().isoformat() for row in by_people)
    number, oldest = connection.execute(_OPEN).one()
    last = {row.case_id: row.reasons[0] for row in by_people if row.reasons[:1] in _STATES}
    lists = _lists(connection, {row.case_id for row in opened} | last.keys())
    return {
        "by_surface": [
            (surface, verdict, count)
            for (surface, verdict), count in sorted(
                Counter((row.surface, row.verdict) for row in opened).items()
            )
        ],
        "by_list": sorted(
            Counter(name for row in opened for name in lists.get(row.case_id, ())).items()
        ),
        "by_day": [
            (day, days[day], decided_days[day]) for day in sorted(days.keys() | decided_days.keys())
        ],
        "decided": sorted(Counter(row.reasons[0] for row in by_people if row.reasons).items()),
        "hours_to_decide": _percentiles(by_people),
        "exposure": _exposure(connection, since, until),
        "cleared_by_list": _cleared(last, lists),
        "open": number,
        "oldest_open": oldest.isoformat() if oldest is not None else None,
    }


_STATES = tuple([state] for state in _DECIDED)

_OPEN = sa.select(sa.func.count(), sa.func.min(cases.c.opened, type_=cases.c.opened.type)).where(
    cases.c.canary == sa.false(), cases.c.state == CaseState.OPEN.value
)


def _opened(connection: sa.Connection, since: dt.datetime, until: dt.datetime) -> Sequence[Any]:
    columns = (cases.c.case_id, cases.c.surface, cases.c.verdict, cases.c.opened)
    return connection.execute(
        sa.select(*columns).where(
            cases.c.opened >= since, cases.c.opened < until, cases.c.canary == sa.false()
        )
    ).all()


def _by_people(connection: sa.Connection, since: dt.datetime, until: dt.datetime) -> Sequence[Any]:
    """People's decisions with the moment at which their cases opened, in order of time."""
    return connection.execute(
        sa.select(decisions.c.case_id, decisions.c.at, decisions.c.reasons, cases.c.opened)
        .join(cases, cases.c.case_id == decisions.c.case_id)
        .where(
            # The very words of the index, which is partial.
            sa.text("occurrence_id IS NULL"),
            decisions.c.at >= since,
            decisions.c.at < until,
            decisions.c.actor.startswith("user:", autoescape=True),
            cases.c.canary == sa.false(),
        )
        .order_by(decisions.c.at, decisions.c.decision_id)
    ).all()


def _lists(connection: sa.Connection, case_ids: Iterable[str]) -> dict[str, set[str]]:
    """The lists that policy's first decision on each case names."""
    wanted = sorted(case_ids)
    found: dict[str, set[str]] = {}
    for start in range(0, len(wanted), _BATCH):
        rows = connection.execute(
            sa.select(decisions.c.case_id, decisions.c.details)
            .where(
                decisions.c.case_id.in_(wanted[start : start + _BATCH]),
                decisions.c.actor == "policy",
            )
            .order_by(decisions.c.at, decisions.c.decision_id)
        )
        for row in rows:
            matches = row.details.get("matches", ())
            found.setdefault(row.case_id, {str(match["list_name"]) for match in matches})
    return found


def _percentiles(by_people: Sequence[Any]) -> tuple[float, float] | None:
    """Median and 90th percentile of the hours to each case's first decision (nearest rank)."""
    firsts: dict[str, float] = {}
    for row in by_people:
        firsts.setdefault(row.case_id, (row.at - row.opened).total_seconds() / 3600)
    hours = sorted(firsts.values())
    if not hours:
        return None
    return hours[math.ceil(len(hours) * 0.5) - 1], hours[math.ceil(len(hours) * 0.9) - 1]


def _exposure(
    connection: sa.Connection, since: dt.datetime, until: dt.datetime
) -> list[tuple[str, int, int, float]]:
    found: dict[str, tuple[int, int, float]] = {}
    rows = connection.execute(
        sa.select(views.c.user_id, views.c.opened, views.c.ended, views.c.sharp, views.c.colour)
        .join(cases, cases.c.case_id == views.c.case_id)
        .where(views.c.opened >= since, views.c.opened < until, cases.c.canary == sa.false())
        .order_by(views.c.opened, views.c.view_id)
    )
    for row in rows:
        number, sharp, seconds = found.get(row.user_id, (0, 0, 0.0))
        length = (row.ended - row.opened).total_seconds() if row.ended is not None else 0.0
        unblurred = bool(row.sharp or row.colour)
        found[row.user_id] = (number + 1, sharp + unblurred, seconds + length)
    return [(user, *row) for user, row in sorted(found.items())]


def _cleared(last: dict[str, str], lists: dict[str, set[str]]) -> list[tuple[str, int, int]]:
    total: Counter[str] = Counter()
    cleared: Counter[str] = Counter()
    for case_id, state in last.items():
        for name in lists.get(case_id, ()):
            total[name] += 1
            cleared[name] += state == "cleared"
    return [(name, cleared[name], number) for name, number in sorted(total.items())]
