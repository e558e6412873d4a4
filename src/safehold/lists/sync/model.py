"""Where the synchronisation of a list stands, and what can go wrong with it.

Times are in UTC. Nothing here holds a credential, a digest or an id of an entry.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from safehold.errors import SafeholdError
from safehold.ids import ListName


@dataclass(frozen=True, slots=True)
class SyncCounts:
    """What one run of a synchronisation did, so far.

    Attributes:
        pages: pages that were taken over.
        rows: what the source said, row by row: statements of entries and withdrawals.
        added, updated: entries of the list, by what became of them; what the source withdrew by
            name is among the updated.
        withdrawn: entries that became withdrawn since a whole list does not name them any more.
        tombstones: withdrawals that the source named.
        unusable: rows that bring nothing that can be matched, by code (a kind of digest that is
            not used here is one of them, and no fault).
        faults: rows that could not be read, by code; they are left out.
        pages_lost: pages that could not be read though asked for again, and were passed over.
    """

    pages: int = 0
    rows: int = 0
    added: int = 0
    updated: int = 0
    withdrawn: int = 0
    tombstones: int = 0
    unusable: Mapping[str, int] = field(default_factory=dict)
    faults: Mapping[str, int] = field(default_factory=dict)
    pages_lost: int = 0


@dataclass(frozen=True, slots=True)
class SyncState:
    """Where the synchronisation of one list stands.

    Attributes:
        list_name: the list.
        exchange: the name of the exchange in the settings.
        number: rises by one with each step; a step is written only on top of the number from
            which it started.
        cursor: the exchange's own word (JSON) for where to go on; empty at the very beginning.
        began: when the run under way began; None where none is.
        ended: when the last run ended, well or not.
        good: when the last run that ended well had begun: as of then the list is true.
        failures: runs in a row that did not end well.
        code: `ok`, or the stable code of why the last run failed.
        counts: of the run under way, or else of the last.
    """

    list_name: ListName
    exchange: str
    number: int = 0
    cursor: str = ""
    began: dt.datetime | None = None
    ended: dt.datetime | None = None
    good: dt.datetime | None = None
    failures: int = 0
    code: str = "ok"
    counts: SyncCounts = field(default_factory=SyncCounts)

    def counting(self, added: int, updated: int, withdrawn: int) -> SyncState:
        """With what became of a step's rows."""
        counts = replace(
            self.counts,
            added=self.counts.added + added,
            updated=self.counts.updated + updated,
            withdrawn=self.counts.withdrawn + withdrawn,
        )
        return replace(self, counts=counts)

    def anew(self) -> SyncState:
        """The step after which the next run begins at the very beginning."""
        return SyncState(self.list_name, self.exchange, self.number + 1)


class SyncError(SafeholdError):
    """A synchronisation that did not end well. Base of its kinds."""

    code = "sync_failed"
    default_message = "The list could not be brought up to date."


class SyncOvertakenError(SyncError):
    """Another process did the same step first; nothing was written."""

    code = "sync_overtaken"
    default_message = "Another process brings this list up to date."


class ListShrankError(SyncError):
    """A source that names far fewer entries than before; nothing was changed."""

    code = "sync_shrank"
    default_message = "The source would withdraw more entries than may be withdrawn at once."
    default_hint = (
        "Ask the source whether it is meant. If so, raise 'max_withdrawn_share' of the exchange "
        "for one run of 'safehold list sync'."
    )
