"""Services (tenants), API keys, remembered answers and usage.

Everything of a service is invisible to every other: each read names the service it is for.
"""

from __future__ import annotations

import datetime as dt
import enum
import re
from dataclasses import dataclass, field

from safehold.errors import SafeholdError, UsageError
from safehold.ids import KeyId, ServiceId

CANARY_SERVICE = "safehold.canary"
"""Name of the service under which canaries ask. It counts in no figure."""

_SERVICE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Scope(enum.StrEnum):
    """What an API key may do."""

    SCREEN = "screen"
    """Have items checked, read receipts and confirm them, and send bytes that are awaited."""

    DIGESTS = "digests"
    """Have digests checked without the bytes. Off by default: it is the better oracle."""

    FLAGS = "flags"
    """Hand in what a user of the service flags."""

    APPEALS = "appeals"
    """Hand in an uploader's appeal."""


DEFAULT_SCOPES = frozenset({Scope.SCREEN, Scope.FLAGS, Scope.APPEALS})


@dataclass(frozen=True, slots=True)
class Service:
    """A tenant: an application that asks.

    Attributes:
        service_id: its id.
        name: unique, lower-case letters, digits, `.`, `_` and `-`.
        created: when it was added.
        disabled: since when its keys are refused, or None.
        demo: whether it is a trial: reports of its cases go to simulators and test environments
            alone, and those of all others never there. It is set once, when it is added.
    """

    service_id: ServiceId
    name: str
    created: dt.datetime
    disabled: dt.datetime | None = None
    demo: bool = False


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as it is stored: never the secret, which was shown once.

    Attributes:
        key_id: its public half.
        service_id: whose it is.
        label: a word of the operator's.
        secret_hash: SHA-256 of the secret half (32 bytes). The secret has 256 random bits, so
            that a slow hash would add nothing.
        scopes: what it may do.
        hold_status: the HTTP status of a hold, 423 unless the caller needs another; 4xx or 5xx.
        per_minute: budget of the key where it differs from the settings, or None.
        created, expires, revoked: moments; None where that does not apply.
    """

    key_id: KeyId
    service_id: ServiceId
    label: str
    secret_hash: bytes = field(repr=False)
    scopes: frozenset[Scope]
    hold_status: int
    per_minute: int | None
    created: dt.datetime
    expires: dt.datetime | None = None
    revoked: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class RememberedAnswer:
    """The answer that was given under an idempotency key.

    Attributes:
        request: keyed digest (16 bytes) of the call, its body and its context.
        status: HTTP status.
        body: the answer's body.
        at: when it was given.
    """

    request: bytes
    status: int
    body: bytes
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a budget was used in one window of time by one server process.

    Attributes:
        subject: keyed digest (16 bytes) of what the budget is for: a key, or a service's user.
        window: number of the window (minutes since 1970).
        count: how often.
    """

    subject: bytes
    window: int
    count: int


class ServiceNameError(UsageError):
    """A name that no service can have."""

    code = "service_name"
    default_message = "That is not a possible name of a service."
    default_hint = "Take 1 to 64 lower-case letters, digits, '.', '_' and '-'."


class UnknownServiceError(UsageError):
    """A service that does not exist."""

    code = "service_unknown"
    default_message = "There is no service of that name."
    default_hint = "'safehold service list' names the services there are."


class ServiceExistsError(UsageError):
    """A service of that name exists already."""

    code = "service_exists"
    default_message = "There is a service of that name already."


class UnknownKeyError(UsageError):
    """An API key that does not exist."""

    code = "key_unknown"
    default_message = "There is no such API key."
    default_hint = "'safehold key list' names the keys there are."


class ApiKeyError(SafeholdError):
    """A call whose API key is missing, unknown, expired or revoked. It is not said which."""

    code = "unauthorized"
    default_message = "The call has no valid API key."
    default_hint = "Send 'Authorization: Bearer KEY'; 'safehold key add' makes one."


def service_name(text: str) -> str:
    """Check the name of a service. Raises `ServiceNameError`."""
    if _SERVICE_NAME.fullmatch(text) is None:
        raise ServiceNameError
    return text
