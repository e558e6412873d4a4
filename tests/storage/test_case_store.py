"""The conformance suite of `CaseStore`: the fake, SQLite and PostgreSQL pass it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
from typing import Any

import pytest

from safehold.cases.model import (
    Attention,
    Case,
    CaseDigests,
    CaseFilter,
    CaseState,
    OccurrenceKind,
    Queue,
    StatementKind,
    UnknownCaseError,
)
from safehold.cases.records import Records
from safehold.ids import CaseId
from safehold.policy.model import Verdict
from safehold.storage import case_store
from safehold.storage.engine import DatabaseError
from tests.storage.held import (
    HOUR,
    ONE,
    OTHER,
    T0,
    case,
    content,
    decision,
    evidence,
    occurrence,
    statement,
)


def put(records: Records, *cases: Case) -> None:
    with records.write() as transaction:
        for one in cases:
            assert transaction.cases.add(one)


def listed(records: Records, wanted: CaseFilter | None = None) -> list[Case]:
    with records.read() as transaction:
        return list(transaction.cases.list(wanted or CaseFilter(canaries=True)))


def test_a_case_comes_back(records: Records) -> None:
    full = case(
        1,
        state=CaseState.AWAITING_BYTES,
        queue=Queue.FAULTS,
        verdict=Verdict.BLOCK,
        updated=T0 + HOUR,
        canary=True,
        deadline=T0 + 2 * HOUR,
        cleared=frozenset({("some", "entry"), ("", "stale_list"), ("Ünï", "x")}),
        pdq=bytes(range(32)),
        pdq_quality=77,
    )
    put(records, full, case(2))
    with records.read() as transaction:
        assert transaction.cases.find(full.case_id) == full
        assert transaction.cases.find(case(2).case_id) == case(2)
        assert transaction.cases.find(CaseId("none")) is None
    with records.write() as transaction:
        assert transaction.cases.find(full.case_id, lock=True) == full
        assert transaction.cases.find(CaseId("none"), lock=True) is None


def test_the_same_bytes_are_added_once(records: Records) -> None:
    put(records, case(1))
    with records.write() as transaction:
        assert not transaction.cases.add(case(2, content=content(1)))
        # The transaction goes on.
        assert transaction.cases.add(case(3))
        assert not transaction.cases.add(case(4, content=content(3)))
    assert [c.case_id for c in listed(records)] == [case(1).case_id, case(3).case_id]


def test_the_same_id_for_other_bytes_is_refused(records: Records) -> None:
    put(records, case(1))
    with pytest.raises(DatabaseError), records.write() as transaction:
        transaction.cases.add(case(1, content=content(9)))
    assert listed(records) == [case(1)]


def test_services_are_apart(records: Records) -> None:
    mine, theirs = case(1), case(2, service_id=OTHER, content=content(1))
    put(records, mine, theirs)
    with records.write() as transaction:
        for lock in (False, True):
            assert transaction.cases.find_content(ONE, content(1), lock=lock) == mine
            assert transaction.cases.find_content(OTHER, content(1), lock=lock) == theirs
            assert transaction.cases.find_content(OTHER, content(2), lock=lock) is None
        transaction.cases.add_occurrence(occurrence(1, mine))
        transaction.cases.add_occurrence(occurrence(2, theirs))
        assert transaction.cases.cases_of_uploader(ONE, b"u" * 16) == [mine.case_id]
        assert transaction.cases.cases_of_uploader(OTHER, b"u" * 16) == [theirs.case_id]
        assert transaction.cases.find_contents([(OTHER, content(1))]) == [theirs]
    assert listed(records, CaseFilter(service_id=OTHER)) == [theirs]


def test_several_contents_at_once(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case_store, "CONTENT_PAIRS", 2)
    put(records, *(case(n) for n in range(1, 6)), case(9, service_id=OTHER, content=content(1)))
    wanted = [(ONE, content(n)) for n in (5, 3, 1, 77, 3, 4)] + [(OTHER, content(2))]
    with records.read() as transaction:
        assert transaction.cases.find_contents(wanted) == [case(n) for n in (1, 3, 4, 5)]
        assert transaction.cases.find_contents([]) == []


def test_what_can_change_is_written(records: Records) -> None:
    put(records, case(1), case(2))
    changed = case(
        1,
        state=CaseState.CLEARED,
        queue=Queue.FLAGS,
        verdict=Verdict.ALLOW,
        updated=T0 + HOUR,
        deadline=T0 + HOUR,
        cleared=frozenset({("a", "b")}),
        canary=True,
        pdq=bytes(32),
        pdq_quality=1,
        recipient="y",
        key_name="z",
        tier="confirmed",
        urgency=70,
        attention=Attention.ESCALATED,
        purged=T0 + HOUR,
    )
    asked = dataclasses.replace(changed, surface="x", opened=T0 + HOUR)
    with records.write() as transaction:
        transaction.cases.update(asked)
        assert transaction.cases.find(changed.case_id) == changed
    assert listed(records) == [changed, case(2)]
    with records.write() as transaction:
        transaction.cases.update(case(1))
    assert listed(records) == [case(1), case(2)]


def test_a_case_that_is_not_there_cannot_change(records: Records) -> None:
    with pytest.raises(UnknownCaseError), records.write() as transaction:
        transaction.cases.update(case(1))
    assert listed(records) == []


def test_cases_are_listed_by_filter_and_page(records: Records) -> None:
    put(
        records,
        case(5, state=CaseState.CONFIRMED),
        case(1),
        case(4, service_id=OTHER),
        case(2, canary=True),
        case(3, queue=Queue.FAULTS),
    )

    def numbers(**fields: Any) -> list[int]:
        return [int(c.case_id[4:]) for c in listed(records, CaseFilter(**fields))]

    assert numbers() == [1, 3, 4, 5]
    assert numbers(canaries=True) == [1, 2, 3, 4, 5]
    assert numbers(state=CaseState.OPEN) == [1, 3, 4]
    assert numbers(queue=Queue.MATCHES) == [1, 4, 5]
    assert numbers(state=CaseState.OPEN, queue=Queue.MATCHES, service_id=ONE) == [1]
    assert numbers(limit=2) == [1, 3]
    assert numbers(limit=2, after=CaseId("case000003")) == [4, 5]
    assert numbers(after=CaseId("case000005")) == []
    assert numbers(service_id=ONE, canaries=True, after=CaseId("case000001")) == [2, 3, 5]


def test_due_cases_come_the_longest_due_first(records: Records) -> None:
    put(
        records,
        case(1, deadline=T0 + 2 * HOUR),
        case(2, deadline=T0 + HOUR, state=CaseState.AWAITING_BYTES),
        case(3, deadline=T0 + HOUR),
        case(4, deadline=T0 + 3 * HOUR),
        case(5),
        case(6, deadline=T0, state=CaseState.EXPIRED),
        case(7, deadline=T0, state=CaseState.CONFIRMED),
    )
    with records.read() as transaction:
        assert transaction.cases.due(T0, 10) == []
        found = transaction.cases.due(T0 + 2 * HOUR, 10)
        assert [int(c.case_id[4:]) for c in found] == [2, 3, 1]
        assert [int(c.case_id[4:]) for c in transaction.cases.due(T0 + 9 * HOUR, 2)] == [2, 3]


def test_counts_leave_canaries_out(records: Records) -> None:
    put(
        records,
        case(1),
        case(2),
        case(3, canary=True),
        case(4, queue=Queue.FAULTS),
        case(5, state=CaseState.CLEARED),
    )
    with records.read() as transaction:
        assert dict(transaction.cases.counts()) == {
            (CaseState.OPEN, Queue.MATCHES): 2,
            (CaseState.OPEN, Queue.FAULTS): 1,
            (CaseState.CLEARED, Queue.MATCHES): 1,
        }


def test_space_of_faults(records: Records) -> None:
    faults = [case(n, queue=Queue.FAULTS) for n in (1, 2)]
    expired = case(3, queue=Queue.FAULTS, state=CaseState.EXPIRED)
    with records.read() as transaction:
        assert transaction.cases.fault_space() == (0, 0)
    put(records, *faults, expired, case(4))
    with records.write() as transaction:
        for n, of in enumerate([faults[0], faults[0], expired, case(4)]):
            transaction.cases.add_evidence(evidence(n, of, sealed_size=2**40 + n))
        assert transaction.cases.fault_space() == (2, 2**41 + 1)


def test_what_belongs_to_a_case_comes_back_in_order(records: Records) -> None:
    mine, other = case(1), case(2)
    put(records, mine, other)
    # Added against the order of time; two at the same moment stand by id.
    times = [(1, T0 + HOUR), (4, T0), (3, T0)]
    with records.write() as transaction:
        cases = transaction.cases
        for n, at in times:
            cases.add_occurrence(
                occurrence(n, mine, at=at, uploader=None, kind=OccurrenceKind.DIGESTS)
            )
            cases.add_evidence(evidence(n, mine, created=at))
            cases.add_decision(decision(n, mine, at=at, occurrence_id="occurrence000001"))
            cases.add_statement(
                statement(n, mine, at=at, author=b"a" * 16, kind=StatementKind.APPEAL)
            )
        cases.add_occurrence(occurrence(9, other))
        cases.add_evidence(evidence(9, other))
        cases.add_decision(decision(9, other))
        cases.add_statement(statement(9, other))
    with records.read() as transaction:
        cases = transaction.cases
        order = [(3, T0), (4, T0), (1, T0 + HOUR)]
        assert cases.occurrences(mine.case_id) == [
            occurrence(n, mine, at=at, uploader=None, kind=OccurrenceKind.DIGESTS)
            for n, at in order
        ]
        found = cases.evidence(mine.case_id)
        assert found == [evidence(n, mine, created=at) for n, at in order]
        assert [e.created for e in found] == [at for _, at in order]
        assert cases.decisions(mine.case_id) == [
            decision(n, mine, at=at, occurrence_id="occurrence000001") for n, at in order
        ]
        assert cases.statements(mine.case_id) == [
            statement(n, mine, at=at, author=b"a" * 16, kind=StatementKind.APPEAL)
            for n, at in order
        ]
        assert cases.occurrences(other.case_id) == [occurrence(9, other)]
        assert cases.decisions(other.case_id) == [decision(9, other)]
        assert cases.statements(other.case_id) == [statement(9, other)]


def test_sealed_bytes_and_details_come_back_exactly(records: Records) -> None:
    put(records, case(1))
    sealed = bytes(range(256)) * 300
    details = {"lists": {"Ünï": 3}, "nested": [[1, 2.5, None, True, '\0 \\ "']], "empty": {}}
    with records.write() as transaction:
        transaction.cases.add_occurrence(occurrence(1, case(1), sealed_context=sealed))
        transaction.cases.add_evidence(evidence(1, case(1), sealed_manifest=sealed, size=2**40))
        transaction.cases.add_statement(statement(1, case(1), sealed_text=sealed))
        transaction.cases.add_decision(decision(1, case(1), details=details, reasons=()))
    with records.read() as transaction:
        case_id = case(1).case_id
        assert transaction.cases.occurrences(case_id)[0].sealed_context == sealed
        assert transaction.cases.evidence(case_id)[0].sealed_manifest == sealed
        assert transaction.cases.evidence(case_id)[0].size == 2**40
        assert transaction.cases.statements(case_id)[0].sealed_text == sealed
        assert transaction.cases.decisions(case_id)[0].details == details
        assert transaction.cases.decisions(case_id)[0].reasons == ()


@pytest.mark.parametrize("what", ["occurrence", "evidence", "decision", "statement"])
def test_nothing_belongs_to_a_case_that_is_not_there(records: Records, what: str) -> None:
    make = {
        "occurrence": occurrence, "evidence": evidence,
        "decision": decision, "statement": statement,
    }[what]  # fmt: skip
    with pytest.raises(DatabaseError), records.write() as transaction:
        getattr(transaction.cases, f"add_{what}")(make(1, case(1)))
    put(records, case(1))
    with records.write() as transaction:
        getattr(transaction.cases, f"add_{what}")(make(1, case(1)))
    # What was written is never written over.
    with pytest.raises(DatabaseError), records.write() as transaction:
        getattr(transaction.cases, f"add_{what}")(make(1, case(1)))


def test_a_deleted_case_takes_everything_along(records: Records) -> None:
    mine, other = case(1), case(2)
    put(records, mine, other)
    with records.write() as transaction:
        for n, of in enumerate((mine, other)):
            transaction.cases.add_occurrence(occurrence(n, of))
            transaction.cases.add_evidence(evidence(n, of))
            transaction.cases.add_decision(decision(n, of))
            transaction.cases.add_statement(statement(n, of))
    with records.write() as transaction:
        transaction.cases.delete(mine.case_id)
        transaction.cases.delete(CaseId("none"))
    with records.write() as transaction:
        cases = transaction.cases
        assert cases.find(mine.case_id) is None
        assert cases.find_content(ONE, mine.content) is None
        assert cases.occurrences(mine.case_id) == []
        assert cases.evidence(mine.case_id) == []
        assert cases.decisions(mine.case_id) == []
        assert cases.statements(mine.case_id) == []
        assert cases.cases_of_uploader(ONE, b"u" * 16) == [other.case_id]
        assert list(cases.all_evidence()) == [evidence(1, other)]
        assert list(cases.key_names()) == [other.key_name]
        assert len(cases.decisions(other.case_id)) == 1
        assert cases.add(mine)


def test_cases_of_an_uploader_stand_once_and_by_id(records: Records) -> None:
    put(records, case(2), case(1), case(3))
    with records.write() as transaction:
        for n, of in enumerate([case(2), case(1), case(2)]):
            transaction.cases.add_occurrence(occurrence(n, of))
        transaction.cases.add_occurrence(occurrence(7, case(3), uploader=None))
        transaction.cases.add_occurrence(occurrence(8, case(3), uploader=b"v" * 16))
        found = transaction.cases.cases_of_uploader(ONE, b"u" * 16)
        assert found == [case(1).case_id, case(2).case_id]


def test_everything_is_read_in_pages(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case_store, "PAGE_ROWS", 3)
    put(records, *(case(n) for n in range(10)))
    with records.write() as transaction:
        for n in reversed(range(10)):
            transaction.cases.add_evidence(evidence(n, case(n % 4)))
    with records.read() as transaction:
        assert list(transaction.cases.key_names()) == [f"key{n:06d}" for n in range(10)]
        assert list(transaction.cases.all_evidence()) == [
            evidence(n, case(n % 4)) for n in range(10)
        ]


def test_writers_of_the_same_bytes_at_once(records: Records) -> None:
    writers, rounds = 4, 8
    added: list[list[bool]] = [[] for _ in range(writers)]
    line = threading.Barrier(writers)

    def work(writer: int) -> None:
        for n in range(rounds):
            line.wait(20)
            mine = case(writer * 1000 + n, content=content(n))
            with records.write() as transaction:
                added[writer].append(transaction.cases.add(mine))
                there = transaction.cases.find_content(ONE, content(n), lock=True)
                # Whoever came too late sees the one that was added.
                assert there is not None
                assert (there == mine) is added[writer][-1]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [sum(column) for column in zip(*added, strict=True)] == [1] * rounds
    assert len(listed(records)) == rounds


def test_a_locked_case_waits(records: Records) -> None:
    put(records, case(1))

    def work() -> None:
        for _ in range(10):
            with records.write() as transaction:
                found = transaction.cases.find(case(1).case_id, lock=True)
                assert found is not None
                later = found.updated + dt.timedelta(seconds=1)
                transaction.cases.update(dataclasses.replace(found, updated=later))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert listed(records)[0].updated == T0 + dt.timedelta(seconds=40)


def test_digests_are_kept_once_and_go_with_their_case(records: Records) -> None:
    first, second = (CaseDigests(*(bytes([n + i]) * 16 for i in range(3))) for n in (1, 5))
    with records.write() as transaction:
        transaction.cases.add(case(1))
        assert transaction.cases.digests(case(1).case_id) is None
        transaction.cases.add_digests(case(1).case_id, first)
        transaction.cases.add_digests(case(1).case_id, second)
    with records.write() as transaction:
        assert transaction.cases.digests(case(1).case_id) == first
        transaction.cases.delete(case(1).case_id)
        assert transaction.cases.digests(case(1).case_id) is None
