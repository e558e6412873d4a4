"""Figures of `ReviewStore`: the fake, SQLite and PostgreSQL count the same."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest

from safehold.cases.model import CaseState
from safehold.cases.records import Records
from safehold.policy.model import Verdict
from safehold.testing.records import MemoryRecords
from tests.storage.held import HOUR, T0, case
from tests.storage.reviewed import ANN, BEN, decided, put, view


def _story(records: Records, seed: int) -> None:
    """Some weeks of work, drawn by a seed."""
    drawn = random.Random(seed)
    day = 24 * HOUR
    for n in range(1, 60):
        opened = T0 + drawn.random() * 20 * day
        one = case(
            n,
            opened=opened,
            surface=drawn.choice(("public", "storage")),
            verdict=drawn.choice((Verdict.HOLD, Verdict.BLOCK)),
            state=drawn.choice((CaseState.OPEN, CaseState.CLEARED)),
            canary=n % 13 == 0,
        )
        matches = [{"list_name": name} for name in drawn.sample(("a", "b", "c"), 2)]
        with records.write() as transaction:
            transaction.cases.add(one)
            for m in range(2):
                transaction.cases.add_decision(
                    decided(
                        10 * n + m,
                        one,
                        "policy",
                        opened + m * HOUR,
                        reasons=("x",),
                        details={"matches": matches[m:]},
                        occurrence_id="o",
                    )
                )
            for m in range(drawn.randrange(4)):
                transaction.cases.add_decision(
                    decided(
                        10 * n + 5 + m,
                        one,
                        drawn.choice(("user:ann", "user:ben", "policy", "username")),
                        opened + drawn.random() * 3 * day,
                        reasons=drawn.choice((("cleared",), ("confirmed",), ("undone",), ())),
                    )
                )
                seen = view(
                    100 * n + m,
                    one,
                    user_id=drawn.choice((ANN, BEN)),
                    opened=opened + drawn.random() * day,
                    ended=drawn.choice((None, opened + 2 * day)),
                    sharp=frozenset(range(drawn.randrange(2))),
                    colour=frozenset(range(drawn.randrange(2))),
                    sharp_seconds=drawn.randrange(40) / 4,
                )
                transaction.reviews.add_view(seen)


@pytest.mark.parametrize("seed", [7, 8])
def test_figures_are_those_of_the_plain_count(records: Records, seed: int) -> None:
    plain = MemoryRecords()
    for there in (plain, records):
        _story(there, seed)
    day = 24 * HOUR
    for first, last in ((0, 30), (3, 11), (5.5, 6.25), (40, 50)):
        window = T0 + first * day, T0 + last * day
        with plain.read() as one, records.read() as other:
            # Sums of quarters are exact, in whatever order they are added.
            assert other.reviews.figures(*window) == one.reviews.figures(*window)


def test_figures_of_a_small_house(records: Records) -> None:
    day = 24 * HOUR
    cleared, confirmed = ("cleared",), ("confirmed",)
    there = [
        case(1, surface="storage", state=CaseState.CLEARED),
        case(2, state=CaseState.CONFIRMED, opened=T0 + day),
        case(3, opened=T0 + 2 * day),
        case(4, opened=T0, canary=True),
    ]
    found: dict[str, Any] = {"occurrence_id": "o", "reasons": ("exact_confirmed",)}
    with records.write() as transaction:
        for n, one in enumerate(there):
            transaction.cases.add(one)
            matches = [{"list_name": name} for name in (("a", "a", "b"), ("b",), (), ("a",))[n]]
            for m in (0, 1):
                # What policy finds later is not what the case was opened for.
                details = {"matches": [*matches, {"list_name": "later"}] if m else matches}
                first = decided(10 * n + m, one, "policy", one.opened, details=details, **found)
                transaction.cases.add_decision(first)
        for n, (of, actor, hours, reasons) in enumerate(
            [
                (there[0], "user:ann", 3, confirmed),
                (there[0], "user:ben", 4, ("undone",)),
                (there[0], "user:ben", 30, cleared),
                (there[1], "user:ann", 34, confirmed),
                (there[2], "policy", 60, cleared),
                (there[3], "user:ann", 5, cleared),
            ]
        ):
            at = T0 + hours * HOUR
            transaction.cases.add_decision(decided(100 + n, of, actor, at, reasons=reasons))
        still = frozenset({0})
        for seen in (
            view(0, there[0], sharp=still, sharp_seconds=2.5),
            view(1, there[1], colour=still, sharp_seconds=1.0),
            view(2, there[1], user_id=BEN, blurred=still),
            view(3, there[3], user_id=BEN, sharp=still, sharp_seconds=9.0),
        ):
            transaction.reviews.add_view(seen)
        figures = transaction.reviews.figures(T0, T0 + 3 * day)
        none = transaction.reviews.figures(T0 + 9 * day, T0 + 10 * day)
    assert figures == {
        "by_surface": [("public", "hold", 2), ("storage", "hold", 1)],
        "by_list": [("a", 1), ("b", 2)],
        "by_day": [("2026-01-02", 1, 1), ("2026-01-03", 1, 2), ("2026-01-04", 1, 0)],
        "decided": [("cleared", 1), ("confirmed", 2), ("undone", 1)],
        "hours_to_decide": (3.0, 10.0),
        "exposure": [("ann", 2, 2, 3.5), ("ben", 1, 0, 0.0)],
        "cleared_by_list": [("a", 1, 1), ("b", 1, 2)],
        "open": 1,
        "oldest_open": (T0 + 2 * day).isoformat(),
    }
    assert none == {name: [] for name in figures} | {
        "hours_to_decide": None,
        "open": 1,
        "oldest_open": (T0 + 2 * day).isoformat(),
    }


def test_days_are_those_of_utc(records: Records) -> None:
    late = dt.datetime(2026, 3, 1, 23, 30, tzinfo=dt.timezone(-5 * HOUR))
    put(records, case(1, opened=late, updated=late))
    with records.read() as transaction:
        assert transaction.reviews.figures(T0, late + HOUR)["by_day"] == [("2026-03-02", 1, 0)]
