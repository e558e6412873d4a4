"""Every segment of a JPEG is found: after scans, in parts, in further pictures."""

from __future__ import annotations

import random
import struct

from safehold.provenance.model import ReadingFault
from safehold.provenance.walkers.interface import PieceKind
from tests.provenance import containers as c
from tests.provenance.walking import budget, is_stored, kinds, tags, texts, walked


def test_segments_of_all_kinds() -> None:
    thumbnail, packet = c.encoded(16, 12, "JPEG"), c.xmp()
    resources = c.irb((0x0404, c.iim((2, 25, b"teapot"))), (0x040C, bytes(28) + thumbnail))
    data = c.jpeg(
        [
            c.exif_segment(c.camera(thumbnail=thumbnail)),
            c.xmp_segment(packet),
            (0xED, c.IRB_MARK + resources),
            (0xE0, b"JFXX\0\x10" + thumbnail),
            (0xFE, "灯台".encode()),
            (0xE5, b"unknown"),
        ]
    )
    pieces, faults = walked(data)
    assert tags(pieces)["jpeg/APP1/Exif/IFD0/0x010f"] == "Teapot Optics"
    assert kinds(pieces, PieceKind.XMP) == [packet]
    assert kinds(pieces, PieceKind.IIM) == [b"teapot"]
    assert {piece.key for piece in pieces if piece.kind is PieceKind.PICTURE} == {
        "exif_thumbnail",
        "photoshop_thumbnail",
        "jfxx_thumbnail",
    }
    assert kinds(pieces, PieceKind.PICTURE) == [thumbnail] * 3
    assert texts(pieces) == [("comment", "灯台", False)]
    assert b"unknown" in kinds(pieces, PieceKind.OTHER)
    nested = ("/IIM/", "/8BIM")
    for piece in pieces:
        if not any(part in piece.place.path for part in nested):
            assert is_stored(data, piece)
    assert faults == set()


def test_segments_after_scans_and_after_the_end() -> None:
    second = c.jpeg([(0xFE, b"second"), c.exif_segment(c.camera())])
    data = c.jpeg(
        [(0xFE, b"first")],
        late=c.segment(0xFE, b"late"),
        after_end=b"gap" + second + b"the rest",
    )
    pieces, faults = walked(data)
    assert texts(pieces) == [
        ("comment", "first", False),
        ("comment", "late", True),
        ("comment", "second", True),
    ]
    assert tags(pieces)["jpeg/2/APP1/Exif/IFD0/0x010f"] == "Teapot Optics"
    trailing = [piece for piece in pieces if piece.key == "trailing"]
    assert [piece.data for piece in trailing] == [b"gap", b"the rest"]
    assert faults == set()


def test_several_scans_and_filling_do_not_confuse() -> None:
    plain = c.encoded(64, 48, "JPEG", progressive=True, quality=90)
    assert plain.count(b"\xff\xda") > 3
    filled = plain[:2] + b"\xff" * 9 + c.segment(0xFE, b"filled")[1:] + plain[2:]
    last = filled.rindex(b"\xff\xda")
    data = filled[:last] + c.segment(0xE1, c.EXIF_MARK + c.camera()) + filled[last:]
    pieces, faults = walked(data)
    assert texts(pieces) == [("comment", "filled", False)]
    assert [piece.late for piece in pieces if piece.key == "0x010f"] == [True]
    assert faults == set()


def test_extended_packets_are_put_together() -> None:
    packet = c.xmp("x" * 9_000)
    parts = c.extended_xmp(packet, 1_000)
    random.Random(1).shuffle(parts)
    other = c.extended_xmp(c.xmp("y" * 2_000), 900)
    pieces, _ = walked(c.jpeg([*parts, *other, parts[3]]))
    assert kinds(pieces, PieceKind.XMP) == [packet, c.xmp("y" * 2_000)]


def test_false_offsets_of_extended_packets_lose_nothing() -> None:
    packet = c.xmp("x" * 2_500)
    parts = c.extended_xmp(packet, 1_000)
    head = len(c.EXTENDED_MARK) + 32
    marker, last = parts[-1]
    lying = last[: head + 4] + struct.pack(">I", 0xFFFF_0000) + last[head + 8 :]
    pieces, _ = walked(c.jpeg([(marker, lying), *parts[:-1]]))
    assert kinds(pieces, PieceKind.XMP) == [packet]


def test_stores_are_put_together_by_number_and_box() -> None:
    store, other = c.c2pa_store(b"z" * 5_000), c.c2pa_store(b"w" * 1_500)
    parts = c.jumbf_segments(store, 1_200)
    mixed = [*reversed(parts), *c.jumbf_segments(other, 700, number=2), parts[0]]
    plain = c.box(b"jumb", c.box(b"jumd", bytes(16) + b"\x03other\0"))
    pieces, _ = walked(c.jpeg([*mixed, *c.jumbf_segments(plain, number=3)]))
    assert kinds(pieces, PieceKind.C2PA) == [store, other]
    assert plain in kinds(pieces, PieceKind.OTHER)


def test_a_store_that_is_too_large_is_told_by_its_place() -> None:
    store = c.c2pa_store(b"z" * 5_000)
    data = c.jpeg(c.jumbf_segments(store, 1_200))
    pieces, faults = walked(data, given=budget(max_piece_bytes=2_000))
    (piece,) = (piece for piece in pieces if piece.kind is PieceKind.C2PA)
    assert (piece.data, piece.place.length, piece.place.sha256) == (b"", len(store), "")
    assert data[piece.place.offset :].startswith(store[:40])
    assert faults == {ReadingFault.LIMIT_BYTES}


def test_a_segment_that_breaks_off_and_one_without_length() -> None:
    data = c.jpeg([(0xFE, b"a lighthouse")])
    cut = data[: data.index(b"house")]
    assert texts(walked(cut)[0]) == [("comment", "a light", False)]
    assert walked(cut)[1] == {ReadingFault.DAMAGED}
    short = data[:2] + b"\xff\xe3\0\1" + data[2:]
    pieces, faults = walked(short)
    assert texts(pieces) == [("comment", "a lighthouse", False)]
    assert faults == {ReadingFault.DAMAGED}


def test_long_hostile_runs_ask_for_the_time() -> None:
    start = b"\xff\xd8\xff\xe0\0\2"
    for body in (b"\xff" * 3_000_000, b"\xff\xc4\0\2" * 500_000, b"\xff\xd8" * 500_000):
        given = budget(seconds=0.002)
        pieces, faults = walked(start + body, "jpeg", given)
        assert ReadingFault.LIMIT_TIME in faults
        assert len(pieces) <= 2


def test_pictures_after_pictures_are_bounded() -> None:
    one = b"\xff\xd8" + c.segment(0xFE, b"x") + b"\xff\xd9"
    pieces, _ = walked(one * 500)
    assert len(texts(pieces)) == 32
    assert [piece.key for piece in pieces][-2:] == ["trailing", "trailing_picture"]
