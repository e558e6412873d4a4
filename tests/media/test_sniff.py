"""Formats are named by content."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.media.sniff import ARCHIVE_FORMATS, HEAD_BYTES, PICTURE_FORMATS, sniff
from tests.media.decode_samples import Case, all_cases


@pytest.mark.parametrize("sample_case", all_cases(), ids=lambda c: c.name)
def test_pictures_are_named(sample_case: Case) -> None:
    assert sniff(sample_case.data[:HEAD_BYTES]) == sample_case.name.split()[0]


def _tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo("note")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    return stream.getvalue()


def _zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("note", "abc")
    return stream.getvalue()


OTHERS = {
    "tar": _tar(),
    "zip": _zip(),
    "gzip": gzip.compress(b"abc"),
    "bzip2": bz2.compress(b"abc"),
    "xz": lzma.compress(b"abc"),
    "pdf": b"%PDF-1.7\n",
    "mp4": b"\0\0\0\x18ftypisom\0\0\0\0isommp42",
    "mov": b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
    "mkv": b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska",
    "webm": b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm",
    "svg": b"\xef\xbb\xbf<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>",
    "html": b"<!DOCTYPE html><title>a</title>",
    "xml": b"<?xml version='1.0'?><a/>",
    "jxl": b"\xff\x0a\0\0",
    "avi": b"RIFF\0\0\0\0AVI LIST",
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_types_are_named(name: str) -> None:
    assert sniff(OTHERS[name][:HEAD_BYTES]) == name


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf", "heic"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "avif"),
        (b"\0\0\0\x1cftypmsf1\0\0\0\0msf1avismiaf", "avif"),
        (b"\0\0\0\x14ftypmif1\0\0\0\0mif1", "heic"),
        (b"\0\0\0\x14ftypavif\0\0\0\0heic", "avif"),
        (b"\0\0\0\x14ftypisom\0\0\0\0isomavif", "mp4"),
        (b"", None),
        (b"BM is how this text begins, and it goes on", None),
        (b"GIF88a", "gif"),
        (b"GIF is how this text begins", None),
        (b"BM" + bytes(12) + b"\x2a\0\0\0", "bmp"),
        (b"\xff\xd8\0\1\xff\xe0\0\x10JFIF", "jpeg"),
        (b"\xff\xd8 and then text, and nothing that is a marker", None),
        (b"\0\0\2\0\1\0\x20\x20", "cur"),
        (b"\0\0\2\0\0\0\0\0\0\0\0\0\x20\0\x20\0\x18\0", None),  # a Targa picture
        (b"P6\n3 4\n255\n", "pnm"),
        (b"P6ab", None),
        (b"<!-- drawn by hand -->\n<s:svg xmlns:s='http://www.w3.org/2000/svg'/>", "svg"),
        ("<svg/>".encode("utf-16"), "svg"),
        (b"<!-- just a note -->", None),
        (b"plain text", None),
    ],
)
def test_brands_and_near_misses(head: bytes, expected: str | None) -> None:
    assert sniff(head) == expected


def test_families_are_apart() -> None:
    assert not PICTURE_FORMATS & ARCHIVE_FORMATS


@given(st.binary(max_size=600))
def test_any_bytes_give_a_name_or_none(head: bytes) -> None:
    name = sniff(head)
    assert name is None or name.isalnum()
    assert sniff(head[:HEAD_BYTES]) == name or name in {"svg", "xml"}
