"""A group of near duplicates: looked at by its leader, decided once, and split where it errs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from safehold.cases.model import Case, CaseState
from safehold.cases.review.choices import Clearing, Confirmation
from safehold.cases.review.model import Annotation, Classification, ClearReason
from safehold.console.errors import FormError
from safehold.console.pages import decide, fields
from safehold.console.pages.facts import MatchFact, best_match
from safehold.console.visit import Reply, Route, Visit
from safehold.ids import CaseId
from safehold.users.roles import Permission

_SHOWN = 200
"""Members of a group that one page shows; the rest follow once these are decided."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a group, as the page shows it.

    Attributes:
        case: the member.
        distance: in bits from the leader's picture, or None where either is not known.
        match: what of its matches weighs most, or None.
        decidable: whether it can be decided with the others.
    """

    case: Case
    distance: int | None
    match: MatchFact | None
    decidable: bool


def show(visit: Visit) -> Reply:
    """The page of a group."""
    case_id = fields.case_id(visit)
    dossier = visit.parts.reviews.dossier(case_id, visit.me)
    return visit.page(
        "group.html",
        dossier=dossier,
        case=dossier.case,
        leading=best_match(dossier.matches),
        members=_members(visit, dossier.case, dossier.group[:_SHOWN]),
        in_all=len(dossier.group),
        classifications=tuple(Classification),
        annotations=tuple(Annotation),
        reasons=tuple(ClearReason),
        mine=dossier.lock is not None and dossier.lock.user_id == visit.me.user_id,
    )


def decide_once(visit: Visit) -> Reply:
    """Decide the leader and the chosen members in one act; says who was left, and why."""
    case_id = fields.case_id(visit)
    members = [CaseId(value) for value in visit.form_lists.get("member", ())][:_SHOWN]
    decision: Confirmation | Clearing
    if visit.form.get("decision") == "confirm":
        decision = decide.confirmation(visit)
    elif visit.form.get("decision") == "clear":
        decision = decide.clearing(visit)
    else:
        raise FormError
    outcome = visit.parts.reviews.decide_group(case_id, members, visit.me, decision)
    return visit.page("case_group_outcome.html", case_id=case_id, outcome=outcome)


def split(visit: Visit) -> Reply:
    """Take one member out of the group."""
    case_id = fields.case_id(visit)
    visit.parts.reviews.split(case_id, CaseId(visit.form.get("member", "")), visit.me)
    return visit.redirect(visit.url("group", case_id=case_id, done="split"))


def _members(visit: Visit, leader: Case, ids: Sequence[CaseId]) -> Sequence[Member]:
    with visit.parts.records.read() as transaction:
        cases = transaction.reviews.cases_of(ids)
        members = []
        for case in cases:
            decisions = transaction.cases.decisions(case.case_id)
            matches = [match for record in decisions for match in record.details.get("matches", ())]
            member = Member(
                case, _distance(leader, case), best_match(matches), case.state is CaseState.OPEN
            )
            members.append(member)
    far = 257  # beyond any distance of 256 bits
    return sorted(members, key=lambda one: far if one.distance is None else one.distance)


def _distance(one: Case, other: Case) -> int | None:
    """Bits in which two pictures' hashes differ."""
    if one.pdq is None or other.pdq is None:
        return None
    return (int.from_bytes(one.pdq, "big") ^ int.from_bytes(other.pdq, "big")).bit_count()


ROUTES: tuple[Route, ...] = (
    Route("GET", "/cases/{case_id}/group", "group", Permission.CASES_READ, show),
    Route("POST", "/cases/{case_id}/group", "group_decide", Permission.CASES_DECIDE, decide_once),
    Route("POST", "/cases/{case_id}/group/split", "group_split", Permission.CASES_DECIDE, split),
)
