"""Reading a snapshot: one mapped file holds one version of a list.

The header is checked when the file is opened; the body by `verify_body`, before the first
search or in the background while searches already run. Nothing read from the body is used as a
place before it is bounded, so a damaged body can give wrong answers until it is found out, and
never a read outside of the file. Once damage is found every search raises
`SnapshotDamagedError`.

Snapshot files are never written in place: a new version replaces the file by renaming, and a
reader keeps the old one. If somebody cuts a mapped file short all the same, the system ends
the process with SIGBUS; the folder belongs to this user alone for that reason too.
"""

from __future__ import annotations

import enum
import itertools
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import SignalType
from safehold.matching import layout
from safehold.matching.errors import (
    SnapshotClosedError,
    SnapshotDamagedError,
    SnapshotKeyError,
)
from safehold.matching.interface import PdqHits, SnapshotEntry
from safehold.matching.linear import SearchOptions
from safehold.matching.mapped_file import MappedFile
from safehold.matching.snapshot_body import Body

_SEARCHED = ("_keys", "pdq_hashes", "band_offsets", "band_rows", "band_signatures")
"""Sections that every search reads."""

_NAMED = ("entry_id_ends", "entry_ids", "entry_classes", "entry_pdq_rows", "pdq_entries")
"""Sections that are read where matches are told: seldom, and all over them."""

_NAMED_AT_ONCE = 4
"""Matches that are told until the pages of these sections are given back."""

_FOUND_AT_ONCE = 64
"""Ids that are looked up until then."""

_MARKED = 4_096
"""Of so many ids one is kept in memory, so that looking one up reads places that lie together."""


class BodyState(enum.StrEnum):
    """What is known of the body of a snapshot."""

    UNCHECKED = "unchecked"
    CHECKING = "checking"
    INTACT = "intact"
    DAMAGED = "damaged"


