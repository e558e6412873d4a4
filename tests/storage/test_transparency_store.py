"""`TransparencyStore`: the plain count, SQLite and PostgreSQL read the same histories."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import replace
from typing import Any

import pytest

from safehold.accounts.model import Service
from safehold.cases.destruction import Destruction
from safehold.cases.destruction import Ground as Why
from safehold.cases.model import StatementKind
from safehold.cases.review.model import LegalHold
from safehold.ids import DestructionId, EvidenceId, HoldId, ReportId, ServiceId, UserId
from safehold.policy.model import Verdict
from safehold.reporting.model import AuthorityCode, Environment, Report, ReportState
from safehold.testing.records import MemoryRecords
from safehold.transparency.model import History, Orders, Window
from tests.storage.held import HOUR, T0, case, statement
from tests.storage.reviewed import decided

DAY = 24 * HOUR
OTHER = ServiceId("other")


def _story(records: Any, seed: int) -> None:
    """Some weeks of work, drawn by a seed."""
    drawn = random.Random(seed)
    for n in range(1, 50):
        opened = T0 + drawn.random() * 20 * DAY
        service = {"service_id": OTHER} if n % 3 == 0 else {}
        verdict = drawn.choice(list(Verdict))
        one = case(n, opened=opened, verdict=verdict, canary=n % 13 == 0, **service)
        match = {"list_name": drawn.choice("ab"), "tier": "confirmed", "signal": "pdq"}
        later = [opened + drawn.random() * 9 * DAY for _ in range(4)]
        with records.write() as transaction:
            transaction.cases.add(one)
            for m in range(2):
                details = {"matches": [match] if drawn.random() < 0.7 else []}
                at = opened + m * HOUR
                transaction.cases.add_decision(
                    decided(10 * n + m, one, "policy", at, details=details, occurrence_id="o")
                )
            for m in range(drawn.randrange(3)):
                reasons = (drawn.choice(("confirmed", "cleared", "undone")),)
                actor = drawn.choice(("user:ann", "username"))
                transaction.cases.add_decision(
                    decided(10 * n + 5 + m, one, actor, later[m], reasons=reasons)
                )
            for m, kind in enumerate(drawn.sample(list(StatementKind), drawn.randrange(3))):
                said = statement(10 * n + m, one, kind=kind, at=later[2] + m * HOUR)
                transaction.cases.add_statement(said)
            if drawn.random() < 0.4:
                state = drawn.choice((ReportState.FILED, ReportState.DRAFT))
                transaction.reports.add(_report(n, one, state, later[3]))


def _report(n: int, of: Any, state: ReportState, at: dt.datetime) -> Report:
    return Report(
        report_id=ReportId(f"report{n:020}"),
        case_id=of.case_id,
        service_id=of.service_id,
        uploader=None,
        authority=AuthorityCode.NCMEC if n % 2 else AuthorityCode.NCA,
        environment=Environment.PRODUCTION,
        state=state,
        created=at,
        updated=at,
        created_by=UserId("ann"),
        filed_at=at if state is ReportState.FILED else None,
    )


def _read(records: Any, window: Window) -> list[History]:
    with records.read() as transaction:
        return sorted(transaction.transparency.histories(window), key=repr)


@pytest.mark.parametrize("seed", [3, 4])
def test_histories_are_those_of_the_plain_count(records: Any, seed: int) -> None:
    plain = MemoryRecords()
    for there in (plain, records):
        _story(there, seed)
    found = 0
    for first, last in ((0, 40), (3, 11), (5.5, 6.25), (60, 70)):
        for service in (None, OTHER):
            window = Window(T0 + first * DAY, T0 + last * DAY, service)
            histories = _read(records, window)
            assert histories == _read(plain, window)
            found += len(histories)
    assert found > 50


def test_trials_count_in_no_figure_but_their_own(records: Any) -> None:
    trial, at = ServiceId("trial"), T0 + HOUR
    for there in (MemoryRecords(), records):
        with there.write() as transaction:
            transaction.accounts.add_service(Service(trial, "trial", T0, demo=True))
            for n, service in ((1, OTHER), (2, trial)):
                made = case(n, opened=at, service_id=service)
                transaction.cases.add(made)
                transaction.reports.add(_report(n, made, ReportState.FILED, at))
                transaction.reviews.add_hold(
                    LegalHold(
                        HoldId(f"hold{n}"), service, made.case_id, None, "ref", UserId("ann"), at
                    )
                )
                asked = _destruction(f"d{n}", Why.AUTHORITY, at)
                transaction.destructions.add(replace(asked, service_id=service))
        for wanted in (None, trial):
            window = Window(T0, T0 + DAY, wanted)
            [found] = _read(there, window)
            of_trial = [(AuthorityCode.NCA, at)]
            assert list(found.filed) == (of_trial if wanted else [(AuthorityCode.NCMEC, at)])
            with there.read() as transaction:
                assert transaction.transparency.orders(window) == Orders(1, 1)


def test_what_authorities_asked_for(records: Any) -> None:
    for there in (MemoryRecords(), records):
        with there.write() as transaction:
            transaction.cases.add(case(1))
            for n, days in enumerate((1, 5)):
                at = T0 + days * DAY
                hold = LegalHold(
                    HoldId(f"hold{n}"), OTHER, case(1).case_id, None, "ref", UserId("ann"), at
                )
                transaction.reviews.add_hold(hold)
                for ground in (Why.AUTHORITY, Why.CLEARED):
                    transaction.destructions.add(_destruction(f"{ground}{n}", ground, at))
        with there.read() as transaction:
            store = transaction.transparency
            assert store.orders(Window(T0, T0 + 9 * DAY)) == Orders(2, 2)
            assert store.orders(Window(T0 + 2 * DAY, T0 + 9 * DAY, OTHER)) == Orders(1, 1)
            assert store.orders(Window(T0, T0 + 9 * DAY, ServiceId("none"))) == Orders(0, 0)


def _destruction(name: str, ground: Why, at: dt.datetime) -> Destruction:
    return Destruction(
        destruction_id=DestructionId(name),
        case_id=case(1).case_id,
        service_id=OTHER,
        ground=ground,
        begun=at,
        requested_by="system",
        approved_by="system",
        evidence=(EvidenceId("evidence"),),
    )
