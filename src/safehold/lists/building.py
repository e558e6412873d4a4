"""From the store to a snapshot: what matching opens.

Only active entries go in. A snapshot belongs to one version of its list; when `current` is of
that version already, there is nothing to do.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from safehold.clock import Clock
from safehold.ids import ListName
from safehold.lists.folders import ListFolder, Pointer, folder_errors
from safehold.lists.interface import ListStore
from safehold.lists.model import Entry, EntryState, ListInfo
from safehold.matching.interface import SnapshotEntry

if TYPE_CHECKING:
    from safehold.matching.layout import SnapshotMetadata

BuildProgress = Callable[[int], None]
"""Called with the number of entries that were written so far."""


class WriteSnapshot(Protocol):
    """`safehold.matching.snapshot_writer.write_snapshot`, or a stand-in."""

    def __call__(
        self,
        path: Path,
        entries: Iterator[SnapshotEntry],
        metadata: SnapshotMetadata,
        key_fingerprint: bytes,
        progress: BuildProgress | None = None,
    ) -> int:
        """Write one file, atomically; how many entries it has."""
        ...


@dataclass(frozen=True, slots=True)
class BuiltSnapshot:
    """What a build left.

    Attributes:
        path: the snapshot that is now current.
        info: the list at that version.
        written: whether it was written now; False when it was there already.
    """

    path: Path
    info: ListInfo
    written: bool


class SnapshotBuilder:
    """Builds the snapshots of lists below one folder.

    Args:
        store: where entries are kept.
        folder: the folder of all lists' snapshots; made if absent, mode 0700.
        key_fingerprint: of the key under which the store's digests are keyed.
        clock: tells when a snapshot was built.
        write: writes a snapshot; by default the real writer.
    """

    def __init__(
        self,
        store: ListStore,
        folder: Path,
        key_fingerprint: bytes,
        clock: Clock,
        write: WriteSnapshot | None = None,
    ) -> None:
        self._store = store
        self._folder = folder
        self._key_fingerprint = key_fingerprint
        self._clock = clock
        self._write = write

    def build(
        self, name: ListName, *, force: bool = False, progress: BuildProgress | None = None
    ) -> BuiltSnapshot:
        """Make the current snapshot that of the list's present version.

        Safe to kill at any moment: `current` names a whole snapshot before and after.

        Args:
            name: the list.
            force: write even if there is one, for example because it is damaged.
            progress: called while entries are written.

        Raises:
            UnknownListError: there is no such list.
            SnapshotWriteError: no space, or the folder cannot be written.
        """
        self._store.get(name)  # An unknown list leaves no lock file behind.
        place = ListFolder(self._folder, name)
        with folder_errors(), place.locked():
            with self._store.reading(name) as reading:
                info = reading.info
                pointer = Pointer.to(info)
                path = place.snapshot(pointer)
                stands = not force and place.current() == pointer and path.is_file()
                if not stands:
                    place.make()
                    self._writer()(
                        path,
                        matched_entries(reading.entries),
                        metadata_of(info, self._clock.now()),
                        self._key_fingerprint,
                        progress,
                    )
            if not stands:
                place.point_to(pointer)
            place.sweep(pointer)
        return BuiltSnapshot(path, info, written=not stands)

    def is_current(self, info: ListInfo) -> bool:
        """Whether the current snapshot is of the list as given."""
        place = ListFolder(self._folder, info.name)
        pointer = Pointer.to(info)
        return place.current() == pointer and place.snapshot(pointer).is_file()

    def _writer(self) -> WriteSnapshot:
        if self._write is not None:
            return self._write
        from safehold.matching.snapshot_writer import write_snapshot

        return write_snapshot


def metadata_of(info: ListInfo, created: dt.datetime) -> SnapshotMetadata:
    """What a snapshot of a list says of it."""
    from safehold.matching.layout import SnapshotMetadata

    extra: dict[str, Any] = {
        "version": info.version,
        "updated": info.updated.isoformat(),
        "source": info.source,
    }
    return SnapshotMetadata(info.name, info.tier.value, created, extra)


def matched_entry(entry: Entry) -> SnapshotEntry | None:
    """An entry as it is matched; None where it takes no part, or all it has was set aside."""
    if entry.state is not EntryState.ACTIVE:
        return None
    pdq, quality = (None, None) if entry.is_aside else (entry.pdq, entry.pdq_quality)
    if entry.md5 is entry.sha1 is entry.sha256 is pdq is None:
        return None
    return SnapshotEntry(
        entry.entry_id,
        entry.classification,
        entry.md5,
        entry.sha1,
        entry.sha256,
        pdq,
        quality,
    )


def matched_entries(entries: Iterable[Entry]) -> Iterator[SnapshotEntry]:
    """Entries as they are matched; those that take no part are left out."""
    return (found for entry in entries if (found := matched_entry(entry)) is not None)
