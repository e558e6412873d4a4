"""The work of people on cases: one door to locks, decisions, proposals, groups and holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from safehold.cases.review.choices import Clearing, Confirmation, GroupOutcome
from safehold.cases.review.dossier import Dossier, OtherCase
from safehold.cases.review.model import (
    CaseLock,
    Figures,
    LegalHold,
    Proposal,
    ProposalKind,
    ProposalState,
    QueueFilter,
    QueueRow,
)
from safehold.cases.review.parts import ReviewParts
from safehold.ids import CaseId, HoldId, ProposalId
from safehold.users.model import User

__all__ = [
    "Clearing",
    "Confirmation",
    "Dossier",
    "GroupOutcome",
    "OtherCase",
    "ReviewParts",
    "ReviewService",
]


class ReviewService:
    """What the console's pages call. Safe to use from several threads."""

    def __init__(self, parts: ReviewParts) -> None:
        self._parts = parts

    def queue(self, wanted: QueueFilter) -> tuple[Sequence[QueueRow], int]:
        """Cases in the order that is wanted, and how many there are in all."""
        raise NotImplementedError

    def next_case(self, user: User, wanted: QueueFilter) -> CaseId | None:
        """The next case that this user may decide and nobody has locked. It locks nothing."""
        raise NotImplementedError

    def dossier(self, case_id: CaseId, user: User) -> Dossier:
        """All that the page of a case shows. Raises `UnknownCaseError`."""
        raise NotImplementedError

    def take(self, case_id: CaseId, user: User) -> CaseLock:
        """Lock a case, or lengthen one's lock. Raises `LockedError`, `SamePersonError`."""
        raise NotImplementedError

    def release(self, case_id: CaseId, user: User) -> None:
        """Give up one's lock, if there is one."""
        raise NotImplementedError

    def pass_on(self, case_id: CaseId, user: User) -> None:
        """Leave a case to others; no reason is asked for."""
        raise NotImplementedError

    def confirm(self, case_id: CaseId, user: User, confirmation: Confirmation) -> None:
        """Confirm a case. Raises `NotLockedError`, `ViewNeededError`, `TransitionError`."""
        raise NotImplementedError

    def clear(self, case_id: CaseId, user: User, clearing: Clearing) -> None:
        """Clear a case. Raises as `confirm` does, and `TwoPeopleError`."""
        raise NotImplementedError

    def escalate(self, case_id: CaseId, user: User, words: str) -> None:
        """Ask for a colleague with more experience, and say why."""
        raise NotImplementedError

    def need_more(self, case_id: CaseId, user: User, words: str) -> None:
        """Say that there is not enough to go on."""
        raise NotImplementedError

    def note(self, case_id: CaseId, user: User, words: str) -> None:
        """Write something about a case."""
        raise NotImplementedError

    def decide_group(
        self,
        leader: CaseId,
        members: Sequence[CaseId],
        user: User,
        decision: Confirmation | Clearing,
    ) -> GroupOutcome:
        """Decide a case, and with it others that show nearly the same picture."""
        raise NotImplementedError

    def split(self, case_id: CaseId, other: CaseId, user: User) -> None:
        """Say that two cases are not one group, whatever their pictures say."""
        raise NotImplementedError

    def propose(
        self,
        case_id: CaseId,
        user: User,
        kind: ProposalKind,
        details: Mapping[str, str],
        words: str,
    ) -> Proposal:
        """Propose what needs two people."""
        raise NotImplementedError

    def approve(self, proposal_id: ProposalId, user: User) -> Proposal:
        """Approve a proposal of somebody else, and carry it out.

        Raises `SamePersonError`, `ProposalError`, `OnHoldError`, `ViewNeededError`.
        """
        raise NotImplementedError

    def refuse(self, proposal_id: ProposalId, user: User) -> Proposal:
        """Refuse a proposal of somebody else."""
        raise NotImplementedError

    def withdraw(self, proposal_id: ProposalId, user: User) -> Proposal:
        """Take back one's own proposal."""
        raise NotImplementedError

    def proposals(self, state: ProposalState | None = None) -> Sequence[Proposal]:
        """Proposals, the newest first."""
        raise NotImplementedError

    def expire_due(self) -> int:
        """Expire proposals whose time is over; how many."""
        raise NotImplementedError

    def set_hold(
        self,
        user: User,
        reference: str,
        *,
        case_id: CaseId | None = None,
        account_of: CaseId | None = None,
    ) -> LegalHold:
        """Set a legal hold on a case, or on the accounts that occur in a case."""
        raise NotImplementedError

    def lift_hold(self, hold_id: HoldId, user: User) -> LegalHold:
        """Lift a legal hold."""
        raise NotImplementedError

    def holds(self) -> Sequence[LegalHold]:
        """Legal holds that stand, the newest first."""
        raise NotImplementedError

    def figures(self, since: dt.datetime, until: dt.datetime) -> Figures:
        """Counts between two moments."""
        raise NotImplementedError
