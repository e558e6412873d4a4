"""The conformance suite of `AuditLog`: the fake, SQLite and PostgreSQL pass it."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

import pytest
import sqlalchemy as sa

from safehold.audit.chain import UnreadableEventError, extend
from safehold.audit.model import GENESIS, AuditError, EventDraft, EventFilter
from safehold.audit.note import CheckpointVerifier
from safehold.audit.verify import AuditReport, Problem, ProblemKind, verify
from safehold.cases.records import Records
from safehold.storage import audit_log
from safehold.storage.records import SqlRecords
from tests.audit.logs import KEY, LOG_ID, checkpoint
from tests.storage.conftest import empty
from tests.storage.held import HOUR, T0, event

GENUINE = CheckpointVerifier(LOG_ID, [KEY])


def append(records: Records, *numbers: int, subject: str = "") -> None:
    with records.write() as transaction:
        transaction.audit.append([event(n, subject) for n in numbers])


def verified(records: Records) -> AuditReport:
    with records.read() as transaction:
        audit = transaction.audit
        return verify(audit.events(), audit.head(), audit.checkpoints(), GENUINE)


def test_an_empty_log(records: Records) -> None:
    with records.write() as transaction:
        assert transaction.audit.head() == (0, GENESIS)
        assert transaction.audit.append([]) == []
        assert list(transaction.audit.events()) == []
        assert transaction.audit.checkpoints() == []
    assert verified(records) == AuditReport(0, 0, 0, ())


def test_events_are_chained_in_order(records: Records) -> None:
    expected = list(extend(0, GENESIS, [event(n, f"s{n % 2}") for n in range(5)]))
    with records.write() as transaction:
        assert transaction.audit.append([event(0, "s0"), event(1, "s1")]) == expected[:2]
        assert transaction.audit.append([event(2, "s0")]) == expected[2:3]
    with records.write() as transaction:
        assert transaction.audit.append([event(3, "s1"), event(4, "s0")]) == expected[3:]
    with records.read() as transaction:
        assert list(transaction.audit.events()) == expected
        assert list(transaction.audit.events(3)) == expected[3:]
        assert list(transaction.audit.events(5)) == []
        assert transaction.audit.events_of("s0") == expected[::2]
        assert transaction.audit.events_of("none") == []
        assert transaction.audit.head() == (5, expected[-1].hash)


def test_events_are_read_in_pages(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "PAGE_ROWS", 3)
    append(records, *range(10))
    with records.read() as transaction:
        assert [e.seq for e in transaction.audit.events()] == list(range(1, 11))
        assert [e.seq for e in transaction.audit.events(4)] == list(range(5, 11))


def test_events_are_searched_newest_first(records: Records) -> None:
    kinds = ("case.opened", "view.opened", "case.cleared", "casefile.x")
    drafts = [
        EventDraft(kinds[n % 4], T0 + n * HOUR, f"user:{n % 3}", "", f"s{n % 2}") for n in range(24)
    ]
    with records.write() as transaction:
        transaction.audit.append(drafts)

    def found(**wanted: Any) -> list[int]:
        with records.read() as transaction:
            return [e.seq for e in transaction.audit.search(EventFilter(**wanted))]

    assert found() == list(range(24, 0, -1))
    assert found(limit=3) == [24, 23, 22]
    assert found(limit=3, before=22) == [21, 20, 19]
    assert found(kind="case.") == [n + 1 for n in range(23, -1, -1) if n % 4 in (0, 2)]
    assert found(kind="case.opened", before=9) == [5, 1]
    assert found(kind="%") == found(kind="case_") == []
    assert found(actor="user:1") == [n + 1 for n in range(23, -1, -1) if n % 3 == 1]
    assert found(actor="user") == []
    assert found(subject="s1", actor="user:0", limit=2) == [22, 16]
    assert found(since=T0 + 20 * HOUR) == [24, 23, 22, 21]
    assert found(since=T0 + 2 * HOUR, until=T0 + 4 * HOUR) == [4, 3]
    with records.read() as transaction:
        event = transaction.audit.event(7)
        assert event is not None
        assert (event.seq, event.draft) == (7, drafts[6])
        assert transaction.audit.event(25) is None
        assert transaction.audit.event(0) is None


def test_what_cannot_be_hashed_is_refused(records: Records) -> None:
    append(records, 1)
    with pytest.raises(ValueError, match="text"), records.write() as transaction:
        transaction.audit.append([event(2), dataclasses.replace(event(3), actor="a\nb")])
    report = verified(records)
    assert (report.events, report.problems) == (1, ())


def test_checkpoints_are_kept_by_number(records: Records) -> None:
    append(records, *range(6))
    with records.read() as transaction:
        events = list(transaction.audit.events())
    made = [checkpoint(events, seq) for seq in (5, 2, 2)]
    made[2] = dataclasses.replace(made[2], at=T0 + HOUR)
    with records.write() as transaction:
        for one in made:
            transaction.audit.add_checkpoint(one)
    with records.read() as transaction:
        assert transaction.audit.checkpoints() == [made[1], made[2], made[0]]
    assert verified(records) == AuditReport(6, 2, 5, (Problem(ProblemKind.BAD_SIGNATURE, 2, 0),))


def test_writers_at_once_leave_no_gap(records: Records) -> None:
    writers, rounds = 4, 15
    errors: list[BaseException] = []

    def work(writer: int) -> None:
        try:
            for n in range(rounds):
                append(records, n, n, subject=f"w{writer}")
        except BaseException as error:  # noqa: BLE001 - shown by the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert verified(records) == AuditReport(writers * rounds * 2, 0, 0, ())
    with records.read() as transaction:
        for writer in range(writers):
            mine = transaction.audit.events_of(f"w{writer}")
            assert [e.draft.data["n"] for e in mine] == [n for n in range(rounds) for _ in "ab"]
            # What was appended together stands together.
            assert all(b.seq == a.seq + 1 for a, b in zip(mine[::2], mine[1::2], strict=True))


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> sa.Engine:
    found: sa.Engine = request.getfixturevalue(request.param)
    empty(found)
    return found


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("UPDATE audit_events SET actor = 'system' WHERE seq = 4", ("altered", 4)),
        ("UPDATE audit_events SET service = '' WHERE seq = 6", ("altered", 6)),
        ("UPDATE audit_events SET subject = 'x' WHERE seq = 1", ("altered", 1)),
        ("UPDATE audit_events SET at = 'yesterday' WHERE seq = 4", ("altered", 4)),
        ("UPDATE audit_events SET data = '{\"n\":9}' WHERE seq = 4", ("altered", 4)),
        ("UPDATE audit_events SET data = '{\"n\": 3}' WHERE seq = 4", ("altered", 4)),
        ("UPDATE audit_events SET data = 'x' WHERE seq = 4", ("altered", 4)),
        ("UPDATE audit_events SET hash = previous WHERE seq = 2", ("altered", 2)),
        ("DELETE FROM audit_events WHERE seq = 1", ("missing", 1)),
        ("DELETE FROM audit_events WHERE seq = 3", ("missing", 3)),
        ("DELETE FROM audit_events WHERE seq > 3", ("truncated", 4)),
        ("DELETE FROM audit_events", ("truncated", 1)),
        ("UPDATE audit_events SET seq = 7 WHERE seq = 2", ("reordered", 2)),
        ("UPDATE audit_head SET seq = 5", ("altered", 6)),
        ("UPDATE audit_head SET seq = 7", ("truncated", 7)),
    ],
)
def test_what_is_done_to_the_tables_shows(
    engine: sa.Engine, change: str, expected: tuple[str, int]
) -> None:
    records = SqlRecords(engine)
    append(records, *range(6))
    assert verified(records).whole
    with engine.begin() as connection:
        connection.execute(sa.text(change.replace(":", "\\:")))
    report = verified(records)
    assert [(p.kind, p.seq) for p in report.problems] == [expected]


def test_one_unreadable_event_is_named(engine: sa.Engine) -> None:
    records = SqlRecords(engine)
    append(records, 0, 1, subject="s")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE audit_events SET at = '' WHERE seq = 2"))
    with records.read() as transaction, pytest.raises(UnreadableEventError) as caught:
        transaction.audit.events_of("s")
    assert caught.value.seq == 2


def test_without_a_head_nothing_is_appended(engine: sa.Engine) -> None:
    records = SqlRecords(engine)
    append(records, 0)
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM audit_head"))
    with pytest.raises(AuditError):
        append(records, 1)
    with pytest.raises(AuditError), records.read() as transaction:
        transaction.audit.head()
