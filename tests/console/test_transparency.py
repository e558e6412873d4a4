"""The page of figures to publish, and its two files."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any, cast

import pytest

from safehold.console.pages.transparency import last_half_year
from safehold.console.routes import ROUTES
from safehold.transparency.counting import publish
from safehold.transparency.model import History, Method, Orders, Publication, Window
from safehold.users.roles import Role
from tests.console.conftest import House, make_house

DAY = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


class Figures:
    """Twelve cases on a surface whose name is no word of ours; remembers what was asked for."""

    asked: tuple[dt.datetime, dt.datetime, str] | None = None

    def publication(self, since: dt.datetime, until: dt.datetime, service: str) -> Publication:
        self.asked = (since, until, service)
        lists = frozenset({"house"})
        found = [History(DAY, "<album>", "hold", Method.SIMILAR, lists)] * 12
        found += [History(DAY, "inbox", "hold", Method.EXACT, lists)] * 3
        return publish(found, Orders(2, 0), Window(since, until), service, 5)


@pytest.fixture
def figures() -> Figures:
    return Figures()


@pytest.fixture
def house(figures: Figures) -> House:
    house = make_house(ROUTES)
    house.replace(transparency=cast(Any, figures), service_names=lambda: cast(Any, {"s1": "forum"}))
    return house


def test_the_page_shows_and_hides(house: House, figures: Figures) -> None:
    with house.client(Role.AUDITOR) as browser:
        page = browser.get("/transparency?from=2026-01-01&to=2026-06-30&service=forum")
    assert page.status_code == 200
    assert "&lt;album&gt;" in page.text
    assert "DSA 15(1)(c)" in page.text
    assert "not shown" in page.text
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    assert figures.asked == (start, dt.datetime(2026, 7, 1, tzinfo=dt.UTC), "forum")


@pytest.mark.parametrize(
    "query", ["from=x&to=y", "from=2026-05-01&to=2026-04-01", "from=2026-05-01"]
)
def test_what_is_no_period_is_said(house: House, figures: Figures, query: str) -> None:
    with house.client(Role.APPROVER) as browser:
        page = browser.get(f"/transparency?{query}")
    assert page.status_code == 200
    assert 'role="alert"' in page.text
    assert figures.asked is not None and figures.asked[2] == ""


def test_the_files(house: House) -> None:
    period = "from=2026-01-01&to=2026-06-30"
    with house.client(Role.AUDITOR) as browser:
        table = browser.get(f"/transparency.csv?{period}")
        told = browser.get(f"/transparency.json?{period}")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    shown = {row["row"]: row["value"] for row in rows if row["table"] == "found_by_surface"}
    assert shown == {"<album>": "not shown", "inbox": "not shown", "total": "15"}
    assert "safehold-2026-01-01-2026-06-30.csv" in table.headers["content-disposition"]
    assert told.json()["period"]["end"].startswith("2026-07-01")


def test_the_last_half_year_that_is_over() -> None:
    day = dt.date
    assert last_half_year(day(2026, 3, 1)) == (day(2025, 7, 1), day(2026, 1, 1))
    assert last_half_year(day(2026, 7, 1)) == (day(2026, 1, 1), day(2026, 7, 1))
