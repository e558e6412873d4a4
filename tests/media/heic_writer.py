"""A writer of HEIC files for tests: no encoder is installed, so samples are stored as they are.

Each coding block of the HEVC picture is in PCM mode (ITU-T H.265, 7.3.8.7), which needs only a
few lines of entropy coding. Containers follow ISO/IEC 23008-12.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLOCK = 16
# Ranges of the less probable symbol where the range is 448 or more (H.265, table 9-52).
_LPS = (
    "240 227 216 205 195 185 175 166 158 150 142 135 128 122 116 110 104 99 94 89 85 80 76 72 69 "
    "65 62 59 56 53 50 48 45 43 41 39 37 35 33 31 30 28 27 25 24 23 22 21 20 19 18 17 16 15 14 14 "
    "13 12 12 11 11 10 9"
)
_LPS_RANGES = [int(word) for word in _LPS.split()]


class _Bits:
    def __init__(self) -> None:
        self.bits: list[int] = []

    def u(self, width: int, value: int) -> _Bits:
        self.bits += [value >> i & 1 for i in range(width - 1, -1, -1)]
        return self

    def ue(self, *values: int) -> _Bits:
        for value in values:
            length = (value + 1).bit_length()
            self.u(2 * length - 1, value + 1)
        return self

    def trailing(self) -> bytes:
        self.bits.append(1)
        return self.aligned()

    def aligned(self) -> bytes:
        self.bits += [0] * (-len(self.bits) % 8)
        return np.packbits(np.array(self.bits, np.uint8)).tobytes()


def _nal(kind: int, payload: bytes) -> bytes:
    out = bytearray([kind << 1, 1])
    zeros = 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


def _profile(bits: _Bits, depth: int) -> _Bits:
    idc = 1 if depth == 8 else 2
    bits.u(3, 0).u(5, idc).u(32, 1 << (31 - idc)).u(4, 0b1001).u(44, 0)
    return bits.u(8, 120)


def _parameter_sets(width: int, height: int, depth: int, chroma: int) -> list[bytes]:
    vps = _Bits().u(4, 0).u(2, 3).u(6, 0).u(3, 0).u(1, 1).u(16, 0xFFFF)
    _profile(vps, depth).u(1, 1).ue(0, 0, 0).u(6, 0).ue(0).u(2, 0)
    sps = _Bits().u(4, 0).u(3, 0).u(1, 1)
    padded_w, padded_h = -(-width // _BLOCK) * _BLOCK, -(-height // _BLOCK) * _BLOCK
    _profile(sps, depth).ue(0, chroma, padded_w, padded_h)
    unit = 2 if chroma == 1 else 1
    sps.u(1, 1).ue(0, (padded_w - width) // unit, 0, (padded_h - height) // unit)
    sps.ue(depth - 8, depth - 8, 0).u(1, 1).ue(0, 0, 0)
    sps.ue(1, 0, 0, 2, 0, 0).u(3, 0).u(1, 1).u(4, depth - 1).u(4, depth - 1).ue(1, 0).u(1, 1)
    sps.ue(0).u(5, 0)
    pps = _Bits().ue(0, 0).u(7, 0).ue(0, 0, 0).u(3, 0).ue(0, 0).u(7, 0)
    pps.u(1, 1).u(1, 0).u(1, 1).u(2, 0).ue(0).u(2, 0)
    return [_nal(32, vps.trailing()), _nal(33, sps.trailing()), _nal(34, pps.trailing())]


def _bins_before_samples(state: int, *, first: bool) -> bytes:
    """The bins of one block up to its samples: not the end, one part, stored samples.

    The first two are the more probable ones, which only narrow the range; the third ends the
    arithmetic code, which is written out.
    """
    width = (510 if first else 508) - _LPS_RANGES[state]
    zeros = 0
    while width < 256:
        width <<= 1
        zeros += 1
    return _ended(width - 2, zeros)


def _ended(low: int, zeros: int = 0) -> bytes:
    """The last bits of an arithmetic code whose first, `zeros`, are known to be 0."""
    code = _Bits().u(zeros, 0).u(9, low >> 1).u(1, 1)
    del code.bits[0]  # the register has one bit more than the code
    return code.aligned()


def _picture(planes: list[NDArray[np.uint16]], depth: int) -> bytes:
    header = _Bits().u(1, 1).u(1, 0).ue(0, 2).ue(0).trailing()
    body = bytearray(header)
    height, width = planes[0].shape
    state = 0
    for top in range(0, height, _BLOCK):
        for left in range(0, width, _BLOCK):
            body += _bins_before_samples(state, first=top == left == 0)
            state = min(state + 1, 62)
            for plane in planes:
                step = _BLOCK * plane.shape[1] // width
                at_y, at_x = top * step // _BLOCK, left * step // _BLOCK
                block = plane[at_y : at_y + step, at_x : at_x + step]
                body += _packed(block, depth)
    body += _ended(510 - 2)
    return _nal(20, bytes(body))


def _packed(block: NDArray[np.uint16], depth: int) -> bytes:
    if depth == 8:
        return block.astype(np.uint8).tobytes()
    shifts = np.arange(depth - 1, -1, -1)
    return np.packbits((block.reshape(-1, 1) >> shifts & 1).astype(np.uint8)).tobytes()


@dataclass(frozen=True)
class _Item:
    payload: bytes
    config: bytes
    width: int
    height: int
    bands: int
    depth: int
    is_alpha: bool = False
    kind: bytes = b"hvc1"
    crop: tuple[int, int] | None = None


def _pad(plane: NDArray[np.float64], multiple: int) -> NDArray[np.float64]:
    height, width = plane.shape
    return np.pad(plane, ((0, -height % multiple), (0, -width % multiple)), mode="edge")


def _item(pixels: NDArray[np.uint8], depth: int, *, is_alpha: bool = False) -> _Item:
    height, width = pixels.shape[:2]
    scale = (2**depth - 1) / 255
    if pixels.ndim == 2:
        planes = [_pad(pixels.astype(float) * scale, _BLOCK)]
        chroma = 0
    else:
        r, g, b = (_pad(pixels[..., i].astype(float), _BLOCK) for i in range(3))
        luma = 0.299 * r + 0.587 * g + 0.114 * b
        centre = 2 ** (depth - 1)
        planes = [luma * scale]
        for difference in ((b - luma) / 1.772, (r - luma) / 1.402):
            rows, columns = difference.shape
            small = difference.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3))
            planes.append(small * scale + centre)
        chroma = 1
    stored = [np.clip(np.rint(p), 0, 2**depth - 1).astype(np.uint16) for p in planes]
    sets = _parameter_sets(width, height, depth, chroma)
    idc = 1 if depth == 8 else 2
    config = struct.pack(">BBI6sBHBBBBHBB", 1, idc, 1 << (31 - idc), b"\x90" + bytes(5), 120,
                         0xF000, 0xFC, 0xFC | chroma, 0xF8 | depth - 8, 0xF8 | depth - 8, 0,
                         0x0F, 3)  # fmt: skip
    for kind, nal in zip((32, 33, 34), sets, strict=True):
        config += struct.pack(">BHH", 0x80 | kind, 1, len(nal)) + nal
    nal = _picture(stored, depth)
    bands = 1 if chroma == 0 else 3
    return _Item(struct.pack(">I", len(nal)) + nal, config, width, height, bands, depth, is_alpha)


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _full(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags), *parts)


def _properties(items: list[_Item]) -> bytes:
    boxes: list[bytes] = []
    links = b""
    for number, item in enumerate(items, 1):
        own = [
            (_box(b"hvcC" if item.kind == b"hvc1" else b"av1C", item.config), True),
            (_full(b"ispe", 0, 0, struct.pack(">II", item.width, item.height)), False),
            (_full(b"pixi", 0, 0, bytes([item.bands] + [item.depth] * item.bands)), False),
        ]
        if item.is_alpha:
            urn = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"
            own.append((_full(b"auxC", 0, 0, urn), True))
        else:
            own.append((_box(b"colr", b"nclx", struct.pack(">HHHB", 1, 13, 6, 0x80)), False))
        if item.crop:
            width, height = item.crop  # in the middle: no offset from the centre
            own.append((_box(b"clap", struct.pack(">8I", width, 1, height, 1, 0, 1, 0, 1)), True))
        links += struct.pack(">HB", number, len(own))
        for box, essential in own:
            boxes.append(box)
            links += bytes([len(boxes) | (0x80 if essential else 0)])
    ipma = _full(b"ipma", 0, 0, struct.pack(">I", len(items)), links)
    return _box(b"iprp", _box(b"ipco", *boxes), ipma)


def heic(
    *pictures: NDArray[np.uint8],
    depth: int = 8,
    alpha: NDArray[np.uint8] | None = None,
    deflated_metadata: bytes = b"",
) -> bytes:
    """A HEIC file of the pictures (grey or RGB), the first one with `alpha` if given."""
    items = [_item(picture, depth) for picture in pictures]
    if alpha is not None:
        items.append(_item(alpha, depth, is_alpha=True))
    if deflated_metadata:
        items.append(_Item(deflated_metadata, b"", 0, 0, 0, 0, kind=b"mime"))
    return _container(b"heic", items)


def avif_collection(*files: bytes, crop: tuple[int, int] | None = None) -> bytes:
    """One AVIF file of several pictures, from files of one opaque RGB picture each.

    With `crop`, viewers may show only this much of each picture, from its middle.
    """
    items = []
    for data in files:
        config, place, media = (data.index(kind) for kind in (b"av1C", b"ispe", b"mdat"))
        (length,) = struct.unpack_from(">I", data, config - 4)
        width, height = struct.unpack_from(">II", data, place + 8)
        body = data[config + 4 : config - 4 + length]
        payload = data[media + 4 :]
        items.append(_Item(payload, body, width, height, 3, 8, kind=b"av01", crop=crop))
    return _container(b"avif", items)


def _container(brand: bytes, items: list[_Item]) -> bytes:
    """A file of the items; the first is the picture that the others belong to."""
    ftyp = _box(b"ftyp", brand, bytes(4), b"mif1", brand)
    infos = links = b""
    for number, item in enumerate(items, 1):
        is_metadata = item.kind == b"mime"
        name = b"\0application/rdf+xml\0deflate\0" if is_metadata else b"\0"
        lead = struct.pack(">HH4s", number, 0, item.kind)
        infos += _full(b"infe", 2, int(item.is_alpha or is_metadata), lead, name)
        if item.is_alpha or is_metadata:
            link = b"auxl" if item.is_alpha else b"cdsc"
            links += _box(link, struct.pack(">HHH", number, 1, 1))
    before = [
        _full(b"hdlr", 0, 0, struct.pack(">I4s12x", 0, b"pict"), b"\0"),
        _full(b"pitm", 0, 0, struct.pack(">H", 1)),
        _full(b"iinf", 0, 0, struct.pack(">H", len(items)), infos),
        _properties([item for item in items if item.kind != b"mime"]),
        _full(b"iref", 0, 0, links) if links else b"",
    ]

    def meta(start: int) -> bytes:
        places = b""
        for number, item in enumerate(items, 1):
            places += struct.pack(">HHHII", number, 0, 1, start, len(item.payload))
            start += len(item.payload)
        iloc = _full(b"iloc", 0, 0, b"\x44\0", struct.pack(">H", len(items)), places)
        return _full(b"meta", 0, 0, *before, iloc)

    start = len(ftyp) + len(meta(0)) + 8
    return ftyp + meta(start) + _box(b"mdat", *(item.payload for item in items))
