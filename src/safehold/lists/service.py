"""Lists as a whole: what the commands and later the scheduler call."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from safehold.clock import Clock
from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import SignalType
from safehold.ids import ListName
from safehold.lists.building import (
    BuildProgress,
    BuiltSnapshot,
    SnapshotBuilder,
    matched_entry,
    metadata_of,
)
from safehold.lists.catalog import open_snapshots
from safehold.lists.detect import ListFormat
from safehold.lists.folders import ListFolder, Pointer, folder_errors
from safehold.lists.growth import GrowthOptions, is_due
from safehold.lists.importing import (
    Importer,
    ImportLimits,
    ImportOptions,
    ImportReport,
    Progress,
)
from safehold.lists.interface import ListChanges, ListStore
from safehold.lists.model import ListInfo, SnapshotMissingError, Tier, list_name
from safehold.matching.errors import SnapshotReadError

if TYPE_CHECKING:
    from safehold.matching.interface import OpenList, SnapshotEntry
    from safehold.matching.layered import Delta
    from safehold.matching.snapshot import Snapshot

SMALL_LIST = 20_000
"""Active entries up to which a snapshot is made anew with each change: it takes no time."""


class ListService:
    """Adds, shows, removes and opens lists, and keeps their snapshots up to date.

    Args:
        store: where entries are kept.
        folder: where snapshots are kept.
        key: the home's key of exact digests.
        clock: tells when lists change.
        limits: bounds of imports.
        growth: when changes are matched beside a snapshot, and when it is made anew.
    """

    def __init__(
        self,
        store: ListStore,
        folder: Path,
        key: DigestKey,
        clock: Clock,
        limits: ImportLimits | None = None,
        growth: GrowthOptions | None = None,
    ) -> None:
        self._store = store
        self._growth = growth or GrowthOptions()
        self._folder = folder
        self._key = key
        self._clock = clock
        self._importer = Importer(store, key, limits)
        self._builder = SnapshotBuilder(store, folder, key.fingerprint(), clock)

    def add(  # noqa: PLR0913 - one keyword for each option of the command
        self,
        name: str,
        file: Path,
        *,
        type: SignalType | None = None,  # noqa: A002
        tier: Tier | None = None,
        format: ListFormat | None = None,  # noqa: A002
        replace: bool = False,
        progress: Progress | None = None,
        build_progress: BuildProgress | None = None,
    ) -> ImportReport:
        """Import a file into a list, which is made if there is none, and build its snapshot.

        Args:
            name: the list.
            file: csv, jsonl or one digest a line.
            type: the type of all digests of a file of one digest a line.
            tier: the list's tier from now on; None keeps it (a new list is `suspected`).
            format: the file's format; None to tell it by extension and content.
            replace: whether active entries that the file does not name become withdrawn.
            progress: called with bytes read and bytes in all.
            build_progress: called with entries written to the snapshot.

        Raises:
            ListNameError: no list can have that name.
            ListFileError: the file as a whole cannot be used.
            DatabaseError, SnapshotWriteError: the disk is full or the like.
        """
        checked = list_name(name)
        report = self._importer.import_file(
            checked,
            file,
            self._clock.now(),
            ImportOptions(type=type, format=format, tier=tier, replace=replace),
            progress,
        )
        if report.list_info is not None:
            self._build_if_due(report.list_info, build_progress)
        return report

    def show(self) -> list[ListInfo]:
        """All lists, by name."""
        return list(self._store.lists())

    def set_tier(self, name: str, tier: Tier) -> ListInfo:
        """Change a list's tier; the list afterwards.

        Raises:
            UnknownListError: there is none of that name.
        """
        info = self._store.set_tier(list_name(name), tier, self._clock.now())
        self._build_if_due(info)
        return info

    def remove(self, name: str) -> None:
        """Remove a list, its entries and its snapshots.

        Processes that have it open keep what they have until they open lists again.

        Raises:
            UnknownListError: there is none of that name. What may be left of its snapshots is
                removed all the same.
            SnapshotWriteError: the folder cannot be written.
        """
        checked = list_name(name)
        place = ListFolder(self._folder, checked)
        with folder_errors(), place.locked():
            # Out of sight first: killed here, the list is missing loudly, and `open` mends it.
            place.set_aside()
            try:
                self._store.remove(checked, self._clock.now())
            finally:
                place.delete_set_aside()

    def build(self, name: str, *, force: bool = False) -> BuiltSnapshot:
        """Build a list's snapshot unless it is there.

        Raises:
            UnknownListError: there is none of that name.
        """
        return self._builder.build(list_name(name), force=force)

    def open(self, names: Sequence[str] | None = None) -> tuple[OpenList, ...]:
        """Open lists as the store has them; None for all.

        A snapshot that is missing or damaged is built again first; one that is behind its list is
        opened with what changed since, or built again where that is too much. Every byte of a
        snapshot is read and checked before anything is matched (about a second for each GB): what
        a damaged table hides would be allowed, and a row once written is believed. The caller
        closes them.

        Raises:
            UnknownListError: there is no such list.
            SnapshotError: a snapshot cannot be used (`safehold.matching.errors`).
        """
        if names is None:
            infos = list(self._store.lists())
        else:
            infos = [self._store.get(list_name(name)) for name in dict.fromkeys(names)]
        opened: list[OpenList] = []
        try:
            for info in infos:
                opened.append(self._open(info))
        except BaseException:
            for snapshot in opened:
                snapshot.close()
            raise
        return tuple(opened)

    def advance(self, opened: OpenList, name: str) -> OpenList | None:
        """An open list at its present version, over the same snapshot.

        Gives the list itself where nothing changed, and None where it must be opened anew, since
        too much has changed or it is not known what. Both are to be closed.

        Raises:
            UnknownListError: there is none of that name.
            SnapshotClosedError: it was closed.
        """
        checked = list_name(name)
        base, delta, (version, updated) = layers_of(opened)
        if base.is_damaged:
            return None
        changes = self._store.changes(checked, version, self._growth.max_changes, updated)
        if changes is None:
            return None
        if (changes.info.version, changes.info.updated) == (version, updated):
            return opened
        delta = delta.then(base, changed_entries(changes))
        if len(delta) > self._growth.max_changes:
            return None
        return self._layered(base.share(), delta, changes.info)

    def open_since(self, name: str, version: int) -> OpenList | None:
        """The entries alone that changed after a version and are active, open for matching.

        None where it is not known any more what changed, or was too much to be remembered one by
        one: then the whole list is to be matched.

        Raises:
            UnknownListError: there is none of that name.
        """
        from safehold.matching.changed import ChangedList

        changes = self._store.changes(list_name(name), version, self._growth.max_changes)
        if changes is None:
            return None
        active = [e for e in changed_entries(changes).values() if e is not None]
        return ChangedList(active, metadata_of(changes.info, self._clock.now()), self._key)

    def is_moved(self, opened: OpenList, name: str) -> bool:
        """Whether the snapshot of an open list was made anew since it was opened, or has to be.

        Raises:
            SnapshotReadError: the folder cannot be read.
        """
        base, _, _ = layers_of(opened)
        if base.is_damaged:
            return True
        try:
            pointer = self._pointer(list_name(name))
        except OSError as error:
            raise SnapshotReadError from error
        return pointer is not None and (pointer.version, pointer.updated) != version_of(base)

    def compact(self, name: str) -> bool:
        """Make the snapshot of a list anew where so much changed that it pays; whether it did.

        What changed before the snapshot that was current until now is forgotten: whoever has an
        older one open opens the new one.

        Raises:
            UnknownListError: there is none of that name.
            SnapshotWriteError: no space, or the folder cannot be written.
        """
        info = self._store.get(list_name(name))
        pointer = self._pointer(info.name)
        if pointer == Pointer.to(info) or not self._is_due(info, pointer):
            return False
        self._rebuild(info, pointer)
        return True

    def _build_if_due(self, info: ListInfo, progress: BuildProgress | None = None) -> None:
        """Build a snapshot, but not for a few changes of a long list."""
        pointer = self._pointer(info.name)
        if self._is_due(info, pointer):
            self._rebuild(info, pointer, progress)
        elif info.active <= SMALL_LIST:
            self._builder.build(info.name, progress=progress)

    def _rebuild(
        self, info: ListInfo, pointer: Pointer | None, progress: BuildProgress | None = None
    ) -> None:
        """Build a snapshot in place of the current one, and forget what only older ones need."""
        self._builder.build(info.name, progress=progress)
        if pointer is not None:
            self._store.forget_changes(info.name, pointer.version)

    def _is_due(self, info: ListInfo, pointer: Pointer | None) -> bool:
        changes = self._since(info, pointer)
        return changes is None or is_due(self._growth, info.active, len(changes.entries))

    def _since(self, info: ListInfo, pointer: Pointer | None) -> ListChanges | None:
        """What changed since a snapshot, where the snapshot is there and that is not too much."""
        if pointer is None or not self._place(info.name).snapshot(pointer).is_file():
            return None
        most = self._growth.max_changes
        return self._store.changes(info.name, pointer.version, most, pointer.updated)

    def _place(self, name: ListName) -> ListFolder:
        return ListFolder(self._folder, name)

    def _pointer(self, name: ListName) -> Pointer | None:
        return self._place(name).current()

    def _open(self, info: ListInfo) -> OpenList:
        from safehold.matching.errors import (
            SnapshotDamagedError,
            SnapshotForeignError,
            SnapshotVersionError,
        )

        if not self._builder.is_current(info):
            layered = self._open_layered(info)
            if layered is not None:
                return layered
            self._builder.build(info.name)
        try:
            return self._checked(info.name)
        except (
            SnapshotDamagedError,
            SnapshotForeignError,
            SnapshotVersionError,
            SnapshotMissingError,
        ):
            self._builder.build(info.name, force=True)
            return self._checked(info.name)

    def _open_layered(self, info: ListInfo) -> OpenList | None:
        """The list over a snapshot that is behind it; None where one must be built."""
        from safehold.matching.errors import SnapshotError
        from safehold.matching.layered import Delta

        pointer = self._pointer(info.name)
        changes = self._since(info, pointer)
        if pointer is None or changes is None:
            return None
        try:
            base = self._checked(info.name)
        except (SnapshotError, SnapshotMissingError):
            return None
        try:
            version, updated = version_of(base)
            if (version, updated) != (pointer.version, pointer.updated):
                # Another process has made a snapshot meanwhile.
                most = self._growth.max_changes
                newer = self._store.changes(info.name, version, most, updated)
                if newer is None:
                    base.close()
                    return None
                changes = newer
            return self._layered(base, Delta().then(base, changed_entries(changes)), changes.info)
        except BaseException:
            base.close()
            raise

    def _layered(self, base: Snapshot, delta: Delta, info: ListInfo) -> OpenList:
        from safehold.matching.layered import LayeredList

        return LayeredList(base, delta, metadata_of(info, self._clock.now()))

    def _checked(self, name: ListName) -> Snapshot:
        """The current snapshot, its body read and found intact."""
        from safehold.matching.errors import SnapshotDamagedError

        [snapshot] = open_snapshots(self._folder, [name], self._key)
        try:
            if not snapshot.verify_body():
                raise SnapshotDamagedError
        except BaseException:
            snapshot.close()
            raise
        return snapshot


def version_of(opened: OpenList) -> tuple[int, dt.datetime]:
    """The version of an open list, and when the list had become that."""
    extra = opened.metadata.extra
    return int(extra["version"]), dt.datetime.fromisoformat(extra["updated"])


def layers_of(opened: OpenList) -> tuple[Snapshot, Delta, tuple[int, dt.datetime]]:
    """The snapshot of an open list, what changed since, and its version."""
    from safehold.matching.layered import Delta, LayeredList
    from safehold.matching.snapshot import Snapshot

    if isinstance(opened, LayeredList):
        return opened.base, opened.delta, version_of(opened)
    assert isinstance(opened, Snapshot)
    return opened, Delta(), version_of(opened)


def changed_entries(changes: ListChanges) -> dict[str, SnapshotEntry | None]:
    """The entries that changed as they are matched; None for those that take no part."""
    return {entry.entry_id: matched_entry(entry) for entry in changes.entries}
