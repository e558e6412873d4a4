"""The work of people on cases: one door to locks, decisions, proposals, groups and holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace

from safehold.cases.model import Case, CaseState
from safehold.cases.records import Transaction
from safehold.cases.review import rules
from safehold.cases.review.choices import Clearing, Confirmation, GroupOutcome
from safehold.cases.review.deciding import Deciding
from safehold.cases.review.desk import Desk, require
from safehold.cases.review.dossier import Dossier, Dossiers, OtherCase
from safehold.cases.review.grouping import Grouping
from safehold.cases.review.holding import Holding
from safehold.cases.review.model import (
    CaseLock,
    Figures,
    LegalHold,
    Proposal,
    ProposalKind,
    ProposalState,
    QueueFilter,
    QueueRow,
    SamePersonError,
)
from safehold.cases.review.parts import ReviewParts
from safehold.cases.review.proposing import Proposing
from safehold.cases.review.purging import Purging
from safehold.cases.review.rules import WhyNot
from safehold.ids import CaseId, HoldId, ProposalId
from safehold.users.model import User
from safehold.users.roles import Permission

__all__ = [
    "Clearing",
    "Confirmation",
    "Dossier",
    "GroupOutcome",
    "OtherCase",
    "ReviewParts",
    "ReviewService",
]

_NEXT_ROWS = 20
"""Rows of the queue that are read at a time to find the next case."""


class ReviewService:
    """What the console's pages call. Safe to use from several threads."""

    def __init__(self, parts: ReviewParts) -> None:
        self._parts = parts
        self._desk = Desk(parts)
        self._deciding = Deciding(self._desk)
        self._purging = Purging(self._desk)
        self._proposing = Proposing(self._desk, self._deciding, self._purging)
        self._grouping = Grouping(self._desk, self._deciding)
        self._holding = Holding(self._desk)
        self._dossiers = Dossiers(self._desk, self._grouping)

    def queue(self, wanted: QueueFilter) -> tuple[Sequence[QueueRow], int]:
        """Cases in the order that is wanted, and how many there are in all."""
        with self._parts.records.read() as transaction:
            now = self._parts.clock.now()
            rows = transaction.reviews.queue(wanted, now)
            return rows, transaction.reviews.count_queue(wanted, now)

    def next_case(self, user: User, wanted: QueueFilter) -> CaseId | None:
        """The next case that this user may decide and nobody has locked. It locks nothing."""
        page = replace(
            wanted, for_user=user.user_id, state=CaseState.OPEN, after="", limit=_NEXT_ROWS
        )
        with self._parts.records.read() as transaction:
            while rows := transaction.reviews.queue(page, self._parts.clock.now()):
                for row in rows:
                    if row.lock is not None and row.lock.user_id != user.user_id:
                        continue
                    if _why_not(transaction, row.case, user) is WhyNot.NO:
                        return row.case.case_id
                page = replace(page, after=rows[-1].cursor)
        return None

    def dossier(self, case_id: CaseId, user: User) -> Dossier:
        """All that the page of a case shows. Raises `UnknownCaseError`."""
        return self._dossiers.read(case_id, user)

    def take(self, case_id: CaseId, user: User) -> CaseLock:
        """Lock a case, or lengthen one's lock.

        A case that is decided can be locked too, to look at it again.

        Raises:
            UnknownCaseError, NotPermittedError: there is no such case; the role is another.
            LockedError: somebody else works on it.
            SamePersonError: somebody else has to decide it (`rules.WhyNot`).
        """
        require(user, Permission.CASES_DECIDE)
        with self._desk.changes() as transaction:
            case = self._desk.case(transaction, case_id)
            if _why_not(transaction, case, user) in (WhyNot.DECIDED_BEFORE, WhyNot.ESCALATED):
                raise SamePersonError
            return self._desk.take(transaction, case_id, user)

    def release(self, case_id: CaseId, user: User) -> None:
        """Give up one's lock, if there is one."""
        with self._desk.changes() as transaction:
            transaction.reviews.unlock(case_id, user.user_id)

    def pass_on(self, case_id: CaseId, user: User) -> None:
        """Leave a case to others; no reason is asked for."""
        require(user, Permission.CASES_DECIDE)
        with self._desk.changes() as transaction:
            case = self._desk.case(transaction, case_id)
            self._desk.leave(transaction, case_id, user)
            transaction.audit.append([self._desk.event("case.passed", case, user)])

    def confirm(self, case_id: CaseId, user: User, confirmation: Confirmation) -> None:
        """Confirm a case. The lock ends with it.

        Raises:
            UnknownCaseError, TransitionError: there is no such case, or it is not open.
            NotPermittedError, SamePersonError: somebody else has to decide it.
            NotLockedError: one's own lock does not stand (any more).
            ViewNeededError: it cannot be confirmed without a look.
            WordsError: the words are too long.
        """
        self._deciding.confirm(case_id, user, confirmation)

    def clear(self, case_id: CaseId, user: User, clearing: Clearing) -> None:
        """Clear a case of all that was found in its bytes. The lock ends with it.

        Raises as `confirm` does, and `TwoPeopleError` where the case has an exact match.
        """
        self._deciding.clear(case_id, user, clearing)

    def escalate(self, case_id: CaseId, user: User, words: str) -> None:
        """Ask for a colleague with more experience, and say why. The lock ends with it.

        Raises:
            UnknownCaseError, TransitionError: there is no such case, or it is not open.
            NotPermittedError, NotLockedError: see `confirm`.
            WordsError: there are none, or too many.
        """
        self._deciding.escalate(case_id, user, words)

    def need_more(self, case_id: CaseId, user: User, words: str) -> None:
        """Say that there is not enough to go on; the case stays open for others.

        Raises as `escalate` does, but words may be missing.
        """
        self._deciding.need_more(case_id, user, words)

    def note(self, case_id: CaseId, user: User, words: str) -> None:
        """Write something about a case. Raises `UnknownCaseError`, `WordsError`."""
        self._deciding.note(case_id, user, words)

    def decide_group(
        self,
        leader: CaseId,
        members: Sequence[CaseId],
        user: User,
        decision: Confirmation | Clearing,
    ) -> GroupOutcome:
        """Decide a case, and with it others that show nearly the same picture.

        The leader is decided as every case is, and raises what that raises. Of the others each
        is decided in a transaction of its own, under the same rules but for the lock (nobody
        else may have it) and the look (the one at the leader counts); what cannot be decided so
        is left, with a code of `groups.Left`.
        """
        return self._grouping.decide(leader, members, user, decision)

    def split(self, case_id: CaseId, other: CaseId, user: User) -> None:
        """Say that two cases are not one group, whatever their pictures say."""
        self._grouping.split(case_id, other, user)

    def propose(
        self,
        case_id: CaseId,
        user: User,
        kind: ProposalKind,
        details: Mapping[str, str],
        words: str,
    ) -> Proposal:
        """Propose what needs two people.

        Args:
            case_id: the case.
            user: who proposes.
            kind: what.
            details: codes: `reason` of a clearing, `radius` of one by likeness, `recipient` of
                an export, `decision` that is to be undone (or nothing for the one that stands).
            words: what the person writes about it, or empty. Sealed to the case.

        Raises:
            UnknownCaseError, NotPermittedError: there is no such case; the role is another.
            ProposalDetailsError: the details are not those of the kind, or the case is not one
                of which that can be proposed.
            TransitionError: the case is in another state than that needs.
            ProposalError: the same is proposed already, or the decision does not stand.
            OnHoldError: a legal hold forbids to destroy evidence.
            NotLockedError, SamePersonError, ViewNeededError: of clearings, see `confirm`.
        """
        return self._proposing.propose(case_id, user, kind, details, words)

    def approve(self, proposal_id: ProposalId, user: User) -> Proposal:
        """Approve a proposal of somebody else, and carry it out in the same transaction.

        Raises:
            NotPermittedError: the role is no second person's.
            ProposalError: it is decided, has expired, or the case or who proposed it has changed
                since; then it is void for good.
            SamePersonError: it is one's own, or undoes one's own decision, or `confirm` says so.
            LockedError: somebody else works on a case that is to be cleared.
            ViewNeededError: one has not looked at a case that is to be cleared.
            OnHoldError: a legal hold forbids to destroy evidence.
            TransitionError: a report was sent, so that nothing is undone any more.
        """
        return self._proposing.approve(proposal_id, user)

    def refuse(self, proposal_id: ProposalId, user: User) -> Proposal:
        """Refuse somebody else's proposal. Raises `ProposalError`, `SamePersonError`."""
        return self._proposing.refuse(proposal_id, user)

    def withdraw(self, proposal_id: ProposalId, user: User) -> Proposal:
        """Take back one's own proposal. Raises `ProposalError`, `SamePersonError`."""
        return self._proposing.withdraw(proposal_id, user)

    def proposals(self, state: ProposalState | None = None) -> Sequence[Proposal]:
        """Proposals, the newest first."""
        return self._proposing.list(state)

    def expire_due(self) -> int:
        """Expire proposals whose time is over, and finish what was not quite destroyed.

        Returns how many expired. Raises `VaultError` where a store cannot be used just now.
        """
        expired = self._proposing.expire_due()
        self._purging.finish()
        return expired

    def set_hold(
        self,
        user: User,
        reference: str,
        *,
        case_id: CaseId | None = None,
        account_of: CaseId | None = None,
    ) -> LegalHold:
        """Set a legal hold on a case, or on the accounts that occur in a case.

        Args:
            user: who sets it.
            reference: the authority's reference, a code.
            case_id: the case to be held, or None.
            account_of: the case whose uploaders' cases are all to be held, or None. Where
                several accounts occur in it each gets a hold, and the first is returned.

        Raises:
            UnknownCaseError, NotPermittedError: there is no such case; the role is another.
            HoldReferenceError: the reference is no code, or no account is known.
        """
        return self._holding.set(user, reference, case_id, account_of)

    def lift_hold(self, hold_id: HoldId, user: User) -> LegalHold:
        """Lift a legal hold. Raises `ProposalError` where it does not stand."""
        return self._holding.lift(hold_id, user)

    def holds(self) -> Sequence[LegalHold]:
        """Legal holds that stand, the newest first."""
        return self._holding.standing()

    def figures(self, since: dt.datetime, until: dt.datetime) -> Figures:
        """Counts between two moments."""
        with self._parts.records.read() as transaction:
            return transaction.reviews.figures(since, until)


def _why_not(transaction: Transaction, case: Case, user: User) -> WhyNot:
    decisions = transaction.cases.decisions(case.case_id)
    return rules.why_not(case, user, decisions, transaction.cases.statements(case.case_id))
