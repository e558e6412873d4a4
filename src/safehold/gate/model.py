"""What the gate knows of a call, and why something is not let through.

Its settings are `GateOptions` and `RepeatOptions` of `safehold.config.gates`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from safehold.config.gates import GateOptions as GateOptions  # noqa: PLC0414
from safehold.config.gates import RepeatOptions as RepeatOptions  # noqa: PLC0414
from safehold.errors import SafeholdError, UsageError


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


class GateSetupError(UsageError):
    """The gate cannot be set up as it is asked for."""

    code = "gate_setup"
    default_message = "The gate cannot be set up like that."


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
