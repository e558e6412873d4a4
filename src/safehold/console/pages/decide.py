"""What is done with one case: taking and leaving it, deciding it, and proposing what needs two."""

from __future__ import annotations

import re
from collections.abc import Mapping

from safehold.cases.destruction import Ground
from safehold.cases.review.choices import Clearing, Confirmation
from safehold.cases.review.model import (
    Annotation,
    Classification,
    ClearReason,
    ProposalKind,
)
from safehold.console.catalog import mark
from safehold.console.errors import FormError
from safehold.console.pages import fields
from safehold.console.visit import Handler, Reply, Route, Visit
from safehold.ids import CaseId
from safehold.users.roles import Permission

_RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{10,100}")
"""An age recipient: Bech32 with the prefix `age` (its checksum is the custodian's to check)."""

_BY_REVIEWERS = frozenset(
    {ProposalKind.CLEAR, ProposalKind.CLEAR_SIMILAR, ProposalKind.PURGE, ProposalKind.UNDO}
)
"""What reviewers may propose; exports are the officers'."""


def confirmation(visit: Visit) -> Confirmation:
    """The confirmation that a form describes. Raises `FormError`."""
    given = visit.form.get("classification", "")
    annotations = visit.form_lists.get("annotation", ())
    return Confirmation(
        classification=fields.choice(Classification, given) if given else None,
        annotations=frozenset(fields.choice(Annotation, value) for value in annotations),
        words=fields.words(visit),
    )


def clearing(visit: Visit) -> Clearing:
    """The clearing that a form describes. Raises `FormError`."""
    fields.sure(visit)
    reason = fields.choice(ClearReason, visit.form.get("reason", ""))
    return Clearing(reason, fields.words(visit, required=reason is ClearReason.OTHER))


def take(visit: Visit) -> Reply:
    """Take the case, or lengthen one's lock."""
    visit.parts.reviews.take(fields.case_id(visit), visit.me)
    return _case(visit, "taken")


def release(visit: Visit) -> Reply:
    """Give the case back."""
    visit.parts.reviews.release(fields.case_id(visit), visit.me)
    return _case(visit, "released")


def pass_on(visit: Visit) -> Reply:
    """Leave the case to somebody else. No reason is asked for."""
    visit.parts.reviews.pass_on(fields.case_id(visit), visit.me)
    return visit.redirect(visit.url("queue", queue=visit.form.get("from", ""), done="passed"))


def confirm(visit: Visit) -> Reply:
    """Confirm the case."""
    visit.parts.reviews.confirm(fields.case_id(visit), visit.me, confirmation(visit))
    return _case(visit, "confirmed")


def clear(visit: Visit) -> Reply:
    """Clear the case."""
    visit.parts.reviews.clear(fields.case_id(visit), visit.me, clearing(visit))
    return _case(visit, "cleared")


def escalate(visit: Visit) -> Reply:
    """Ask for a colleague with more experience."""
    words = fields.words(visit, required=True)
    visit.parts.reviews.escalate(fields.case_id(visit), visit.me, words)
    return _case(visit, "escalated")


def need_more(visit: Visit) -> Reply:
    """Say that there is too little to go on."""
    visit.parts.reviews.need_more(fields.case_id(visit), visit.me, fields.words(visit))
    return _case(visit, "need_more")


def note(visit: Visit) -> Reply:
    """Write something down."""
    words = fields.words(visit, required=True)
    visit.parts.reviews.note(fields.case_id(visit), visit.me, words)
    return _case(visit, "noted")


def propose(visit: Visit) -> Reply:
    """Propose what needs a second person."""
    kind = fields.choice(ProposalKind, visit.form.get("kind", ""))
    if kind not in _BY_REVIEWERS:
        raise FormError
    fields.sure(visit)
    return _propose(visit, kind, _details(visit, kind))


def export(visit: Visit) -> Reply:
    """Propose to export originals, encrypted to a recipient that the operator has named."""
    recipient = visit.form.get("recipient", "").strip()
    if _RECIPIENT.fullmatch(recipient) is None:
        raise FormError(mark("That is not an age recipient."))
    fields.sure(visit)
    return _propose(visit, ProposalKind.EXPORT, {"recipient": recipient})


def _details(visit: Visit, kind: ProposalKind) -> Mapping[str, str]:
    if kind is ProposalKind.UNDO:
        return {"decision": visit.form.get("decision", "")}
    if kind is ProposalKind.PURGE:
        return {"ground": Ground.EARLY.value}  # other grounds have pages of their own
    details = {"reason": fields.choice(ClearReason, visit.form.get("reason", "")).value}
    if kind is ProposalKind.CLEAR_SIMILAR:
        largest = visit.parts.review.likeness_radius
        details["radius"] = str(fields.number(visit, "radius", largest))
    return details


def _propose(visit: Visit, kind: ProposalKind, details: Mapping[str, str]) -> Reply:
    words = fields.words(visit)
    visit.parts.reviews.propose(fields.case_id(visit), visit.me, kind, details, words)
    return _case(visit, "proposed")


def _case(visit: Visit, done: str) -> Reply:
    """Back to the case, which then says what was done."""
    case_id: CaseId = fields.case_id(visit)
    origin = visit.form.get("from", "")
    return visit.redirect(visit.url("case", case_id=case_id, done=done, **{"from": origin}))


def _action(word: str, name: str, handler: Handler) -> Route:
    return Route("POST", f"/cases/{{case_id}}/{word}", name, Permission.CASES_DECIDE, handler)


ROUTES: tuple[Route, ...] = (
    _action("take", "case_take", take),
    _action("release", "case_release", release),
    _action("pass", "case_pass", pass_on),
    _action("confirm", "case_confirm", confirm),
    _action("clear", "case_clear", clear),
    _action("escalate", "case_escalate", escalate),
    _action("more", "case_more", need_more),
    _action("note", "case_note", note),
    _action("propose", "case_propose", propose),
    Route("POST", "/cases/{case_id}/export", "case_export", Permission.EVIDENCE_EXPORT, export),
)
