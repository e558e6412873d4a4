"""One's own settings, second factors and sessions, and how much one has looked at today."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from safehold.console.errors import FormError
from safehold.console.pages.confirming import confirm, confirming
from safehold.console.pages.enrolment import (
    UNPROCESSABLE,
    add_passkey,
    asked_again,
    confirm_totp,
    enrol_totp,
    passkey_options,
)
from safehold.console.pages.preferences import (
    bounds,
    is_laxer,
    language_of,
    preferences_of,
    shown,
)
from safehold.console.visit import Reply, Route, Visit
from safehold.users.model import PasswordError, Preferences, Session, SignInError
from safehold.users.roles import Permission
from safehold.users.service import LastFactorError

DAY = dt.timedelta(hours=24)
HANDLE_LENGTH = 16
"""Characters by which a session is named in a form."""


def actor(visit: Visit) -> str:
    """Who asks, as the audit log names them."""
    return f"user:{visit.me.user_id}"


def account(visit: Visit) -> Reply:
    """Everything of one's own, on one page."""
    return _page(visit)


def _page(visit: Visit, status: int = 200, **values: Any) -> Reply:
    return visit.page("account.html", status, **_values(visit) | values)


def _values(visit: Visit) -> dict[str, Any]:
    me, parts = visit.me, visit.parts
    passkeys = parts.users.passkeys(me.user_id)
    looks = visit.may(Permission.EVIDENCE_VIEW)
    views = []
    if looks:
        with parts.records.read() as transaction:
            views = list(transaction.reviews.views_by(me.user_id, visit.now - DAY))
    return {
        "errors": {},
        "wait": 0,
        "focus": "",
        "me": me,
        "roles": sorted(me.roles),
        "looks": looks,
        "bounds": bounds(parts.review),
        "house": parts.review,
        "chosen": me.preferences,
        "numbers": shown(me.preferences),
        "limits": parts.views.limits(me) if looks else None,
        "budget": parts.views.budget(me) if looks else None,
        "views": views[::-1],
        "factors": len(passkeys) + (me.totp is not None),
        "passkeys": [(encoded(key.credential_id), key) for key in passkeys],
        "sessions": [
            (handle(session), session, _is_this(visit, session))
            for session in parts.users.sessions(me.user_id)
        ],
    }


# Preferences


def account_preferences(visit: Visit) -> Reply:
    """Take what was chosen, if nothing of it is laxer than the house."""
    before = visit.me.preferences
    if not visit.may(Permission.EVIDENCE_VIEW):
        chosen = dataclasses.replace(before, language=language_of(visit.form))
        refused: Mapping[str, Any] = {}
    else:
        chosen, refused = preferences_of(visit.form, visit.parts.review, before)
    if refused:
        errors = {
            name: visit.text(refusal.text, bound=refusal.bound) for name, refusal in refused.items()
        }
        numbers = {name: visit.form.get(name, "")[:16] for name in bounds(visit.parts.review)}
        return _page(
            visit,
            UNPROCESSABLE,
            errors=errors,
            focus=next(iter(errors)),
            chosen=chosen,
            numbers=numbers,
        )
    if is_laxer(chosen, before, visit.parts.review):
        return confirming(visit, lambda known: _kept(known, chosen))
    return _kept(visit, chosen)


def _kept(visit: Visit, chosen: Preferences) -> Reply:
    visit.parts.users.set_preferences(visit.me.user_id, chosen)
    return _done(visit, "saved")


# Password


def account_password(visit: Visit) -> Reply:
    """Change the password; all other sessions end."""
    new = visit.form.get("password", "")
    if new != visit.form.get("again", ""):
        errors = {"again": visit.text("The two passwords are not the same.")}
        return _page(visit, UNPROCESSABLE, errors=errors, focus="again")
    try:
        token = visit.parts.sign_in.change_password(
            visit.token, visit.client, visit.form.get("old", ""), new
        )
    except PasswordError as error:
        errors = {"password": f"{visit.text(error.message)} {visit.text(error.hint)}"}
        return _page(visit, UNPROCESSABLE, errors=errors, focus="password")
    except SignInError as error:
        values = _values(visit)
        for name in ("errors", "wait", "focus"):
            del values[name]
        errors = {"old": visit.text("This is not your present password.")}
        return asked_again(visit, "account.html", error, errors, **values)
    return dataclasses.replace(_done(visit, "password_changed"), cookie=token)


# Second factors


def account_totp(visit: Visit) -> Reply:
    """Show a new secret for an authenticator app; it takes the old one's place once confirmed."""
    return confirming(visit, lambda known: enrol_totp(known, "account_totp.html"))


