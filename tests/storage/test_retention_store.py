"""`RetentionStore`: the fake, SQLite and PostgreSQL read the same facts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from safehold.cases.model import CaseState
from safehold.cases.review.model import LegalHold
from safehold.clock import FixedClock
from safehold.ids import CaseId, HoldId, UserId
from safehold.reporting.model import AuthorityCode, ReportState, StepKind
from safehold.retention.model import RetentionFacts
from safehold.retention.options import RetentionOptions
from safehold.retention.parts import RetentionParts
from safehold.retention.service import RetentionService
from tests.storage.filed import file, report, step
from tests.storage.held import HOUR, ONE, T0, case, evidence, occurrence

CONFIRMED, EXPIRED = CaseState.CONFIRMED, CaseState.EXPIRED


def _facts(records: Any, n: int) -> RetentionFacts:
    with records.read() as transaction:
        found: RetentionFacts = transaction.retention.facts(case(n).case_id)
    return found


def _page(records: Any, after: str | None = None, limit: int = 50) -> list[RetentionFacts]:
    with records.read() as transaction:
        return list(transaction.retention.page(CaseId(after) if after else None, limit))


def _hold(name: str, case_id: CaseId | None, uploader: bytes | None = None) -> LegalHold:
    return LegalHold(HoldId(name), ONE, case_id, uploader, "ref", UserId("ann"), T0)


def test_when_something_last_came(records: Any) -> None:
    with records.write() as transaction:
        held = case(1, state=CONFIRMED, updated=T0 + 9 * HOUR)
        transaction.cases.add(held)
        for n in (1, 2):
            transaction.cases.add_evidence(evidence(n, held, created=T0 + n * HOUR))
            transaction.cases.add_occurrence(occurrence(n, held, at=T0 + 3 * n * HOUR))
        # Bytes never came: what was said of persons is there all the same.
        transaction.cases.add(case(2, state=EXPIRED))
        transaction.cases.add_occurrence(occurrence(3, case(2), at=T0 + HOUR))
        gone = {"state": CONFIRMED, "purged": T0 + HOUR}
        transaction.cases.add(case(3, **gone, updated=T0 + HOUR))
        transaction.cases.add_occurrence(occurrence(4, case(3)))
        transaction.cases.add(case(4, **gone, updated=T0 + 5 * HOUR))
        transaction.cases.add_occurrence(occurrence(5, case(4), at=T0 + 5 * HOUR))
        transaction.cases.add(case(5, canary=True))
    assert _facts(records, 1).received == T0 + 6 * HOUR
    assert _facts(records, 1).decided == T0 + 9 * HOUR
    assert _facts(records, 2).received == T0 + HOUR
    assert _facts(records, 3).received is None
    assert _facts(records, 4).received == T0 + 5 * HOUR
    assert [one.case_id for one in _page(records)] == [case(n).case_id for n in (1, 2, 4)]
    assert _page(records) == [_facts(records, n) for n in (1, 2, 4)]
    assert _page(records, case(1).case_id, 1) == [_facts(records, 2)]


def test_reports_and_holds(records: Any) -> None:
    with records.write() as transaction:
        for n in (1, 2, 3):
            transaction.cases.add(case(n, state=CONFIRMED))
            transaction.cases.add_evidence(evidence(n, case(n)))
        other = b"o" * 16
        transaction.cases.add_occurrence(occurrence(1, case(1)))
        transaction.cases.add_occurrence(occurrence(2, case(1)))
        transaction.cases.add_occurrence(occurrence(3, case(2), uploader=None))
        transaction.cases.add_occurrence(occurrence(4, case(3), uploader=other))
        files = (file(1, case(1)), file(2, case(2)))
        moment = T0 + 2 * HOUR
        filed = report(1, case(1), state=ReportState.FILED, filed_at=moment, files=files)
        transaction.reports.add(filed)
        dropped = report(
            2,
            case(3),
            state=ReportState.ABANDONED,
            updated=T0 + 4 * HOUR,
            files=(file(3, case(3)),),
        )
        transaction.reports.add(dropped)
        transaction.reports.add_step(step(1, dropped, kind=StepKind.FINISH))
        waiting = report(3, case(3), state=ReportState.WAITING, files=(file(3, case(3)),))
        transaction.reports.add(waiting)
        for hold in (_hold("a", case(1).case_id), _hold("b", None, b"u" * 16)):
            transaction.reviews.add_hold(hold)
        lifted = _hold("c", None, other)
        transaction.reviews.add_hold(lifted)
        ended = replace(lifted, lifted_at=T0, lifted_by=lifted.set_by)
        transaction.reviews.update_hold(ended)
    first, second, third = (_facts(records, n) for n in (1, 2, 3))
    assert first.filed == second.filed == ((AuthorityCode.NCMEC, moment),)
    assert (first.holds, second.holds, third.holds) == (2, 0, 0)
    assert (third.doubtful, third.under_way, third.filed) == (T0 + 4 * HOUR, True, ())
    assert not first.under_way
    assert first.doubtful is None
    assert _page(records) == [first, second, third]


@pytest.mark.parametrize("after", ["", case(2).case_id])
def test_the_overview_is_counts_and_lists_in_one(records: Any, after: str) -> None:
    with records.write() as transaction:
        for n in range(1, 7):
            transaction.cases.add(case(n, state=CONFIRMED if n % 2 else CaseState.OPEN))
            transaction.cases.add_evidence(evidence(n, case(n)))
    unused: Any = None
    parts = RetentionParts(records, unused, FixedClock(T0 + HOUR), RetentionOptions())
    service = RetentionService(parts)
    counts, rows = service.overview(after, 2)
    assert counts == service.counts() == {"kept": 3, "undecided": 3}
    assert rows == {state: service.list(state, after, 2) for state in counts}
