"""What is counted, and in which period."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json

import pytest

from safehold.transparency.asked import ASKED_BY
from safehold.transparency.counting import publish
from safehold.transparency.model import History, Method, Orders, Publication, Ruling, Window
from safehold.transparency.reading import Parts, history
from safehold.transparency.texts import as_csv, as_json

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
WINDOW = Window(START, START + dt.timedelta(days=31))


def at(days: float) -> dt.datetime:
    return START + dt.timedelta(days=days)


def case(
    opened: float = 1.0,
    *,
    method: Method = Method.EXACT,
    surface: str = "public",
    **more: object,
) -> History:
    return History(at(opened), surface, "block", method, frozenset({"house"}), **more)  # type: ignore[arg-type]


def numbers(publication: Publication, code: str) -> dict[str, float | None]:
    [table] = [one for one in publication.tables if one.code == code]
    return {row.code: row.value for row in table.rows}


def made(histories: list[History], least: int = 5, orders: Orders = Orders(0, 0)) -> Publication:  # noqa: B008
    return publish(histories, orders, WINDOW, "", least)


def test_found_by_surface_and_method() -> None:
    histories = [case() for _ in range(12)]
    histories += [case(surface="storage", method=Method.SIMILAR) for _ in range(20)]
    histories += [case(-3.0, rulings=(Ruling(at(2), "cleared"),)) for _ in range(6)]
    publication = made(histories)
    assert numbers(publication, "found") == {"blocked": 32, "held": 0, "flagged": 0}
    assert numbers(publication, "found_by_surface") == {"public": 12, "storage": 20}
    assert numbers(publication, "found_by_method") == {
        "exact": 12,
        "similar": 20,
        "flag": 0,
        "other": 0,
    }
    assert numbers(publication, "decided") == {"confirmed": 0, "cleared": 6}


def test_the_last_decision_of_the_period_counts_and_those_outside_do_not() -> None:
    twice = case(
        rulings=(Ruling(at(2), "confirmed"), Ruling(at(3), "undone"), Ruling(at(4), "cleared"))
    )
    later = case(rulings=(Ruling(at(2), "confirmed"), Ruling(at(40), "cleared")))
    publication = made([twice] * 10 + [later] * 30)
    assert numbers(publication, "decided") == {"confirmed": 30, "cleared": 10}
    assert numbers(publication, "cleared_percent") == {"all": 25.0, "list:house": 25.0}
    assert numbers(publication, "generated") == {"generated": 0, "undone": 10}


def test_a_rate_of_few_cases_is_not_shown() -> None:
    rulings = (Ruling(at(2), "cleared"),)
    publication = made([case(rulings=rulings)] * 4)
    assert numbers(publication, "cleared_percent") == {"all": None, "list:house": None}
    assert numbers(publication, "decided") == {"confirmed": 0, "cleared": None}


def test_times_are_medians_of_enough_cases() -> None:
    histories = [
        case(
            1.0,
            rulings=(Ruling(at(1 + hours / 24), "confirmed", generated=True),),
            filed=(("ncmec", at(2 + hours / 24)),),
        )
        for hours in range(1, 11)
    ]
    publication = made(histories)
    hours = numbers(publication, "hours")
    assert hours["found_to_decision_median"] == 5.0
    assert hours["found_to_decision_nine_of_ten"] == 9.0
    assert hours["confirmed_to_report_median"] == 24.0
    assert hours["found_to_report_median"] == 29.0
    assert hours["appeal_to_decision_median"] is None
    assert numbers(publication, "reported") == {"ncmec": 10}
    assert numbers(publication, "generated")["generated"] == 10


def test_flags_and_appeals_by_what_came_of_them() -> None:
    flagged = case(flags=(at(2),), rulings=(Ruling(at(3), "confirmed"),))
    upheld = case(
        appeals=(at(5),), rulings=(Ruling(at(3), "confirmed"), Ruling(at(6), "confirmed"))
    )
    turned = case(appeals=(at(5),), rulings=(Ruling(at(3), "confirmed"), Ruling(at(6), "cleared")))
    waiting = case(appeals=(at(5),), rulings=(Ruling(at(3), "confirmed"),))
    publication = made([flagged] * 6 + [upheld] * 7 + [turned] * 8 + [waiting] * 9)
    assert numbers(publication, "flags") == {"confirmed": 6, "cleared": 0, "open": 0}
    assert numbers(publication, "appeals") == {"upheld": 7, "reversed": 8, "open": 9}
    assert numbers(publication, "hours")["appeal_to_decision_median"] == 24.0


def test_orders_and_who_asks() -> None:
    publication = made([], orders=Orders(7, 2))
    assert numbers(publication, "orders") == {"holds": 7, "destructions": None}
    assert {table.code for table in publication.tables} == set(ASKED_BY)
    assert all(table.asked_by for table in publication.tables)


def test_texts_say_the_same_and_hide_the_same() -> None:
    publication = made([case(surface="=cmd")] * 20 + [case(surface="small")] * 2)
    told = json.loads(as_json(publication))
    tables = {table["code"]: table for table in told["tables"]}
    assert tables["found_by_surface"]["rows"] == {"=cmd": None, "small": None}
    assert "items_checked" in told["not_counted"]
    lines = list(csv.DictReader(io.StringIO(as_csv(publication).decode())))
    surfaces = {line["row"]: line["value"] for line in lines if line["table"] == "found_by_surface"}
    assert surfaces == {"'=cmd": "not shown", "small": "not shown", "total": "22"}


@pytest.mark.parametrize(
    ("signals", "verdict", "method"),
    [
        (("md5", "pdq"), "block", Method.EXACT),
        (("pdq",), "hold", Method.SIMILAR),
        ((), "hold", Method.OTHER),
        ((), "allow", Method.FLAG),
    ],
)
def test_how_a_case_was_found(signals: tuple[str, ...], verdict: str, method: Method) -> None:
    matches = [{"list_name": "house", "tier": "confirmed", "signal": one} for one in signals]
    observed = {"list_name": "watched", "tier": "observe", "signal": "md5"}
    parts = Parts(START, "public", verdict, {"matches": [*matches, observed]})
    parts.rulings.append((at(2), ["confirmed"], {"annotations": ["generative_ai"]}))
    found = history(parts)
    assert found.method is method
    assert found.lists == (frozenset({"house"}) if signals else frozenset())
    assert found.rulings == (Ruling(at(2), "confirmed", generated=True),)
