"""Files with metadata, built byte by byte for tests, around pictures drawn by code.

What programs write and what they never would: chunks late, twice, out of order, with false sizes.
Exif blocks are TIFF structures without the `Exif\\0\\0` that stands before them in a JPEG.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache

from PIL import Image

from safehold.testing.pictures import draw

Value = str | bytes | int | tuple[int, int]
"""Of an Exif entry: ASCII, undefined bytes, LONG, RATIONAL."""

EXIF_MARK = b"Exif\0\0"
XMP_MARK = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_MARK = b"http://ns.adobe.com/xmp/extension/\0"
IRB_MARK = b"Photoshop 3.0\0"
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
C2PA_KIND = bytes.fromhex("6332706100110010800000aa00389b71")


@lru_cache(maxsize=32)
def picture(width: int = 64, height: int = 48, seed: int = 1) -> Image.Image:
    """A landscape. It is shared: do not draw on it."""
    return draw("landscape", seed, (width, height))


def encoded(width: int, height: int, kind: str, **options: object) -> bytes:
    """Such a landscape in a format of Pillow's."""
    stream = io.BytesIO()
    picture(width, height).save(stream, kind, **options)
    return stream.getvalue()


# PNG


def png_chunk(kind: bytes, body: bytes, checksum: int | None = None) -> bytes:
    """A whole chunk; `checksum` is a false one."""
    right = zlib.crc32(body, zlib.crc32(kind))
    last = struct.pack(">I", right if checksum is None else checksum)
    return struct.pack(">I", len(body)) + kind + body + last


def png(
    width: int = 64,
    height: int = 48,
    chunks: Sequence[tuple[bytes, bytes]] = (),
    late: Sequence[tuple[bytes, bytes]] = (),
    after_end: bytes = b"",
    image: Image.Image | None = None,
) -> bytes:
    """A PNG with these chunks before the pixels, those `late` after them.

    `image` stands for the drawing; `after_end` follows the IEND chunk as it is.
    """
    stream = io.BytesIO()
    (image or picture(width, height)).save(stream, "PNG")
    plain = stream.getvalue()
    first = plain.index(b"IDAT") - 4
    last = plain.rindex(b"IEND") - 4
    early = b"".join(png_chunk(*chunk) for chunk in chunks)
    behind = b"".join(png_chunk(*chunk) for chunk in late)
    return plain[:first] + early + plain[first:last] + behind + plain[last:] + after_end


def text_chunk(key: str, text: str | bytes) -> tuple[bytes, bytes]:
    """A tEXt chunk; a text is stored as latin-1 where it can be, else as UTF-8, as many do."""
    return b"tEXt", key.encode("latin-1") + b"\0" + _bytes(text)


def ztxt_chunk(key: str, text: str | bytes) -> tuple[bytes, bytes]:
    """A zTXt chunk."""
    return b"zTXt", key.encode("latin-1") + b"\0\0" + zlib.compress(_bytes(text))


def itxt_chunk(key: str, text: str | bytes, compressed: bool = False) -> tuple[bytes, bytes]:
    """An iTXt chunk, without language and translated keyword."""
    body = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    head = key.encode("latin-1") + (b"\0\1\0\0\0" if compressed else b"\0\0\0\0\0")
    return b"iTXt", head + (zlib.compress(body) if compressed else body)


def raw_profile(name: str, body: bytes) -> bytes:
    """The text of a `Raw profile type` chunk as ImageMagick writes it."""
    digits = body.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    return f"\n{name}\n{len(body):8d}\n{lines}\n".encode()


