"""Writing a snapshot: entries stream into spool files, then the file is put together.

Anonymous memory stays bounded however long the list is: a block of entries, a piece of a sort,
and the counters of one table's shape; everything else is mapped or copied file data. All
files are created with mode 0600 in a folder of mode 0700 beside the target and on the same
file system; the finished file is fsynced, renamed over the target, and the folder is fsynced.
The space is allocated before it is mapped, so that a full disk is an error and not a signal.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safehold.hashing.keyed import KEYED_BYTES
from safehold.hashing.model import PDQ_BYTES
from safehold.kernels.hamming import BandTables
from safehold.matching import bands, layout
from safehold.matching.banded import fill_tables
from safehold.matching.errors import EntryError, SnapshotWriteError
from safehold.matching.interface import SnapshotEntry
from safehold.matching.keysort import SortedKeys, sort_keys
from safehold.matching.linear import as_words
from safehold.matching.spool import Block, Spool, spooled_entries, spooled_keys

_BLOCK_ENTRIES = 20_000


@dataclass(frozen=True, slots=True)
class PdqArrays:
    """A list of PDQ hashes alone, for benchmarks and bulk conversion; ids are row numbers.

    Attributes:
        hashes: uint8, shape (n, 32).
        qualities: uint8, shape (n,), 255 where unknown.
    """

    hashes: NDArray[np.uint8]
    qualities: NDArray[np.uint8]


def write_snapshot(
    path: Path,
    entries: Iterable[SnapshotEntry],
    metadata: layout.SnapshotMetadata,
    key_fingerprint: bytes,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write a snapshot of `entries` to `path`, atomically; gives how many entries it has.

    Args:
        path: the file; an existing one is replaced in one step.
        entries: read once; exact digests are keyed already.
        metadata: what the list says of itself.
        key_fingerprint: `DigestKey.fingerprint()` of the key of the exact digests.
        progress: told how many entries were read, after each block of 20,000.

    Raises:
        EntryError: an entry has a digest of a wrong length, no id, or no digest at all.
        SnapshotWriteError: no space, or the folder cannot be written.
        ValueError: the metadata is too large.
    """

    def blocks() -> Iterator[Block]:
        iterator = iter(entries)
        done = 0
        while piece := list(itertools.islice(iterator, _BLOCK_ENTRIES)):
            yield Block.of_entries(piece, done)
            done += len(piece)
            if progress is not None:
                progress(done)

    return _write(path, blocks(), metadata, key_fingerprint)


def write_pdq_arrays(
    path: Path, arrays: PdqArrays, metadata: layout.SnapshotMetadata, key_fingerprint: bytes
) -> int:
    """As `write_snapshot`, for arrays of PDQ hashes whose entries have no other digest."""
    if arrays.hashes.shape != (len(arrays.qualities), PDQ_BYTES):
        raise EntryError(0, "the PDQ hashes are not uint8 of shape (n, 32)")

    def blocks() -> Iterator[Block]:
        for first in range(0, len(arrays.hashes), _BLOCK_ENTRIES):
            last = first + _BLOCK_ENTRIES
            yield Block.of_pdq(arrays.hashes[first:last], arrays.qualities[first:last], first)

    return _write(path, blocks(), metadata, key_fingerprint)


def _write(
    path: Path,
    blocks: Iterable[Block],
    metadata: layout.SnapshotMetadata,
    key_fingerprint: bytes,
) -> int:
    """Spool, put together, rename."""
    if len(key_fingerprint) != layout.FINGERPRINT_BYTES:
        raise ValueError("a key fingerprint has 8 bytes")
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".snapshot-") as name:
            folder = Path(name)
            with Spool(folder) as spool:
                for block in blocks:
                    spool.add(block)
            target = folder / "snapshot"
            _assemble(target, spool, metadata, key_fingerprint)
            target.replace(path)
            _sync_folder(path.parent)
            return spool.entry_count
    except OSError as error:
        raise SnapshotWriteError from error


