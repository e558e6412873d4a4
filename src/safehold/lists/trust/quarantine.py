"""Whether entries' hashes are set aside in a list as it is noted that they are.

What stands noted (`safehold.lists.trust.hits`) is the truth; the list follows it. Whoever changes
the one then carries it out in the other, and a process that is killed between leaves that to the
next look (`settle`).
"""

from __future__ import annotations

import datetime as dt
import enum

from safehold.lists.interface import ListStore
from safehold.lists.model import EntryState, UnknownListError
from safehold.lists.trust.floods import SetAside


class Standing(enum.Enum):
    """What a list says of a hash that was set aside."""

    ASIDE = enum.auto()
    """The entry is not matched by it."""
    MATCHED = enum.auto()
    """The entry is matched by it."""
    IDLE = enum.auto()
    """The entry was withdrawn, and may come back with it."""
    GONE = enum.auto()
    """There is no such entry any more, or its source gave it another hash."""


def standing(lists: ListStore, aside: SetAside) -> Standing:
    """How the hash of an entry stands in its list."""
    try:
        entry = lists.entry(aside.list_name, aside.entry_id)
    except UnknownListError:
        return Standing.GONE
    if entry is None or entry.pdq != aside.pdq:
        return Standing.GONE
    if entry.is_aside:
        return Standing.ASIDE
    return Standing.MATCHED if entry.state is EntryState.ACTIVE else Standing.IDLE


def put_aside(lists: ListStore, aside: SetAside, at: dt.datetime) -> bool:
    """Have an entry not be matched by the hash that was set aside; whether anything changed."""
    try:
        return lists.set_aside(aside.list_name, aside.entry_id, aside.pdq, at)
    except UnknownListError:
        return False


def let_match(lists: ListStore, aside: SetAside, at: dt.datetime) -> bool:
    """Have an entry be matched by its hash again; whether anything changed."""
    try:
        return lists.set_aside(aside.list_name, aside.entry_id, None, at)
    except UnknownListError:
        return False
