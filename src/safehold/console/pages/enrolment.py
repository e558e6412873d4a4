"""Second factors are enrolled in the same way at set-up and later: code apps and passkeys."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from markupsafe import Markup

from safehold.console.visit import Reply, Visit
from safehold.users.model import SignInError, SignInWaitError

UNPROCESSABLE = 422
TOO_MANY = 429
MAX_LABEL = 64
"""Characters of the word by which somebody knows a passkey again."""


def asked_again(
    visit: Visit, template: str, error: SignInError, errors: Mapping[str, str], **values: object
) -> Reply:
    """A form again: what was wrong stands beside its field, or how long the next try waits."""
    focus = next(iter(errors))
    if isinstance(error, SignInWaitError):
        reply = visit.page(template, TOO_MANY, errors={}, wait=error.seconds, focus=focus, **values)
        return dataclasses.replace(reply, headers={"Retry-After": str(error.seconds)})
    return visit.page(template, UNPROCESSABLE, errors=errors, wait=0, focus=focus, **values)


def as_json(text: str) -> Reply:
    """An answer to the console's own script."""
    return Reply(text.encode("utf-8"), media_type="application/json")


def enrol_totp(visit: Visit, template: str) -> Reply:
    """Begin with a new secret. It is shown on the page that answers, and in no address."""
    enrolment = visit.parts.sign_in.begin_totp(visit.token, visit.client)
    return visit.page(
        template,
        errors={},
        wait=0,
        focus="",
        # The drawing is made of the secret alone, by the service that checks it.
        drawing=Markup(enrolment.svg),  # noqa: S704
        secret=_in_fours(enrolment.secret),
        uri=enrolment.uri,
    )


def confirm_totp(visit: Visit, template: str, address: str) -> Reply:
    """Take the first code; after a wrong one the same secret is asked for again, unseen."""
    code = "".join(visit.form.get("code", "").split())
    try:
        token = visit.parts.sign_in.confirm_totp(visit.token, visit.client, code)
    except SignInError as error:
        errors = {"code": wrong_code(visit)}
        return asked_again(visit, template, error, errors, drawing="", secret="", uri="")
    return dataclasses.replace(visit.redirect(address), cookie=token)


def passkey_options(visit: Visit) -> Reply:
    """What the browser needs to make a passkey."""
    return as_json(visit.parts.sign_in.register_options(visit.token, visit.client))


def add_passkey(visit: Visit, template: str, address: str) -> Reply:
    """Take a passkey that the browser has made."""
    label = " ".join(visit.form.get("label", "").split())[:MAX_LABEL]
    try:
        token = visit.parts.sign_in.register_passkey(
            visit.token, visit.client, visit.form.get("response", ""), label
        )
    except SignInError as error:
        errors = {"passkey": wrong_passkey(visit)}
        return asked_again(visit, template, error, errors, label=label)
    return dataclasses.replace(visit.redirect(address), cookie=token)


def wrong_code(visit: Visit) -> str:
    """What stands beside a code that was not taken."""
    return visit.text("This code was not taken. Wait for the app's next code, and type that.")


def wrong_passkey(visit: Visit) -> str:
    """What stands above a passkey that was not taken."""
    return visit.text("The passkey was not taken. Try again.")


def _in_fours(secret: str) -> str:
    """A secret as people copy it."""
    return " ".join(secret[place : place + 4] for place in range(0, len(secret), 4))
