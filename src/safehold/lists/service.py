"""Lists as a whole: what the commands and later the scheduler call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from safehold.clock import Clock
from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import SignalType
from safehold.ids import ListName
from safehold.lists.building import BuildProgress, BuiltSnapshot, SnapshotBuilder
from safehold.lists.catalog import open_snapshots
from safehold.lists.detect import ListFormat
from safehold.lists.folders import ListFolder, folder_errors
from safehold.lists.importing import (
    Importer,
    ImportLimits,
    ImportOptions,
    ImportReport,
    Progress,
)
from safehold.lists.interface import ListStore
from safehold.lists.model import ListInfo, SnapshotMissingError, Tier, list_name

if TYPE_CHECKING:
    from safehold.matching.snapshot import Snapshot


class ListService:
    """Adds, shows, removes and opens lists, and keeps their snapshots up to date.

    Args:
        store: where entries are kept.
        folder: where snapshots are kept.
        key: the home's key of exact digests.
        clock: tells when lists change.
        limits: bounds of imports.
    """

    def __init__(
        self,
        store: ListStore,
        folder: Path,
        key: DigestKey,
        clock: Clock,
        limits: ImportLimits | None = None,
    ) -> None:
        self._store = store
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
            self._builder.build(checked, progress=build_progress)
        return report

    def show(self) -> list[ListInfo]:
        """All lists, by name."""
        return list(self._store.lists())

    def set_tier(self, name: str, tier: Tier) -> ListInfo:
        """Change a list's tier, and its snapshot with it; the list afterwards.

        Raises:
            UnknownListError: there is none of that name.
        """
        info = self._store.set_tier(list_name(name), tier, self._clock.now())
        self._builder.build(info.name)
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

    def open(self, names: Sequence[str] | None = None) -> tuple[Snapshot, ...]:
        """Open the snapshots of lists as the store has them; None for all.

        A snapshot that is missing, behind its list or damaged is built again first. Every byte
        is read and checked before anything is matched (about a second for each GB): what a
        damaged table hides would be allowed, and a row once written is believed. The caller
        closes them.

        Raises:
            UnknownListError: there is no such list.
            SnapshotError: a snapshot cannot be used (`safehold.matching.errors`).
        """
        if names is None:
            infos = list(self._store.lists())
        else:
            infos = [self._store.get(list_name(name)) for name in dict.fromkeys(names)]
        opened: list[Snapshot] = []
        try:
            for info in infos:
                opened.append(self._open(info))
        except BaseException:
            for snapshot in opened:
                snapshot.close()
            raise
        return tuple(opened)

    def _open(self, info: ListInfo) -> Snapshot:
        from safehold.matching.errors import (
            SnapshotDamagedError,
            SnapshotForeignError,
            SnapshotVersionError,
        )

        if not self._builder.is_current(info):
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
