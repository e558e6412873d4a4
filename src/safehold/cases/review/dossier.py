"""All that the page of a case shows, read in few questions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from safehold.audit.model import Event
from safehold.cases.model import (
    Case,
    CaseState,
    DecisionRecord,
    Evidence,
    Occurrence,
    Queue,
    Statement,
    UnknownCaseError,
)
from safehold.cases.records import Transaction
from safehold.cases.review import rules
from safehold.cases.review.desk import Desk, Reading
from safehold.cases.review.grouping import Grouping
from safehold.cases.review.model import CaseLock, LegalHold, Note, Proposal, View
from safehold.cases.review.rules import WhyNot
from safehold.ids import CaseId
from safehold.users.model import User

MOST_OTHERS = 200
"""Other cases of an uploader that are told at most."""


@dataclass(frozen=True, slots=True)
class OtherCase:
    """Another case of the same service that has to do with this one.

    Attributes:
        case_id, state, queue, opened: of that case.
        same_uploader: whether an uploader of this case occurs in it.
    """

    case_id: CaseId
    state: CaseState
    queue: Queue
    opened: dt.datetime
    same_uploader: bool


@dataclass(frozen=True, slots=True)
class Dossier:
    """A case and what is known without looking.

    Attributes:
        case: the case.
        lock: who works on it, or None.
        evidence, occurrences, decisions, statements, notes, proposals, holds, views: what
            belongs to it, in order of time.
        events: its audit events, in order.
        matches: what policy's decisions name as matches (`intake.finding.match_json`), each
            once: exact ones first, then the nearest.
        others: cases in which an uploader of this one occurs, the newest first.
        group: cases with nearly the same picture, without this one, the nearest first.
        claims: what the file says of its own making (`safehold.provenance.forms.claim_form`).
        conflicts: what of it does not go together (codes).
        needs_view: whether to confirm it, this user has to look first. A clearing always does.
        looked: whether this user has looked since its evidence last changed.
        clear_needs_two: whether one person alone cannot clear it.
        may_decide: whether this user may decide it now, their lock and their look apart.
        why_not: a code why not (`rules.WhyNot`); empty where they may.
    """

    case: Case
    lock: CaseLock | None
    evidence: Sequence[Evidence]
    occurrences: Sequence[Occurrence]
    decisions: Sequence[DecisionRecord]
    statements: Sequence[Statement]
    notes: Sequence[Note]
    proposals: Sequence[Proposal]
    holds: Sequence[LegalHold]
    views: Sequence[View]
    events: Sequence[Event]
    matches: tuple[Mapping[str, Any], ...]
    others: tuple[OtherCase, ...]
    group: tuple[CaseId, ...]
    claims: tuple[Mapping[str, Any], ...]
    conflicts: tuple[str, ...]
    needs_view: bool
    looked: bool
    clear_needs_two: bool
    may_decide: bool
    why_not: str


class Dossiers:
    """Reads dossiers."""

    def __init__(self, desk: Desk, grouping: Grouping) -> None:
        self._desk = desk
        self._grouping = grouping

    def read(self, case_id: CaseId, user: User) -> Dossier:
        """All that the page of a case shows. Raises `UnknownCaseError`."""
        with self._desk.parts.records.read() as transaction:
            case = transaction.cases.find(case_id)
            if case is None:
                raise UnknownCaseError
            return self._read(transaction, case, user)

    def _read(self, transaction: Transaction, case: Case, user: User) -> Dossier:
        case_id, reviews = case.case_id, transaction.reviews
        reading = Reading(transaction, case)
        why_not = reading.why_not(user)
        others = reviews.others(case_id, MOST_OTHERS)
        claims, conflicts = rules.origin(reading.decisions)
        return Dossier(
            case=case,
            lock=reviews.lock_of(case_id, self._desk.now()),
            evidence=reading.evidence,
            occurrences=transaction.cases.occurrences(case_id),
            decisions=reading.decisions,
            statements=reading.statements,
            notes=reviews.notes(case_id),
            proposals=reviews.proposals_of(case_id),
            holds=reviews.holds_on(case_id),
            views=reading.views,
            events=transaction.audit.events_of(case_id),
            matches=rules.distinct_matches(reading.decisions),
            others=tuple(
                OtherCase(one.case_id, one.state, one.queue, one.opened, same_uploader=True)
                for one in others
            ),
            group=self._grouping.near(transaction, case),
            claims=claims,
            conflicts=conflicts,
            needs_view=rules.needs_view(reading.facts, clearing=False),
            looked=reading.has_looked(user),
            clear_needs_two=rules.clear_needs_two(reading.facts),
            may_decide=why_not is WhyNot.NO,
            why_not=why_not.value,
        )
