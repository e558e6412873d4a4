"""Figures: what is found where, how long decisions take, who has looked at how much."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from safehold.console.charts import Bar, Line, Spoken, bars, lines
from safehold.console.visit import Reply, Route, Visit
from safehold.users.roles import Permission

WINDOWS = (7, 30, 90)
"""Days that figures may be of."""

LEAST_DECIDED = 5
"""Below so many decisions a rate says nothing and is not shown."""


@dataclass(frozen=True, slots=True)
class Found:
    """Cases opened on one surface.

    Attributes:
        name: the surface.
        blocked, held, flagged: by policy's verdict; flagged alone were allowed.
    """

    name: str
    blocked: int
    held: int
    flagged: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.blocked + self.held + self.flagged


@dataclass(frozen=True, slots=True)
class Day:
    """Cases opened and decided on one day (UTC)."""

    day: dt.date
    opened: int
    decided: int


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of a list's cases people cleared.

    Attributes:
        name: the list.
        cleared, decided: cases.
        percent: of cleared among decided; None below `LEAST_DECIDED`.
    """

    name: str
    cleared: int
    decided: int
    percent: float | None


@dataclass(frozen=True, slots=True)
class Exposure:
    """What one person has looked at.

    Attributes:
        name: of the user.
        views: how often.
        sharp: how many of these showed more than a blur.
        minutes: how long sharp previews were shown.
    """

    name: str
    views: int
    sharp: int
    minutes: float


def figures(visit: Visit) -> Reply:
    """Figures of the last 7, 30 or 90 days."""
    wanted = visit.query.get("days", "")
    days = next((d for d in WINDOWS if str(d) == wanted), 30)
    until = visit.now
    since = _midnight(until) - dt.timedelta(days=days - 1)
    found = visit.parts.reviews.figures(since, until)
    names = {str(user.user_id): user.name for user in visit.parts.users.users()}
    surfaces = by_surface(found["by_surface"])
    listed = sorted(found["by_list"], key=lambda row: (-row[1], row[0]))
    by_day = every_day(found["by_day"], since.date(), until.date())
    rates = false_positives(found["cleared_by_list"])
    exposed = exposure(found["exposure"], names)
    oldest = found["oldest_open"]
    return visit.page(
        "figures.html",
        days=days,
        windows=WINDOWS,
        since=since,
        until=until,
        surfaces=surfaces,
        surfaces_chart=_surfaces_chart(visit, surfaces),
        lists=listed,
        lists_chart=_lists_chart(visit, listed),
        by_day=by_day,
        days_chart=_days_chart(visit, by_day),
        rates=rates,
        rates_chart=_rates_chart(visit, [rate for rate in rates if rate.percent is not None]),
        least=LEAST_DECIDED,
        exposure=exposed,
        exposure_chart=_exposure_chart(visit, exposed),
        decided=sorted((str(state), int(count)) for state, count in found["decided"]),
        hours=found["hours_to_decide"],
        opened=sum(day.opened for day in by_day),
        open_cases=found["open"],
        oldest=None if oldest is None else dt.datetime.fromisoformat(oldest),
    )


def by_surface(rows: Iterable[Sequence[object]]) -> list[Found]:
    """Surfaces by how much was found there, from rows of surface, verdict and count. I/O-free."""
    counts: dict[str, dict[str, int]] = {}
    for surface, verdict, count in rows:
        of = counts.setdefault(str(surface), {})
        of[str(verdict)] = of.get(str(verdict), 0) + int(str(count))
    found = [
        Found(name, of.get("block", 0), of.get("hold", 0), of.get("allow", 0))
        for name, of in counts.items()
    ]
    return sorted(found, key=lambda row: (-row.total, row.name))


def every_day(rows: Iterable[Sequence[object]], first: dt.date, last: dt.date) -> list[Day]:
    """A row for each day of a window, also for those without a case. I/O-free."""
    known = {str(day): (int(str(opened)), int(str(decided))) for day, opened, decided in rows}
    days = [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
    return [Day(day, *known.get(day.isoformat(), (0, 0))) for day in days]


def false_positives(rows: Iterable[Sequence[object]]) -> list[Rate]:
    """Rates by list, from rows of list, cleared and decided; the highest first. I/O-free."""
    rates = []
    for name, cleared, decided in rows:
        good, all_of = int(str(cleared)), int(str(decided))
        percent = 100 * good / all_of if all_of >= LEAST_DECIDED else None
        rates.append(Rate(str(name), good, all_of, percent))
    return sorted(rates, key=lambda r: (r.percent is None, -(r.percent or 0.0), r.name))


def exposure(rows: Iterable[Sequence[object]], names: dict[str, str]) -> list[Exposure]:
    """Who looked at how much, the longest first; a user that is gone keeps its id. I/O-free."""
    found = [
        Exposure(names.get(str(user), str(user)), int(str(v)), int(str(s)), float(str(t)) / 60)
        for user, v, s, t in rows
    ]
    return sorted(found, key=lambda row: (-row.minutes, -row.views, row.name))


def _midnight(at: dt.datetime) -> dt.datetime:
    return at.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _surfaces_chart(visit: Visit, rows: Sequence[Found]) -> Markup:
    title = visit.text("Cases opened, by surface")
    said = "; ".join(f"{row.name}: {visit.catalog.number(row.total)}" for row in rows)
    drawn = [
        Bar(row.name, row.total, visit.catalog.number(row.total), part=row.blocked) for row in rows
    ]
    return bars(drawn, Spoken("chart-surfaces", title, said))


def _lists_chart(visit: Visit, rows: Sequence[tuple[str, int]]) -> Markup:
    title = visit.text("Cases opened, by list")
    said = "; ".join(f"{name}: {visit.catalog.number(count)}" for name, count in rows)
    drawn = [Bar(name, count, visit.catalog.number(count)) for name, count in rows]
    return bars(drawn, Spoken("chart-lists", title, said))


def _days_chart(visit: Visit, rows: Sequence[Day]) -> Markup:
    title = visit.text("Cases opened and decided, by day")
    opened, decided = sum(row.opened for row in rows), sum(row.decided for row in rows)
    said = visit.text(
        "Opened: {opened}. Decided by people: {decided}.", opened=opened, decided=decided
    )
    drawn = [
        Line(visit.text("opened"), "chart-line-a", tuple(float(row.opened) for row in rows)),
        Line(visit.text("decided"), "chart-line-b", tuple(float(row.decided) for row in rows)),
    ]
    places = [row.day.strftime("%m-%d") for row in rows]
    return lines(drawn, places, Spoken("chart-days", title, said))


def _rates_chart(visit: Visit, rows: Sequence[Rate]) -> Markup:
    title = visit.text("Share of cases that people cleared, by list")
    shown = [(row, f"{visit.catalog.number(round(row.percent or 0.0, 1))} %") for row in rows]
    said = "; ".join(f"{row.name}: {words}" for row, words in shown)
    drawn = [Bar(row.name, row.percent or 0.0, words) for row, words in shown]
    return bars(drawn, Spoken("chart-rates", title, said))


def _exposure_chart(visit: Visit, rows: Sequence[Exposure]) -> Markup:
    title = visit.text("Minutes of sharp previews, by person")
    shown = [(row, visit.catalog.number(round(row.minutes, 1))) for row in rows]
    said = "; ".join(f"{row.name}: {words}" for row, words in shown)
    drawn = [Bar(row.name, row.minutes, words) for row, words in shown]
    return bars(drawn, Spoken("chart-exposure", title, said))


ROUTES: tuple[Route, ...] = (Route("GET", "/figures", "figures", Permission.FIGURES_READ, figures),)
