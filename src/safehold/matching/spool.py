"""Columns of entries on their way into a snapshot: checked, then appended to files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from safehold.hashing.keyed import KEYED_BYTES
from safehold.hashing.model import PDQ_BYTES, SignalType
from safehold.matching import layout
from safehold.matching.errors import EntryError
from safehold.matching.interface import SnapshotEntry

_COPY_BYTES = 4 * 1024 * 1024


def spooled_keys(signal: SignalType) -> str:
    """Name of the spool file with the keyed digests of a signal type, in order of entries."""
    return f"{signal.value}_spooled_keys"


def spooled_entries(signal: SignalType) -> str:
    """Name of the spool file with the entry numbers of these."""
    return f"{signal.value}_spooled_entries"


@dataclass(frozen=True, slots=True)
class Block:
    """Some entries as columns; entry numbers count from the block's first entry.

    Attributes:
        ids: the id of each entry, UTF-8.
        words: the classification of each entry.
        pdq: hashes of those that have one, joined.
        qualities: a byte for each of these.
        pdq_entries: int64, the entries of these.
        exact: for each signal type the joined keyed digests and their entries (int64).
    """

    ids: list[bytes]
    words: list[str]
    pdq: bytes
    qualities: bytes
    pdq_entries: NDArray[np.int64]
    exact: dict[SignalType, tuple[bytes, NDArray[np.int64]]]

    @classmethod
    def of_entries(cls, entries: Sequence[SnapshotEntry], first: int) -> Block:
        """Check entries, of which the first has the number `first`, and turn them around.

        Raises `EntryError` for the first that cannot be kept.
        """
        ids = []
        for i, entry in enumerate(entries):
            problem = _problem(entry)
            if problem:
                raise EntryError(first + i, problem)
            ids.append(entry.entry_id.encode("utf-8"))
        with_pdq = [(i, e) for i, e in enumerate(entries) if e.pdq is not None]
        exact = {}
        for signal in layout.EXACT_SIGNALS:
            digests = [getattr(e, signal.value) for e in entries]
            having = [i for i, digest in enumerate(digests) if digest is not None]
            exact[signal] = (b"".join(digests[i] for i in having), np.array(having, np.int64))
        return cls(
            ids,
            [e.classification for e in entries],
            b"".join(e.pdq or b"" for _, e in with_pdq),
            bytes(
                layout.UNKNOWN_QUALITY if e.pdq_quality is None else e.pdq_quality
                for _, e in with_pdq
            ),
            np.array([i for i, _ in with_pdq], np.int64),
            exact,
        )

    @classmethod
    def of_pdq(cls, hashes: NDArray[np.uint8], qualities: NDArray[np.uint8], first: int) -> Block:
        """Entries that have a PDQ hash alone; ids are the numbers from `first`."""
        n = len(hashes)
        none = (b"", np.empty(0, np.int64))
        return cls(
            [b"%d" % number for number in range(first, first + n)],
            [""] * n,
            hashes.tobytes(),
            qualities.tobytes(),
            np.arange(n),
            dict.fromkeys(layout.EXACT_SIGNALS, none),
        )


def _problem(entry: SnapshotEntry) -> str:
    """Why an entry cannot be kept, or an empty string."""
    exact = (entry.md5, entry.sha1, entry.sha256)
    if any(digest is not None and len(digest) != KEYED_BYTES for digest in exact):
        return "a keyed digest does not have 16 bytes"
    if entry.pdq is not None and len(entry.pdq) != PDQ_BYTES:
        return "the PDQ hash does not have 32 bytes"
    if entry.pdq_quality is not None and not 0 <= entry.pdq_quality <= 100:
        return "the PDQ quality is not 0 to 100"
    if entry.pdq is None and not any(exact):
        return "it has no digest"
    try:
        id_bytes = len(entry.entry_id.encode("utf-8"))
        word_bytes = len(entry.classification.encode("utf-8"))
    except UnicodeEncodeError:
        return "its id or classification is not Unicode text"
    if not 0 < id_bytes <= layout.MAX_ENTRY_ID_BYTES:
        return "its id is empty or longer than 1024 bytes"
    if word_bytes > layout.MAX_CLASSIFICATION_BYTES:
        return "its classification is longer than 128 bytes"
    return ""


class Spool:
    """Files to which blocks are appended, one for each column; a context manager."""

    def __init__(self, folder: Path) -> None:
        """Keep the files in `folder`, which the caller makes and removes."""
        self._folder = folder
        self._files: dict[str, IO[bytes]] = {}
        self._sizes: dict[str, int] = {}
        self._words: dict[str, int] = {}
        self.entry_count = 0

    def __enter__(self) -> Spool:
        """The spool itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Flush and close the files."""
        for file in self._files.values():
            file.close()

    @property
    def classifications(self) -> list[str]:
        """All classifications, in the order in which they first came."""
        return list(self._words)

    def add(self, block: Block) -> None:
        """Append a block.

        Raises `EntryError` beyond the bounds on entries or on different classifications.
        """
        first, count = self.entry_count, len(block.ids)
        if first + count > layout.MAX_ENTRIES:
            raise EntryError(first, "a list has at most 4,294,967,294 entries")
        for word in block.words:
            self._words.setdefault(word, len(self._words))
        if len(self._words) > layout.MAX_CLASSIFICATIONS:
            raise EntryError(first, "a list has at most 4,096 different classifications")
        rows = np.full(count, layout.NO_PLACE, np.uint32)
        rows[block.pdq_entries] = self.bytes_of("pdq_hashes") // PDQ_BYTES + np.arange(
            len(block.pdq_entries)
        )
        ends = self.bytes_of("entry_ids") + np.cumsum([len(i) for i in block.ids])
        self._append("pdq_hashes", block.pdq)
        self._append("pdq_qualities", block.qualities)
        self._append("pdq_entries", (block.pdq_entries + first).astype("<u4").tobytes())
        self._append("entry_pdq_rows", rows.astype("<u4").tobytes())
        classes = np.array([self._words[word] for word in block.words], "<u2")
        self._append("entry_classes", classes.tobytes())
        self._append("entry_id_ends", ends.astype("<u8").tobytes())
        self._append("entry_ids", b"".join(block.ids))
        for signal, (digests, entries) in block.exact.items():
            self._append(spooled_keys(signal), digests)
            self._append(spooled_entries(signal), (entries + first).astype("<u4").tobytes())
        self.entry_count += count

    def bytes_of(self, name: str) -> int:
        """How long a column is."""
        return self._sizes.get(name, 0)

    def mapped(self, name: str, dtype: str) -> NDArray[Any]:
        """A column as a read-only array over its file."""
        if self.bytes_of(name) == 0:
            return np.empty(0, dtype)
        return np.asarray(np.memmap(self._folder / name, dtype, "r"))

    def copy(self, name: str, target: IO[bytes]) -> None:
        """Write a column to where `target` stands."""
        with (self._folder / name).open("rb") as source:
            shutil.copyfileobj(source, target, _COPY_BYTES)

    def _append(self, name: str, data: bytes) -> None:
        if not data:
            return
        if name not in self._files:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            descriptor = os.open(self._folder / name, flags, 0o600)
            self._files[name] = os.fdopen(descriptor, "wb")
        self._files[name].write(data)
        self._sizes[name] = self.bytes_of(name) + len(data)
