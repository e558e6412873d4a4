"""The columns of a chunk: bytes that numpy reads without a step for each item.

A chunk's digests are, one after another, little-endian, each column padded with zeros to a
multiple of 8 bytes: three uint64 (items n, variants v, bytes of names), the names (JSON:
`variants`, `faults`), then

    pdq        uint8   v x 8 x 32   each variant's hashes, in the order of `Orientation`
    md5, sha1, sha256
               uint8   n x 16       keyed, as lists have them
    sizes      uint64  n            bytes of the item
    frames     uint32  n            frames or pages, 0 where nothing was decoded
    first      uint32  n + 1        where an item's variants begin
    faults     uint8   n            0 for none, else one more than a place in the names
    names      uint32  v            a place in the names of variants
    qualities  uint8   v
    receipts   uint8   n x 51       what the base64 of a receipt stands for

A chunk's contexts are n uint32 lengths, padded likewise, then the UTF-8 JSON of each.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safehold.cases.receipt import RECEIPT_LENGTH
from safehold.hashing.keyed import KEYED_BYTES, DigestKey
from safehold.hashing.model import PDQ_BYTES, ExactDigests, Orientation, SignalType, VariantDigests
from safehold.media.model import Fault
from safehold.retro.model import KeptItem
from safehold.retro.sealing import KeptDamagedError
from safehold.screening import Examination

ORIENTATIONS = len(Orientation)
RECEIPT_BYTES = RECEIPT_LENGTH * 6 // 8
_HEAD = 3
_ALIGNED = 8


@dataclass(frozen=True, slots=True)
class Columns:
    """The digests of a chunk; see above for the columns.

    Attributes:
        variant_names, fault_names: what `names` and `faults` point to.
    """

    variant_names: tuple[str, ...]
    fault_names: tuple[str, ...]
    pdq: NDArray[np.uint8] = field(repr=False)
    md5: NDArray[np.uint8] = field(repr=False)
    sha1: NDArray[np.uint8] = field(repr=False)
    sha256: NDArray[np.uint8] = field(repr=False)
    sizes: NDArray[np.uint64] = field(repr=False)
    frames: NDArray[np.uint32] = field(repr=False)
    first: NDArray[np.uint32] = field(repr=False)
    faults: NDArray[np.uint8] = field(repr=False)
    names: NDArray[np.uint32] = field(repr=False)
    qualities: NDArray[np.uint8] = field(repr=False)
    receipts: NDArray[np.uint8] = field(repr=False)

    @property
    def items(self) -> int:
        """How many items there are."""
        return len(self.sizes)

    def keyed(self, signal: SignalType) -> NDArray[np.uint8]:
        """Keyed exact digests; uint8, shape (items, 16)."""
        found: NDArray[np.uint8] = getattr(self, signal.value)
        return found

    def owners(self, quality_floor: int) -> NDArray[np.int64]:
        """The item of each variant; -1 for variants of too little quality."""
        first = self.first.astype(np.int64)
        counts: NDArray[np.int64] = first[1:] - first[:-1]
        owners = np.repeat(np.arange(self.items, dtype=np.int64), counts)
        return np.where(self.qualities >= quality_floor, owners, -1)

    def examination(self, item: int) -> Examination:
        """What was found in an item. Its exact digests are keyed (`safehold.retro.matching`)."""
        variants = []
        for place in range(int(self.first[item]), int(self.first[item + 1])):
            packed = self.pdq[place].tobytes()
            variants.append(
                VariantDigests(
                    self.variant_names[int(self.names[place])],
                    int(self.qualities[place]),
                    tuple(packed[i : i + PDQ_BYTES] for i in range(0, len(packed), PDQ_BYTES)),
                )
            )
        fault = int(self.faults[item])
        return Examination(
            exact=ExactDigests(
                self.md5[item].tobytes(),
                self.sha1[item].tobytes(),
                self.sha256[item].tobytes(),
                int(self.sizes[item]),
            ),
            frame_count=int(self.frames[item]),
            variants=tuple(variants),
            fault=Fault(self.fault_names[fault - 1]) if fault else None,
        )

    def receipt(self, item: int) -> str:
        """What the caller got for an item."""
        return base64.urlsafe_b64encode(self.receipts[item].tobytes()).decode("ascii")


_EXACT = (SignalType.MD5, SignalType.SHA1, SignalType.SHA256)


def columns_of(items: Sequence[KeptItem], key: DigestKey) -> Columns:
    """The columns of items that have exact digests."""
    variants = [variant for item in items for variant in item.examination.variants]
    variant_names = _numbered(variant.variant for variant in variants)
    told = [item.examination.fault for item in items]
    fault_names = _numbered(fault.value for fault in told if fault is not None)
    counts = [len(item.examination.variants) for item in items]
    exact = [item.examination.exact for item in items]
    keyed = {
        s.value: _bytes(
            [key.keyed(s, getattr(e, s.value)) for e in exact if e is not None], KEYED_BYTES
        )
        for s in _EXACT
    }
    return Columns(
        variant_names=tuple(variant_names),
        fault_names=tuple(fault_names),
        pdq=_bytes([b"".join(v.pdq) for v in variants], ORIENTATIONS * PDQ_BYTES),
        **keyed,
        sizes=np.array([e.size for e in exact if e is not None], np.uint64),
        frames=np.array([item.examination.frame_count for item in items], np.uint32),
        first=np.cumsum([0, *counts]).astype(np.uint32),
        faults=np.array([fault_names[f.value] + 1 if f else 0 for f in told], np.uint8),
        names=np.array([variant_names[v.variant] for v in variants], np.uint32),
        qualities=np.array([v.quality for v in variants], np.uint8),
        receipts=_bytes([base64.urlsafe_b64decode(i.receipt) for i in items], RECEIPT_BYTES),
    )


def joined(parts: Sequence[Columns]) -> Columns:
    """The items of several chunks, one after another."""
    variant_names = _numbered(name for part in parts for name in part.variant_names)
    fault_names = _numbered(name for part in parts for name in part.fault_names)
    names, faults = [], []
    for part in parts:
        renamed = np.array([variant_names[n] for n in part.variant_names], np.uint32)
        names.append(renamed[part.names] if len(part.names) else part.names)
        told = np.array([0, *(fault_names[n] + 1 for n in part.fault_names)], np.uint8)
        faults.append(told[part.faults])
    counts = [np.diff(part.first) for part in parts]
    same = {
        f.name: np.concatenate([getattr(part, f.name) for part in parts])
        for f in fields(Columns)
        if f.name not in ("variant_names", "fault_names", "names", "faults", "first")
    }
    return Columns(
        variant_names=tuple(variant_names),
        fault_names=tuple(fault_names),
        first=np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.uint32),
        names=np.concatenate(names).astype(np.uint32),
        faults=np.concatenate(faults).astype(np.uint8),
        **same,
    )


def pack(columns: Columns) -> bytes:
    """The bytes of columns; `unpack` reads them."""
    named = {"variants": columns.variant_names, "faults": columns.fault_names}
    text = json.dumps(named).encode("ascii")
    head = np.array([columns.items, len(columns.names), len(text)], "<u8").tobytes()
    parts = [head, _padded(text)]
    parts += [_padded(getattr(columns, name).tobytes()) for name, *_ in _LAYOUT]
    return b"".join(parts)


def unpack(content: bytes) -> Columns:
    """Read columns, checking that they fit together. Raises `KeptDamagedError`."""
    try:
        n, v, length = (int(x) for x in np.frombuffer(content, "<u8", _HEAD))
        place = _HEAD * 8
        named = json.loads(content[place : place + length])
        place += _whole(length)
        lengths = {"n": n, "n+1": n + 1, "v": v}
        found: dict[str, NDArray[Any]] = {}
        for name, kind, shape in _LAYOUT:
            sizes = tuple(lengths[x] if isinstance(x, str) else x for x in shape)
            count = int(np.prod(sizes, dtype=np.int64))
            found[name] = np.frombuffer(content, kind, count, place).reshape(sizes)
            place += _whole(found[name].nbytes)
        columns = Columns(tuple(named["variants"]), tuple(named["faults"]), **found)
        _check(columns, v)
    except (ValueError, KeyError, TypeError) as error:
        raise KeptDamagedError from error
    return columns


_LAYOUT: tuple[tuple[str, str, tuple[int | str, ...]], ...] = (
    ("pdq", "u1", ("v", ORIENTATIONS * PDQ_BYTES)),
    ("md5", "u1", ("n", KEYED_BYTES)),
    ("sha1", "u1", ("n", KEYED_BYTES)),
    ("sha256", "u1", ("n", KEYED_BYTES)),
    ("sizes", "<u8", ("n",)),
    ("frames", "<u4", ("n",)),
    ("first", "<u4", ("n+1",)),
    ("faults", "u1", ("n",)),
    ("names", "<u4", ("v",)),
    ("qualities", "u1", ("v",)),
    ("receipts", "u1", ("n", RECEIPT_BYTES)),
)


def _check(columns: Columns, variants: int) -> None:
    first = columns.first.astype(np.int64)
    if first[0] != 0 or first[-1] != variants or np.any(np.diff(first) < 0):
        raise KeptDamagedError
    if variants and int(columns.names.max()) >= len(columns.variant_names):
        raise KeptDamagedError
    if columns.items and int(columns.faults.max()) > len(columns.fault_names):
        raise KeptDamagedError


def pack_contexts(contexts: Sequence[bytes]) -> bytes:
    """The bytes of contexts; `unpack_contexts` reads them."""
    lengths = np.array([len(context) for context in contexts], "<u4").tobytes()
    return b"".join([_padded(lengths), *contexts])


def unpack_contexts(content: bytes, items: int) -> list[bytes]:
    """Read the contexts of so many items. Raises `KeptDamagedError`."""
    try:
        lengths = np.frombuffer(content, "<u4", items).astype(np.int64)
    except ValueError as error:
        raise KeptDamagedError from error
    ends = _whole(4 * items) + np.cumsum([0, *lengths.tolist()])
    if int(ends[-1]) != len(content):
        raise KeptDamagedError
    return [content[int(a) : int(b)] for a, b in itertools.pairwise(ends)]


def _numbered(names: Iterable[str]) -> dict[str, int]:
    """Each different name's place, in the order in which they come."""
    return {name: place for place, name in enumerate(dict.fromkeys(names))}


def _bytes(rows: Sequence[bytes], width: int) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(rows), np.uint8).reshape(-1, width)


def _whole(length: int) -> int:
    return -(-length // _ALIGNED) * _ALIGNED


def _padded(content: bytes) -> bytes:
    return content + bytes(_whole(len(content)) - len(content))
