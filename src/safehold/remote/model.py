"""Remote matchers: what they are, and what they say of one item.

A remote matcher is a list that stands elsewhere: what it finds are matches, with a tier that the
operator gives it, and go through the same policy. What it does not answer in time counts as a
list that is missing: the item could not be checked by it.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from safehold.errors import UsageError
from safehold.hashing.model import Orientation, RemoteSignal, SignalType, VariantDigests
from safehold.lists.exchanges.model import Credentials
from safehold.lists.model import REMOTE_PREFIX, Tier
from safehold.matching.match import Match
from safehold.outbound.model import Call

MAX_WORD = 64
"""Longest word of a service that is kept, in characters."""
MAX_FOUND = 200
"""Matches of one matcher with one item that are kept, the nearest first."""
LIST_PREFIX = REMOTE_PREFIX
"""How the names begin that stand in the place of a list's."""
_OTHER = re.compile(r"[^A-Za-z0-9._:-]+")


class RemoteKind(enum.StrEnum):
    """The kinds of services."""

    ARACHNID = "arachnid"
    """Arachnid Shield of the Canadian Centre for Child Protection."""

    PHOTODNA = "photodna"
    """PhotoDNA Cloud Service, which takes the picture itself."""

    HMA = "hma"
    """Look-up by another Hasher-Matcher-Actioner."""


class Send(enum.StrEnum):
    """What leaves the house."""

    DIGESTS = "digests"
    PICTURE = "picture"


class RemoteCode(enum.StrEnum):
    """How asking went. Stable codes."""

    ANSWERED = "answered"
    """It said what it finds, which may be nothing."""
    NOTHING_TO_ASK = "nothing_to_ask"
    """No picture, or too plain for PDQ: nothing was sent. Lists would have found nothing either."""
    NO_BYTES = "no_bytes"
    """It takes pictures, and the digests alone are known."""
    UNSUPPORTED_TYPE = "unsupported_type"
    """A type of picture that the service does not take."""
    TOO_LARGE = "too_large"
    OVER_BUDGET = "over_budget"
    """More items than `per_minute`, or than the service lets one ask about."""
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    """It cannot be reached, or says that it cannot answer now."""
    REFUSED = "refused"
    """It takes the call or the credentials for wrong."""
    DENIED = "denied"
    """Its address may not be called."""
    BAD_ANSWER = "bad_answer"
    """An answer that is not of the service's shape."""
    NOT_CONFIGURED = "not_configured"
    """A surface names it, and no settings tell what it is."""


_TIERS = frozenset({Tier.CONFIRMED.value, Tier.SUSPECTED.value, Tier.OBSERVE.value})
_WHAT_IS_TAKEN: Mapping[str, frozenset[str]] = {
    RemoteKind.ARACHNID.value: frozenset({Send.DIGESTS.value, Send.PICTURE.value}),
    RemoteKind.PHOTODNA.value: frozenset({Send.PICTURE.value}),
    RemoteKind.HMA.value: frozenset({Send.DIGESTS.value}),
}


@dataclass(frozen=True, slots=True)
class MatcherOptions:
    """One remote matcher, a table `[matchers.NAME]` of the settings; surfaces name it.

    Attributes:
        kind: `arachnid`, `photodna` or `hma`; its default is refused.
        url: its address; may be empty where the kind has a public one. Of `arachnid` and `hma`
            it is what stands before the paths `/v1/...` and `/m/...`.
        tier: how far its matches are trusted: `confirmed`, `suspected` or `observe`.
        credentials_file: a TOML file, mode 0600, with `user`, `password` or `key`.
        credentials_env: an environment variable with the same, instead of the file.
        send: `digests` to send digests only, `picture` to send the picture itself. `photodna`
            takes pictures only and `hma` digests only, and to each the other is refused.
        banks: of `hma`: the banks that are asked; empty for all.
        timeout_seconds: time for one item, waiting for a free place among `max_concurrent` too.
        max_concurrent: items that are asked about at the same time.
        per_minute: items that are asked about in a minute; 0 for any number. Beyond it items
            count as not checked.
        max_bytes: largest picture that is sent.
        required: whether an item that could not be asked about is held.
    """

    kind: str = ""
    url: str = field(default="", repr=False)
    tier: str = "suspected"
    credentials_file: str = ""
    credentials_env: str = ""
    send: str = "digests"
    banks: tuple[str, ...] = ()
    timeout_seconds: float = 5.0
    max_concurrent: int = 16
    per_minute: int = 0
    max_bytes: int = 16_777_216
    required: bool = True

    def __post_init__(self) -> None:
        """Raise `MatcherOptionsError` for values that could never work."""
        if (
            self.send not in _WHAT_IS_TAKEN.get(self.kind, ())
            or (self.kind == RemoteKind.HMA and not self.url)
            or self.tier not in _TIERS
            or not math.isfinite(self.timeout_seconds)
            or self.timeout_seconds <= 0
            or min(self.max_concurrent, self.max_bytes) < 1
            or self.per_minute < 0
        ):
            raise MatcherOptionsError


