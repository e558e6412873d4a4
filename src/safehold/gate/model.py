"""What the gate knows of a call, its settings, and why something is not let through."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from safehold.errors import SafeholdError, UsageError
from safehold.media.limits import MIB


class Api(enum.StrEnum):
    """Whose shape the upstream speaks."""

    OPENAI = "openai"
    A1111 = "a1111"
    COMFYUI = "comfyui"
    INVOKEAI = "invokeai"


class Stage(enum.StrEnum):
    """Where something was stopped. For records and figures; callers are never told."""

    STANDING = "standing"
    """The account was stopped before."""
    WORDS = "words"
    MODEL = "model"
    SCORE = "score"
    """A moderation endpoint's score, or a required one gave none."""
    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class GateOptions:
    """Settings of a gate.

    Attributes:
        service: name of the service to which cases and records belong.
        surface: the surface whose settings and required lists count.
        account_header: header in which the operator's own front names the account; it must be
            set or removed by that front. Empty: the account is told by the call's credentials,
            and without any by the caller's address.
        proxies: networks whose word (`X-Forwarded-For`) is taken for the address of a caller,
            where the gate was told that it stands behind a proxy.
        monitors: networks that may ask for `/safehold/health/...` and `/safehold/metrics`.
        max_body_bytes: largest body of a call.
        max_answer_bytes: largest answer of the upstream.
        max_pictures: pictures in one call or answer; with more, all are withheld.
        max_calls: calls that may be under way; above that they are refused (503).
        account_share: share of `max_calls` and of `max_sockets` that one account may take.
        max_sockets: open sockets.
        pending_bytes: bodies and answers that are under way together.
        spool_bytes: pictures that are being checked together.
        body_seconds: time for a call's body.
        upstream_seconds: time for the upstream's answer.
        check_seconds: time for checking one answer; what is not checked by then is withheld.
        shutdown_seconds: how long calls that are under way may take when the gate ends.
        kept_seconds, kept_bytes: how long, and how much, the gate keeps of pictures for which it
            gave out addresses.
        terms, models: files of the operator's rules; empty for none.
        moderation: names of text classifiers (`classifiers` of the settings) that are asked.
    """

    service: str = ""
    surface: str = "generation"
    account_header: str = ""
    proxies: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    monitors: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    max_body_bytes: int = 64 * MIB
    max_answer_bytes: int = 256 * MIB
    max_pictures: int = 64
    max_calls: int = 64
    account_share: float = 0.5
    max_sockets: int = 256
    pending_bytes: int = 2_048 * MIB
    spool_bytes: int = 512 * MIB
    body_seconds: float = 30.0
    upstream_seconds: float = 600.0
    check_seconds: float = 60.0
    shutdown_seconds: float = 20.0
    kept_seconds: float = 3_600.0
    kept_bytes: int = 512 * MIB
    terms: str = ""
    models: str = ""
    moderation: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RepeatOptions:
    """What becomes of an account whose calls are refused again and again.

    Attributes:
        hours: within how many hours refusals are counted.
        alert: from so many on the operator is alarmed and the service told; 0 for never.
        slow: from so many on each call of the account waits `slow_seconds`; 0 for never.
        slow_seconds: how long.
        stop: from so many on the account's calls are all refused; 0 for never.
        stop_hours: for how long after the last refusal.
    """

    hours: float = 24.0
    alert: int = 3
    slow: int = 0
    slow_seconds: float = 10.0
    stop: int = 0
    stop_hours: float = 24.0


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks.

    Attributes:
        name: the account's name, or the keyed digest of its credentials; sealed wherever kept.
        pseudonym: 16 bytes, keyed by service; stands in records.
        address: the caller's IP address.
    """

    name: str = field(repr=False)
    pseudonym: bytes = field(repr=False)
    address: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model or adapter that a call asks for, as far as it says.

    Attributes:
        name: file name or title, as it stands.
        digest: hash in hex of any length that is used (10, 12, 64), or empty.
    """

    name: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Generation:
    """What is known of a picture's making, for records alone. Prompts and names are sealed.

    Attributes:
        api: the upstream's shape.
        words: what was asked for, all texts joined by a line feed.
        models: models and adapters.
        seed: as it was said.
        job: the upstream's own number.
    """

    api: Api
    words: str = field(default="", repr=False)
    models: tuple[ModelName, ...] = ()
    seed: str = ""
    job: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Words:
    """What a call asks for, before anything is made.

    Attributes:
        texts: prompts, negative prompts apart.
        negatives: what is asked to be left out. Terms are not searched for in it.
        models: models and adapters that are named.
        pictures: pictures that go in (bytes).
    """

    texts: tuple[str, ...] = field(default=(), repr=False)
    negatives: tuple[str, ...] = field(default=(), repr=False)
    models: tuple[ModelName, ...] = ()
    pictures: tuple[bytes, ...] = field(default=(), repr=False)


class GateError(SafeholdError):
    """Base of why the gate lets something not through."""

    code = "gate"
    default_message = "The call was not let through."


class RefusedError(GateError):
    """Refused. Callers get one and the same answer whatever the stage."""

    code = "generation_refused"
    default_message = "The call was refused."

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage


class UncheckedError(RefusedError):
    """It could not be checked (time-out, parse error, unknown content), so it is withheld.

    It counts as no refusal of the account.
    """

    code = "generation_unchecked"


class UpstreamError(GateError):
    """The upstream does not answer, or with something that is not of its shape."""

    code = "upstream"
    default_message = "The generation service does not answer."

    def __init__(self, status: int = 502) -> None:
        super().__init__()
        self.status = status


class ClosedRouteError(GateError):
    """A route that the gate does not let through."""

    code = "route_closed"
    default_message = "This address is not let through."


class GateRulesError(UsageError):
    """A file of rules cannot be used. Names the line, never what it says."""

    code = "gate_rules"
    default_message = "The file of rules cannot be used."


Headers = tuple[tuple[bytes, bytes], ...]
"""Names in lower case."""


@dataclass(frozen=True, slots=True)
class UpstreamCall:
    """A call to the upstream.

    Attributes:
        method, path: `path` is raw and begins with a slash.
        query: raw, without `?`.
        headers: those that go on; hop-by-hop ones, `accept-encoding`, `host` and the gate's own
            are taken out and set by the gate.
        body: bytes.
    """

    method: str
    path: str
    query: str = ""
    headers: Headers = ()
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class UpstreamReply:
    """A whole answer of the upstream."""

    status: int
    headers: Headers
    body: bytes = field(repr=False)

    def header(self, name: bytes) -> bytes:
        """A header's value, or empty."""
        return next((value for key, value in self.headers if key == name), b"")


@dataclass(frozen=True, slots=True)
class Reply:
    """What the caller gets. `headers` as `Headers`; a length is set by the gate."""

    status: int
    body: bytes = field(default=b"", repr=False)
    content_type: bytes = b"application/json"
    headers: Headers = ()