def _sync_folder(folder: Path) -> None:
    """Make a rename last."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _assemble(
    target: Path, spool: Spool, metadata: layout.SnapshotMetadata, key_fingerprint: bytes
) -> None:
    """Lay the file out, fill its sections, then write the header."""
    words = as_words(spool.mapped("pdq_hashes", "u1").reshape(-1, PDQ_BYTES))
    parts = bands.BandLayout(bands.choose_widths(len(words)), bands.row_parity(words))
    header = _plan(spool, metadata, key_fingerprint, parts)
    descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as out:
        os.posix_fallocate(descriptor, 0, header.file_bytes)
        for section in header.sections:
            if spool.bytes_of(section.name):
                out.seek(section.offset)
                spool.copy(section.name, out)
        out.flush()
        _fill_exact(target, header, spool)
        if parts.widths:
            _fill_bands(target, header)
        header = replace(header, sections=_with_digests(descriptor, header.sections))
        out.seek(0)
        out.write(layout.encode_header(header))
        out.flush()
        os.fsync(descriptor)


def _plan(
    spool: Spool,
    metadata: layout.SnapshotMetadata,
    key_fingerprint: bytes,
    parts: bands.BandLayout,
) -> layout.Header:
    """The header, with the place of every section and no checksums yet."""
    rows, entries = spool.bytes_of("pdq_hashes") // PDQ_BYTES, spool.entry_count
    lengths = {name: spool.bytes_of(name) for name in layout.SECTION_ITEM_BYTES}
    lengths["band_offsets"] = 4 * parts.offset_count
    lengths["band_rows"] = 4 * len(parts.widths) * rows
    lengths["band_signatures"] = 2 * len(parts.widths) * rows
    if rows == 0:
        lengths["entry_pdq_rows"] = 0
    for signal in layout.EXACT_SIGNALS:
        digests = spool.bytes_of(spooled_keys(signal)) // KEYED_BYTES
        lengths[f"{signal.value}_keys"] = KEYED_BYTES * digests
        lengths[f"{signal.value}_entries"] = 4 * digests
        lengths[f"{signal.value}_places"] = 4 * entries if digests else 0
    present = [(name, length) for name, length in lengths.items() if length]
    text = layout.metadata_json(metadata, parts, spool.classifications)
    header_bytes = free = layout.header_size(len(text), len(present))
    sections = []
    for name, length in present:
        sections.append(layout.Section(name, layout.aligned(free), length, bytes(32)))
        free = layout.aligned(free) + length
    return layout.Header(
        metadata,
        entries,
        key_fingerprint,
        parts,
        tuple(spool.classifications),
        tuple(sections),
        header_bytes,
        free,
    )


def _mapped(target: Path, header: layout.Header, name: str, dtype: str) -> NDArray[Any]:
    """A section of the new file as a writable array over the mapped file."""
    section = header.section(name)
    if section is None:
        return np.empty(0, dtype)
    count = section.length // np.dtype(dtype).itemsize
    return np.asarray(np.memmap(target, dtype, "r+", section.offset, (count,)))


def _fill_exact(target: Path, header: layout.Header, spool: Spool) -> None:
    """Sort the keyed digests of each signal type into their sections."""
    for signal in layout.EXACT_SIGNALS:
        name = signal.value
        if header.section(f"{name}_keys") is None:
            continue
        sort_keys(
            spool.mapped(spooled_keys(signal), "u1").reshape(-1, KEYED_BYTES),
            spool.mapped(spooled_entries(signal), "<u4"),
            SortedKeys(
                _mapped(target, header, f"{name}_keys", "u1").reshape(-1, KEYED_BYTES),
                _mapped(target, header, f"{name}_entries", "<u4"),
                _mapped(target, header, f"{name}_places", "<u4"),
            ),
        )


def _fill_bands(target: Path, header: layout.Header) -> None:
    """Build the tables of the bands in place."""
    hashes = _mapped(target, header, "pdq_hashes", "u1").reshape(-1, PDQ_BYTES)
    fill_tables(
        BandTables(
            as_words(hashes),
            _mapped(target, header, "band_offsets", "<u4"),
            _mapped(target, header, "band_rows", "<u4"),
            _mapped(target, header, "band_signatures", "<u2"),
            header.bands.specification(),
        ),
        threads=0,
    )


def _with_digests(
    descriptor: int, sections: tuple[layout.Section, ...]
) -> tuple[layout.Section, ...]:
    """The sections with the checksums of what stands in the file."""
    return tuple(
        replace(s, digest=layout.section_digest(descriptor, s.offset, s.length)) for s in sections
    )
