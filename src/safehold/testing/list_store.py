"""A list store in memory, for tests of what stands above the port.

It passes the same conformance suite as the stores in SQL, and states the rules of
`safehold.lists.interface` a second time, in plain Python.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager

from safehold.hashing.model import SignalType
from safehold.ids import EntryId, ListName
from safehold.lists.interface import (
    ImportOutcome,
    ImportPlan,
    ImportSession,
    ListChanges,
    ListReading,
)
from safehold.lists.model import (
    Entry,
    EntryDraft,
    EntryState,
    ListInfo,
    Tier,
    UnknownListError,
)
from safehold.lists.sync.model import ListShrankError, SyncState
from safehold.testing.sync_store import MemorySyncStore

_ACTIVE = frozenset({EntryState.ACTIVE})
_FOUND_HERE = frozenset({EntryState.NEGATIVE, EntryState.QUARANTINED})


@dataclasses.dataclass(frozen=True)
class _Stored:
    """A list, its entries, when their source said what it says of them, and what changed.

    `logged` has the changed entries by version, from `changes_from` on.
    """

    info: ListInfo
    entries: dict[EntryId, Entry]
    removed: bool = False
    times: dict[EntryId, dt.datetime] = dataclasses.field(default_factory=dict)
    logged: dict[int, frozenset[EntryId]] = dataclasses.field(default_factory=dict)
    changes_from: int = 0
    became: dict[int, dt.datetime] = dataclasses.field(default_factory=dict)


class MemoryListStore:
    """A `ListStore` that forgets everything with the process. For one thread."""

    def __init__(self, syncs: MemorySyncStore | None = None, logged_changes: int = 200_000) -> None:
        self.syncs = syncs or MemorySyncStore()
        self._logged = logged_changes
        self._lists: dict[ListName, _Stored] = {}

    def lists(self) -> tuple[ListInfo, ...]:
        """All lists, by name."""
        return tuple(s.info for _, s in sorted(self._lists.items()) if not s.removed)

    def get(self, name: ListName) -> ListInfo:
        """One list."""
        return self._required(name).info

    def entry(self, name: ListName, entry_id: EntryId) -> Entry | None:
        """One entry in whatever state, or None."""
        return self._required(name).entries.get(entry_id)

    @contextmanager
    def reading(
        self, name: ListName, states: frozenset[EntryState] = _ACTIVE
    ) -> Iterator[ListReading]:
        """The list and its entries as they stand now."""
        stored = self._required(name)
        chosen = [e for _, e in sorted(stored.entries.items()) if e.state in states]
        yield ListReading(stored.info, iter(chosen))

    @contextmanager
    def importing(self, name: ListName) -> Iterator[ImportSession]:
        """Begin an import into a list, which need not exist yet."""
        yield _MemoryImportSession(self, name)

    def changes(
        self, name: ListName, since: int, most: int, at: dt.datetime | None = None
    ) -> ListChanges | None:
        """What changed after version `since`."""
        stored = self._required(name)
        if not stored.changes_from <= since <= stored.info.version:
            return None
        if at is not None and stored.became.get(since) != at:
            return None
        named = {i for version, ids in stored.logged.items() if version > since for i in ids}
        if len(named) > most:
            return None
        entries = tuple(e for i, e in sorted(stored.entries.items()) if i in named)
        return ListChanges(stored.info, since, entries)

    def forget_changes(self, name: ListName, before: int) -> None:
        """Forget the record of changes up to and including a version."""
        stored = self._required(name)
        upto = min(before, stored.info.version)
        if upto > stored.changes_from:
            left = {v: ids for v, ids in stored.logged.items() if v > upto}
            self._lists[name] = dataclasses.replace(stored, logged=left, changes_from=upto)

    def confirm(self, name: ListName, at: dt.datetime) -> None:
        """The source has confirmed that the list is current."""
        stored = self._required(name)
        if stored.info.checked is None or stored.info.checked < at:
            info = dataclasses.replace(stored.info, checked=at)
            self._lists[name] = dataclasses.replace(stored, info=info)

    def set_tier(self, name: ListName, tier: Tier, at: dt.datetime) -> ListInfo:
        """Change the tier of a list; the list afterwards."""
        stored = self._required(name)
        if stored.info.tier is not tier:
            info = dataclasses.replace(stored.info, tier=tier)
            self._put(dataclasses.replace(stored, info=info), at)
        return self.get(name)

    def set_state(
        self,
        name: ListName,
        entry_ids: Sequence[EntryId],
        state: EntryState,
        at: dt.datetime,
        only: EntryState | None = None,
    ) -> int:
        """Change the state of entries; how many changed."""
        stored = self._required(name)
        changed = {
            entry_id: dataclasses.replace(stored.entries[entry_id], state=state)
            for entry_id in entry_ids
            if entry_id in stored.entries and stored.entries[entry_id].state is not state
            if only in (None, stored.entries[entry_id].state)
        }
        if changed:
            self._put(
                dataclasses.replace(stored, entries=stored.entries | changed), at, set(changed)
            )
        return len(changed)

    def set_aside(
        self, name: ListName, entry_id: EntryId, pdq: bytes | None, at: dt.datetime
    ) -> bool:
        """Have an active entry not be matched by its PDQ hash, or be matched by it again."""
        stored = self._required(name)
        entry = stored.entries.get(entry_id)
        if entry is None or entry.aside == pdq:
            return False
        if pdq is not None and (entry.pdq != pdq or entry.state is not EntryState.ACTIVE):
            return False
        changed = {entry_id: dataclasses.replace(entry, aside=pdq)}
        self._put(dataclasses.replace(stored, entries=stored.entries | changed), at, set(changed))
        return True

    def remove(self, name: ListName, at: dt.datetime) -> None:
        """Remove a list with all its entries."""
        stored = self._required(name)
        info = dataclasses.replace(stored.info, checked=None)
        self._put(_Stored(info, {}, removed=True), at, None)
        self.syncs.begin_anew(name)

    def take_over(
        self, name: ListName, staged: dict[EntryId, EntryDraft], plan: ImportPlan
    ) -> tuple[int, int, int, SyncState | None]:
        """Rules 3 to 8: entries added, updated and withdrawn, and the state that was written."""
        if plan.sync is not None:
            self.syncs.check(plan.sync)
        stored = self._lists.get(name)
        if stored is None or stored.removed:
            stored = self._fresh(name, plan)
        entries, times = dict(stored.entries), dict(stored.times)
        added: set[EntryId] = set()
        updated: set[EntryId] = set()
        withdrawn: set[EntryId] = set()
        for entry_id, draft in staged.items():
            old, at = entries.get(entry_id), times.get(entry_id)
            if old is None or _in_time(draft, old, at):
                entries[entry_id] = _updated(draft, old, by_source=plan.keeps_found)
                (added if old is None else updated).add(entry_id)
                if entries[entry_id] == old:
                    updated.discard(entry_id)
            if draft.source_at is not None and (at is None or at < draft.source_at):
                times[entry_id] = draft.source_at
        if plan.replace or plan.withdraw_older is not None:
            active = [e for e in stored.entries.values() if e.state is EntryState.ACTIVE]
            for entry_id, entry in entries.items():
                late = plan.withdraw_older is not None and (
                    entry_id not in times or times[entry_id] < plan.withdraw_older
                )
                unnamed = plan.replace and entry_id not in staged
                if entry.state is EntryState.ACTIVE and (late or unnamed):
                    entries[entry_id] = dataclasses.replace(entry, state=EntryState.WITHDRAWN)
                    withdrawn.add(entry_id)
            if len(active) >= 20 and len(withdrawn) > len(active) * plan.max_withdrawn_share:
                raise ListShrankError
        tier = plan.tier or stored.info.tier
        self._lists[name] = stored
        fresh = dataclasses.replace(
            stored,
            info=dataclasses.replace(stored.info, tier=tier),
            entries=entries,
            times=times,
        )
        if added or updated or withdrawn or tier is not stored.info.tier:
            info = dataclasses.replace(fresh.info, imported=plan.at)
            fresh = dataclasses.replace(fresh, info=info)
            self._put(fresh, plan.at, added | updated | withdrawn)
        else:
            self._lists[name] = fresh
        sync = plan.sync
        if sync is not None:
            sync = sync.counting(len(added), len(updated), len(withdrawn))
            self.syncs.save(sync)
        return len(added), len(updated), len(withdrawn), sync

    def _fresh(self, name: ListName, plan: ImportPlan) -> _Stored:
        before = self._lists.get(name)
        return _Stored(
            ListInfo(
                name=name,
                tier=plan.tier or Tier.SUSPECTED,
                source=plan.source,
                created=plan.at,
                updated=plan.at,
                version=before.info.version if before else 0,
                counts=dict.fromkeys(SignalType, 0),
                active=0,
                other=0,
                imported=plan.at,
            ),
            {},
            changes_from=before.changes_from if before else 0,
        )

    def _required(self, name: ListName) -> _Stored:
        stored = self._lists.get(name)
        if stored is None or stored.removed:
            raise UnknownListError.named(name)
        return stored

    def _put(
        self, stored: _Stored, at: dt.datetime, changed: AbstractSet[EntryId] | None = frozenset()
    ) -> None:
        """Keep a changed list as its next version; None where too much changed to tell it."""
        active = [e for e in stored.entries.values() if e.state is EntryState.ACTIVE]
        info = dataclasses.replace(
            stored.info,
            version=stored.info.version + 1,
            updated=at,
            counts={s: sum(getattr(e, s.value) is not None for e in active) for s in SignalType},
            active=len(active),
            other=len(stored.entries) - len(active),
        )
        became = stored.became | {info.version: at}
        kept = dataclasses.replace(stored, info=info, became=became)
        if changed is None or len(changed) > self._logged:
            kept = dataclasses.replace(kept, logged={}, changes_from=info.version)
        elif changed:
            logged = stored.logged | {info.version: frozenset(changed)}
            kept = dataclasses.replace(kept, logged=logged)
        self._lists[info.name] = kept


class _MemoryImportSession:
    def __init__(self, store: MemoryListStore, name: ListName) -> None:
        self._store = store
        self._name = name
        self._staged: dict[EntryId, EntryDraft] = {}
        self._superseded = 0

    def stage(self, rows: Sequence[EntryDraft]) -> None:
        """Put rows aside."""
        for row in rows:
            old = self._staged.get(row.entry_id)
            if old is None:
                self._staged[row.entry_id] = row
                continue
            merged, agree = _merged(old, row)
            self._staged[row.entry_id] = merged
            self._superseded += not agree

    def apply(self, plan: ImportPlan) -> ImportOutcome:
        """Take all staged rows over."""
        added, updated, withdrawn, sync = self._store.take_over(self._name, self._staged, plan)
        return ImportOutcome(
            info=self._store.get(self._name),
            added=added,
            updated=updated,
            unchanged=len(self._staged) - added - updated,
            withdrawn=withdrawn,
            superseded=self._superseded,
            sync=sync,
        )


def _merged(old: EntryDraft, new: EntryDraft) -> tuple[EntryDraft, bool]:
    """Rule 2: the row that stands, and whether the two agreed."""
    pairs = [
        (old.md5, new.md5),
        (old.sha1, new.sha1),
        (old.sha256, new.sha256),
        (old.pdq, new.pdq),
    ]
    agree = all(a is None or b is None or a == b for a, b in pairs)
    md5, sha1, sha256, pdq = (
        [a if b is None else b for a, b in pairs] if agree else [b for _, b in pairs]
    )
    same_pdq = agree or (old.pdq is not None and old.pdq == new.pdq)
    quality = new.pdq_quality
    if quality is None and same_pdq:
        quality = old.pdq_quality
    return (
        EntryDraft(
            new.entry_id,
            old.classification if new.classification is None else new.classification,
            old.state if new.state is None else new.state,
            md5,
            sha1,
            sha256,
            pdq,
            quality,
            old.source_at if new.source_at is None else new.source_at,
        ),
        agree,
    )


def _in_time(draft: EntryDraft, old: Entry, at: dt.datetime | None) -> bool:
    """Rule 6: whether a row may change the entry that is there."""
    if draft.source_at is None or at is None or draft.source_at > at:
        return True
    stays = old.state is EntryState.WITHDRAWN and draft.state is not EntryState.WITHDRAWN
    return draft.source_at == at and not stays


def _updated(draft: EntryDraft, old: Entry | None, *, by_source: bool) -> Entry:
    """Rule 3: the entry after an import that names it."""
    classification, state, quality = draft.classification, draft.state, draft.pdq_quality
    if old is not None:
        if classification is None:
            classification = old.classification
        if state is None and old.state is not EntryState.WITHDRAWN:
            state = old.state
        if (by_source or draft.source_at is not None) and old.state in _FOUND_HERE:
            state = old.state
        if quality is None and draft.pdq is not None and draft.pdq == old.pdq:
            quality = old.pdq_quality
    return Entry(
        entry_id=draft.entry_id,
        classification=classification or "",
        state=state or EntryState.ACTIVE,
        md5=draft.md5,
        sha1=draft.sha1,
        sha256=draft.sha256,
        pdq=draft.pdq,
        pdq_quality=quality,
        aside=old.aside if old is not None else None,
    )
