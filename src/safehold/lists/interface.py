"""The port behind which entries are kept.

Rules that every store obeys (the conformance suite in `tests/storage` proves them):

1. **Import is all or nothing.** Rows are staged out of sight; `ImportSession.apply` takes them
   over in one step. A process that is killed before that leaves the list as it was.
2. **Rows of one import with the same id** merge when no digest of one contradicts a digest of
   the other (each is absent in one of them, or equal); otherwise the digests of the later row
   stand, and `ImportOutcome.superseded` counts it. A classification, a state and a quality
   that a later row does not give stay as an earlier row gave them (the quality only while its
   PDQ hash stays).
3. **An entry that is there already** gets the digests of the import, and no others. A
   classification that the import does not give stays. A quality that it does not give stays
   while the PDQ hash is the same. A state that it does not give makes a withdrawn entry active
   again, and leaves a negative or quarantined one alone: those are this operator's findings.
4. **Replacing**: active entries that the import does not name become withdrawn; negative and
   quarantined ones stay what they are, for the same reason.
5. **The version** rises by exactly one in a step that changed something, and not otherwise. It
   never falls, and goes on where it was when a removed list is made anew.
6. **Times of the source**: where both the row and the entry have one (`EntryDraft.source_at`), an
   older row changes nothing (it counts as unchanged), and of equal times a withdrawal stands
   against anything else. What a row without a time says stands as before, and leaves the
   entry's time as it is. A row with a time never changes the state of a negative or quarantined
   entry: that is this operator's finding.
7. **A replacing import that withdraws more than `max_withdrawn_share`** of the active entries
   changes nothing and raises `ListShrankError`.
8. **A step of a synchronisation** (`ImportPlan.sync`) is written in the same transaction as the
   rows, and only if the state has still the number that the step started from; else nothing is
   written and `SyncOvertakenError` is raised: another process did this step. Removing the list is
   such a step too: what fills it begins at the very beginning afterwards.
9. **What changed** since a version can be read (`changes`), as long as it is not too much.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from safehold.ids import EntryId, ListName
from safehold.lists.model import Entry, EntryDraft, EntryState, ListInfo, Tier
from safehold.lists.sync.model import SyncState


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """How staged rows are taken over.

    Attributes:
        at: the moment of the change.
        tier: the list's tier from now on; None keeps it (a new list is `suspected`).
        source: where the rows come from; kept from the list's first import.
        replace: whether active entries that were not staged become withdrawn.
        max_withdrawn_share: largest share of the active entries that a replacing import may
            withdraw, 0 to 1; above it nothing changes (rule 7). 1 for no bound. Lists of fewer
            than 20 active entries are not bound.
        withdraw_older: active entries whose source's time is older than this, or that have none,
            become withdrawn: a source that names all its entries over many pages has not named
            them. None for no such thing. `max_withdrawn_share` bounds it too.
        sync: the state of the list's synchronisation after this step, but for the counts of what
            becomes of its rows, which the store adds. Its number is one more than that of the
            state from which the step started. None where it is none.
        keeps_found: whether entries that were found here to be negative, or were set aside, stay
            so whatever state a row gives. Where a row has a time they stay so in any case.
    """

    at: dt.datetime
    tier: Tier | None = None
    source: str = "file"
    replace: bool = False
    max_withdrawn_share: float = 1.0
    withdraw_older: dt.datetime | None = None
    sync: SyncState | None = None
    keeps_found: bool = False


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """What an import did.

    Attributes:
        info: the list afterwards.
        added, updated, unchanged: entries that were staged, by what became of them.
        withdrawn: entries that were not staged and became withdrawn.
        superseded: rows whose digests gave way to a later row with the same id.
        sync: the state that was written with the rows.
    """

    info: ListInfo
    added: int
    updated: int
    unchanged: int
    withdrawn: int
    superseded: int
    sync: SyncState | None = None


class ImportSession(Protocol):
    """Rows on their way into one list."""

    def stage(self, rows: Sequence[EntryDraft]) -> None:
        """Put rows aside, in order. Nothing of the list changes yet."""
        ...

    def apply(self, plan: ImportPlan) -> ImportOutcome:
        """Take all staged rows over in one step, making the list if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class ListReading:
    """One list at one moment.

    Attributes:
        info: the list.
        entries: its entries in the asked states, ordered by entry id (by code points). To be
            consumed within the `reading` context, once.
    """

    info: ListInfo
    entries: Iterator[Entry]


