"""Figures of review, counted by the database; see `ReviewStore.figures`."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from safehold.cases.model import CaseState
from safehold.cases.review.model import Figures
from safehold.storage.schema_cases import cases, decisions
from safehold.storage.schema_reviews import views

_DECIDED = (CaseState.CLEARED.value, CaseState.CONFIRMED.value)
_NO_STILLS = "[]"
_BATCH = 1_000
"""Rows whose details are in memory at a time."""

_since = sa.bindparam("since", type_=cases.c.opened.type)
_until = sa.bindparam("until", type_=cases.c.opened.type)
_counted = cases.c.canary == sa.false()
_opened = sa.and_(_counted, cases.c.opened >= _since, cases.c.opened < _until)

_BY_PEOPLE = (
    sa.select(
        cases.c.case_id,
        cases.c.opened,
        decisions.c.at,
        decisions.c.decision_id,
        decisions.c.reasons[0].as_string().label("state"),
    )
    .join(decisions, decisions.c.case_id == cases.c.case_id)
    .where(
        _counted,
        decisions.c.at >= _since,
        decisions.c.at < _until,
        # A person decides on a case, not on one occurrence; so the partial index is used.
        decisions.c.occurrence_id.is_(None),
        decisions.c.actor.like("user:%"),
    )
    .subquery("by_people")
)
_DONE = sa.select(_BY_PEOPLE).where(_BY_PEOPLE.c.state.in_(_DECIDED)).subquery("done")

_SURFACES = (
    sa.select(cases.c.surface, cases.c.verdict, sa.func.count())
    .where(_opened)
    .group_by(cases.c.surface, cases.c.verdict)
)

_STATES = (
    sa.select(_BY_PEOPLE.c.state, sa.func.count())
    .where(_BY_PEOPLE.c.state.is_not(None))
    .group_by(_BY_PEOPLE.c.state)
)

_WAITED = sa.select(_DONE.c.opened, sa.func.min(_DONE.c.at)).group_by(
    _DONE.c.case_id, _DONE.c.opened
)

_EXPOSURE = (
    sa.select(
        views.c.user_id,
        sa.func.count(),
        sa.func.sum(
            sa.case(
                (
                    sa.or_(
                        sa.cast(views.c.sharp, sa.Text) != _NO_STILLS,
                        sa.cast(views.c.colour, sa.Text) != _NO_STILLS,
                    ),
                    1,
                ),
                else_=0,
            )
        ),
        sa.func.sum(views.c.sharp_seconds),
    )
    .join(cases, cases.c.case_id == views.c.case_id)
    .where(_counted, views.c.opened >= _since, views.c.opened < _until)
    .group_by(views.c.user_id)
)

_OPEN = sa.select(sa.func.count(), sa.func.min(cases.c.opened)).where(
    _counted, cases.c.state == CaseState.OPEN.value
)

_others = decisions.alias("others")
_FIRST = (
    sa.select(_others.c.decision_id)
    .where(_others.c.case_id == cases.c.case_id, _others.c.actor == "policy")
    .order_by(_others.c.at, _others.c.decision_id)
    .limit(1)
    .correlate(cases)
    .scalar_subquery()
)
"""Policy's first decision of a case."""

_LISTS_OPENED = (
    sa.select(decisions.c.details)
    .select_from(cases.join(decisions, decisions.c.decision_id == _FIRST))
    .where(_opened)
)

_LAST = sa.select(
    _DONE.c.case_id,
    _DONE.c.state,
    sa.func.row_number()
    .over(
        partition_by=_DONE.c.case_id,
        order_by=(_DONE.c.at.desc(), _DONE.c.decision_id.desc()),
    )
    .label("place"),
).subquery("last")

_LISTS_DECIDED = (
    sa.select(decisions.c.details, _LAST.c.state)
    .select_from(
        _LAST.join(cases, cases.c.case_id == _LAST.c.case_id).join(
            decisions, decisions.c.decision_id == _FIRST
        )
    )
    .where(_LAST.c.place == 1)
)


def read_figures(connection: sa.Connection, since: dt.datetime, until: dt.datetime) -> Figures:
    """Counts between two moments. Only what policy found first is read case by case."""
    return _Reading(connection, {"since": since, "until": until}).figures()


class _Reading:
    """The questions of one window."""

    def __init__(self, connection: sa.Connection, window: Mapping[str, dt.datetime]) -> None:
        self._connection = connection
        self._window = window

    def figures(self) -> Figures:
        waiting: Any = self._connection.execute(_OPEN).one()
        number, oldest = waiting
        return {
            "by_surface": sorted((a, b, int(n)) for a, b, n in self._rows(_SURFACES)),
            "by_list": sorted(self._opened_by_list().items()),
            "by_day": self._by_day(),
            "decided": sorted((state, int(n)) for state, n in self._rows(_STATES)),
            "hours_to_decide": self._hours(),
            "exposure": sorted(
                (user, int(n), int(sharp), float(seconds))
                for user, n, sharp, seconds in self._rows(_EXPOSURE)
            ),
            "cleared_by_list": self._cleared_by_list(),
            "open": int(number),
            "oldest_open": None if oldest is None else oldest.isoformat(),
        }

    def _by_day(self) -> list[tuple[str, int, int]]:
        days: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        opened = sa.select(self._day(cases.c.opened).label("day")).where(_opened).subquery()
        decided = sa.select(self._day(_DONE.c.at).label("day")).subquery()
        for place, of in enumerate((opened, decided)):
            for day, number in self._rows(sa.select(of.c.day, sa.func.count()).group_by(of.c.day)):
                days[day][place] = int(number)
        return [(day, *_pair(numbers)) for day, numbers in sorted(days.items())]

    def _day(self, moment: sa.ColumnElement[dt.datetime]) -> sa.ColumnElement[str]:
        """The ISO date of a moment, in UTC."""
        if self._connection.dialect.name == "postgresql":
            return sa.func.to_char(sa.func.timezone("UTC", moment), "YYYY-MM-DD")
        return sa.func.strftime("%Y-%m-%d", moment)

    def _hours(self) -> tuple[float, float] | None:
        """Median and 90th percentile of the hours to a case's first decision (nearest rank)."""
        hours = sorted((at - opened).total_seconds() / 3600 for opened, at in self._rows(_WAITED))
        if not hours:
            return None
        return hours[math.ceil(len(hours) * 0.5) - 1], hours[math.ceil(len(hours) * 0.9) - 1]

    def _opened_by_list(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for (details,) in self._rows(_LISTS_OPENED):
            found.update(_lists(details))
        return found

    def _cleared_by_list(self) -> list[tuple[str, int, int]]:
        total: Counter[str] = Counter()
        cleared: Counter[str] = Counter()
        for details, state in self._rows(_LISTS_DECIDED):
            for name in _lists(details):
                total[name] += 1
                cleared[name] += state == CaseState.CLEARED.value
        return [(name, cleared[name], number) for name, number in sorted(total.items())]

    def _rows(self, statement: sa.Select[Any]) -> Iterator[Any]:
        yield from self._connection.execute(
            statement, self._window, execution_options={"yield_per": _BATCH}
        )


def _pair(numbers: Sequence[int]) -> tuple[int, int]:
    opened, decided = numbers
    return opened, decided


def _lists(details: Mapping[str, Any]) -> set[str]:
    """The lists that a decision of policy's names."""
    return {str(match["list_name"]) for match in details.get("matches", ())}