def _bytes(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


# JPEG


def segment(marker: int, body: bytes) -> bytes:
    """A whole segment."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def jpeg(
    segments: Sequence[tuple[int, bytes]] = (),
    quality: int = 90,
    subsampling: str = "4:2:0",
    width: int = 64,
    height: int = 48,
    **more: bytes,
) -> bytes:
    """A JPEG with these segments (marker, body) after its start.

    `late` are raw bytes before the end mark, after the scan; `after_end` follows it.
    """
    plain = encoded(width, height, "JPEG", quality=quality, subsampling=subsampling)
    head = b"".join(segment(*one) for one in segments)
    inner = plain[2:-2] + more.get("late", b"") + plain[-2:]
    return plain[:2] + head + inner + more.get("after_end", b"")


def exif_segment(block: bytes) -> tuple[int, bytes]:
    """APP1 with an Exif block."""
    return 0xE1, EXIF_MARK + block


def xmp_segment(packet: bytes) -> tuple[int, bytes]:
    """APP1 with an XMP packet."""
    return 0xE1, XMP_MARK + packet


def extended_xmp(packet: bytes, part: int = 1_000) -> list[tuple[int, bytes]]:
    """APP1 segments of an extended packet, cut into parts."""
    name = hashlib.md5(packet, usedforsecurity=False).hexdigest().upper().encode()
    return [
        (
            0xE1,
            EXTENDED_MARK + name + struct.pack(">II", len(packet), at) + packet[at : at + part],
        )
        for at in range(0, len(packet), part)
    ]


def jumbf_segments(store: bytes, part: int = 1_000, number: int = 1) -> list[tuple[int, bytes]]:
    """APP11 segments of a JUMBF box, cut into parts (ISO/IEC 19566-5, annex D)."""
    head, body = store[:8], store[8:]
    return [
        (0xEB, b"JP" + struct.pack(">HI", number, place + 1) + head + body[at : at + part])
        for place, at in enumerate(range(0, max(len(body), 1), part))
    ]


def irb(*resources: tuple[int, bytes]) -> bytes:
    """Photoshop image resources, without the mark that stands before them in APP13."""
    return b"".join(
        b"8BIM" + struct.pack(">H", number) + b"\0\0" + struct.pack(">I", len(body)) + body
        + bytes(len(body) & 1)
        for number, body in resources
    )  # fmt: skip


def iim(*datasets: tuple[int, int, bytes]) -> bytes:
    """IPTC datasets: record, number, value."""
    return b"".join(
        struct.pack(">BBBH", 0x1C, record, number, len(body)) + body
        for record, number, body in datasets
    )


def c2pa_store(body: bytes = b"a manifest") -> bytes:
    """A JUMBF box of C2PA's kind that holds no valid manifest."""
    return box(b"jumb", box(b"jumd", C2PA_KIND + b"\x03c2pa\0") + box(b"json", body))


# Exif


def exif(
    tags: Mapping[int, Value],
    exif_ifd: Mapping[int, Value] | None = None,
    big_endian: bool = True,
    thumbnail: bytes = b"",
    gps: Mapping[int, Value] | None = None,
) -> bytes:
    """An Exif block: IFD0, where asked for the Exif and GPS IFDs, and IFD1 with a thumbnail."""
    order = ">" if big_endian else "<"
    out = bytearray(b"MM\0*" if big_endian else b"II*\0") + struct.pack(order + "I", 8)
    first: dict[int, Value] = dict(tags)
    for number, below in ((0x8769, exif_ifd), (0x8825, gps)):
        if below is not None:
            first[number] = 0
    links = _directory(out, first, order)
    for number, below in ((0x8769, exif_ifd), (0x8825, gps)):
        if below is not None:
            struct.pack_into(order + "I", out, links[number], len(out))
            _directory(out, below, order)
    if thumbnail:
        struct.pack_into(order + "I", out, links[-1], len(out))
        links = _directory(out, {0x0103: 6, 0x0201: 0, 0x0202: len(thumbnail)}, order)
        struct.pack_into(order + "I", out, links[0x0201], len(out))
        out += thumbnail
    return bytes(out)


def _directory(out: bytearray, entries: Mapping[int, Value], order: str) -> dict[int, int]:
    """Append a directory and its values; gives where each value field is, and the link (-1)."""
    at = len(out)
    out += struct.pack(order + "H", len(entries)) + bytes(12 * len(entries) + 4)
    fields: dict[int, int] = {-1: at + 2 + 12 * len(entries)}
    for place, (number, value) in enumerate(entries.items()):
        kind, count, body = _value(value, order)
        field = at + 2 + 12 * place
        fields[number] = field + 8
        struct.pack_into(order + "HHI", out, field, number, kind, count)
        if len(body) <= 4:
            out[field + 8 : field + 12] = body.ljust(4, b"\0")
        else:
            struct.pack_into(order + "I", out, field + 8, len(out))
            out += body + bytes(len(body) & 1)
    return fields


def _value(value: Value, order: str) -> tuple[int, int, bytes]:
    if isinstance(value, str):
        body = value.encode("utf-8") + b"\0"
        return 2, len(body), body
    if isinstance(value, bytes):
        return 7, len(value), value
    if isinstance(value, tuple):
        return 5, 1, struct.pack(order + "II", *value)
    return 4, 1, struct.pack(order + "I", value)


def user_comment(text: str, charset: str = "utf-16-be") -> bytes:
    """The value of UserComment in one of the encodings that are met."""
    if charset.startswith("utf-16"):
        return b"UNICODE\0" + text.encode(charset)
    if charset == "ascii":
        return b"ASCII\0\0\0" + text.encode("ascii")
    if charset == "undefined":
        return bytes(8) + text.encode("utf-8")
    return text.encode(charset)


def camera(big_endian: bool = True, thumbnail: bytes = b"") -> bytes:
    """What a camera writes of itself."""
    return exif(
        {0x010F: "Teapot Optics", 0x0110: "Lighthouse 3", 0x0132: "2024:05:01 10:00:00"},
        {0x829A: (1, 250), 0x829D: (28, 10), 0x8827: 200, 0x920A: (50, 1)},
        big_endian,
        thumbnail,
    )


def xmp(body: str = "", attributes: str = "") -> bytes:
    """An XMP packet with these properties (elements, attributes) of one description."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {attributes}>{body}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


# WebP


def webp(
    chunks: Sequence[tuple[bytes, bytes]] = (),
    before: Sequence[tuple[bytes, bytes]] = (),
    width: int = 64,
    height: int = 48,
    lossless: bool = False,
) -> bytes:
    """A WebP with these chunks after its pixels, and those of `before` before its header."""
    plain = encoded(width, height, "WEBP", lossless=lossless, quality=90)
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    flags = sum({b"EXIF": 8, b"XMP ": 4}.get(kind, 0) for kind in {kind for kind, _ in chunks})
    head = _riff(b"VP8X", bytes((flags, 0, 0, 0)) + sides) if chunks else b""
    body = b"WEBP" + b"".join(_riff(*one) for one in before) + head + plain[12:]
    body += b"".join(_riff(*one) for one in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _riff(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) & 1)


# ISO base media: AVIF, HEIC, MP4, MOV


def box(kind: bytes, body: bytes, wide: bool = False) -> bytes:
    """A box; `wide` with a size of 64 bits."""
    if wide:
        return struct.pack(">I4sQ", 1, kind, len(body) + 16) + body
    return struct.pack(">I4s", len(body) + 8, kind) + body


def full_box(kind: bytes, body: bytes, version: int = 0, flags: int = 0) -> bytes:
    """A box with version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags) + body)