@dataclass(frozen=True, slots=True)
class RemoteMatcher:
    """A matcher as it is used.

    Attributes:
        name: the operator's word for it, the table's name; unique.
        options: what the settings say.
        credentials: what proves to the service who asks.
    """

    name: str
    options: MatcherOptions
    credentials: Credentials = field(default=Credentials(), repr=False)


@dataclass(frozen=True, slots=True)
class RemoteItem:
    """What may be asked about.

    Attributes:
        variants: PDQ of all its variants, of whatever quality.
        picture: whether it is a picture by its content.
        media_type: its type by its content, `image/jpeg` and so on.
        size: its bytes.
        read: gives the bytes, called at most once, and only if they are sent to somebody; None
            where the digests alone are known.
    """

    variants: tuple[VariantDigests, ...] = field(repr=False)
    picture: bool
    media_type: str
    size: int
    read: Callable[[], Awaitable[bytes]] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """An entry that a service names.

    Attributes:
        entry: its id, in the service's words or derived from them; bounded, and no digest.
        classification: in the service's words; bounded.
        signal: by which digest.
        distance: in bits; 0 for equal ones, `UNKNOWN_DISTANCE` where it does not say.
        variant: which variant matched; empty where that says nothing.
        orientation: how it was turned; None where that is not known.
    """

    entry: str
    classification: str
    signal: SignalType | RemoteSignal
    distance: int
    variant: str = ""
    orientation: Orientation | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """One call, and whose hashes it sends.

    Attributes:
        call: the call.
        hashes: of each hash that is sent, in the service's form, the variant and orientation.
    """

    call: Call = field(repr=False)
    hashes: Mapping[str, tuple[str, Orientation]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Answered:
    """What one matcher says of one item, or why it says nothing.

    Attributes:
        name: the matcher's.
        code: how asking went.
        matches: what it found; empty unless `code` is `answered`.
        required: whether the item is held where there is no answer. True of a matcher that does
            not exist.
    """

    name: str
    code: RemoteCode
    matches: tuple[Match, ...] = ()
    required: bool = True

    @property
    def is_missing(self) -> bool:
        """Whether a check could not be made that must be."""
        return self.required and self.code not in (RemoteCode.ANSWERED, RemoteCode.NOTHING_TO_ASK)


class MatcherOptionsError(UsageError):
    """Settings of a remote matcher that could never work."""

    code = "matcher_options"
    default_message = "The settings of a remote matcher cannot be used."
    default_hint = (
        "It needs a kind ('arachnid', 'photodna' with send = 'picture', or 'hma' with a url), "
        "the kind's credentials, a tier of 'confirmed', 'suspected' or 'observe', and bounds above "
        "zero."
    )


class BadAnswerError(ValueError):
    """An answer that is not of the service's shape; becomes `bad_answer`."""


class NotAnsweredError(ValueError):
    """A service that says, in an answer of its shape, that it did not look; becomes `refused`."""


def word(text: object, otherwise: str = "") -> str:
    """A word of a service as it is kept: letters, digits, `.`, `_`, `:` and `-`, bounded."""
    if not isinstance(text, str):
        return otherwise
    return _OTHER.sub("_", text[: 4 * MAX_WORD]).strip("_")[:MAX_WORD] or otherwise
