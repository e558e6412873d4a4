"""Every chunk of a PNG is found, whatever viewers show of it."""

from __future__ import annotations

import struct
import zlib

import pytest

from safehold.provenance.model import ReadingFault
from safehold.provenance.walkers.interface import PieceKind
from tests.provenance import containers as c
from tests.provenance.walking import budget, is_stored, kinds, tags, texts, walked


def test_every_occurrence_is_kept_with_its_place() -> None:
    data = c.png(
        chunks=[
            c.text_chunk("parameters", "a teapot"),
            c.ztxt_chunk("parameters", "a kettle"),
            c.itxt_chunk("parameters", "灯台", compressed=True),
            c.itxt_chunk("Title", "phare"),
            (b"comf", b'prompt\0{"1": 2}'),
        ],
        late=[c.text_chunk("parameters", "a lighthouse")],
        after_end=c.png_chunk(*c.text_chunk("workflow", "{}")) + b"the rest",
    )
    pieces, faults = walked(data)
    assert texts(pieces) == [
        ("parameters", "a teapot", False),
        ("parameters", "a kettle", False),
        ("parameters", "灯台", False),
        ("Title", "phare", False),
        ("prompt", '{"1": 2}', False),
        ("parameters", "a lighthouse", True),
        ("workflow", "{}", True),
    ]
    assert [p.place.path for p in pieces if p.key == "prompt"] == ["png/comf/prompt"]
    assert kinds(pieces, PieceKind.OTHER) == [b"the rest"]
    assert all(is_stored(data, piece) for piece in pieces)
    assert faults == set()


def test_chunks_between_pixels_are_late() -> None:
    plain = c.png()
    at = plain.index(b"IDAT") - 4
    (length,) = struct.unpack_from(">I", plain, at)
    body = plain[at + 8 : at + 8 + length]
    halves = c.png_chunk(b"IDAT", body[:50]) + c.png_chunk(*c.text_chunk("a", "b"))
    halves += c.png_chunk(b"IDAT", body[50:])
    pieces, _ = walked(plain[:at] + halves + plain[at + 12 + length :])
    assert texts(pieces) == [("a", "b", True)]


def test_wrong_and_missing_checksums_do_not_hide_a_chunk() -> None:
    wrong = c.png_chunk(b"tEXt", b"a\0wrong", checksum=1)
    plain = c.png(after_end=wrong)
    cut = c.png(after_end=c.png_chunk(b"tEXt", b"a\0cut")[:-4])
    assert texts(walked(plain)[0]) == [("a", "wrong", True)]
    assert texts(walked(cut)[0]) == [("a", "cut", True)]


def test_a_chunk_that_breaks_off_is_read_as_far_as_it_goes() -> None:
    data = c.png(chunks=[c.text_chunk("parameters", "a lighthouse at dawn")])
    cut = data[: data.index(b"at dawn")]
    pieces, faults = walked(cut)
    assert texts(pieces) == [("parameters", "a lighthouse ", False)]
    assert faults == {ReadingFault.DAMAGED}


def test_kinds_that_are_no_letters_are_passed_and_told() -> None:
    data = c.png(chunks=[(b"\0\1\2\3", b"x" * 9), c.text_chunk("a", "b")])
    pieces, faults = walked(data)
    assert texts(pieces) == [("a", "b", False)]
    assert kinds(pieces, PieceKind.OTHER) == [b"x" * 9]
    assert faults == {ReadingFault.DAMAGED}


@pytest.mark.parametrize(
    "chunk",
    [
        (b"zTXt", b"a\0\0" + zlib.compress(bytes(50_000_000), 9)),
        (b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(50_000_000), 9)),
    ],
)
def test_what_inflates_without_end_is_not_inflated(chunk: tuple[bytes, bytes]) -> None:
    given = budget(max_piece_bytes=200_000)
    pieces, faults = walked(c.png(chunks=[chunk, c.text_chunk("b", "c")]), given=given)
    assert texts(pieces) == [("a", "", False), ("b", "c", False)]
    assert faults == {ReadingFault.LIMIT_BYTES}
    assert given.total_bytes < 200_000


def test_a_damaged_stream_gives_what_stands_before_the_damage() -> None:
    words = "a lighthouse and a teapot. " * 5_000
    packed = zlib.compress(words.encode(), 0)
    data = c.png(chunks=[(b"zTXt", b"a\0\0" + packed[:40_000])])
    ((_, found, _),), faults = texts(walked(data)[0]), walked(data)[1]
    assert len(found) > 30_000
    assert words.startswith(found)
    assert faults == {ReadingFault.UNREADABLE_PIECE}
    broken = packed[:-4] + b"\0\0\0\0"  # the checksum alone is wrong: all of it can be shown
    assert texts(walked(c.png(chunks=[(b"zTXt", b"a\0\0" + broken)]))[0]) == [("a", words, False)]


