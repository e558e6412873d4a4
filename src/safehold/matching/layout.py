"""The bytes of a snapshot's header: encoding, and decoding with every check that needs no body.

The format is written down in docs/formats/snapshot.md. Nothing here writes
files, and only `section_digest` reads.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from safehold.hashing.model import SignalType
from safehold.matching.bands import BandLayout
from safehold.matching.errors import (
    SnapshotDamagedError,
    SnapshotForeignError,
    SnapshotVersionError,
)

MAGIC = b"SAFEHSNP"
VERSION = 1
ALIGNMENT = 64
CHECKSUM_BYTES = 32
FINGERPRINT_BYTES = 8
MAX_HEADER_BYTES = 2 * 1024 * 1024
MAX_METADATA_BYTES = 1024 * 1024
MAX_CLASSIFICATIONS = 4096
MAX_CLASSIFICATION_BYTES = 128
MAX_ENTRY_ID_BYTES = 1024
MAX_ENTRIES = (1 << 32) - 2
NO_PLACE = (1 << 32) - 1
"""In a column of places: this entry has no such digest."""
UNKNOWN_QUALITY = 255

_READ_BYTES = 4 * 1024 * 1024

# magic, version, header bytes, file bytes, entries, key fingerprint, sections, metadata bytes,
# reserved
_PREFIX = struct.Struct("<8sIIQQ8sIIQQ")
# name, bytes of one element, reserved, offset, bytes, checksum
_SECTION = struct.Struct("<24sIIQQ32s")

EXACT_SIGNALS = (SignalType.MD5, SignalType.SHA1, SignalType.SHA256)

SECTION_ITEM_BYTES: dict[str, int] = {
    "pdq_hashes": 32,
    "pdq_qualities": 1,
    "pdq_entries": 4,
    "band_offsets": 4,
    "band_rows": 4,
    "band_signatures": 2,
    **{
        f"{signal.value}_{part}": size
        for signal in EXACT_SIGNALS
        for part, size in (("keys", 16), ("entries", 4), ("places", 4))
    },
    "entry_pdq_rows": 4,
    "entry_classes": 2,
    "entry_id_ends": 8,
    "entry_ids": 1,
}
"""Every section of version 1, in the order of the file, with the bytes of one element."""


def checksum(data: bytes | memoryview) -> bytes:
    """BLAKE2b with 32 bytes (RFC 7693), as it stands in headers."""
    return hashlib.blake2b(data, digest_size=CHECKSUM_BYTES).digest()


def section_digest(
    descriptor: int, offset: int, length: int, stop: Callable[[], bool] | None = None
) -> bytes:
    """The checksum of a range of an open file, read in pieces of 4 MiB.

    It reads and does not map, so that a file that was cut short is an error and not a signal.
    A range that ends early, or whose reading `stop` ends, has a checksum of what was read.
    """
    running = hashlib.blake2b(digest_size=CHECKSUM_BYTES)
    end = offset + length
    while offset < end and not (stop is not None and stop()):
        piece = os.pread(descriptor, min(_READ_BYTES, end - offset), offset)
        if not piece:
            break
        running.update(piece)
        offset += len(piece)
    return running.digest()


@dataclass(frozen=True, slots=True)
class SnapshotMetadata:
    """What a snapshot says of its list.

    Attributes:
        list_name: the list's name.
        tier: the list's tier, as the lists package writes it.
        created: when it was built, with time zone UTC.
        extra: free data for the layers above; JSON objects, arrays, strings, numbers.
    """

    list_name: str
    tier: str
    created: dt.datetime
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.created.tzinfo is None:
            raise ValueError("a time of creation needs a time zone")


@dataclass(frozen=True, slots=True)
class Section:
    """Where one section stands; `digest` is the checksum of its bytes."""

    name: str
    offset: int
    length: int
    digest: bytes = b""

    @property
    def count(self) -> int:
        """How many elements it has."""
        return self.length // SECTION_ITEM_BYTES[self.name]


@dataclass(frozen=True, slots=True)
class Header:
    """A whole header.

    Attributes:
        metadata: what the list says of itself.
        entry_count: how many entries there are.
        key_fingerprint: of the key of the exact digests (`DigestKey.fingerprint`).
        bands: layout of the PDQ tables.
        classifications: the words to which `entry_classes` points.
        sections: in the order of the file; empty ones are left out.
        header_bytes: where the body may begin.
        file_bytes: length of the whole file.
    """

    metadata: SnapshotMetadata
    entry_count: int
    key_fingerprint: bytes
    bands: BandLayout
    classifications: tuple[str, ...]
    sections: tuple[Section, ...]
    header_bytes: int
    file_bytes: int

    def section(self, name: str) -> Section | None:
        """The section of this name, or None if it is empty."""
        return next((s for s in self.sections if s.name == name), None)

    def count(self, name: str) -> int:
        """How many elements a section has; 0 if it is left out."""
        found = self.section(name)
        return 0 if found is None else found.count


def aligned(offset: int) -> int:
    """The next multiple of 64."""
    return -(-offset // ALIGNMENT) * ALIGNMENT


def metadata_json(
    metadata: SnapshotMetadata, bands: BandLayout, classifications: Sequence[str]
) -> bytes:
    """The JSON part of a header.

    Raises ValueError if it is longer than `MAX_METADATA_BYTES`, or not JSON.
    """
    text = json.dumps(
        {
            "list": metadata.list_name,
            "tier": metadata.tier,
            "created": metadata.created.astimezone(dt.UTC).isoformat(),
            "extra": dict(metadata.extra),
            "band_widths": list(bands.widths),
            "parity": bands.parity,
            "classifications": list(classifications),
        },
        ensure_ascii=True,
        allow_nan=False,
        sort_keys=True,
        separators=(",", ":"),
    ).encode("ascii")
    if len(text) > MAX_METADATA_BYTES:
        raise ValueError("the metadata of a snapshot is at most 1 MiB of JSON")
    return text


def header_size(json_bytes: int, sections: int) -> int:
    """Bytes of a header, its checksum and padding included."""
    return aligned(_PREFIX.size + sections * _SECTION.size + json_bytes + CHECKSUM_BYTES)


def encode_header(header: Header) -> bytes:
    """The header's bytes; `sections` must carry their digests."""
    text = metadata_json(header.metadata, header.bands, header.classifications)
    parts = [
        _PREFIX.pack(
            MAGIC,
            VERSION,
            header.header_bytes,
            header.file_bytes,
            header.entry_count,
            header.key_fingerprint,
            len(header.sections),
            len(text),
            0,
            0,
        )
    ]
    parts += [
        _SECTION.pack(
            s.name.encode("ascii"), SECTION_ITEM_BYTES[s.name], 0, s.offset, s.length, s.digest
        )
        for s in header.sections
    ]
    data = b"".join((*parts, text)).ljust(header.header_bytes - CHECKSUM_BYTES, b"\0")
    return data + checksum(data)


