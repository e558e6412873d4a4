"""Opening the snapshots of lists by name. Needs the folder and the key, and no store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from safehold.hashing.keyed import DigestKey
from safehold.ids import ListName
from safehold.lists.folders import ListFolder, folder_names
from safehold.lists.model import SnapshotMissingError, UnknownListError

if TYPE_CHECKING:
    from safehold.matching.snapshot import Snapshot

_ATTEMPTS = 5
"""How often a snapshot is looked up that a builder replaces meanwhile."""


def open_snapshots(
    folder: Path, names: Sequence[ListName] | None, key: DigestKey
) -> tuple[Snapshot, ...]:
    """Open the current snapshots of lists, in the order of their names as given.

    Either all of them open or none: a list that is left out would be one that never matches.

    Args:
        folder: the folder of all lists' snapshots.
        names: the lists; None for all that have a folder, by name. A name given twice is
            opened once.
        key: the home's key.

    Raises:
        UnknownListError: a list has no folder.
        SnapshotMissingError: a list has no current snapshot.
        SnapshotError: a snapshot is damaged, of another format version, keyed with another
            key, or not to be read (`safehold.matching.errors`).
    """
    opened: list[Snapshot] = []
    try:
        for name in folder_names(folder) if names is None else dict.fromkeys(names):
            opened.append(_open(folder, name, key))
    except BaseException:
        for snapshot in opened:
            snapshot.close()
        raise
    return tuple(opened)


def _open(folder: Path, name: ListName, key: DigestKey) -> Snapshot:
    from safehold.matching.errors import SnapshotReadError
    from safehold.matching.snapshot import Snapshot

    place = ListFolder(folder, name)
    if not place.path.is_dir():
        raise UnknownListError.named(name)
    for _ in range(_ATTEMPTS):
        pointer = place.current()
        if pointer is None:
            raise SnapshotMissingError.named(name)
        try:
            snapshot = Snapshot.open(place.snapshot(pointer), key)
        except SnapshotReadError:
            # A builder may have replaced and deleted it since `current` was read.
            if place.current() != pointer:
                continue
            if not place.snapshot(pointer).exists():
                raise SnapshotMissingError.named(name) from None
            raise
        if snapshot.metadata.list_name != name:
            snapshot.close()
            raise SnapshotMissingError.named(name)
        return snapshot
    raise SnapshotMissingError.named(name)