@dataclass(frozen=True, slots=True)
class ListChanges:
    """What became of a list since one of its versions.

    Attributes:
        info: the list at the moment of reading.
        since: the version from which the changes start; what has changed after it is here.
        entries: every entry that changed since, once, as it now stands, in whatever state,
            ordered by entry id (by code points).
    """

    info: ListInfo
    since: int
    entries: tuple[Entry, ...]


class ListStore(Protocol):
    """Where lists and their entries are kept."""

    def changes(
        self, name: ListName, since: int, most: int, at: dt.datetime | None = None
    ) -> ListChanges | None:
        """What changed after version `since`, read at one moment.

        None where it is more than `most` entries, or is not known any more (a bulk import keeps
        no record of single changes, and compaction forgets them): then the whole list is to be
        read. None also where the list did not become that version at the moment `at`: a database
        that was restored from a backup may reach the same version a second time, with other
        entries. A change of the tier alone gives no entries.

        Raises:
            UnknownListError: there is none of that name.
        """
        ...

    def forget_changes(self, name: ListName, before: int) -> None:
        """Forget the record of changes up to and including a version (compaction).

        Raises:
            UnknownListError: there is none of that name.
        """
        ...

    def confirm(self, name: ListName, at: dt.datetime) -> None:
        """The source has confirmed that the list is current (`ListInfo.checked`). No new version.

        Raises:
            UnknownListError: there is none of that name.
        """
        ...

    def lists(self) -> tuple[ListInfo, ...]:
        """All lists, by name."""
        ...

    def get(self, name: ListName) -> ListInfo:
        """One list.

        Raises:
            UnknownListError: there is none of that name.
        """
        ...

    def importing(self, name: ListName) -> AbstractContextManager[ImportSession]:
        """Begin an import into a list, which need not exist yet.

        Leaving the context without `apply` discards what was staged.
        """
        ...

    def reading(
        self, name: ListName, states: frozenset[EntryState] = frozenset({EntryState.ACTIVE})
    ) -> AbstractContextManager[ListReading]:
        """The list and its entries as they stand at one moment, in bounded memory.

        Raises:
            UnknownListError: there is none of that name.
        """
        ...

    def entry(self, name: ListName, entry_id: EntryId) -> Entry | None:
        """One entry in whatever state, or None.

        Raises:
            UnknownListError: there is no such list.
        """
        ...

    def set_tier(self, name: ListName, tier: Tier, at: dt.datetime) -> ListInfo:
        """Change the tier of a list; the list afterwards.

        Raises:
            UnknownListError: there is none of that name.
        """
        ...

    def set_state(
        self,
        name: ListName,
        entry_ids: Sequence[EntryId],
        state: EntryState,
        at: dt.datetime,
        only: EntryState | None = None,
    ) -> int:
        """Change the state of entries; how many changed. Ids that are not there are ignored.

        With `only`, those that are in another state are ignored too.

        Raises:
            UnknownListError: there is no such list.
        """
        ...

    def set_aside(
        self, name: ListName, entry_id: EntryId, pdq: bytes | None, at: dt.datetime
    ) -> bool:
        """Have an active entry not be matched by a PDQ hash, or (None) be matched by its own again.

        A hash is set aside only if it is the entry's, and counts only as long as it is: if the
        source gives another, the entry is matched by that. Nothing else of the entry changes, no
        import changes this, and the list becomes no younger by it (`ListInfo.imported`). Whether
        anything changed.

        Raises:
            UnknownListError: there is no such list.
        """
        ...

    def remove(self, name: ListName, at: dt.datetime) -> None:
        """Remove a list with all its entries.

        Raises:
            UnknownListError: there is none of that name.
        """
        ...
