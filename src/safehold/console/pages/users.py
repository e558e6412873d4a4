"""Users: who works in the house, and with which roles.

A one-time code is shown on the page that answers the form which made it: never in an address, and
nowhere a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.audit.model import EventFilter
from safehold.console.catalog import mark
from safehold.console.errors import FormError
from safehold.console.pages.account import actor
from safehold.console.pages.enrolment import UNPROCESSABLE
from safehold.console.visit import Reply, Route, Visit
from safehold.errors import SafeholdError
from safehold.ids import UserId
from safehold.users.model import User, UserExistsError, UserNameError
from safehold.users.roles import APART, Permission, Role, RolesError
from safehold.users.service import LastAdminError

SIGNED_IN = "user.signed_in"
"""The audit event of a sign-in."""

NO_ROLE = mark("Choose at least one role.")
OWN_RESET = mark("Your own account is reset by another admin, or by the command line.")

ROLE_WORDS: Mapping[Role, str] = {
    Role.REVIEWER: mark("Decides held cases; may look at previews."),
    Role.APPROVER: mark("Reviews, and is the second person where two are needed."),
    Role.OFFICER: mark("Handles reports and exports of originals, and sets legal holds."),
    Role.AUDITOR: mark("Reads the audit log and the figures; opens no evidence."),
    Role.ADMIN: mark("Manages users and settings; opens no evidence."),
}
"""What each role is, beside its box."""


def users(visit: Visit) -> Reply:
    """All users, and the form to add one."""
    return _list(visit)


def _list(visit: Visit, status: int = 200, **values: Any) -> Reply:
    found = [(user, _state(visit, user)) for user in visit.parts.users.users()]
    values = {"errors": {}, "focus": "", "name": "", "given": frozenset()} | values
    return visit.page("users.html", status, users=found, **_roles(), **values)


def _roles() -> dict[str, Any]:
    return {"roles": tuple(Role), "role_words": ROLE_WORDS, "apart": APART}


def user_add(visit: Visit) -> Reply:
    """Add a user; the page has the one-time code."""
    name = visit.form.get("name", "").strip().lower()
    given = _given_roles(visit)
    if not given:
        errors = {"roles": visit.text(NO_ROLE)}
        return _list(visit, UNPROCESSABLE, errors=errors, focus="roles", name=name[:64])
    try:
        user, code = visit.parts.users.add(name, given, actor(visit))
    except (UserNameError, UserExistsError) as error:
        errors = {"name": _said(visit, error)}
    except RolesError as error:
        errors = {"roles": _said(visit, error)}
    else:
        return _code(visit, user, code)
    return _list(
        visit, UNPROCESSABLE, errors=errors, focus=next(iter(errors)), name=name[:64], given=given
    )


def _code(visit: Visit, user: User, code: str) -> Reply:
    hours = visit.parts.options.setup_hours
    return visit.page("user_code.html", user=user, code=code, hours=round(hours))


def user(visit: Visit) -> Reply:
    """One user."""
    return _one(visit, _wanted(visit))


def _one(visit: Visit, user: User, status: int = 200, **values: Any) -> Reply:
    parts = visit.parts
    passkeys = len(parts.users.passkeys(user.user_id))
    with parts.records.read() as transaction:
        wanted = EventFilter(kind=SIGNED_IN, subject=user.user_id, limit=1)
        last = list(transaction.audit.search(wanted))
    values = {"errors": {}, "focus": "", "given": user.roles} | values
    return visit.page(
        "user.html",
        status,
        user=user,
        state=state(user, passkeys),
        passkeys=passkeys,
        sessions=parts.users.sessions(user.user_id),
        last_sign_in=last[0].draft.at if last else None,
        is_me=user.user_id == visit.me.user_id,
        oidc_issuer=parts.options.oidc_issuer,
        **_roles(),
        **values,
    )


def user_roles(visit: Visit) -> Reply:
    """Change roles; what does not go together is refused and explained, and one's own are too."""
    user, given = _wanted(visit), _given_roles(visit)
    if not given:
        return _refused(visit, user, "roles", visit.text(NO_ROLE), given)
    try:
        visit.parts.users.set_roles(user.user_id, given, actor(visit))
    except (RolesError, LastAdminError) as error:
        return _refused(visit, user, "roles", _said(visit, error), given)
    return _done(visit, user, "roles_changed")


