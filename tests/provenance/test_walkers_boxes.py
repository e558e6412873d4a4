"""WebP, AVIF, HEIC, video, GIF and TIFF: every piece, whatever the order and the sizes."""

from __future__ import annotations

import struct

import pytest

from safehold.provenance.model import ReadingFault
from safehold.provenance.walkers.interface import PieceKind
from tests.provenance import containers as c
from tests.provenance.walking import budget, is_stored, kinds, tags, texts, walked


def test_webp_chunks_twice_out_of_order_and_beyond_the_end() -> None:
    packet, store = c.xmp(), c.c2pa_store()
    data = c.webp(
        [(b"EXIF", c.camera()), (b"EXIF", c.EXIF_MARK + c.camera()), (b"C2PA", store)],
        before=[(b"XMP ", packet), (b"odd!", b"x" * 7)],
    )
    behind = data + b"XMP " + struct.pack("<I", len(packet)) + packet + b"\0\1\2"
    pieces, faults = walked(behind)
    assert list(tags(pieces).values()).count("Teapot Optics") == 1
    assert len([piece for piece in pieces if piece.key == "0x010f"]) == 2
    assert [(p.data, p.late) for p in pieces if p.kind is PieceKind.XMP] == [
        (packet, False),
        (packet, True),
    ]
    assert kinds(pieces, PieceKind.C2PA) == [store]
    assert b"x" * 7 in kinds(pieces, PieceKind.OTHER)
    assert all(is_stored(behind, piece) for piece in pieces)
    assert faults == set()


def test_webp_that_breaks_off() -> None:
    data = c.webp([(b"XMP ", c.xmp())])
    pieces, faults = walked(data[:-30])
    assert kinds(pieces, PieceKind.XMP) == [c.xmp()[: -30 + len(c.xmp()) % 2]]
    assert faults == {ReadingFault.DAMAGED}


def test_avif_items_and_boxes() -> None:
    packet, store = c.xmp(), c.c2pa_store()
    last = struct.pack(">I4s", 0, b"uuid") + c.XMP_UUID + packet  # a size of 0: to the end
    data = c.avif(exif=c.camera(), xmp=packet, boxes=[c.c2pa_box(store), last])
    pieces, faults = walked(data)
    assert tags(pieces)["bmff/meta/Exif/IFD0/0x010f"] == "Teapot Optics"
    assert kinds(pieces, PieceKind.XMP) == [packet, packet]
    assert kinds(pieces, PieceKind.C2PA) == [store]
    assert all(is_stored(data, piece) for piece in pieces)
    assert faults == set()


@pytest.mark.parametrize("construction", [0, 1])
@pytest.mark.parametrize("wide", [False, True])
def test_items_wherever_they_are_stored(construction: int, wide: bool) -> None:
    items = [(b"Exif", c.exif_item(c.camera())), (b"mime", c.xmp()), (b"mime", c.xmp("more"))]
    data = c.bmff(items, construction=construction, wide=wide)
    pieces, faults = walked(data)
    assert tags(pieces)["bmff/meta/Exif/IFD0/0x010f"] == "Teapot Optics"
    assert kinds(pieces, PieceKind.XMP) == [c.xmp(), c.xmp("more")]
    assert faults == set()


@pytest.mark.parametrize("offset", [0, 4, 10, 0xFFFF_FFFF])
def test_false_offsets_before_an_exif_block(offset: int) -> None:
    payload = struct.pack(">I", offset) + c.camera()
    pieces, _ = walked(c.bmff([(b"Exif", payload)]))
    assert tags(pieces)["bmff/meta/Exif/IFD0/0x010f"] == "Teapot Optics"


