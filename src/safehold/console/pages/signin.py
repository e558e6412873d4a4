"""Signing in and out, and setting up an account with a one-time code.

Two steps, each with a token of its own: name and password (or an identity provider), then a
second factor. Nothing here says whether a name exists, and what went wrong is said in the same
words for all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from safehold.console.pages.addresses import HOME, local_address
from safehold.console.pages.enrolment import (
    UNPROCESSABLE,
    add_passkey,
    as_json,
    asked_again,
    confirm_totp,
    enrol_totp,
    passkey_options,
    wrong_code,
    wrong_passkey,
)
from safehold.console.visit import Reply, Route, Visit
from safehold.users.model import (
    PasswordError,
    Session,
    SessionError,
    SignInError,
    Stage,
    User,
)


def _reached(visit: Visit) -> tuple[User, Session] | None:
    """Who is signing in, and how far they have come."""
    if not visit.token:
        return None
    try:
        return visit.parts.sign_in.session(visit.token, visit.client)
    except SessionError:
        return None


def _at(visit: Visit, stage: Stage) -> User | None:
    reached = _reached(visit)
    return reached[0] if reached is not None and reached[1].stage is stage else None


def _next(visit: Visit) -> str:
    given = visit.form if visit.form else visit.query
    return local_address(given.get("next", ""))


def _go(visit: Visit, address: str, token: str | None = None) -> Reply:
    return dataclasses.replace(visit.redirect(address), cookie=token)


def _start(visit: Visit) -> Reply:
    """To the first step: the time for this one is over, or it was never begun."""
    return visit.redirect(visit.url("sign_in", next=_next(visit)))


# Name and password


def sign_in(visit: Visit) -> Reply:
    """The first step."""
    reached = _reached(visit)
    if reached is not None and reached[1].stage is Stage.FULL:
        return visit.redirect(_next(visit) or HOME)
    return visit.page("sign_in.html", errors={}, wait=0, focus="name", **_first(visit))


def sign_in_password(visit: Visit) -> Reply:
    """Check name and password."""
    name = visit.form.get("name", "").strip().lower()
    try:
        token = visit.parts.sign_in.password(
            name, visit.form.get("password", ""), visit.client, visit.address
        )
    except SignInError as error:
        return _first_again(visit, error)
    return _go(visit, visit.url("sign_in_factor", next=_next(visit)), token)


def _first_again(visit: Visit, error: SignInError) -> Reply:
    """The same words whatever was wrong: a name that does not exist is not told from another."""
    errors = {"password": visit.text("That did not work. Check the name and the password.")}
    return asked_again(visit, "sign_in.html", error, errors, **_first(visit))


def _first(visit: Visit) -> Mapping[str, Any]:
    return {
        "name": visit.form.get("name", "").strip()[:64],
        "next": _next(visit),
        "has_oidc": visit.parts.sign_in.has_oidc,
    }


# An identity provider in place of the password


def sign_in_provider(visit: Visit) -> Reply:
    """To the identity provider. What is kept meanwhile is in the browser alone."""
    if not visit.parts.sign_in.has_oidc:
        return _start(visit)
    address, kept = visit.parts.sign_in.oidc_begin(visit.client)
    return dataclasses.replace(visit.redirect(address), kept=kept)


def sign_in_provider_back(visit: Visit) -> Reply:
    """Back from the identity provider."""
    if not visit.parts.sign_in.has_oidc:
        return _start(visit)
    try:
        token = visit.parts.sign_in.oidc_finish(
            visit.kept, visit.query, visit.client, visit.address
        )
    except SignInError as error:
        reply = _first_again(visit, error)
        return dataclasses.replace(reply, kept="")
    # The session's cookie does not come along while another site's redirect is followed: the
    # browser goes on from a page of the console itself.
    address = visit.url("sign_in_factor")
    page = visit.page("sign_in_back.html", address=address)
    return dataclasses.replace(page, headers={"Refresh": f"0;url={address}"}, cookie=token, kept="")


# The second factor


def sign_in_factor(visit: Visit) -> Reply:
    """The second step."""
    reached = _reached(visit)
    if reached is None:
        return _start(visit)
    user, session = reached
    if session.stage is Stage.FULL:
        return visit.redirect(_next(visit) or HOME)
    if session.stage is Stage.SETUP:
        return visit.redirect(visit.url("set_up"))
    return visit.page("factor.html", errors={}, wait=0, focus="code", **_second(visit, user))


def sign_in_totp(visit: Visit) -> Reply:
    """Check a code of the authenticator app."""
    code = "".join(visit.form.get("code", "").split())
    return _checked(
        visit,
        {"code": wrong_code(visit)},
        lambda: visit.parts.sign_in.totp(visit.token, visit.client, code),
    )


def sign_in_passkey_options(visit: Visit) -> Reply:
    """What the browser asks a passkey to sign."""
    return as_json(visit.parts.sign_in.passkey_options(visit.token, visit.client))


def sign_in_passkey(visit: Visit) -> Reply:
    """Check what a passkey signed."""
    response = visit.form.get("response", "")
    errors = {"passkey": wrong_passkey(visit)}
    return _checked(
        visit, errors, lambda: visit.parts.sign_in.passkey(visit.token, visit.client, response)
    )


def _checked(visit: Visit, errors: Mapping[str, str], check: Callable[[], str]) -> Reply:
    """Take the second factor; a session that is over starts anew."""
    user = _at(visit, Stage.FACTOR)
    if user is None:
        return _start(visit)
    try:
        token = check()
    except SessionError:
        return _start(visit)
    except SignInError as error:
        return asked_again(visit, "factor.html", error, errors, **_second(visit, user))
    return _go(visit, _next(visit) or HOME, token)


def _second(visit: Visit, user: User) -> Mapping[str, Any]:
    return {
        "next": _next(visit),
        "has_totp": user.totp is not None,
        "has_passkey": bool(visit.parts.users.passkeys(user.user_id)),
    }


def sign_out(visit: Visit) -> Reply:
    """End the session, however far it has come."""
    if visit.token:
        visit.parts.sign_in.sign_out(visit.token)
    return _go(visit, visit.url("sign_in", done="signed_out"), "")


# Setting up with a one-time code


def set_up(visit: Visit) -> Reply:
    """Ask for the one-time code."""
    user = _at(visit, Stage.SETUP)
    if user is not None:
        return visit.redirect(visit.url("set_up_factor" if user.password else "set_up_password"))
    return visit.page("setup.html", errors={}, wait=0, focus="code")


def set_up_code(visit: Visit) -> Reply:
    """Take the one-time code."""
    code = "".join(visit.form.get("code", "").split())
    try:
        token = visit.parts.sign_in.setup(code, visit.client, visit.address)
    except SignInError as error:
        return asked_again(
            visit,
            "setup.html",
            error,
            {"code": visit.text("This code is not taken. Check it, or ask for a new one.")},
        )
    return _go(visit, visit.url("set_up_password"), token)


def set_up_password(visit: Visit) -> Reply:
    """Ask for a password."""
    user = _at(visit, Stage.SETUP)
    if user is None:
        return visit.redirect(visit.url("set_up"))
    return visit.page("setup_password.html", errors={}, focus="password", name=user.name)


def set_up_password_set(visit: Visit) -> Reply:
    """Take the password."""
    user = _at(visit, Stage.SETUP)
    if user is None:
        return visit.redirect(visit.url("set_up"))
    errors = {}
    password = visit.form.get("password", "")
    if password != visit.form.get("again", ""):
        errors["again"] = visit.text("The two passwords are not the same.")
    else:
        try:
            visit.parts.sign_in.set_password(visit.token, visit.client, password)
        except PasswordError as error:
            errors["password"] = f"{visit.text(error.message)} {visit.text(error.hint)}"
    if errors:
        return visit.page(
            "setup_password.html",
            UNPROCESSABLE,
            errors=errors,
            focus=next(iter(errors)),
            name=user.name,
        )
    return visit.redirect(visit.url("set_up_factor"))


def set_up_factor(visit: Visit) -> Reply:
    """Let somebody choose their second factor."""
    return _with_password(visit, lambda: visit.page("setup_factor.html"))


def set_up_totp(visit: Visit) -> Reply:
    """Show a new secret for an authenticator app, on the page itself and nowhere else."""
    return _with_password(visit, lambda: enrol_totp(visit, "setup_totp.html"))


def set_up_totp_confirm(visit: Visit) -> Reply:
    """Take the first code of the authenticator app."""
    return _with_password(
        visit, lambda: confirm_totp(visit, "setup_totp.html", visit.url("account", done="set_up"))
    )


def set_up_passkey(visit: Visit) -> Reply:
    """Let somebody register a passkey."""
    return _with_password(
        visit, lambda: visit.page("setup_passkey.html", errors={}, focus="label", label="")
    )


def set_up_passkey_options(visit: Visit) -> Reply:
    """What the browser needs to make a passkey."""
    if _at(visit, Stage.SETUP) is None:
        raise SessionError
    return passkey_options(visit)


def set_up_passkey_add(visit: Visit) -> Reply:
    """Take the passkey."""
    return _with_password(
        visit, lambda: add_passkey(visit, "setup_passkey.html", visit.url("account", done="set_up"))
    )


def _with_password(visit: Visit, page: Callable[[], Reply]) -> Reply:
    """A step after the password was set; what comes before it is asked for first."""
    user = _at(visit, Stage.SETUP)
    if user is None or not user.password:
        return visit.redirect(visit.url("set_up"))
    return page()


_NONE = None
ROUTES: tuple[Route, ...] = (
    Route("GET", "/sign-in", "sign_in", _NONE, sign_in),
    Route("POST", "/sign-in", "sign_in_password", _NONE, sign_in_password),
    Route("GET", "/sign-in/provider", "sign_in_provider", _NONE, sign_in_provider),
    Route("GET", "/sign-in/provider/back", "sign_in_provider_back", _NONE, sign_in_provider_back),
    Route("GET", "/sign-in/factor", "sign_in_factor", _NONE, sign_in_factor),
    Route("POST", "/sign-in/factor", "sign_in_totp", _NONE, sign_in_totp),
    Route(
        "POST",
        "/sign-in/passkey/options",
        "sign_in_passkey_options",
        _NONE,
        sign_in_passkey_options,
        streams=True,
    ),
    Route("POST", "/sign-in/passkey", "sign_in_passkey", _NONE, sign_in_passkey),
    Route("POST", "/sign-out", "sign_out", _NONE, sign_out),
    Route("GET", "/set-up", "set_up", _NONE, set_up),
    Route("POST", "/set-up", "set_up_code", _NONE, set_up_code),
    Route("GET", "/set-up/password", "set_up_password", _NONE, set_up_password),
    Route("POST", "/set-up/password", "set_up_password_set", _NONE, set_up_password_set),
    Route("GET", "/set-up/factor", "set_up_factor", _NONE, set_up_factor),
    Route("POST", "/set-up/totp", "set_up_totp", _NONE, set_up_totp),
    Route("POST", "/set-up/totp/confirm", "set_up_totp_confirm", _NONE, set_up_totp_confirm),
    Route("GET", "/set-up/passkey", "set_up_passkey", _NONE, set_up_passkey),
    Route(
        "POST",
        "/set-up/passkey/options",
        "set_up_passkey_options",
        _NONE,
        set_up_passkey_options,
        streams=True,
    ),
    Route("POST", "/set-up/passkey", "set_up_passkey_add", _NONE, set_up_passkey_add),
)
