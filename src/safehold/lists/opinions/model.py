"""Opinions: what a person decided about an entry, as a source takes it."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass, field

from safehold.errors import SafeholdError
from safehold.hashing.model import SignalType
from safehold.ids import EntryId, ListName


class Stance(enum.StrEnum):
    """What was decided."""

    AFFIRMATIVE = "affirmative"
    """A person confirmed an item that this entry matches."""

    NEGATIVE = "negative"
    """A person cleared an item that this entry matches."""


class OpinionReason(enum.StrEnum):
    """Why, in the words of Safehold; each exchange has its own for them."""

    CONFIRMED = "confirmed"
    NOT_WHAT_IT_SAYS = "not_what_it_says"
    """What the entry matches is not what the list looks for."""

    TOO_WIDE = "too_wide"
    """The entry matches many different pictures."""


class OpinionState(enum.StrEnum):
    """Where an opinion stands."""

    PENDING = "pending"
    SENT = "sent"
    DEAD = "dead"
    """Given up: the source does not take it."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a person decided about one entry.

    Attributes:
        opinion_id: its id.
        exchange: the exchange of the settings that it goes to.
        list_name, entry_id: the entry.
        signal: by which digest the item matched: what the opinion is about.
        stance, reason: what was decided, and why.
        made: when it was decided.
        next_attempt: not before this moment.
        attempts: how often sending has failed.
        state, code: where it stands; a stable code of the last failure, or empty.
        digests: digests of the item in hexadecimal form by signal type, for exchanges that want
            them; kept sealed, and empty where the exchange needs none.
    """

    opinion_id: str
    exchange: str
    list_name: ListName
    entry_id: EntryId
    signal: SignalType
    stance: Stance
    reason: OpinionReason
    made: dt.datetime
    next_attempt: dt.datetime
    attempts: int = 0
    state: OpinionState = OpinionState.PENDING
    code: str = ""
    digests: tuple[tuple[SignalType, str], ...] = field(default=(), repr=False)


class OpinionUnfitError(SafeholdError):
    """A source that has no word for an opinion."""

    code = "opinion_unfit"
    default_message = "The source does not take this opinion."