def header_length(start: bytes, file_bytes: int) -> int:
    """Check the first 64 bytes of a file and give the length of its header.

    Raises:
        SnapshotForeignError, SnapshotVersionError, SnapshotDamagedError.
    """
    if start[: len(MAGIC)] != MAGIC:
        raise SnapshotForeignError
    if len(start) < _PREFIX.size:
        raise SnapshotDamagedError
    _, version, header_bytes, stated, *_ = _PREFIX.unpack(start[: _PREFIX.size])
    if version != VERSION:
        raise SnapshotVersionError
    if (
        stated != file_bytes
        or not _PREFIX.size + CHECKSUM_BYTES <= header_bytes <= min(file_bytes, MAX_HEADER_BYTES)
        or header_bytes % ALIGNMENT
    ):
        raise SnapshotDamagedError
    return int(header_bytes)


def decode_header(data: bytes) -> Header:
    """Decode and check a whole header; `header_length` was asked before.

    Raises:
        SnapshotDamagedError: the checksum or anything that the header says is wrong.
    """
    body = data[:-CHECKSUM_BYTES]
    if checksum(body) != data[-CHECKSUM_BYTES:]:
        raise SnapshotDamagedError
    _, _, header_bytes, file_bytes, entries, fingerprint, count, json_bytes, *_ = (
        _PREFIX.unpack_from(data)
    )
    if (
        header_bytes != len(data)
        or count > len(SECTION_ITEM_BYTES)
        or json_bytes > MAX_METADATA_BYTES
        or entries > MAX_ENTRIES
        or header_size(json_bytes, count) != header_bytes
    ):
        raise SnapshotDamagedError
    sections = _decode_sections(body, count, header_bytes, file_bytes)
    start = _PREFIX.size + count * _SECTION.size
    try:
        metadata, bands, words = _decode_metadata(body[start : start + json_bytes])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SnapshotDamagedError from error
    header = Header(
        metadata, entries, fingerprint, bands, words, sections, header_bytes, file_bytes
    )
    if not _consistent(header):
        raise SnapshotDamagedError
    return header