def uuid_box(name: bytes, body: bytes) -> bytes:
    """A box of a kind that 16 bytes name."""
    return box(b"uuid", name + body)


def c2pa_box(store: bytes) -> bytes:
    """The box that holds a C2PA store in such files (C2PA 2.1, A.5)."""
    return uuid_box(C2PA_UUID, bytes(4) + b"manifest\0" + bytes(8) + store)


def exif_item(block: bytes) -> bytes:
    """The payload of an item of type Exif: an offset, then the block (ISO/IEC 23008-12, A.2)."""
    return struct.pack(">I", 6) + EXIF_MARK + block


def avif(
    width: int = 64,
    height: int = 48,
    exif: bytes = b"",
    xmp: bytes = b"",
    boxes: Sequence[bytes] = (),
) -> bytes:
    """An AVIF that decodes, with further boxes at its end."""
    said: dict[str, object] = {"quality": 80, "speed": 10, "max_threads": 1}
    if exif:
        said["exif"] = exif
    if xmp:
        said["xmp"] = xmp
    return encoded(width, height, "AVIF", **said) + b"".join(boxes)


def bmff(
    items: Sequence[tuple[bytes, bytes]] = (),
    boxes: Sequence[bytes] = (),
    brand: bytes = b"heic",
    construction: int = 0,
    wide: bool = False,
) -> bytes:
    """A file of items alone, without pixels: (`Exif`, payload) or (`mime`, XMP packet).

    `construction` 1 keeps them in `idat` (ISO/IEC 14496-12, 8.11.3); `wide` writes a large size.
    """
    infos = b""
    for number, (kind, _) in enumerate(items, 1):
        said = b"application/rdf+xml\0\0" if kind == b"mime" else b""
        infos += full_box(b"infe", struct.pack(">HH4s", number, 0, kind) + b"\0" + said, 2)
    start = box(b"ftyp", brand + bytes(4) + brand + b"mif1")
    stored = b"".join(body for _, body in items)
    iinf = full_box(b"iinf", struct.pack(">H", len(items)) + infos)
    idat = box(b"idat", stored) if construction else b""
    meta = b""
    at = 0
    for _ in range(2):  # the place of `mdat` depends on the length of `meta`, not on its values
        iloc = struct.pack(">BBH", 0x44, 0, len(items))
        begin = 0 if construction else at
        for number, (_, body) in enumerate(items, 1):
            iloc += struct.pack(">HHHHII", number, construction, 0, 1, begin, len(body))
            begin += len(body)
        hdlr = full_box(b"hdlr", bytes(4) + b"pict" + bytes(13))
        parts = hdlr + iinf + full_box(b"iloc", iloc, 1) + idat
        meta = box(b"meta", bytes(4) + parts, wide)
        at = len(start) + len(meta) + 8
    media = b"" if construction else box(b"mdat", stored)
    return start + meta + media + b"".join(boxes)


