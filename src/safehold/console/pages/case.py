"""One case: what is known of it without looking, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.cases.model import Case, CaseState, Queue
from safehold.cases.review import rules
from safehold.cases.review.dossier import Dossier
from safehold.cases.review.model import Annotation, Classification, ClearReason, ProposalState
from safehold.console.pages import facts, fields
from safehold.console.pages.retention import clock_of
from safehold.console.visit import Reply, Route, Visit
from safehold.users.roles import Permission

_OCCURRENCES_SHOWN = 50
_EVENTS_SHOWN = 200
_OTHERS_SHOWN = 50


def show(visit: Visit) -> Reply:
    """The page of a case."""
    dossier = visit.parts.reviews.dossier(fields.case_id(visit), visit.me)
    case, lock = dossier.case, dossier.lock
    mine = lock is not None and lock.user_id == visit.me.user_id
    decided = case.state in (CaseState.CONFIRMED, CaseState.CLEARED)
    return visit.page(
        "case.html",
        dossier=dossier,
        case=case,
        urgency=facts.urgency(case),
        matches=[facts.match_fact(match) for match in dossier.matches],
        occurrences=[
            (one, facts.short_code(one.uploader))
            for one in reversed(dossier.occurrences[-_OCCURRENCES_SHOWN:])
        ],
        others=dossier.others[:_OTHERS_SHOWN],
        events=list(reversed(dossier.events))[:_EVENTS_SHOWN],
        mine=mine,
        minutes=facts.minutes_left(lock, visit.now),
        decides=mine and case.state is CaseState.OPEN and dossier.may_decide,
        open_proposals=[one for one in dossier.proposals if one.state is ProposalState.OPEN],
        likeness=_may_be_alike(dossier),
        undone=rules.standing(case, dossier.decisions) if decided else None,
        classifications=tuple(Classification),
        annotations=tuple(Annotation),
        reasons=tuple(ClearReason),
        origin=visit.query.get("from", ""),
        short_code=facts.short_code,
        **_around(visit),
        **_reporting(visit, case),
    )


def _may_be_alike(dossier: Dossier) -> bool:
    """Whether a clearing by likeness can be proposed at all; the service has the whole rule."""
    case = dossier.case
    good = case.pdq is not None and (case.pdq_quality or 0) >= rules.QUALITY_FLOOR
    return good and case.queue is Queue.MATCHES and not dossier.clear_needs_two


def _around(visit: Visit) -> Mapping[str, Any]:
    """Names, and what the visitor may still look at."""
    parts = visit.parts
    around: dict[str, Any] = {
        "people": {user.user_id: user.name for user in parts.users.users()},
        "services": parts.service_names(),
        "limits": None,
        "budget": None,
    }
    if visit.may(Permission.EVIDENCE_VIEW):
        around["limits"] = parts.views.limits(visit.me)
        around["budget"] = parts.views.budget(visit.me)
    return around


def _reporting(visit: Visit, case: Case) -> Mapping[str, Any]:
    """Reports about the case, and until when it is kept; what the role does not see is None."""
    reads = visit.may(Permission.REPORTS_READ) and case.state is not CaseState.OPEN
    return {
        "report_people": visit.parts.reports.people(case.case_id) if reads else None,
        "kept_until": clock_of(visit, case.case_id),
    }


ROUTES: tuple[Route, ...] = (Route("GET", "/cases/{case_id}", "case", Permission.CASES_READ, show),)
