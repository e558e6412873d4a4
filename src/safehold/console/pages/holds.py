"""Legal holds: what stands, on what, and its end."""

from __future__ import annotations

import re

from safehold.console.catalog import mark
from safehold.console.errors import FormError
from safehold.console.pages import fields
from safehold.console.pages.facts import short_code
from safehold.console.visit import Reply, Route, Visit
from safehold.ids import HoldId
from safehold.users.roles import Permission

_REFERENCE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:/-]{0,63}")


def show(visit: Visit) -> Reply:
    """The holds that stand."""
    return visit.page(
        "holds.html",
        holds=visit.parts.reviews.holds(),
        short_code=short_code,
        people={user.user_id: user.name for user in visit.parts.users.users()},
        services=visit.parts.service_names(),
    )


def place(visit: Visit) -> Reply:
    """Set a hold on a case, or on the account of its uploader."""
    reference = visit.form.get("reference", "").strip()
    if _REFERENCE.fullmatch(reference) is None:
        raise FormError(mark("Give the authority's reference: letters, digits and . _ : / - only."))
    case_id = fields.case_id(visit)
    if visit.form.get("on") == "account":
        visit.parts.reviews.set_hold(visit.me, reference, account_of=case_id)
    else:
        visit.parts.reviews.set_hold(visit.me, reference, case_id=case_id)
    return visit.redirect(visit.url("case", case_id=case_id, done="hold_set"))


def lift(visit: Visit) -> Reply:
    """End a hold."""
    fields.sure(visit)
    visit.parts.reviews.lift_hold(HoldId(visit.path["hold_id"]), visit.me)
    return visit.redirect(visit.url("holds", done="hold_lifted"))


ROUTES: tuple[Route, ...] = (
    Route("GET", "/holds", "holds", Permission.CASES_HOLD, show),
    Route("POST", "/cases/{case_id}/hold", "case_hold", Permission.CASES_HOLD, place),
    Route("POST", "/holds/{hold_id}/lift", "hold_lift", Permission.CASES_HOLD, lift),
)
