"""Deciding near duplicates once, and splitting what is not one."""

from __future__ import annotations

from collections.abc import Sequence

from safehold.cases.model import Case, CaseState, UnknownCaseError
from safehold.cases.records import Transaction
from safehold.cases.review import groups
from safehold.cases.review.choices import Clearing, Confirmation, GroupOutcome
from safehold.cases.review.deciding import ALONE, Deciding, Stand
from safehold.cases.review.desk import Desk, Reading, require
from safehold.cases.review.groups import Left
from safehold.cases.review.model import (
    LockedError,
    SamePersonError,
    TwoPeopleError,
    ViewNeededError,
)
from safehold.cases.review.rules import Facts, Seen
from safehold.cases.workflow import TransitionError
from safehold.ids import CaseId
from safehold.users.model import User
from safehold.users.roles import Permission

_WHY = {
    UnknownCaseError: Left.NOT_OPEN,
    TransitionError: Left.NOT_OPEN,
    LockedError: Left.LOCKED,
    TwoPeopleError: Left.EXACT,
    ViewNeededError: Left.VIEW_NEEDED,
    SamePersonError: Left.NOT_YOURS,
}


class Grouping:
    """Decides groups, case by case: each in a transaction of its own, under all the rules."""

    def __init__(self, desk: Desk, deciding: Deciding) -> None:
        self._desk = desk
        self._deciding = deciding

    def near(self, transaction: Transaction, case: Case) -> tuple[CaseId, ...]:
        """The group of an open case, without itself, the nearest first."""
        if case.pdq is None or case.state is not CaseState.OPEN:
            return ()
        pictures = transaction.reviews.pictures(case.service_id)
        split = transaction.reviews.splits(case.service_id, case.case_id)
        return groups.near(case, pictures, self._desk.parts.options.group_distance, split)

    def decide(
        self,
        leader: CaseId,
        members: Sequence[CaseId],
        user: User,
        decision: Confirmation | Clearing,
    ) -> GroupOutcome:
        """Decide a case and its near duplicates. See `service.ReviewService.decide_group`."""
        require(user, Permission.CASES_DECIDE)
        with self._desk.changes() as transaction:
            case = self._desk.case(transaction, leader)
            if case.state is not CaseState.OPEN:
                raise TransitionError
            self._desk.hold(transaction, leader, user)
            group = frozenset(self.near(transaction, case))
            reading = Reading(transaction, case)
            # That the leader cannot be looked at says nothing of the others.
            looked = reading.seen(user) != Seen.NONE
            self._decide(transaction, reading, user, decision, ALONE)
            transaction.reviews.unlock(leader, user.user_id)
        stand = Stand(leader, looked)
        decided, left = [leader], []
        for member in dict.fromkeys(members):
            if member == leader:
                continue
            if member not in group:
                left.append((member, Left.NOT_IN_GROUP.value))
                continue
            why = self._member(member, user, decision, stand, reading.facts)
            if why is None:
                decided.append(member)
            else:
                left.append((member, why.value))
        return GroupOutcome(tuple(decided), tuple(left))

    def split(self, case_id: CaseId, other: CaseId, user: User) -> None:
        """Say that two cases are not one group."""
        require(user, Permission.CASES_DECIDE)
        with self._desk.changes() as transaction:
            case = self._desk.case(transaction, case_id)
            second = self._desk.case(transaction, other)
            if second.service_id != case.service_id or case_id == other:
                raise UnknownCaseError
            if other in transaction.reviews.splits(case.service_id, case_id):
                return
            transaction.reviews.split(case.service_id, case_id, other)
            transaction.audit.append([self._desk.event("case.split", case, user, other=other)])

    def _member(
        self,
        case_id: CaseId,
        user: User,
        decision: Confirmation | Clearing,
        stand: Stand,
        leader: Facts,
    ) -> Left | None:
        """Decide one of the others; a code where it was left."""
        try:
            with self._desk.changes() as transaction:
                case = self._desk.case(transaction, case_id)
                self._desk.not_held_by_others(transaction, case_id, user)
                reading = Reading(transaction, case)
                clearing = isinstance(decision, Clearing)
                why = groups.why_left(case, reading.facts, leader, clearing=clearing)
                if why is None:
                    self._decide(transaction, reading, user, decision, stand)
                    transaction.reviews.unlock(case_id, user.user_id)
                return why
        except tuple(_WHY) as error:
            return _WHY[type(error)]

    def _decide(
        self,
        transaction: Transaction,
        reading: Reading,
        user: User,
        decision: Confirmation | Clearing,
        stand: Stand,
    ) -> None:
        if isinstance(decision, Clearing):
            self._deciding.clear_in(transaction, reading, user, decision, stand)
        else:
            self._deciding.confirm_in(transaction, reading, user, decision, stand)
