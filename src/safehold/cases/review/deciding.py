"""People's decisions on one case, each with the rules of review in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from safehold.cases import workflow
from safehold.cases.model import Attention, Case, CaseState
from safehold.cases.records import Transaction
from safehold.cases.review import rules
from safehold.cases.review.choices import Clearing, Confirmation
from safehold.cases.review.desk import Desk, Reading, require
from safehold.cases.review.model import (
    NoteKind,
    TwoPeopleError,
    ViewNeededError,
)
from safehold.cases.review.refusals import WordsError
from safehold.cases.settling import Settler
from safehold.cases.workflow import TransitionError
from safehold.ids import CaseId, UserId
from safehold.users.model import User
from safehold.users.roles import Permission


@dataclass(frozen=True, slots=True)
class Stand:
    """On what a decision stands, beside who makes it.

    Attributes:
        leader: the case of the group with which this one is decided; None for itself alone.
        leader_looked: whether whoever decides has looked at the leader.
    """

    leader: CaseId | None = None
    leader_looked: bool = False


ALONE = Stand()


class Deciding:
    """Confirms, clears, escalates, and asks for more."""

    def __init__(self, desk: Desk) -> None:
        parts = desk.parts
        self._desk = desk
        self._settler = Settler(parts.ids, parts.clock, parts.receipt_messages)

    def confirm(self, case_id: CaseId, user: User, confirmation: Confirmation) -> None:
        """Confirm a case, with one's own lock."""
        with self._desk.changes() as transaction:
            case = self._desk.case(transaction, case_id)
            reading = self._at_hand(transaction, case, user)
            self.confirm_in(transaction, reading, user, confirmation)
            transaction.reviews.unlock(case_id, user.user_id)

    def clear(self, case_id: CaseId, user: User, clearing: Clearing) -> None:
        """Clear a case, with one's own lock."""
        with self._desk.changes() as transaction:
            case = self._desk.case(transaction, case_id)
            reading = self._at_hand(transaction, case, user)
            self.clear_in(transaction, reading, user, clearing)
            transaction.reviews.unlock(case_id, user.user_id)

    def confirm_in(
        self,
        transaction: Transaction,
        reading: Reading,
        user: User,
        confirmation: Confirmation,
        stand: Stand = ALONE,
    ) -> None:
        """Confirm a case in a transaction, where the rules allow it.

        A case that is decided with a group is confirmed as a near duplicate of its leader, which
        whoever decides must have looked at.
        """
        reading.check_may_decide(user)
        needed = rules.needs_view(reading.facts, clearing=False)
        if needed and not (stand.leader_looked or reading.has_looked(user)):
            raise ViewNeededError
        details: dict[str, Any] = self._details(reading, user, stand)
        if confirmation.classification is not None:
            details["classification"] = confirmation.classification.value
        if confirmation.annotations:
            details["annotations"] = sorted(one.value for one in confirmation.annotations)
        case = reading.case
        words = "" if stand.leader is not None else confirmation.words
        self._desk.write_words(transaction, case, user, NoteKind.CONFIRM, words)
        after = workflow.confirm(case, self._desk.now())
        self._settle(transaction, case, after, user, details)

    def clear_in(
        self,
        transaction: Transaction,
        reading: Reading,
        user: User,
        clearing: Clearing,
        stand: Stand = ALONE,
    ) -> None:
        """Clear a case of all that was found in its bytes, where one person may."""
        reading.check_may_decide(user)
        if rules.clear_needs_two(reading.facts):
            raise TwoPeopleError
        if not (stand.leader_looked or reading.has_looked(user)):
            raise ViewNeededError
        words = "" if stand.leader is not None else clearing.words
        self._desk.write_words(transaction, reading.case, user, NoteKind.CLEAR, words)
        details = self._details(reading, user, stand) | {"reason": clearing.reason.value}
        self.cleared(transaction, reading, user, details)

    def cleared(
        self, transaction: Transaction, reading: Reading, user: User, details: Mapping[str, Any]
    ) -> None:
        """Write a clearing that the rules allow."""
        case = reading.case
        after = workflow.clear(case, reading.facts.grounds, self._desk.now())
        self._settle(transaction, case, after, user, details)

    def undone(
        self,
        transaction: Transaction,
        reading: Reading,
        user: User,
        proposed_by: UserId,
    ) -> None:
        """Write that the decision that stands does not stand any more."""
        case = reading.case
        decision = rules.standing(case, reading.decisions)
        if decision is None:
            raise TransitionError
        back = frozenset((str(n), str(g)) for n, g in decision.details.get("cleared", ()))
        after = workflow.undo(case, back, self._desk.now())
        details = {"undone": decision.decision_id, "proposed_by": proposed_by}
        self._settle(transaction, case, after, user, details)

    def escalate(self, case_id: CaseId, user: User, words: str) -> None:
        """Ask for a colleague with more experience."""
        if not words.strip():
            raise WordsError
        kind = NoteKind.ESCALATE
        self._ask(case_id, user, kind, words, Attention.ESCALATED, "case.escalated")

    def need_more(self, case_id: CaseId, user: User, words: str) -> None:
        """Say that there is not enough to go on. An appeal or an escalation keeps its mark."""
        self._ask(case_id, user, NoteKind.NEED_MORE, words, Attention.MORE, "case.more_needed")

    def note(self, case_id: CaseId, user: User, words: str) -> None:
        """Write something about a case, in whatever state it is."""
        require(user, Permission.WORDS_READ)
        if not words.strip():
            raise WordsError
        with self._desk.changes() as transaction:
            case = self._desk.case(transaction, case_id)
            self._desk.write_words(transaction, case, user, NoteKind.NOTE, words)

    def _ask(
        self,
        case_id: CaseId,
        user: User,
        kind: NoteKind,
        words: str,
        attention: Attention,
        event: str,
    ) -> None:
        """Leave an open case to colleagues, and say what it needs."""
        require(user, Permission.CASES_DECIDE)
        with self._desk.changes() as transaction:
            case = self._desk.case(transaction, case_id)
            if case.state is not CaseState.OPEN:
                raise TransitionError
            self._desk.hold(transaction, case_id, user)
            self._desk.write_words(transaction, case, user, kind, words)
            after = replace(case, updated=self._desk.now())
            if attention is Attention.ESCALATED:
                # It waits for somebody, so it must not expire meanwhile.
                after = replace(workflow.attend(after, attention), deadline=None)
            elif case.attention is Attention.NONE:
                after = workflow.attend(after, attention)
            transaction.cases.update(after)
            self._desk.leave(transaction, case_id, user)
            transaction.audit.append([self._desk.event(event, case, user)])

    def _at_hand(self, transaction: Transaction, case: Case, user: User) -> Reading:
        """What is known of a case that somebody holds the lock of."""
        require(user, Permission.CASES_DECIDE)
        if case.state is not CaseState.OPEN:
            raise TransitionError
        self._desk.hold(transaction, case.case_id, user)
        return Reading(transaction, case)

    @staticmethod
    def _details(reading: Reading, user: User, stand: Stand) -> dict[str, Any]:
        details = {"viewed": reading.seen(user)}
        if stand.leader is not None:
            details["group"] = stand.leader
        return details

    def _settle(
        self,
        transaction: Transaction,
        before: Case,
        after: Case,
        user: User,
        details: Mapping[str, Any],
    ) -> None:
        actor = rules.actor(user.user_id)
        self._settler.settle(transaction, before, after, actor, details)
