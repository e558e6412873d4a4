"""Whatever stands in the bytes, walkers end, raise nothing and keep to their bounds."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.provenance.model import Place
from safehold.provenance.walkers.interface import Piece, PieceKind
from safehold.provenance.walkers.tags import text_of
from safehold.provenance.walkers.walk import WALKERS
from tests.provenance import containers as c
from tests.provenance.walking import budget, walked


@functools.cache
def whole() -> list[tuple[str, bytes]]:
    """A file of each format with pieces of every kind."""
    thumbnail, packet, store = c.encoded(16, 12, "JPEG"), c.xmp("x" * 300), c.c2pa_store()
    camera = c.camera(thumbnail=thumbnail)
    resources = c.irb((0x0404, c.iim((2, 25, b"teapot"))), (0x0422, camera))
    return [
        (
            "png",
            c.png(
                16,
                12,
                chunks=[
                    c.itxt_chunk("parameters", "words", compressed=True),
                    (b"eXIf", camera),
                    c.text_chunk("Raw profile type 8bim", c.raw_profile("8bim", resources)),
                ],
                late=[(b"caBX", store)],
            ),
        ),
        (
            "jpeg",
            c.jpeg(
                [
                    c.exif_segment(camera),
                    *c.extended_xmp(packet, 200),
                    *c.jumbf_segments(store, 30),
                    (0xED, c.IRB_MARK + resources),
                ],
                width=16,
                height=12,
                after_end=c.jpeg([(0xFE, b"second")], width=16, height=12),
            ),
        ),
        ("webp", c.webp([(b"EXIF", camera), (b"XMP ", packet), (b"C2PA", store)])),
        ("heic", c.bmff([(b"Exif", c.exif_item(camera)), (b"mime", packet)], [c.c2pa_box(store)])),
        ("mp4", c.mp4([(b"\xa9cmt", "words")], [(b"desc", "words")], [("prompt", "{}")])),
        ("gif", c.gif(["words"], [(b"XMP DataXMP", packet)], 16, 12)),
        ("tiff", c.exif({0x010E: "words", 0x8649: resources}, {0x9286: b"words"})),
        ("webm", b"\x1a\x45\xdf\xa3\x84webm\x18\x53\x80\x67\xff\x15\x49\xa9\x66\x83\x57\x41\x80"),
    ]


@settings(max_examples=150)
@given(st.data())
def test_damaged_files(data: st.DataObject) -> None:
    format_name, file = data.draw(st.sampled_from(whole()))
    damaged = bytearray(file)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        change = data.draw(st.sampled_from(["byte", "extreme", "cut", "repeat"]))
        if change == "byte":
            damaged[at] = data.draw(st.integers(0, 255))
        elif change == "extreme":
            extreme = data.draw(st.sampled_from([bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff"]))
            damaged[at : at + 4] = extreme
        elif change == "cut":
            del damaged[at : at + data.draw(st.integers(1, 400))]
        else:
            damaged[at:at] = damaged[at : at + data.draw(st.integers(1, 400))]
        if not damaged:
            break
    walked(bytes(damaged), format_name, budget(max_total_bytes=300_000, max_piece_bytes=90_000))


@settings(max_examples=60)
@given(st.sampled_from(sorted(WALKERS)), st.binary(max_size=300))
def test_any_bytes(format_name: str, data: bytes) -> None:
    walked(data, format_name)


def test_formats_without_a_walker_have_no_pieces() -> None:
    for format_name in ("bmp", "pdf", "zip"):
        assert walked(b"BM" * 40, format_name) == ((), set())


def piece(data: bytes, key: str = "0x9286") -> Piece:
    return Piece(PieceKind.TAG, key, Place("x"), data)


@pytest.mark.parametrize(
    "words", ["Steps: 20, a teapot", "灯台と海", "phare à l'aube", "маяк, море"]
)
@pytest.mark.parametrize("charset", ["utf-16-be", "utf-16-le", "undefined", "utf-8"])
def test_words_in_every_encoding(words: str, charset: str) -> None:
    assert text_of(piece(c.user_comment(words, charset))) == words


def test_words_that_are_declared_falsely() -> None:
    assert text_of(piece(b"UNICODE\0" + b"Steps: 20, a teapot")) == "Steps: 20, a teapot"
    assert text_of(piece(b"UNICODE\0" + "Steps: 20".encode("utf-16"))) == "Steps: 20"
    assert text_of(piece(b"ASCII\0\0\0" + "à l'aube".encode())) == "à l'aube"
    assert text_of(piece(b"ASCII\0\0\0" + "à l'aube".encode("latin-1"))) == "à l'aube"
    assert text_of(piece(b"JIS\0\0\0\0\0" + "灯台".encode("iso2022_jp"))) == "灯台"
    assert text_of(piece("a teapot\0".encode("utf-16-le"), "0x9c9c")) == "a teapot"
    assert text_of(piece("a teapot, wide".encode("utf-16-le"))) == "a teapot, wide"
    assert text_of(piece(b"\0a teapot\0\0")) == "a teapot"
    assert text_of(piece(b"\xed\xa0\x80 teapot")) == "\ufffd teapot"


@given(st.binary(max_size=200), st.sampled_from(["0x9286", "0x9c9c", "parameters"]))
def test_words_of_any_bytes(data: bytes, key: str) -> None:
    for prefix in (b"", b"UNICODE\0", b"ASCII\0\0\0", b"JIS\0\0\0\0\0", bytes(8)):
        text_of(piece(prefix + data, key)).encode("utf-8")  # no halves of characters
