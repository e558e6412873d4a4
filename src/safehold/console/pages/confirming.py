"""Asking once more who is there, before what a stolen session must not do.

The page that asks stands in place of the answer to a form and sends the same form again with the
password beside it, so nothing that was chosen is lost. Who has confirmed gets a new token.
"""

from __future__ import annotations

import dataclasses

from safehold.console.pages.addresses import local_address
from safehold.console.pages.enrolment import asked_again
from safehold.console.visit import Handler, Reply, Visit
from safehold.users.model import SignInError
from safehold.users.sessions import is_confirmed

FIELD = "present"
"""The field of the password; no form that is sent again has one of this name."""

_FORBIDDEN = 403
_READ = frozenset({"account_passkey"})
"""Pages that ask and are reached by a GET, which carries no password."""


def confirming(visit: Visit, go: Handler) -> Reply:
    """Go on where somebody has shown a moment ago who is there; else ask for the password."""
    session = visit.session
    if session is not None and is_confirmed(session, visit.now):
        return go(visit)
    given = visit.form.get(FIELD)
    if given is None:
        return visit.page(
            "confirm.html", _FORBIDDEN, errors={}, wait=0, focus=FIELD, **_form(visit)
        )
    sign_in = visit.parts.sign_in
    try:
        token = sign_in.confirm(visit.token, visit.client, given)
    except SignInError as error:
        errors = {FIELD: visit.text("This is not your present password.")}
        return asked_again(visit, "confirm.html", error, errors, **_form(visit))
    user, session = sign_in.session(token, visit.client)
    csrf = sign_in.csrf(token)
    reply = go(dataclasses.replace(visit, user=user, session=session, token=token, csrf=csrf))
    return reply if reply.cookie is not None else dataclasses.replace(reply, cookie=token)


def confirm(visit: Visit) -> Reply:
    """Confirm for a page that is not itself a form, and go there."""
    address = local_address(visit.form.get("next", "")) or visit.url("account")
    return confirming(visit, lambda known: known.redirect(address))


def _form(visit: Visit) -> dict[str, object]:
    """Where the password is sent to, and what is sent again with it."""
    fields = [(n, v) for n, values in visit.form_lists.items() if n != FIELD for v in values]
    if visit.route in _READ:
        again = [("next", visit.url(visit.route))]
        return {"action": visit.url("account_confirm"), "fields": again}
    return {"action": visit.url(visit.route), "fields": fields}
