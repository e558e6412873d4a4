"""What needs two people: proposing, and approving, which carries it out in the same transaction.

A clearing (also one by likeness) is proposed and approved by people who have both looked. Who
proposes one needs the lock and leaves the case with it; who approves needs the lock in order to
look, and nobody else may have it at that moment.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from safehold.audit.model import EventDraft
from safehold.cases.destruction import Ground
from safehold.cases.records import Transaction
from safehold.cases.review import rules
from safehold.cases.review.deciding import Deciding
from safehold.cases.review.desk import Desk, Reading, require
from safehold.cases.review.model import (
    ClearReason,
    Likeness,
    NoteKind,
    Proposal,
    ProposalError,
    ProposalKind,
    ProposalState,
    SamePersonError,
    ViewNeededError,
)
from safehold.cases.review.purging import Purging, ground_of
from safehold.cases.review.refusals import NotPermittedError, ProposalDetailsError
from safehold.cases.review.rules import WhyNot
from safehold.cases.workflow import TransitionError
from safehold.ids import CaseId, ProposalId, UserId
from safehold.users.model import User
from safehold.users.roles import Permission

_VALUE = re.compile(r"[A-Za-z0-9._:@/+-]{1,200}")
_BASIS = "basis"
_CLEARINGS = frozenset({ProposalKind.CLEAR, ProposalKind.CLEAR_SIMILAR})
_DETAILS: Mapping[ProposalKind, frozenset[str]] = {
    ProposalKind.CLEAR: frozenset({"reason"}),
    ProposalKind.CLEAR_SIMILAR: frozenset({"reason", "radius"}),
    ProposalKind.EXPORT: frozenset({"recipient"}),
    ProposalKind.PURGE: frozenset({"ground", "document", "reference"}),
    ProposalKind.UNDO: frozenset({"decision"}),
}
_MOST = 10_000
"""Proposals that are read at most to find those whose time is over."""

_CarryOut = Callable[[Transaction, Reading, Proposal, User], Proposal]


class Proposing:
    """Proposals and their approval."""

    def __init__(self, desk: Desk, deciding: Deciding, purging: Purging) -> None:
        self._desk = desk
        self._deciding = deciding
        self._purging = purging
        self._carry_out: Mapping[ProposalKind, _CarryOut] = {
            ProposalKind.CLEAR: self._clear,
            ProposalKind.CLEAR_SIMILAR: self._clear,
            ProposalKind.EXPORT: lambda _transaction, _reading, proposal, _user: proposal,
            ProposalKind.PURGE: self._purge,
            ProposalKind.UNDO: self._undo,
        }

    def propose(
        self,
        case_id: CaseId,
        user: User,
        kind: ProposalKind,
        details: Mapping[str, str],
        words: str,
    ) -> Proposal:
        """Propose something. See `service.ReviewService.propose`."""
        require(user, _needed(kind, details))
        _check_details(kind, details)
        desk = self._desk
        with desk.changes() as transaction:
            case = desk.case(transaction, case_id)
            if kind in _CLEARINGS:
                desk.hold(transaction, case_id, user)
            reading = Reading(transaction, case)
            more = self._check(transaction, reading, user, kind, details)
            now = desk.now()
            for other in transaction.reviews.proposals_of(case_id):
                if _is_open(other, now) and (other.kind, dict(other.details)) == (kind, more):
                    raise ProposalError("The same is proposed already.")
            proposal = Proposal(
                proposal_id=ProposalId(desk.parts.ids()),
                case_id=case_id,
                service_id=case.service_id,
                kind=kind,
                state=ProposalState.OPEN,
                proposed_by=user.user_id,
                proposed_at=now,
                until=now + dt.timedelta(days=desk.parts.options.proposal_days),
                details=more,
            )
            transaction.reviews.add_proposal(proposal)
            desk.write_words(transaction, case, user, NoteKind.PROPOSAL, words)
            if kind in _CLEARINGS:
                desk.leave(transaction, case_id, user)
            self._tell(transaction, "proposal.made", proposal, rules.actor(user.user_id))
            return proposal

    def approve(self, proposal_id: ProposalId, user: User) -> Proposal:
        """Approve a proposal, and carry it out. See `service.ReviewService.approve`."""
        require(user, Permission.APPROVALS_DECIDE)
        desk = self._desk
        with desk.changes() as transaction:
            proposal = self._open(transaction, proposal_id)
            if proposal.proposed_by == user.user_id:
                raise SamePersonError
            desk.present(transaction, user.user_id, Permission.APPROVALS_DECIDE)
            case = desk.case(transaction, proposal.case_id)
            reading = Reading(transaction, case)
            void = not self._stands(transaction, reading, proposal)
            if void:
                # What it was about is no more, so nobody can approve it any time.
                proposal = self._end(transaction, proposal, ProposalState.EXPIRED, None)
            else:
                approved = replace(proposal, state=ProposalState.APPROVED)
                proposal = self._carry_out[proposal.kind](transaction, reading, approved, user)
                state = ProposalState.APPROVED
                proposal = self._end(transaction, proposal, state, user.user_id)
        if void:
            raise ProposalError
        if proposal.kind is ProposalKind.PURGE:
            self._purging.finish_now(proposal)
        return proposal

    def refuse(self, proposal_id: ProposalId, user: User) -> Proposal:
        """Refuse somebody else's proposal."""
        require(user, Permission.APPROVALS_DECIDE)
        with self._desk.changes() as transaction:
            proposal = self._open(transaction, proposal_id)
            if proposal.proposed_by == user.user_id:
                raise SamePersonError
            return self._end(transaction, proposal, ProposalState.REFUSED, user.user_id)

    def withdraw(self, proposal_id: ProposalId, user: User) -> Proposal:
        """Take back one's own proposal."""
        with self._desk.changes() as transaction:
            proposal = self._open(transaction, proposal_id)
            if proposal.proposed_by != user.user_id:
                raise SamePersonError
            return self._end(transaction, proposal, ProposalState.WITHDRAWN, user.user_id)

    def list(self, state: ProposalState | None) -> Sequence[Proposal]:
        """Proposals, the newest first."""
        with self._desk.parts.records.read() as transaction:
            return transaction.reviews.proposals(state)

    def expire_due(self) -> int:
        """Expire the proposals whose time is over; how many."""
        now = self._desk.now()
        with self._desk.parts.records.read() as transaction:
            waiting = transaction.reviews.proposals(ProposalState.OPEN, _MOST)
        due = [proposal.proposal_id for proposal in waiting if proposal.until <= now]
        expired = 0
        for proposal_id in due:
            with self._desk.changes() as transaction:
                proposal = transaction.reviews.proposal(proposal_id, lock=True)
                if proposal is not None and proposal.state is ProposalState.OPEN:
                    self._end(transaction, proposal, ProposalState.EXPIRED, None)
                    expired += 1
        return expired

    def _check(
        self,
        transaction: Transaction,
        reading: Reading,
        user: User,
        kind: ProposalKind,
        details: Mapping[str, str],
    ) -> dict[str, str]:
        """Whether something can be proposed; its details with what it is about."""
        case = reading.case
        more = {**details, _BASIS: reading.basis()}
        if kind in _CLEARINGS:
            self._check_clearing(reading, user, details, kind)
        elif kind is ProposalKind.UNDO:
            stands = rules.standing(case, reading.decisions)
            if stands is None or details.get("decision") not in (None, "", stands.decision_id):
                raise ProposalError
            self._check_undo(transaction, reading)
            more["decision"] = stands.decision_id
        elif kind is ProposalKind.PURGE:  # without evidence, of what was said of persons
            self._purging.check(transaction, reading, details)
        elif not reading.evidence:
            raise ProposalDetailsError("There is no evidence of this case.")
        return more

    def _check_clearing(
        self, reading: Reading, user: User, details: Mapping[str, str], kind: ProposalKind
    ) -> None:
        reading.check_may_decide(user)
        if not reading.has_looked(user):
            raise ViewNeededError
        if kind is ProposalKind.CLEAR_SIMILAR:
            largest = self._desk.parts.options.likeness_radius
            radius = int(details["radius"])
            if not rules.may_clear_by_likeness(reading.case, reading.facts, radius, largest):
                raise ProposalDetailsError

    def _check_undo(self, transaction: Transaction, reading: Reading) -> None:
        """An undone case must be one that can be decided, and of which nobody was told."""
        if not reading.evidence or self._desk.parts.reported(transaction, reading.case.case_id):
            raise TransitionError

    def _stands(self, transaction: Transaction, reading: Reading, proposal: Proposal) -> bool:
        """Whether it is about what it was, and its first person may still be one of two."""
        if proposal.details.get(_BASIS) != reading.basis():
            return False
        try:
            needed = _needed(proposal.kind, proposal.details)
            first = self._desk.present(transaction, proposal.proposed_by, needed)
        except NotPermittedError:
            return False
        clears = proposal.kind in _CLEARINGS
        return not (clears and reading.why_not(first) is WhyNot.DECIDED_BEFORE)

    def _clear(
        self, transaction: Transaction, reading: Reading, proposal: Proposal, user: User
    ) -> Proposal:
        case = reading.case
        self._desk.not_held_by_others(transaction, case.case_id, user)
        self._check_clearing(reading, user, proposal.details, proposal.kind)
        details = {
            "viewed": reading.seen(user),
            "reason": proposal.details["reason"],
            "proposed_by": proposal.proposed_by,
        }
        self._deciding.cleared(transaction, reading, user, details)
        if proposal.kind is ProposalKind.CLEAR_SIMILAR:
            assert case.pdq is not None
            likeness = Likeness(
                case_id=case.case_id,
                service_id=case.service_id,
                pdq=case.pdq,
                radius=int(proposal.details["radius"]),
                grounds=reading.facts.grounds,
                at=self._desk.now(),
            )
            transaction.reviews.add_likeness(likeness)
        transaction.reviews.unlock(case.case_id, user.user_id)
        return proposal

    def _purge(
        self, transaction: Transaction, reading: Reading, proposal: Proposal, user: User
    ) -> Proposal:
        self._purging.check(transaction, reading, proposal.details)
        return self._purging.begin(transaction, reading, proposal, user)

    def _undo(
        self, transaction: Transaction, reading: Reading, proposal: Proposal, user: User
    ) -> Proposal:
        self._check_undo(transaction, reading)
        stands = rules.standing(reading.case, reading.decisions)
        if stands is not None and rules.actor(user.user_id) in rules.deciders(stands):
            raise SamePersonError
        self._deciding.undone(transaction, reading, user, proposal.proposed_by)
        return proposal

    def _open(self, transaction: Transaction, proposal_id: ProposalId) -> Proposal:
        """A proposal that nobody has decided. Raises `ProposalError`."""
        proposal = transaction.reviews.proposal(proposal_id, lock=True)
        if proposal is None or not _is_open(proposal, self._desk.now()):
            raise ProposalError
        return proposal

    def _end(
        self,
        transaction: Transaction,
        proposal: Proposal,
        state: ProposalState,
        by: UserId | None,
    ) -> Proposal:
        ended = replace(proposal, state=state, decided_by=by, decided_at=self._desk.now())
        transaction.reviews.update_proposal(ended)
        actor = rules.actor(by) if by is not None else "system"
        self._tell(transaction, f"proposal.{state.value}", ended, actor)
        return ended

    def _tell(self, transaction: Transaction, kind: str, proposal: Proposal, actor: str) -> None:
        data = {"proposal": proposal.proposal_id, "kind": proposal.kind.value}
        at = self._desk.now()
        event = EventDraft(kind, at, actor, proposal.service_id, proposal.case_id, data)
        transaction.audit.append([event])


def _needed(kind: ProposalKind, details: Mapping[str, str]) -> Permission:
    """What somebody needs to propose something."""
    if kind is ProposalKind.EXPORT:
        return Permission.EVIDENCE_EXPORT
    if kind is ProposalKind.PURGE and ground_of(details) is not Ground.EARLY:
        return Permission.CASES_HOLD
    return Permission.CASES_DECIDE


def _is_open(proposal: Proposal, now: dt.datetime) -> bool:
    return proposal.state is ProposalState.OPEN and now < proposal.until


def _check_details(kind: ProposalKind, details: Mapping[str, str]) -> None:
    """Whether details are those of a kind, and codes. Raises `ProposalDetailsError`."""
    given = {name: value for name, value in details.items() if value}
    if not set(given) <= _DETAILS[kind] or not all(map(_VALUE.fullmatch, given.values())):
        raise ProposalDetailsError
    if kind in _CLEARINGS and given.get("reason") not in set(ClearReason):
        raise ProposalDetailsError
    if kind is ProposalKind.CLEAR_SIMILAR and not given.get("radius", "").isdecimal():
        raise ProposalDetailsError
    if kind is ProposalKind.EXPORT and "recipient" not in given:
        raise ProposalDetailsError