def test_words_of_videos() -> None:
    data = c.mp4(
        udta=[(b"\xa9cmt", '{"prompt": 1}'), (b"\xa9abc", "灯台")],
        ilst=[(b"\xa9too", "a program"), (b"desc", "a teapot")],
        mdta=[("prompt", "{}"), ("com.apple.quicktime.software", "17"), ("a letter", "x")],
        boxes=[c.c2pa_box(c.c2pa_store())],
    )
    pieces, faults = walked(data)
    assert [(key, words) for key, words, _ in texts(pieces)] == [
        ("comment", '{"prompt": 1}'),
        ("\xa9abc", "灯台"),
        ("encoder", "a program"),
        ("description", "a teapot"),
        ("prompt", "{}"),
        ("software", "17"),
        ("a letter", "x"),
    ]
    assert "bmff/moov/meta/ilst/?" in {piece.place.path for piece in pieces}
    assert kinds(pieces, PieceKind.C2PA) == [c.c2pa_store()]
    assert faults == set()


def test_named_entries_covers_and_old_movies() -> None:
    cover = c.encoded(16, 12, "JPEG")
    named = c.full_box(b"mean", b"com.example") + c.full_box(b"name", b"workflow")
    named += c.box(b"data", struct.pack(">II", 1, 0) + b"{}")
    entries = c.box(b"----", named)
    entries += c.box(b"covr", c.box(b"data", struct.pack(">II", 13, 0) + cover))
    handler = c.full_box(b"hdlr", bytes(4) + b"mdir" + bytes(13))
    meta = c.box(b"meta", handler + c.box(b"ilst", entries))  # without a version
    old = c.box(b"moov", c.box(b"udta", meta + c.box(b"XMP_", c.xmp())))
    pieces, _ = walked(old, "mov")
    assert texts(pieces) == [("workflow", "{}", False)]
    assert [(p.key, p.data) for p in pieces if p.kind is PieceKind.PICTURE] == [("cover", cover)]
    assert kinds(pieces, PieceKind.XMP) == [c.xmp()]


def test_boxes_within_boxes_end_at_a_depth() -> None:
    nested = c.box(b"free", b"deep")
    for _ in range(2_000):
        nested = c.box(b"moov", nested)
    pieces, faults = walked(nested, "mp4")
    assert (pieces, faults) == ((), {ReadingFault.DAMAGED})


def test_lists_of_items_are_bounded_in_time() -> None:
    many = struct.pack(">BBH", 0x44, 0, 60_000) + bytes(12) * 60_000
    data = c.box(b"ftyp", b"heicmif1") + c.full_box(b"meta", c.full_box(b"iloc", many))
    given = budget(seconds=0.05)
    pieces, faults = walked(data, "heic", given)
    assert pieces == ()
    assert faults == {ReadingFault.LIMIT_TIME}


def test_matroska_tags() -> None:
    def element(number: bytes, body: bytes) -> bytes:
        return number + struct.pack(">Q", 1 << 56 | len(body)) + body

    simple = element(b"\x45\xa3", b"PROMPT") + element(b"\x44\x87", b"{}")
    tag = element(b"\x73\x73", element(b"\x67\xc8", simple))
    info = element(b"\x15\x49\xa9\x66", element(b"\x57\x41", b"a program"))
    body = element(b"\x12\x54\xc3\x67", tag)
    head = element(b"\x1a\x45\xdf\xa3", b"webm")
    data = head + b"\x18\x53\x80\x67\xff" + info + body  # a segment of unknown size
    pieces, faults = walked(data, "webm")
    assert texts(pieces) == [("writing_app", "a program", False), ("PROMPT", "{}", False)]
    assert all(is_stored(data, piece) for piece in pieces)
    assert faults == set()