@pytest.mark.parametrize("mark", [b"", c.EXIF_MARK])
def test_exif_stands_in_a_chunk_and_in_a_profile_of_hex_digits(mark: bytes) -> None:
    thumbnail = c.encoded(16, 12, "JPEG")
    block = mark + c.camera(thumbnail=thumbnail)
    data = c.png(
        chunks=[
            (b"eXIf", block),
            c.text_chunk("Raw profile type exif", c.raw_profile("exif", block)),
            c.ztxt_chunk("Raw profile type APP1", c.raw_profile("generic", block)),
        ]
    )
    pieces, faults = walked(data)
    makes = [path for path, words in tags(pieces).items() if words == "Teapot Optics"]
    assert makes == [
        "png/eXIf/IFD0/0x010f",
        "png/tEXt/Raw profile type exif/Exif/IFD0/0x010f",
        "png/zTXt/Raw profile type APP1/Exif/IFD0/0x010f",
    ]
    assert kinds(pieces, PieceKind.PICTURE) == [thumbnail] * 3
    direct = [piece for piece in pieces if piece.place.path.startswith("png/eXIf/")]
    assert all(is_stored(data, piece) for piece in direct)
    assert faults == set()


def test_other_profiles_of_hex_digits() -> None:
    packet, keywords = c.xmp(), c.iim((2, 25, b"teapot"), (2, 80, b"somebody"))
    data = c.png(
        chunks=[
            c.text_chunk("Raw profile type xmp", c.raw_profile("xmp", packet)),
            c.text_chunk("Raw profile type APP1", c.raw_profile("app1", c.XMP_MARK + packet)),
            c.text_chunk("Raw profile type iptc", c.raw_profile("iptc", keywords)),
            c.text_chunk("Raw profile type 8bim", c.raw_profile("8bim", c.irb((0x0404, keywords)))),
            c.text_chunk("Raw profile type exif", "\nexif\n  4\nzz__"),
        ]
    )
    pieces, faults = walked(data)
    assert kinds(pieces, PieceKind.XMP) == [packet, packet]
    assert [(p.key, p.data) for p in pieces if p.kind is PieceKind.IIM] == [
        ("2:025", b"teapot"),
        ("2:080", b"somebody"),
    ] * 2
    assert faults == {ReadingFault.UNREADABLE_PIECE}


def test_xmp_and_c2pa_chunks() -> None:
    packet, store = c.xmp(), c.c2pa_store()
    for chunk in (c.itxt_chunk, c.ztxt_chunk, c.text_chunk):
        data = c.png(chunks=[chunk("XML:com.adobe.xmp", packet)], late=[(b"caBX", store)])
        pieces, _ = walked(data)
        assert kinds(pieces, PieceKind.XMP) == [packet]
        assert [(p.data, p.late) for p in pieces if p.kind is PieceKind.C2PA] == [(store, True)]


def test_keywords_of_a_person_are_in_no_place() -> None:
    data = c.png(chunks=[c.text_chunk("a letter to somebody", "x"), (b"tEXt", b"only words")])
    pieces, _ = walked(data)
    assert [piece.place.path for piece in pieces] == ["png/tEXt/?", "png/tEXt/?"]
    assert texts(pieces) == [("a letter to somebody", "x", False), ("", "only words", False)]


def test_bounds_end_the_walk_and_are_told() -> None:
    many = c.png(chunks=[c.text_chunk("a", "b")] * 50)
    pieces, faults = walked(many, given=budget(max_pieces=20))
    assert (len(pieces), faults) == (20, {ReadingFault.LIMIT_PIECES})
    large = c.png(chunks=[c.text_chunk("a", "b" * 500), c.text_chunk("c", "d")])
    pieces, faults = walked(large, given=budget(max_piece_bytes=100))
    assert texts(pieces) == [("a", "", False), ("c", "d", False)]
    assert pieces[0].place.sha256 == ""
    assert faults == {ReadingFault.LIMIT_BYTES}
    pieces, faults = walked(many, given=budget(seconds=0.030))
    assert len(pieces) < 30
    assert faults == {ReadingFault.LIMIT_TIME}
