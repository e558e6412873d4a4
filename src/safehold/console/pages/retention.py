"""Until when evidence is kept, what may be destroyed, and proposing that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from safehold.cases.destruction import Ground, RetentionError
from safehold.cases.model import UnknownCaseError
from safehold.cases.review.model import OnHoldError, ProposalError, ProposalKind
from safehold.cases.workflow import TransitionError
from safehold.console.catalog import mark
from safehold.console.errors import FormError
from safehold.console.pages import fields
from safehold.console.visit import Reply, Route, Visit
from safehold.errors import SafeholdError
from safehold.ids import CaseId
from safehold.users.roles import Permission

if TYPE_CHECKING:
    from safehold.retention.model import RetentionClock

STATES = ("due", "warn", "held", "kept", "undecided")
"""States of the clocks of evidence, those first in which there is something to be done."""

_MOST_AT_ONCE = 200
_LEFT = (RetentionError, OnHoldError, ProposalError, TransitionError, UnknownCaseError)
"""Why one case of several is left, while the others are proposed."""


def clock_of(visit: Visit, case_id: CaseId) -> RetentionClock | None:
    """The clock of a case's evidence; None for those who do not see it."""
    if not visit.may(Permission.RETENTION_READ):
        return None
    return visit.parts.retention.clock_of(case_id)


def show(visit: Visit) -> Reply:
    """How many clocks are in which state, and those of one state."""
    return _page(visit)


def propose(visit: Visit) -> Reply:
    """Propose to destroy what may be destroyed, one proposal for each case that was chosen."""
    fields.sure(visit)
    chosen = list(dict.fromkeys(visit.form_lists.get("case_id", ())))
    if not chosen:
        raise FormError(mark("Choose at least one case."))
    if len(chosen) > _MOST_AT_ONCE:
        raise FormError(mark("That is more than can be proposed at once."))
    words, left = fields.words(visit), []
    for given in chosen:
        case_id = CaseId(given[:64])
        details = {"ground": Ground.RETENTION_OVER.value}
        try:
            visit.parts.reviews.propose(case_id, visit.me, ProposalKind.PURGE, details, words)
        except _LEFT as error:
            left.append((case_id, _said(visit, error)))
    if not left:
        return visit.redirect(visit.url("retention", state="due", done="destructions_proposed"))
    return _page(visit, left, len(chosen) - len(left))


def _page(
    visit: Visit, left: Sequence[tuple[CaseId, str]] = (), proposed: int | None = None
) -> Reply:
    limit = visit.parts.options.page_rows
    counts, clocks = visit.parts.retention.overview(visit.query.get("after", "")[:64], limit)
    given = visit.query.get("state", "")
    state = given if given in STATES else next((s for s in STATES if counts.get(s)), STATES[0])
    rows = list(clocks.get(state, ()))
    return visit.page(
        "retention.html",
        counts=[(code, counts.get(code, 0)) for code in STATES],
        state=state,
        rows=rows,
        further=rows[-1].case_id if len(rows) == limit else "",
        left=left,
        proposed=proposed,
        proposes=state == "due" and bool(rows) and visit.may(Permission.CASES_HOLD),
        opens=visit.may(Permission.CASES_READ),
    )


def _said(visit: Visit, error: SafeholdError) -> str:
    return visit.text(error.message)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/retention", "retention", Permission.RETENTION_READ, show),
    Route("POST", "/retention/propose", "retention_propose", Permission.CASES_HOLD, propose),
)