def test_gif_comments_and_extensions() -> None:
    packet, store = c.xmp("x" * 700), c.c2pa_store()
    data = c.gif(
        ["a teapot", "y" * 600],
        [(b"XMP DataXMP", packet), (b"C2PA_GIF\1\0\0", store), (b"NETSCAPE2.0", b"\1\0\0")],
        late=["a lighthouse"],
    )
    pieces, faults = walked(data + b"the rest")
    assert texts(pieces) == [
        ("comment", "a teapot", False),
        ("comment", "y" * 600, False),
        ("comment", "a lighthouse", True),
    ]
    assert kinds(pieces, PieceKind.XMP) == [packet]
    assert kinds(pieces, PieceKind.C2PA) == [store]
    assert kinds(pieces, PieceKind.OTHER) == [b"\1\0\0", b"the rest"]
    assert all(is_stored(data + b"the rest", piece) for piece in pieces)
    assert faults == set()


def test_long_chains_of_blocks_ask_for_the_time() -> None:
    for body in (b"\1x" * 400_000, b"\0" * 400_000):
        given = budget(seconds=0.003)
        _, faults = walked(b"GIF89a" + bytes(7) + b"!\xfe" + body, "gif", given)
        assert ReadingFault.LIMIT_TIME in faults


@pytest.mark.parametrize("big_endian", [True, False])
def test_tiff_entries(big_endian: bool) -> None:
    thumbnail = c.encoded(16, 12, "JPEG")
    resources = c.irb((0x0404, c.iim((2, 25, b"teapot"))), (0x0424, c.xmp("more")))
    data = c.exif(
        {
            0x0100: 64,
            0x010E: "a lighthouse",
            0x02BC: c.xmp(),
            0x83BB: c.iim((2, 80, b"somebody")),
            0x8649: resources,
            0xCD41: c.c2pa_store(),
        },
        {0x9286: c.user_comment("words")},
        big_endian,
        thumbnail,
        gps={0x001B: b"ASCII\0\0\0GPS"},
    )
    pieces, faults = walked(data, "tiff")
    found = tags(pieces)
    assert found["tiff/IFD0/0x010e"] == "a lighthouse"
    assert found["tiff/ExifIFD/0x9286"] == "words"
    assert found["tiff/GPSIFD/0x001b"] == "GPS"
    assert "tiff/IFD0/0x0100" not in found
    assert kinds(pieces, PieceKind.XMP) == [c.xmp(), c.xmp("more")]
    assert kinds(pieces, PieceKind.IIM) == [b"somebody", b"teapot"]
    assert kinds(pieces, PieceKind.C2PA) == [c.c2pa_store()]
    assert kinds(pieces, PieceKind.PICTURE) == [thumbnail]
    assert faults == set()


def test_large_tiff() -> None:
    entry = struct.pack("<HHQQ", 0x010E, 2, 12, 16 + 8 + 20 + 8)
    head = b"II+\0" + struct.pack("<HHQ", 8, 0, 16)
    data = head + struct.pack("<Q", 1) + entry + struct.pack("<Q", 0) + b"a lighthouse"
    pieces, faults = walked(data)
    assert tags(pieces) == {"tiff/IFD0/0x010e": "a lighthouse"}
    assert faults == set()


def test_directories_in_a_circle_and_counts_that_lie() -> None:
    block = bytearray(c.exif({0x010E: "a teapot"}, {0x9286: b"words"}))
    struct.pack_into(">I", block, 8 + 2 + 24, 8)  # the next directory is the first
    pieces, _ = walked(bytes(block), "tiff")
    assert list(tags(pieces).values()) == ["a teapot", "words"]
    struct.pack_into(">H", block, 8, 0xFFFF)
    pieces, faults = walked(bytes(block), "tiff")
    assert tags(pieces)["tiff/IFD0/0x010e"] == "a teapot"
    assert ReadingFault.DAMAGED in faults


def test_entries_that_all_show_the_same_bytes_are_bounded() -> None:
    head = b"MM\0*" + struct.pack(">IH", 8, 5_000)
    entries = struct.pack(">HHII", 0x010E, 7, 1_000_000, 0) * 5_000
    given = budget()
    pieces, faults = walked(head + entries + bytes(1_000_000), "tiff", given)
    assert len(pieces) == 16
    assert ReadingFault.LIMIT_BYTES in faults
