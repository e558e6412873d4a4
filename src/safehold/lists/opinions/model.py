"""Opinions, and what becomes of them. I/O-free.

1. An opinion rests on a person's decision on a case, and on nothing else. For each case and each
   entry of a list that comes from an exchange with `opinions = true` there is at most one.
2. It waits for `opinion_hours`, in which the decision may be undone. What was undone by then is
   dropped; while a case is open again, its opinion waits. What was sent stands until somebody
   decides otherwise, and then that is sent: that a decision is open again is no opinion.
3. A source that is busy, or cannot be reached, is asked again, later each time; after the last
   time, or where it refuses, the opinion is given up, and the operator is alarmed.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable
from dataclasses import dataclass, field

from safehold.errors import SafeholdError
from safehold.hashing.model import SignalType
from safehold.ids import CaseId, EntryId, ListName

DELAYS = (60.0, 300.0, 1_800.0, 7_200.0, 21_600.0, 43_200.0, 86_400.0, 86_400.0, 86_400.0)
"""Seconds after the first, second, ... failure; after one more it is given up."""

JITTER = 0.2
"""Share by which each of them is varied."""

LONGEST_WAIT = 86_400.0
"""Seconds that a source may ask for at most."""


class Stance(enum.StrEnum):
    """What was decided, and what is told of it."""

    AFFIRMATIVE = "affirmative"
    """A person confirmed an item that the entry matches."""

    NEGATIVE = "negative"
    """A person cleared one: the entry does not stand for what the list looks for."""


class OpinionState(enum.StrEnum):
    """Where an opinion stands."""

    PENDING = "pending"
    SENT = "sent"
    DEAD = "dead"
    """Given up."""
    DROPPED = "dropped"
    """The decision did not stand when it was to be sent."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What was decided about one entry.

    Attributes:
        opinion_id: its id.
        exchange: the exchange of the settings that it goes to.
        list_name, entry_id: the entry.
        case_id: the case that was decided.
        signal: the kind of digest by which the item matched.
        stance: what was decided.
        made: when it was decided.
        due: not sent before this moment.
        attempts: how often sending it has failed.
        state, code: where it stands; a stable code of the last failure, or empty.
    """

    opinion_id: str
    exchange: str
    list_name: ListName
    entry_id: EntryId
    case_id: CaseId
    signal: SignalType
    stance: Stance
    made: dt.datetime
    due: dt.datetime
    attempts: int = 0
    state: OpinionState = OpinionState.PENDING
    code: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an exchange is told an opinion about.

    Attributes:
        entry_id: the entry.
        signal: the kind of digest by which an item matched.
        stance: what was decided.
        pdq: the entry's PDQ hash, or None. Exact digests are kept under a key, so there are none.
    """

    entry_id: EntryId
    signal: SignalType
    stance: Stance
    pdq: bytes | None = field(repr=False)


class OpinionUnfitError(SafeholdError):
    """A source that has no word for an opinion."""

    code = "opinion_unfit"
    default_message = "The source does not take this opinion."
    default_hint = "The how-to on opinions says what each kind of exchange takes."


def next_try(
    opinion: Opinion, now: dt.datetime, asked: float | None, chance: Callable[[], float]
) -> dt.datetime | None:
    """When an opinion that was not taken is sent again; None where it is given up.

    Args:
        opinion: as it was before the attempt.
        now: the present moment.
        asked: seconds for which the source asked, or None.
        chance: gives a number from 0 to 1.
    """
    if opinion.attempts >= len(DELAYS):
        return None
    delay = DELAYS[opinion.attempts] * (1.0 + JITTER * (2.0 * chance() - 1.0))
    if asked is not None:
        delay = max(delay, min(asked, LONGEST_WAIT))
    return now + dt.timedelta(seconds=delay)