class Snapshot:
    """One version of a list, open for searching; safe for use by several threads."""

    def __init__(
        self, file: MappedFile, header: layout.Header, key: DigestKey, options: SearchOptions | None
    ) -> None:
        """Use `open`; this takes a mapped file whose header was checked."""
        self._file = file
        self._header = header
        self._key = key
        self._state = BodyState.UNCHECKED
        self._state_lock = threading.Lock()
        self._closed = threading.Event()
        self._users = 1
        self._preloaded = False
        self._named = itertools.count(1)
        self._marks: list[bytes] | None = None
        self._body: Body | None = Body.of(file, header, options)
        self._pdq = _GuardedIndex(self)

    @classmethod
    def open(cls, path: Path, key: DigestKey, options: SearchOptions | None = None) -> Snapshot:
        """Open a file and check its header.

        Raises:
            SnapshotReadError: it does not exist, or may not be read.
            SnapshotPermissionsError: every user of the machine may write to it.
            SnapshotForeignError, SnapshotVersionError, SnapshotDamagedError: its header.
            SnapshotKeyError: its exact digests were keyed with another key.
        """
        file = MappedFile(path)
        try:
            header = layout.decode_header(file.read(layout.header_length(file.read(64), file.size)))
            if header.key_fingerprint != key.fingerprint():
                raise SnapshotKeyError
            return cls(file, header, key, options)
        except BaseException:
            file.close()
            raise

    def __enter__(self) -> Snapshot:
        """The snapshot itself; leaving the block closes it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def share(self) -> Snapshot:
        """The same snapshot for one more user, who closes it too.

        Raises:
            SnapshotClosedError: the last user has closed it.
        """
        with self._state_lock:
            if self._closed.is_set():
                raise SnapshotClosedError
            self._users += 1
        return self

    def close(self) -> None:
        """End its use.

        The file is unmapped once the last user has closed it, and the last search in another
        thread has ended.
        """
        with self._state_lock:
            self._users -= 1
            if self._users > 0 or self._closed.is_set():
                return
            self._closed.set()
        self._body = None
        self._file.close()

    @property
    def metadata(self) -> layout.SnapshotMetadata:
        """What the list says of itself."""
        return self._header.metadata

    @property
    def key(self) -> DigestKey:
        """The key of the exact digests."""
        return self._key

    @property
    def entry_count(self) -> int:
        """How many entries the list has."""
        return self._header.entry_count

    @property
    def active_count(self) -> int:
        """How many entries the list has."""
        return self._header.entry_count

    @property
    def sections(self) -> tuple[layout.Section, ...]:
        """Where each section of the file stands."""
        return self._header.sections

    @property
    def band_widths(self) -> tuple[int, ...]:
        """Bits of each band of the PDQ tables; none where searches are linear."""
        return self._header.bands.widths

    @property
    def permissions_ok(self) -> bool:
        """Whether the file belongs to this user (or to root) and nobody else may touch it."""
        return self._file.private

    @property
    def body_state(self) -> BodyState:
        """What is known of the body."""
        return self._state

    @property
    def is_damaged(self) -> bool:
        """Whether the body was found to be damaged: nothing is found in it any more."""
        return self._state is BodyState.DAMAGED

    @property
    def pdq(self) -> _GuardedIndex:
        """The index of PDQ hashes; its rows are mapped by `pdq_entry_numbers`."""
        self._open_body()
        return self._pdq

    def pdq_entry_numbers(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The entries of rows of the PDQ index; int64 of the same shape."""
        entries = self._open_body().pdq_entries[rows].astype(np.int64)
        if entries.size and int(entries.max()) >= self.entry_count:
            self._mark_damaged()
        return entries

    def pdq_quality(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The PDQ quality of rows, 255 where the list does not tell it."""
        return self._open_body().pdq_qualities[rows]

    def exact(self, signal: SignalType, keyed: list[bytes]) -> list[NDArray[np.int64]]:
        """For each keyed digest the numbers of all entries that have it."""
        table = self._open_body().exact[signal]
        try:
            return table.find_many(keyed)
        except SnapshotDamagedError:
            self._mark_damaged()

    def signals_of(self, number: int) -> frozenset[SignalType]:
        """Which digests an entry has."""
        return frozenset(s for s in SignalType if self._place(s, number) is not None)

    def entry(self, number: int) -> SnapshotEntry:
        """An entry by its number, 0 to `entry_count` - 1; IndexError beyond."""
        body = self._open_body()
        if not 0 <= number < self.entry_count:
            raise IndexError("no such entry")
        row = self._place(SignalType.PDQ, number)
        quality = layout.UNKNOWN_QUALITY if row is None else int(body.pdq_qualities[row])
        return SnapshotEntry(
            self.entry_id(number),
            self.classification(number),
            self._exact_digest(SignalType.MD5, number),
            self._exact_digest(SignalType.SHA1, number),
            self._exact_digest(SignalType.SHA256, number),
            None if row is None else body.index.hash_of(row),
            None if quality == layout.UNKNOWN_QUALITY else quality,
        )

    def entry_id(self, number: int) -> str:
        """The id of an entry within its list."""
        body = self._open_body()
        if next(self._named) % _NAMED_AT_ONCE == 0:
            self._release_names()
        start = int(body.id_ends[number - 1]) if number else 0
        end = int(body.id_ends[number])
        if not start < end <= min(len(body.ids), start + layout.MAX_ENTRY_ID_BYTES):
            self._mark_damaged()
        try:
            return body.ids[start:end].tobytes().decode("utf-8")
        except UnicodeDecodeError:
            self._mark_damaged()

    def find(self, entry_ids: Sequence[str]) -> dict[str, int]:
        """The numbers of those of some entries that are there, by id.

        Needs entries that stand in the order of their ids (by code points), as a list's are.
        """
        body = self._open_body()
        # Plain Python reads single values of these faster than of arrays.
        ends, ids = body.id_ends.data, body.ids.data

        def id_of(number: int) -> bytes:
            return bytes(ids[ends[number - 1] if number else 0 : ends[number]])

        if self._marks is None:
            self._marks = self._read_marks(id_of)
        found: dict[str, int] = {}
        places = range(self.entry_count)
        for count, entry_id in enumerate(sorted(entry_ids), 1):
            if count % _FOUND_AT_ONCE == 0:
                self._release_names()
            wanted = entry_id.encode("utf-8")
            first = (bisect_right(self._marks, wanted) - 1) * _MARKED
            if first < 0:
                continue
            last = min(first + _MARKED, self.entry_count)
            place = bisect_left(places, wanted, first, last, key=id_of)
            if place < last and id_of(place) == wanted:
                found[entry_id] = place
        if entry_ids:
            self._release_names()
        return found

    def _read_marks(self, id_of: Callable[[int], bytes]) -> list[bytes]:
        marks = []
        for count, number in enumerate(range(0, self.entry_count, _MARKED), 1):
            marks.append(id_of(number))
            if count % _FOUND_AT_ONCE == 0:
                self._release_names()
        self._release_names()
        return marks

    def _release_names(self) -> None:
        """Keep no pages of these: read here and there, they would be all of them in the end."""
        for section in self._header.sections:
            if section.name in _NAMED:
                self._file.release(section.offset, section.length)

    def classification(self, number: int) -> str:
        """The classification of an entry; empty when unknown."""
        word = int(self._open_body().classes[number])
        if word >= len(self._header.classifications):
            self._mark_damaged()
        return self._header.classifications[word]

    def verify_body(self) -> bool:
        """Read the whole file and compare every checksum; gives whether it is intact.

        If not, this and every later search finds the snapshot damaged. Closing the snapshot
        meanwhile ends the check, without a finding.

        Raises:
            SnapshotClosedError: it is closed, or was closed meanwhile.
        """
        with self._state_lock:
            self._open_body()
            self._state = BodyState.CHECKING
        try:
            intact = self._file.intact(self._header, self._closed.is_set)
        except OSError:
            intact = False
        if self._closed.is_set():
            raise SnapshotClosedError
        with self._state_lock:
            # What a search found to be damaged meanwhile stays so.
            intact = intact and self._state is not BodyState.DAMAGED
            self._state = BodyState.INTACT if intact else BodyState.DAMAGED
        return intact

    def preload(self) -> None:
        """Bring what every search reads into memory now, so that the first are fast too.

        What is read of matches alone (ids and the like) stays where it is. Once is enough.
        """
        if self._preloaded:
            return
        self._preloaded = True
        for section in self._header.sections:
            if section.name.endswith(_SEARCHED):
                self._file.populate(section.offset, section.length, self._closed.is_set)

    def verify_in_background(self) -> Future[bool]:
        """Run `verify_body` in a thread of its own that does not keep the process alive."""
        future: Future[bool] = Future()

        def run() -> None:
            try:
                future.set_result(self.verify_body())
            except Exception as error:  # noqa: BLE001 - it goes to whoever asks the future
                future.set_exception(error)

        threading.Thread(target=run, name="snapshot-check", daemon=True).start()
        return future

    def _open_body(self) -> Body:
        """The body, which whoever holds it may read even if the snapshot is closed meanwhile."""
        body = self._body
        if body is None:
            raise SnapshotClosedError
        if self._state is BodyState.DAMAGED:
            raise SnapshotDamagedError
        return body

    def _mark_damaged(self) -> NoReturn:
        with self._state_lock:
            self._state = BodyState.DAMAGED
        raise SnapshotDamagedError

    def _place(self, signal: SignalType, number: int) -> int | None:
        """Where an entry's digest of a signal type stands, or None."""
        body = self._open_body()
        column = body.places[signal]
        place = int(column[number]) if len(column) else layout.NO_PLACE
        if place == layout.NO_PLACE:
            return None
        if place >= len(body.index if signal is SignalType.PDQ else body.exact[signal]):
            self._mark_damaged()
        return place

    def _exact_digest(self, signal: SignalType, number: int) -> bytes | None:
        place = self._place(signal, number)
        return None if place is None else self._open_body().exact[signal].key(place)


class _GuardedIndex:
    """The index of a snapshot; it refuses once the snapshot is damaged or closed."""

    def __init__(self, owner: Snapshot) -> None:
        self._owner = owner

    def __len__(self) -> int:
        return self._owner._header.count("pdq_hashes")

    def search(self, queries: NDArray[np.uint8], threshold: int) -> PdqHits:
        """See `interface.PdqIndex`."""
        try:
            return self._owner._open_body().index.search(queries, threshold)
        except SnapshotDamagedError:
            self._owner._mark_damaged()
