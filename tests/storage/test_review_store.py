"""The conformance suite of `ReviewStore`: the fake, SQLite and PostgreSQL pass it."""

from __future__ import annotations

import dataclasses

import pytest

from safehold.cases.model import CaseState
from safehold.cases.records import Records
from safehold.cases.review.model import (
    LegalHold,
    Likeness,
    Note,
    NoteKind,
    ProposalState,
)
from safehold.ids import (
    CaseId,
    HoldId,
    NoteId,
    ProposalId,
    ViewId,
)
from safehold.storage import review_store
from safehold.storage.engine import DatabaseError
from tests.storage.held import HOUR, ONE, OTHER, T0, case, evidence, occurrence
from tests.storage.reviewed import ANN, BEN, lock, proposal, put, view


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
    put(records, case(1), case(2))
    purged = case(1, recipient="age1other", key_name="other", purged=T0 + HOUR)
    with records.write() as transaction:
        for n, of in enumerate((case(1), case(1), case(2))):
            transaction.cases.add_evidence(evidence(n, of))
        assert transaction.cases.remove_evidence(case(1).case_id) == 2
        transaction.cases.update(purged)
    with records.read() as transaction:
        assert transaction.cases.find(case(1).case_id) == purged
        assert list(transaction.cases.evidence(case(1).case_id)) == []
        assert list(transaction.cases.evidence(case(2).case_id)) == [evidence(2, case(2))]