def mp4(
    udta: Sequence[tuple[bytes, str]] = (),
    ilst: Sequence[tuple[bytes, str]] = (),
    mdta: Sequence[tuple[str, str]] = (),
    boxes: Sequence[bytes] = (),
    brand: bytes = b"isom",
) -> bytes:
    """A video's container without pictures, with its words.

    `udta` are QuickTime texts (`\\xa9cmt`), `ilst` iTunes entries, `mdta` keys with values.
    """
    inner = b"".join(
        box(kind, struct.pack(">HH", len(text.encode()), 0) + text.encode()) for kind, text in udta
    )
    if ilst:
        entries = b"".join(box(kind, _datum(text)) for kind, text in ilst)
        inner += full_box(b"meta", _handler(b"mdir") + box(b"ilst", entries))
    body = box(b"udta", inner) if inner else b""
    if mdta:
        keys = b"".join(box(b"mdta", key.encode()) for key, _ in mdta)
        listed = full_box(b"keys", struct.pack(">I", len(mdta)) + keys)
        entries = b"".join(
            box(struct.pack(">I", number), _datum(text)) for number, (_, text) in enumerate(mdta, 1)
        )
        body += full_box(b"meta", _handler(b"mdta") + listed + box(b"ilst", entries))
    start = box(b"ftyp", brand + bytes(4) + brand)
    return start + box(b"moov", body) + box(b"mdat", bytes(64)) + b"".join(boxes)


def _handler(kind: bytes) -> bytes:
    return full_box(b"hdlr", bytes(4) + kind + bytes(13))


def _datum(text: str) -> bytes:
    return box(b"data", struct.pack(">II", 1, 0) + text.encode())


# GIF


def gif(
    comments: Sequence[str | bytes] = (),
    extensions: Sequence[tuple[bytes, bytes]] = (),
    width: int = 64,
    height: int = 48,
    late: Sequence[str | bytes] = (),
) -> bytes:
    """A GIF with these comments and application extensions (11 bytes of name, data).

    `late` are comments after the picture.
    """
    plain = encoded(width, height, "GIF")
    start = 13 + (3 << ((plain[10] & 7) + 1) if plain[10] & 0x80 else 0)
    parts = b"".join(_comment(text) for text in comments)
    for name, body in extensions:
        stored = xmp_blocks(body) if name == b"XMP DataXMP" else sub_blocks(body)
        parts += b"!\xff\x0b" + name + stored
    behind = b"".join(_comment(text) for text in late)
    return plain[:start] + parts + plain[start:-1] + behind + plain[-1:]


def _comment(text: str | bytes) -> bytes:
    return b"!\xfe" + sub_blocks(text.encode() if isinstance(text, str) else text)


def sub_blocks(body: bytes) -> bytes:
    """Bytes as GIF's chain of blocks."""
    parts = (body[at : at + 255] for at in range(0, len(body), 255))
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def xmp_blocks(packet: bytes) -> bytes:
    """A packet as XMP stands in a GIF: as it is, then the trailer that ends any chain."""
    return packet + b"\x01" + bytes(range(255, -1, -1)) + b"\0"
