"""Figures that may be published: a page, and the same as CSV and JSON."""

from __future__ import annotations

import datetime as dt

from safehold.console.transparency_labels import NOT_COUNTED, ROWS, TABLES
from safehold.console.visit import Reply, Route, Visit
from safehold.transparency.model import Publication, Row
from safehold.transparency.texts import as_csv, as_json
from safehold.users.roles import Permission

_LIST = "list:"


def transparency(visit: Visit) -> Reply:
    """Figures of a period, the last full half-year unless another is asked for."""
    since, until, wrong = _period(visit)
    service = _service(visit)
    made = _publication(visit, since, until, service)
    return visit.page(
        "transparency.html",
        made=made,
        since=since.date(),
        last=until.date() - dt.timedelta(days=1),
        wrong=wrong,
        service=service,
        services=sorted(visit.parts.service_names().values()),
        titles=TABLES,
        row_name=lambda row: row_name(visit, row),
        not_counted=NOT_COUNTED,
    )


def as_csv_file(visit: Visit) -> Reply:
    """The same as CSV."""
    return _file(visit, as_csv(_asked_for(visit)), "text/csv; charset=utf-8", "csv")


def as_json_file(visit: Visit) -> Reply:
    """The same as JSON."""
    return _file(visit, as_json(_asked_for(visit)), "application/json", "json")


def row_name(visit: Visit, row: Row) -> str:
    """What a row is about, in the visitor's language; names of lists and surfaces as they are."""
    if row.code.startswith(_LIST):
        return visit.text("list {name}", name=row.code.removeprefix(_LIST))
    return visit.text(ROWS[row.code]) if row.code in ROWS else row.code


def last_half_year(today: dt.date) -> tuple[dt.date, dt.date]:
    """First day of the last half-year that is over, and the day after its last. I/O-free."""
    if today.month <= 6:
        return dt.date(today.year - 1, 7, 1), dt.date(today.year, 1, 1)
    return dt.date(today.year, 1, 1), dt.date(today.year, 7, 1)


def _period(visit: Visit) -> tuple[dt.datetime, dt.datetime, bool]:
    """From when, before when, and whether what was asked for is no period."""
    first, after = last_half_year(visit.now.date())
    wanted = visit.query.get("from", ""), visit.query.get("to", "")
    wrong = False
    if any(wanted):
        try:
            given = dt.date.fromisoformat(wanted[0])
            last = dt.date.fromisoformat(wanted[1])
            wrong = given > last
            if not wrong:
                first, after = given, last + dt.timedelta(days=1)
        except (ValueError, OverflowError):
            wrong = True
    return _midnight(first), _midnight(after), wrong


def _service(visit: Visit) -> str:
    wanted = visit.query.get("service", "")
    return wanted if wanted in visit.parts.service_names().values() else ""


def _asked_for(visit: Visit) -> Publication:
    since, until, _ = _period(visit)
    return _publication(visit, since, until, _service(visit))


def _publication(visit: Visit, since: dt.datetime, until: dt.datetime, service: str) -> Publication:
    return visit.parts.transparency.publication(since, until, service)


def _file(visit: Visit, content: bytes, media_type: str, ending: str) -> Reply:
    since, until, _ = _period(visit)
    last = until.date() - dt.timedelta(days=1)
    name = f"safehold-{since.date()}-{last}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Reply(content, media_type=media_type, headers=headers)


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/transparency", "transparency", Permission.FIGURES_READ, transparency),
    Route("GET", "/transparency.csv", "transparency_csv", Permission.FIGURES_READ, as_csv_file),
    Route("GET", "/transparency.json", "transparency_json", Permission.FIGURES_READ, as_json_file),
)
