"""The conformance suite of `ReviewStore`: the fake, SQLite and PostgreSQL pass it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
import threading
from typing import Any

import pytest
import sqlalchemy as sa

from safehold.cases.model import Attention, Case, CaseState, DecisionRecord, Queue
from safehold.cases.records import Records
from safehold.cases.review.model import (
    CaseLock,
    LegalHold,
    Likeness,
    Note,
    NoteKind,
    Order,
    Proposal,
    ProposalKind,
    ProposalState,
    QueueFilter,
    View,
)
from safehold.cases.review.paging import CursorError
from safehold.ids import (
    CaseId,
    DecisionId,
    EvidenceId,
    HoldId,
    NoteId,
    ProposalId,
    UserId,
    ViewId,
)
from safehold.policy.model import Verdict
from safehold.storage import review_store
from safehold.storage.engine import DatabaseError
from safehold.storage.records import SqlRecords
from safehold.testing.records import MemoryRecords
from tests.storage.held import HOUR, ONE, OTHER, T0, case, occurrence

ANN, BEN = UserId("ann"), UserId("ben")


def put(records: Records, *cases: Case) -> None:
    with records.write() as transaction:
        for one in cases:
            assert transaction.cases.add(one)


def ids(records: Records, wanted: QueueFilter, now: dt.datetime = T0) -> list[str]:
    with records.read() as transaction:
        return [row.case.case_id for row in transaction.reviews.queue(wanted, now)]


def lock(of: Case, user: UserId, since: dt.datetime = T0, hours: float = 1) -> CaseLock:
    return CaseLock(of.case_id, user, since, since + hours * HOUR)


def view(n: int, of: Case, **fields: Any) -> View:
    values: dict[str, Any] = {
        "view_id": ViewId(f"view{n}"),
        "case_id": of.case_id,
        "evidence_id": EvidenceId("evidence"),
        "user_id": ANN,
        "session": b"s" * 16,
        "opened": T0 + n * HOUR,
        "until": T0 + (n + 1) * HOUR,
    }
    return View(**values | fields)


def proposal(n: int, of: Case, **fields: Any) -> Proposal:
    values: dict[str, Any] = {
        "proposal_id": ProposalId(f"proposal{n}"),
        "case_id": of.case_id,
        "service_id": of.service_id,
        "kind": ProposalKind.CLEAR,
        "state": ProposalState.OPEN,
        "proposed_by": ANN,
        "proposed_at": T0 + n * HOUR,
        "until": T0 + 100 * HOUR,
        "details": {"reason": "other"},
    }
    return Proposal(**values | fields)


def decided(n: int, of: Case, actor: str, at: dt.datetime, **fields: Any) -> DecisionRecord:
    values: dict[str, Any] = {
        "decision_id": DecisionId(f"decision{n:04d}"),
        "case_id": of.case_id,
        "occurrence_id": None,
        "at": at,
        "actor": actor,
        "verdict": Verdict.ALLOW,
        "reasons": ("cleared",),
    }
    return DecisionRecord(**values | fields)


def test_each_order_and_its_pages(records: Records) -> None:
    drawn = random.Random(4)
    there = [case(n, urgency=drawn.choice((0, 10, 70))) for n in range(1, 24)]
    put(records, *there, case(90, canary=True), case(91, state=CaseState.CLEARED))
    expected = {
        Order.URGENCY: sorted(there, key=lambda c: (-c.urgency, c.case_id)),
        Order.OLDEST: sorted(there, key=lambda c: c.case_id),
        Order.NEWEST: sorted(there, key=lambda c: c.case_id, reverse=True),
    }
    for order, cases in expected.items():
        found: list[str] = []
        after = ""
        with records.read() as transaction:
            while rows := transaction.reviews.queue(
                QueueFilter(order=order, after=after, limit=5), T0
            ):
                found += [row.case.case_id for row in rows]
                after = rows[-1].cursor
            assert transaction.reviews.count_queue(QueueFilter(order=order, after="x"), T0) == 23
        assert found == [c.case_id for c in cases]


@pytest.mark.parametrize("after", ["x.y.z", "7", "a b", "1.", "'", "9999.case1"])
def test_a_place_that_no_page_gave(records: Records, after: str) -> None:
    with records.read() as transaction, pytest.raises(CursorError):
        transaction.reviews.queue(QueueFilter(after=after), T0)


def test_filters(records: Records) -> None:
    put(
        records,
        case(1, queue=Queue.FAULTS, tier="confirmed"),
        case(2, surface="storage", attention=Attention.MORE),
        case(3, service_id=OTHER, tier="confirmed"),
        case(4, state=CaseState.CONFIRMED),
    )
    expected = {
        QueueFilter(queue=Queue.FAULTS): [1],
        QueueFilter(surface="storage"): [2],
        QueueFilter(attention="more"): [2],
        QueueFilter(tier="confirmed"): [1, 3],
        QueueFilter(tier="confirmed", service_id=OTHER): [3],
        QueueFilter(state=CaseState.CONFIRMED): [4],
        QueueFilter(): [1, 2, 3],
    }
    for wanted, numbers in expected.items():
        assert ids(records, wanted) == [case(n).case_id for n in numbers]
        with records.read() as transaction:
            assert transaction.reviews.count_queue(wanted, T0) == len(numbers)


def test_what_is_free_for_somebody(records: Records) -> None:
    there = [
        case(n, attention=Attention.APPEALED if n in (4, 5) else Attention.NONE)
        for n in range(1, 6)
    ]
    put(records, *there)
    with records.write() as transaction:
        transaction.reviews.lock(lock(there[0], BEN))
        transaction.reviews.lock(lock(there[1], ANN))
        transaction.reviews.add_pass(there[2].case_id, ANN, T0)
        transaction.reviews.add_pass(there[2].case_id, ANN, T0)
        transaction.cases.add_decision(decided(1, there[3], "user:ann", T0))
        transaction.cases.add_decision(decided(2, there[4], "user:ben", T0))
        assert transaction.reviews.passed_by(there[2].case_id) == {ANN}
    mine = QueueFilter(for_user=ANN)
    assert ids(records, mine) == [there[1].case_id, there[4].case_id]
    assert ids(records, mine, T0 + 2 * HOUR) == [there[n].case_id for n in (0, 1, 4)]
    with records.read() as transaction:
        assert transaction.reviews.count_queue(mine, T0) == 2
        rows = transaction.reviews.queue(QueueFilter(), T0)
        assert [row.lock for row in rows[:3]] == [lock(there[0], BEN), lock(there[1], ANN), None]
        assert transaction.reviews.queue(QueueFilter(), T0 + 2 * HOUR)[0].lock is None


def test_rows_count_occurrences(records: Records) -> None:
    put(records, case(1), case(2))
    with records.write() as transaction:
        for n in range(3):
            transaction.cases.add_occurrence(occurrence(n, case(2)))
    with records.read() as transaction:
        rows = transaction.reviews.queue(QueueFilter(), T0)
        assert [row.occurrences for row in rows] == [0, 3]


def test_a_lock_is_one_persons_until_it_expires(records: Records) -> None:
    put(records, case(1))
    mine = lock(case(1), ANN)
    with records.write() as transaction:
        assert transaction.reviews.lock(mine) == mine
        assert transaction.reviews.lock(lock(case(1), BEN, T0 + HOUR / 2)) == mine
        longer = transaction.reviews.lock(lock(case(1), ANN, T0 + HOUR / 2))
        assert longer == dataclasses.replace(mine, until=T0 + HOUR * 1.5)
        assert not transaction.reviews.unlock(case(1).case_id, BEN)
        assert transaction.reviews.lock_of(case(1).case_id, T0 + HOUR * 1.5) is None
        theirs = lock(case(1), BEN, T0 + HOUR * 1.5)
        assert transaction.reviews.lock(theirs) == theirs
        assert transaction.reviews.unlock(case(1).case_id, BEN)
        assert transaction.reviews.lock_of(case(1).case_id, T0) is None
    with pytest.raises(DatabaseError), records.write() as transaction:
        transaction.reviews.lock(lock(case(2), ANN))


def test_of_two_at_once_one_gets_the_lock(records: Records) -> None:
    there = [case(n) for n in range(1, 21)]
    put(records, *there)
    got: list[list[UserId]] = [[], []]
    start = threading.Barrier(2)

    def work(which: int) -> None:
        start.wait()
        for one in there:
            with records.write() as transaction:
                wanted = lock(one, (ANN, BEN)[which])
                got[which].append(transaction.reviews.lock(wanted).user_id)

    threads = [threading.Thread(target=work, args=(n,)) for n in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got[0] == got[1]
    assert len(got[0]) == 20


def test_views(records: Records) -> None:
    put(records, case(1), case(2))
    first, second, third = view(1, case(1)), view(2, case(2), user_id=BEN), view(3, case(1))
    with records.write() as transaction:
        for one in (third, second, first):
            transaction.reviews.add_view(one)
        seen = dataclasses.replace(
            first,
            ended=T0 + 2 * HOUR,
            frames=3,
            whole=True,
            blurred=frozenset({0}),
            sharp=frozenset({0, 2}),
            colour=frozenset({1}),
            sharp_seconds=2.5,
        )
        transaction.reviews.update_view(dataclasses.replace(seen, user_id=BEN))
    with records.read() as transaction:
        reviews = transaction.reviews
        assert reviews.view(first.view_id, lock=False) == seen
        assert seen.viewed_whole
        assert reviews.view(ViewId("none")) is None
        assert list(reviews.views(case(1).case_id)) == [seen, third]
        assert list(reviews.views_by(ANN, T0 + HOUR)) == [seen, third]
        assert list(reviews.views_by(ANN, T0 + 2 * HOUR)) == [third]
        assert list(reviews.stale_views(T0 + 4 * HOUR, 9)) == [second, third]
        assert list(reviews.stale_views(T0 + 4 * HOUR, 1)) == [second]
        assert list(reviews.stale_views(T0 + 3 * HOUR - HOUR / 60, 9)) == []
    with pytest.raises(DatabaseError), records.write() as transaction:
        transaction.reviews.add_view(view(4, case(77)))


def test_proposals(records: Records) -> None:
    put(records, case(1), case(2))
    first, second, third = proposal(1, case(1)), proposal(2, case(2)), proposal(3, case(1))
    with records.write() as transaction:
        for one in (second, first, third):
            transaction.reviews.add_proposal(one)
        done = dataclasses.replace(
            first,
            state=ProposalState.APPROVED,
            decided_by=BEN,
            decided_at=T0 + 5 * HOUR,
            details={"reason": "other", "decision": "d"},
        )
        transaction.reviews.update_proposal(done)
    with records.read() as transaction:
        reviews = transaction.reviews
        assert reviews.proposal(first.proposal_id) == done
        assert reviews.proposal(ProposalId("none")) is None
        assert list(reviews.proposals()) == [third, second, done]
        assert list(reviews.proposals(limit=1)) == [third]
        assert list(reviews.proposals(ProposalState.OPEN)) == [third, second]
        assert list(reviews.proposals_of(case(1).case_id)) == [done, third]


def test_notes(records: Records) -> None:
    put(records, case(1))
    made = [
        Note(NoteId(f"n{n}"), case(1).case_id, NoteKind.NOTE, ANN, T0 + n * HOUR, b"sealed")
        for n in range(3)
    ]
    with records.write() as transaction:
        for note in reversed(made):
            transaction.reviews.add_note(note)
    with records.read() as transaction:
        assert list(transaction.reviews.notes(case(1).case_id)) == made
        assert list(transaction.reviews.notes(case(2).case_id)) == []


def test_legal_holds(records: Records) -> None:
    put(records, case(1), case(2), case(3, service_id=OTHER))
    one = LegalHold(HoldId("a"), ONE, case(1).case_id, None, "ref-1", ANN, T0)
    account = LegalHold(HoldId("b"), ONE, None, b"u" * 16, "ref-2", ANN, T0 + HOUR)
    with records.write() as transaction:
        for n in (1, 2):
            transaction.cases.add_occurrence(occurrence(n, case(n), uploader=b"u" * 16))
        transaction.cases.add_occurrence(
            occurrence(3, case(3, service_id=OTHER), uploader=b"u" * 16)
        )
        transaction.reviews.add_hold(one)
        transaction.reviews.add_hold(account)
        assert list(transaction.reviews.holds()) == [account, one]
        assert list(transaction.reviews.holds_on(case(1).case_id)) == [account, one]
        assert list(transaction.reviews.holds_on(case(2).case_id)) == [account]
        assert list(transaction.reviews.holds_on(case(3).case_id)) == []
        lifted = dataclasses.replace(account, lifted_by=BEN, lifted_at=T0 + 2 * HOUR)
        transaction.reviews.update_hold(lifted)
        assert transaction.reviews.hold(account.hold_id) == lifted
        assert transaction.reviews.hold(HoldId("none")) is None
        assert list(transaction.reviews.holds_on(case(2).case_id)) == []
        assert list(transaction.reviews.holds()) == [one]
        assert list(transaction.reviews.holds(standing=False)) == [lifted, one]


def test_groups(records: Records) -> None:
    put(
        records,
        case(1, pdq=b"p" * 32, pdq_quality=80),
        case(2, pdq=b"q" * 32),
        case(3),
        case(4, pdq=b"r" * 32, state=CaseState.CLEARED),
        case(5, pdq=b"s" * 32, service_id=OTHER),
        case(6, pdq=b"t" * 32, canary=True),
    )
    with records.write() as transaction:
        reviews = transaction.reviews
        assert [tuple(row) for row in reviews.pictures(ONE)] == [
            (case(1).case_id, b"p" * 32, 80),
            (case(2).case_id, b"q" * 32, 0),
        ]
        for _ in range(2):
            reviews.split(ONE, case(1).case_id, case(2).case_id)
        assert reviews.splits(ONE, case(1).case_id) == {case(2).case_id}
        assert reviews.splits(ONE, case(2).case_id) == {case(1).case_id}
        transaction.cases.delete(case(2).case_id)
        assert reviews.splits(ONE, case(1).case_id) == frozenset()


def test_clearings_by_likeness(records: Records) -> None:
    put(records, case(1), case(2), case(3, service_id=OTHER))
    grounds = frozenset({("list", "one"), ("list", "two")})
    made = Likeness(case(1).case_id, ONE, b"p" * 32, 8, grounds, T0)
    with records.write() as transaction:
        reviews = transaction.reviews
        reviews.add_likeness(made)
        reviews.add_likeness(Likeness(case(3).case_id, OTHER, b"p" * 32, 8, grounds, T0))
        assert list(reviews.likenesses(ONE)) == [made]
        reviews.end_likeness(case(1).case_id, T0 + HOUR)
        assert list(reviews.likenesses(ONE)) == []
        anew = dataclasses.replace(made, radius=4)
        reviews.add_likeness(anew)
        assert list(reviews.likenesses(ONE)) == [anew]
        transaction.cases.delete(case(1).case_id)
        assert list(reviews.likenesses(ONE)) == []


def test_several_cases_and_those_of_an_uploader(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_store, "BATCH", 2)
    put(records, *(case(n) for n in range(1, 6)), case(6, canary=True))
    with records.write() as transaction:
        for n in (1, 3, 5, 6):
            transaction.cases.add_occurrence(
                occurrence(n, case(n), uploader=b"u" * 16 if n != 5 else None)
            )
        transaction.cases.add_occurrence(occurrence(7, case(4), uploader=b"u" * 16))
        reviews = transaction.reviews
        wanted = [case(n).case_id for n in (5, 1, 3, 3)] + [CaseId("none")]
        assert list(reviews.cases_of(wanted)) == [case(n) for n in (1, 3, 5)]
        assert list(reviews.others(case(1).case_id, 9)) == [case(4), case(3)]
        assert list(reviews.others(case(1).case_id, 1)) == [case(4)]
        assert list(reviews.others(case(5).case_id, 9)) == []


def test_all_of_a_case_goes_with_it(records: Records) -> None:
    put(records, case(1))
    with records.write() as transaction:
        transaction.reviews.lock(lock(case(1), ANN))
        transaction.reviews.add_view(view(1, case(1)))
        transaction.reviews.add_proposal(proposal(1, case(1)))
        transaction.cases.delete(case(1).case_id)
    with records.read() as transaction:
        assert transaction.reviews.view(ViewId("view1")) is None
        assert transaction.reviews.proposal(ProposalId("proposal1")) is None
        assert list(transaction.reviews.views_by(ANN, T0)) == []
        assert list(transaction.reviews.stale_views(T0 + 99 * HOUR, 9)) == []


def test_evidence_that_is_destroyed(records: Records) -> None:
    put(records, case(1))
    with records.write() as transaction:
        assert transaction.cases.remove_evidence(case(1).case_id) == 0


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
                )
                transaction.reviews.add_view(seen)


def test_figures_are_those_of_the_plain_count(records: Records) -> None:
    plain = MemoryRecords()
    for there in (plain, records):
        _story(there, 7)
    for days in ((0, 30), (3, 11), (40, 50)):
        since, until = (T0 + n * 24 * HOUR for n in days)
        with plain.read() as one, records.read() as other:
            expected = one.reviews.figures(since, until)
            found = other.reviews.figures(since, until)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            if name == "exposure":
                assert [row[:3] for row in found[name]] == [row[:3] for row in value]
                assert [row[3] for row in found[name]] == pytest.approx([r[3] for r in value])
            elif name == "hours_to_decide" and value is not None:
                assert found[name] == pytest.approx(value)
            else:
                assert (
                    [*map(_plain, found[name])] == [*map(_plain, value)]
                    if isinstance(value, list)
                    else found[name] == value
                ), name


def _plain(row: Any) -> Any:
    return tuple(row)


def test_the_queue_has_an_index(sqlite: sa.Engine) -> None:
    """Without one a page would sort all open cases."""
    from safehold.storage.review_statements import select_queue

    for wanted in (
        QueueFilter(),
        QueueFilter(queue=Queue.MATCHES),
        QueueFilter(order=Order.OLDEST),
    ):
        statement = select_queue(wanted, T0).compile(
            sqlite, compile_kwargs={"render_postcompile": True}
        )
        with sqlite.connect() as connection:
            plan = connection.exec_driver_sql(
                "EXPLAIN QUERY PLAN " + statement.string,
                tuple(
                    value.isoformat() if isinstance(value, dt.datetime) else value
                    for value in (statement.params[name] for name in statement.positiontup or ())
                ),
            ).all()
        assert not any("TEMP B-TREE" in row[3] for row in plain_rows(plan)), plan
    assert SqlRecords(sqlite) is not None


def plain_rows(rows: Any) -> list[Any]:
    return list(rows)