def account_totp_confirm(visit: Visit) -> Reply:
    """Take the first code of the authenticator app."""
    return confirm_totp(visit, "account_totp.html", visit.url("account", done="totp_added"))


def account_passkey(visit: Visit) -> Reply:
    """Let somebody register another passkey."""
    return confirming(
        visit,
        lambda known: known.page(
            "account_passkey.html", errors={}, wait=0, focus="label", label=""
        ),
    )


def account_passkey_options(visit: Visit) -> Reply:
    """What the browser needs to make a passkey."""
    return passkey_options(visit)


def account_passkey_add(visit: Visit) -> Reply:
    """Take the passkey."""
    return add_passkey(visit, "account_passkey.html", visit.url("account", done="passkey_added"))


def account_passkey_remove(visit: Visit) -> Reply:
    """Remove a passkey; never the last second factor, which the service refuses."""
    try:
        credential = base64.urlsafe_b64decode(visit.form.get("passkey", "") + "==")
    except (binascii.Error, ValueError):
        raise FormError from None
    users = visit.parts.users
    return _removed(
        visit,
        "passkey_removed",
        lambda: users.remove_passkey(visit.me.user_id, credential, actor(visit)),
    )


def account_totp_remove(visit: Visit) -> Reply:
    """Remove the authenticator app; never the last second factor."""
    users = visit.parts.users
    return _removed(
        visit, "totp_removed", lambda: users.remove_totp(visit.me.user_id, actor(visit))
    )


def _removed(visit: Visit, code: str, remove: Callable[[], None]) -> Reply:
    return confirming(visit, lambda known: _removed_by(known, code, remove))


def _removed_by(visit: Visit, code: str, remove: Callable[[], None]) -> Reply:
    try:
        remove()
    except LastFactorError as error:
        errors = {"factors": f"{visit.text(error.message)} {visit.text(error.hint)}"}
        return _page(visit, UNPROCESSABLE, errors=errors)
    return _done(visit, code)


def encoded(credential_id: bytes) -> str:
    """A passkey as a form names it."""
    return base64.urlsafe_b64encode(credential_id).rstrip(b"=").decode("ascii")


# Sessions


def account_session_end(visit: Visit) -> Reply:
    """End one other session of one's own."""
    wanted = visit.form.get("session", "")
    for session in visit.parts.users.sessions(visit.me.user_id):
        if handle(session) == wanted and not _is_this(visit, session):
            visit.parts.users.end_session(visit.me.user_id, session.token_hash, actor(visit))
    return _done(visit, "session_ended")


def account_sessions_end(visit: Visit) -> Reply:
    """End all other sessions of one's own."""
    assert visit.session is not None
    visit.parts.users.end_sessions(visit.me.user_id, actor(visit), visit.session.token_hash)
    return _done(visit, "sessions_ended")


def handle(session: Session) -> str:
    """A session as a form names it: a digest of what is stored, which itself is not shown."""
    return hashlib.sha256(session.token_hash).hexdigest()[:HANDLE_LENGTH]


def _is_this(visit: Visit, session: Session) -> bool:
    return visit.session is not None and visit.session.token_hash == session.token_hash


def _done(visit: Visit, code: str) -> Reply:
    return visit.redirect(visit.url("account", done=code))


_OWN = Permission.SIGNED_IN
ROUTES: tuple[Route, ...] = (
    Route("GET", "/account", "account", _OWN, account),
    Route("POST", "/account/preferences", "account_preferences", _OWN, account_preferences),
    Route("POST", "/account/password", "account_password", _OWN, account_password),
    Route("POST", "/account/confirm", "account_confirm", _OWN, confirm),
    Route("POST", "/account/totp", "account_totp", _OWN, account_totp),
    Route("POST", "/account/totp/confirm", "account_totp_confirm", _OWN, account_totp_confirm),
    Route("POST", "/account/totp/remove", "account_totp_remove", _OWN, account_totp_remove),
    Route("GET", "/account/passkey", "account_passkey", _OWN, account_passkey),
    Route(
        "POST",
        "/account/passkey/options",
        "account_passkey_options",
        _OWN,
        account_passkey_options,
        streams=True,
    ),
    Route("POST", "/account/passkey", "account_passkey_add", _OWN, account_passkey_add),
    Route(
        "POST", "/account/passkey/remove", "account_passkey_remove", _OWN, account_passkey_remove
    ),
    Route("POST", "/account/sessions/end", "account_session_end", _OWN, account_session_end),
    Route(
        "POST", "/account/sessions/end-others", "account_sessions_end", _OWN, account_sessions_end
    ),
)