def user_reset(visit: Visit) -> Reply:
    """Have somebody set up their account anew; the page has the one-time code."""
    user = _wanted(visit)
    if user.user_id == visit.me.user_id:
        return _refused(visit, user, "access", visit.text(OWN_RESET), user.roles)
    return _code(visit, user, visit.parts.users.reset(user.user_id, actor(visit)))


def user_disable(visit: Visit) -> Reply:
    """Somebody can no longer sign in; their sessions end."""
    user = _wanted(visit)
    try:
        visit.parts.users.disable(user.user_id, actor(visit))
    except LastAdminError as error:
        return _refused(visit, user, "access", _said(visit, error), user.roles)
    if user.user_id == visit.me.user_id:
        return visit.redirect(visit.url("sign_in", done="signed_out"))
    return _done(visit, user, "user_disabled")


def user_enable(visit: Visit) -> Reply:
    """Somebody can sign in again."""
    user = _wanted(visit)
    visit.parts.users.enable(user.user_id, actor(visit))
    return _done(visit, user, "user_enabled")


def user_sessions_end(visit: Visit) -> Reply:
    """End all sessions of somebody; of one's own all but this one."""
    user = _wanted(visit)
    mine = user.user_id == visit.me.user_id and visit.session is not None
    but = visit.session.token_hash if mine and visit.session else b""
    visit.parts.users.end_sessions(user.user_id, actor(visit), but)
    return _done(visit, user, "user_sessions_ended")


def user_provider(visit: Visit) -> Reply:
    """Tie somebody to a subject of the house's identity provider, or untie them."""
    user, issuer = _wanted(visit), visit.parts.options.oidc_issuer
    subject = visit.form.get("subject", "").strip()
    if not issuer or len(subject) > 255 or any(letter.isspace() for letter in subject):
        raise FormError
    visit.parts.users.link_oidc(
        user.user_id, f"{issuer} {subject}" if subject else "", actor(visit)
    )
    return _done(visit, user, "saved")


def state(user: User, passkeys: int) -> str:
    """Where an account stands: `disabled`, `pending` (to be set up) or `active`."""
    if user.disabled is not None:
        return "disabled"
    ready = user.setup is None and (user.totp is not None or passkeys > 0)
    return "active" if ready else "pending"


def _state(visit: Visit, user: User) -> str:
    return state(user, len(visit.parts.users.passkeys(user.user_id)))


def _wanted(visit: Visit) -> User:
    return visit.parts.users.user(UserId(visit.path["user_id"]))


def _given_roles(visit: Visit) -> frozenset[Role]:
    try:
        return frozenset(Role(given) for given in visit.form_lists.get("roles", ()))
    except ValueError:
        raise FormError from None


def _refused(visit: Visit, user: User, field: str, text: str, given: frozenset[Role]) -> Reply:
    return _one(visit, user, UNPROCESSABLE, errors={field: text}, focus=field, given=given)


def _said(visit: Visit, error: SafeholdError) -> str:
    return f"{visit.text(error.message)} {visit.text(error.hint)}".strip()


def _done(visit: Visit, user: User, code: str) -> Reply:
    return visit.redirect(visit.url("user", user_id=user.user_id, done=code))


_ADMIN = Permission.USERS_MANAGE
ROUTES: tuple[Route, ...] = (
    Route("GET", "/users", "users", _ADMIN, users),
    Route("POST", "/users", "user_add", _ADMIN, user_add),
    Route("GET", "/users/{user_id}", "user", _ADMIN, user),
    Route("POST", "/users/{user_id}/roles", "user_roles", _ADMIN, user_roles),
    Route("POST", "/users/{user_id}/reset", "user_reset", _ADMIN, user_reset),
    Route("POST", "/users/{user_id}/disable", "user_disable", _ADMIN, user_disable),
    Route("POST", "/users/{user_id}/enable", "user_enable", _ADMIN, user_enable),
    Route("POST", "/users/{user_id}/sessions/end", "user_sessions_end", _ADMIN, user_sessions_end),
    Route("POST", "/users/{user_id}/provider", "user_provider", _ADMIN, user_provider),
)
