"""Users, their second factors and their sessions, as they are stored.

Secrets are stored so that a stolen database opens no session: passwords as argon2id, session
tokens and set-up codes as SHA-256 of 256 random bits, the secrets of TOTP sealed with a key that
is derived from the home's digest key and is not in the database.
"""

from __future__ import annotations

import datetime as dt
import enum
import re
from dataclasses import dataclass, field

from safehold.errors import SafeholdError, UsageError
from safehold.ids import UserId
from safehold.users.roles import Role

_USER_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
LANGUAGES = ("en", "fr")


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a user has chosen for themselves. Only what is stricter than the house counts.

    Attributes:
        language: one of `LANGUAGES`; empty for the browser's.
        colour: whether previews may be seen in colour.
        sharpen: whether previews may be sharpened at all.
        side: longest side of a preview in pixels; 0 for the house's.
        views_per_day: budget of views; 0 for the house's.
        view_seconds: after how long a preview hides itself; 0 for the house's.
        pause_after: views after which a pause is enforced; 0 for the house's.
        pause_minutes: how long that pause is; 0 for the house's.
    """

    language: str = ""
    colour: bool = True
    sharpen: bool = True
    side: int = 0
    views_per_day: int = 0
    view_seconds: int = 0
    pause_after: int = 0
    pause_minutes: int = 0


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who works in the console.

    Attributes:
        user_id: its id, which stands in the audit log as `user:ID`.
        name: what is typed to sign in; unique, lower-case letters, digits, `.`, `_` and `-`.
        roles: see `roles`.
        created: when it was added.
        disabled: since when it cannot sign in, or None.
        password: argon2id in PHC form; empty until it was set.
        totp: the sealed secret of TOTP, or None.
        totp_step: number of the last time step whose code was taken; a code is taken once.
        setup: SHA-256 of the one-time set-up code, or None once the account was set up with it.
        setup_until: until when that code is taken.
        failures: sign-ins that failed since the last that did not.
        locked_until: until when none is tried (backoff), or None.
        oidc: `issuer subject` of the identity provider, or empty.
        preferences: what the user has chosen.
    """

    user_id: UserId
    name: str
    roles: frozenset[Role]
    created: dt.datetime
    disabled: dt.datetime | None = None
    password: str = field(default="", repr=False)
    totp: bytes | None = field(default=None, repr=False)
    totp_step: int = 0
    setup: bytes | None = field(default=None, repr=False)
    setup_until: dt.datetime | None = None
    failures: int = 0
    locked_until: dt.datetime | None = None
    oidc: str = ""
    preferences: Preferences = Preferences()


@dataclass(frozen=True, slots=True)
class Passkey:
    """A WebAuthn credential of a user.

    Attributes:
        credential_id: as the authenticator named it.
        user_id: whose it is.
        public_key: COSE key.
        sign_count: the last counter that the authenticator told.
        label: a word of the user's.
        created: when it was registered.
    """

    credential_id: bytes
    user_id: UserId
    public_key: bytes = field(repr=False)
    sign_count: int
    label: str
    created: dt.datetime


class Stage(enum.StrEnum):
    """How far a sign-in has come."""

    FACTOR = "factor"
    """The password was right; the second factor is asked for."""

    SETUP = "setup"
    """A set-up code was given: a password is set and a second factor enrolled first."""

    FULL = "full"


@dataclass(frozen=True, slots=True)
class Session:
    """A session of the console.

    Attributes:
        token_hash: SHA-256 of the token in the cookie (32 bytes).
        user_id: whose it is.
        stage: only `FULL` opens pages.
        created: when it began.
        seen: when it was last used, to within a minute.
        expires: when it ends, whatever happens.
        client: keyed digest (16 bytes) of what it is bound to (browser and address).
        challenge: of a passkey call or an enrolment that is under way, sealed as `User.totp`
            is; empty for none.
        confirmed: when the password or a second factor was last asked for and shown; None
            before the last stage.
    """

    token_hash: bytes = field(repr=False)
    user_id: UserId
    stage: Stage
    created: dt.datetime
    seen: dt.datetime
    expires: dt.datetime
    client: bytes = field(repr=False)
    challenge: bytes = field(default=b"", repr=False)
    confirmed: dt.datetime | None = None


class UserNameError(UsageError):
    """A name that no user can have."""

    code = "user_name"
    default_message = "That is not a possible name of a user."
    default_hint = "Take 1 to 64 lower-case letters, digits, '.', '_' and '-'."


class UnknownUserError(UsageError):
    """A user that does not exist."""

    code = "user_unknown"
    default_message = "There is no such user."
    default_hint = "'safehold user list' names the users there are."


class UserExistsError(UsageError):
    """A user of that name exists already."""

    code = "user_exists"
    default_message = "There is a user of that name already."


class SignInError(SafeholdError):
    """Somebody could not sign in. It is not said why."""

    code = "sign_in"
    default_message = "That did not work. Check the name, the password and the code."
    default_hint = "After several failures the next try has to wait."


class SignInWaitError(SignInError):
    """Too many failures: the next try has to wait. Whether the user exists is not told."""

    code = "sign_in_wait"
    default_message = "Too many tries. Wait a while before the next."

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self.seconds = seconds


class PasswordError(SafeholdError):
    """A password that cannot be taken."""

    code = "password"
    default_message = "That password cannot be taken."
    default_hint = "Take at least 12 characters, not the name, and none of the most common ones."


class SessionError(SafeholdError):
    """No session, or one that has ended or belongs to another browser."""

    code = "session"
    default_message = "Please sign in."


class ConfirmError(SafeholdError):
    """Something for which it is to be confirmed first who is there."""

    code = "confirm"
    default_message = "Please confirm first that it is you."
    default_hint = "Load the page again."


def user_name(text: str) -> str:
    """Check the name of a user. Raises `UserNameError`."""
    if _USER_NAME.fullmatch(text) is None:
        raise UserNameError
    return text