def _decode_sections(
    body: bytes, count: int, header_bytes: int, file_bytes: int
) -> tuple[Section, ...]:
    """The section table: known names once and in order, aligned, disjoint, within the file."""
    order = {name.encode("ascii"): place for place, name in enumerate(SECTION_ITEM_BYTES)}
    sections = []
    free, last_place = header_bytes, -1
    for i in range(count):
        raw, item, _, offset, length, digest = _SECTION.unpack_from(
            body, _PREFIX.size + i * _SECTION.size
        )
        place = order.get(raw.rstrip(b"\0"), -1)
        name = raw.rstrip(b"\0").decode("ascii", "replace")
        if (
            place <= last_place
            or item != SECTION_ITEM_BYTES[name]
            or offset != aligned(free)
            or length == 0
            or length % item
            or offset + length > file_bytes
        ):
            raise SnapshotDamagedError
        sections.append(Section(name, offset, length, digest))
        free, last_place = offset + length, place
    if file_bytes != free:
        raise SnapshotDamagedError
    return tuple(sections)


def _decode_metadata(text: bytes) -> tuple[SnapshotMetadata, BandLayout, tuple[str, ...]]:
    """The JSON part; ValueError, TypeError or KeyError where it is not what it must be."""
    data = json.loads(text)
    created = dt.datetime.fromisoformat(data["created"])
    words, widths, parity = data["classifications"], data["band_widths"], data["parity"]
    texts = (data["list"], data["tier"], *words)
    if (
        not all(isinstance(text, str) for text in texts)
        or not isinstance(data["extra"], dict)
        or not all(type(width) is int for width in widths)
        or not (parity is None or (type(parity) is int and parity in (0, 1)))
        or len(words) > MAX_CLASSIFICATIONS
    ):
        raise ValueError("metadata of another shape")
    metadata = SnapshotMetadata(data["list"], data["tier"], created, data["extra"])
    return metadata, BandLayout(tuple(widths), parity), tuple(words)


def _consistent(header: Header) -> bool:
    """Whether the sections' sizes fit with one another and with the counts."""
    count, entries = header.count, header.entry_count
    rows, bands = count("pdq_hashes"), len(header.bands.widths)
    keyed = all(
        count(f"{s.value}_entries") == count(f"{s.value}_keys") <= entries
        and count(f"{s.value}_places") == (entries if count(f"{s.value}_keys") else 0)
        for s in EXACT_SIGNALS
    )
    return (
        keyed
        and count("pdq_qualities") == count("pdq_entries") == rows <= entries
        and count("entry_pdq_rows") == (entries if rows else 0)
        and count("entry_classes") == count("entry_id_ends") == entries
        and (bands == 0 or rows > 0)
        and count("band_offsets") == header.bands.offset_count
        and count("band_rows") == count("band_signatures") == bands * rows
    )
