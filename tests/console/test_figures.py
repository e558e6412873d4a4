"""Figures and their charts."""

from __future__ import annotations

import datetime as dt
import re
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from safehold.console.charts import WIDTH, Bar, Line, Spoken, bars, lines
from safehold.console.pages.figures import by_surface, every_day, exposure, false_positives
from safehold.users.roles import Role
from tests.console.conftest import NOW, House

SVG = "{http://www.w3.org/2000/svg}"
SPOKEN = Spoken("chart-x", "A <title>", "described")


def found(**values: Any) -> dict[str, Any]:
    return {
        "by_surface": [("public", "block", 3), ("public", "hold", 4), ("storage", "allow", 2)],
        "by_list": [("partner", 6), ("own", 1)],
        "by_day": [("2026-03-01", 5, 2), ("2026-03-02", 4, 1)],
        "decided": [("cleared", 1), ("confirmed", 2)],
        "hours_to_decide": (1.25, 20.5),
        "exposure": [("u1", 12, 3, 90.0), ("gone", 1, 0, 0.0)],
        "cleared_by_list": [("partner", 2, 8), ("own", 3, 4)],
        "open": 1200,
        "oldest_open": (NOW - dt.timedelta(days=3)).isoformat(),
    } | values


def with_figures(house: House, figures: dict[str, Any]) -> list[tuple[dt.datetime, dt.datetime]]:
    asked = []

    def ask(since: dt.datetime, until: dt.datetime) -> dict[str, Any]:
        asked.append((since, until))
        return figures

    person = SimpleNamespace(user_id="u1", name="robin")
    house.replace(
        reviews=SimpleNamespace(figures=ask), users=SimpleNamespace(users=lambda: [person])
    )
    return asked


def test_the_page(house: House) -> None:
    asked = with_figures(house, found())
    page = house.client(Role.AUDITOR).get("/figures", params={"days": "7"})
    assert page.status_code == 200
    assert asked == [(dt.datetime(2026, 2, 24, tzinfo=dt.UTC), NOW)]
    for text in ("robin", "gone", "1,200", "3 days ago", "25 %", "too few decisions", "20.5"):
        assert text in page.text, text
    assert page.text.count('<svg class="chart"') == page.text.count("<details>") == 5
    assert "style=" not in page.text


def test_rates_rest_on_enough_decisions(house: House) -> None:
    high, low, few = false_positives([("few", 4, 4), ("low", 1, 10), ("high", 5, 5)])
    assert (high.name, high.percent) == ("high", 100.0)
    assert (low.name, low.percent) == ("low", 10.0)
    assert (few.name, few.percent, few.cleared, few.decided) == ("few", None, 4, 4)


def test_windows(house: House) -> None:
    asked = with_figures(house, found())
    client = house.client(Role.APPROVER)
    for given_days, days in (("", 30), ("90", 90), ("7", 7), ("8", 30), ("x", 30)):
        client.get("/figures", params={"days": given_days})
        since, until = asked[-1]
        assert (until.date() - since.date()).days == days - 1


def test_nothing_yet(house: House) -> None:
    empty: dict[str, Any] = {
        key: [] for key in ("by_surface", "by_list", "by_day", "decided", "exposure")
    }
    with_figures(
        house,
        found(**empty, cleared_by_list=[], hours_to_decide=None, open=0, oldest_open=None),
    )
    page = house.client(Role.AUDITOR).get("/figures")
    assert page.status_code == 200
    assert "Nobody has looked at anything" in page.text
    assert page.text.count('<svg class="chart"') == 1


def test_who_may_see_figures(house: House) -> None:
    with_figures(house, found())
    allowed = {r for r in Role if house.client(r).get("/figures").status_code == 200}
    assert allowed == {Role.APPROVER, Role.AUDITOR}


def test_rows() -> None:
    public, storage = by_surface(found()["by_surface"])
    assert (public.name, public.blocked, public.held, public.total) == ("public", 3, 4, 7)
    assert (storage.flagged, storage.total) == (2, 2)
    first, last = dt.date(2026, 2, 27), dt.date(2026, 3, 2)
    days = every_day(found()["by_day"], first, last)
    assert [(d.opened, d.decided) for d in days] == [(0, 0), (0, 0), (5, 2), (4, 1)]
    robin, gone = exposure(found()["exposure"], {"u1": "robin"})
    assert (robin.name, robin.minutes, gone.name) == ("robin", 1.5, "gone")


def numbers(element: ElementTree.Element, name: str) -> float:
    return float(element.attrib[name])


def drawing(markup: str) -> ElementTree.Element:
    """A chart as the browser parses it, checked for what every chart has."""
    root = ElementTree.fromstring(
        markup.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
    )
    assert root.attrib["role"] == "img"
    title, words = root.attrib["aria-labelledby"].split()
    ids = {e.attrib["id"]: e.text for e in root.iter() if "id" in e.attrib}
    assert ids[title] == "A <title>"
    assert ids[words] == "described"
    for element in root.iter():
        assert "style" not in element.attrib
        assert not [name for name in element.attrib if name.startswith("on")]
    return root


LABELS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=60)


@given(st.lists(st.tuples(LABELS, st.floats(0, 1e9), st.floats(0, 1)), max_size=8))
def test_bars_stay_within_the_drawing(rows: list[tuple[str, float, float]]) -> None:
    drawn = [Bar(name, value, f"{value:g}", part=share * value) for name, value, share in rows]
    root = drawing(str(bars(drawn, SPOKEN)))
    outlines = root.findall(f"{SVG}rect[@class='chart-bar-outline']")
    full = root.findall(f"{SVG}rect[@class='chart-bar']")
    assert len(outlines) == len(full) == len(rows)
    for outline, part in zip(outlines, full, strict=True):
        assert numbers(outline, "x") + numbers(outline, "width") <= WIDTH
        assert numbers(part, "width") <= numbers(outline, "width") + 0.1


def test_bars_are_as_long_as_their_values() -> None:
    drawn = [Bar("a", 10, "10"), Bar("b", 5, "5"), Bar("c", 0, "0"), Bar("<b>", 0.001, "0")]
    root = drawing(str(bars(drawn, SPOKEN)))
    widths = [numbers(rect, "width") for rect in root.findall(f"{SVG}rect")]
    assert widths[0] == 2 * widths[1]
    assert widths[2:] == [0, 1]


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), min_size=1, max_size=90))
def test_lines_stay_within_the_drawing(rows: list[tuple[int, int]]) -> None:
    one, two = (tuple(float(row[n]) for row in rows) for n in (0, 1))
    drawn = [Line("opened", "chart-line-a", one), Line("decided", "chart-line-b", two)]
    root = drawing(str(lines(drawn, [str(n) for n in range(len(rows))], SPOKEN)))
    height = float(root.attrib["viewBox"].split()[3])
    polylines = root.findall(f"{SVG}polyline")
    assert [len(line.attrib["points"].split()) for line in polylines] == [len(rows)] * 2
    for pair in " ".join(line.attrib["points"] for line in polylines).split():
        x, y = map(float, pair.split(","))
        assert 0 <= x <= WIDTH
        assert 0 <= y <= height
    for text in root.findall(f"{SVG}text"):
        assert 0 <= numbers(text, "y") <= height
    names = [t for t in root.findall(f"{SVG}text") if t.text in ("opened", "decided")]
    assert abs(numbers(names[0], "y") - numbers(names[1], "y")) >= 12
    assert re.search(r"chart-line-a", polylines[0].attrib["class"])
