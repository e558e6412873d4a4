"""Remote matchers: what they are, and what they say of one item.

A remote matcher is a list that stands elsewhere: what it finds are matches, with a tier that the
operator gives it, and go through the same policy. What it does not answer in time counts as a
list that is missing: the item could not be checked by it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class RemoteKind(enum.StrEnum):
    """The kinds of services."""

    ARACHNID = "arachnid"
    """Arachnid Shield of the Canadian Centre for Child Protection."""

    PHOTODNA = "photodna"
    """PhotoDNA Cloud Service, which takes the picture itself."""

    HMA = "hma"
    """Look-up by another Hasher-Matcher-Actioner."""


@dataclass(frozen=True, slots=True)
class MatcherOptions:
    """One remote matcher, a table `[matchers.NAME]` of the settings; surfaces name it.

    Attributes:
        kind: `arachnid`, `photodna` or `hma`.
        url: its address; may be empty where the kind has a public one.
        tier: how far its matches are trusted: `confirmed`, `suspected` or `observe`.
        credentials_file: a TOML file, mode 0600, with `user`, `password` or `key`.
        credentials_env: an environment variable with the same, instead of the file.
        send: `digests` to send digests only, `picture` to send the picture itself. Digests
            where the kind takes them.
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
