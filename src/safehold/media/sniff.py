"""What a file is, by its first bytes. File names and declared types are never asked.

`sniff` names pictures that `decode` reads (`PICTURE_FORMATS`), archives (`ARCHIVE_FORMATS`),
and other common types that are recognised so that reports can name them.
Sources: the formats' own specifications; ISO/IEC 14496-12 (file type box), 23008-12 (HEIF
brands), POSIX.1-2017 pax (tar).
"""

from __future__ import annotations

import re
from typing import Final

HEAD_BYTES: Final = 512
"""How many bytes from the start of a file `sniff` needs at most (a tar header is one block)."""

PICTURE_FORMATS: Final = frozenset({"jpeg", "png", "gif", "webp", "bmp", "tiff", "avif", "heic"})
"""The formats that `safehold.media.decode` reads."""

ARCHIVE_FORMATS: Final = frozenset(
    {"zip", "tar", "gzip", "bzip2", "xz", "zstd", "lz4", "7z", "rar", "compress"}
)
"""Containers of other files, and streams that may be one. Not all of them can be unpacked."""

_MAGIC: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"II*\0", "tiff"),
    (0, b"MM\0*", "tiff"),
    (0, b"II+\0", "tiff"),
    (0, b"MM\0+", "tiff"),
    (0, b"\xff\x0a", "jxl"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "jxl"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "jpeg2000"),
    (0, b"\xff\x4f\xff\x51", "jpeg2000"),
    (0, b"8BPS", "psd"),
    (0, b"\0\0\x01\0", "ico"),
    (0, b"icns", "icns"),
    (0, b"DDS ", "dds"),
    (0, b"BLP1", "blp"),
    (0, b"BLP2", "blp"),
    (0, b"\x01\xda\x00\x01", "sgi"),
    (0, b"\x01\xda\x01\x01", "sgi"),
    (0, b"\x76\x2f\x31\x01", "exr"),
    (0, b"#?RADIANCE", "hdr"),
    (0, b"gimp xcf", "xcf"),
    (0, b"AT&TFORM", "djvu"),
    (0, b"II\xbc\x01", "jpegxr"),
    (0, b"\x8aMNG\r\n\x1a\n", "mng"),
    (0, b"\xd7\xcd\xc6\x9a", "wmf"),
    (0, b"qoif", "qoi"),
    (0, b"IIRO", "raw"),
    (0, b"FUJIFILMCCD-RAW", "raw"),
    (0, b"%PDF-", "pdf"),
    (0, b"%!PS", "postscript"),
    (0, b"{\\rtf", "rtf"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (0, b"PK\x03\x04", "zip"),
    (0, b"PK\x05\x06", "zip"),
    (0, b"PK\x07\x08", "zip"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"\x1f\x9d", "compress"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ\0", "xz"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (0, b"\x04\x22\x4d\x18", "lz4"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"Rar!\x1a\x07", "rar"),
    (257, b"ustar", "tar"),
    (0, b"FLV\x01", "flv"),
    (0, b"\0\0\x01\xba", "mpeg"),
    (0, b"\0\0\x01\xb3", "mpeg"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (0, b"OggS", "ogg"),
    (0, b"fLaC", "flac"),
    (0, b"ID3", "mp3"),
    (0, b"\x7fELF", "elf"),
    (0, b"SQLite format 3\0", "sqlite"),
)

_RIFF: Final = {b"WEBP": "webp", b"AVI ": "avi", b"WAVE": "wav"}

_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_HEIC_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
)
_HEIF_GENERIC_BRANDS: Final = frozenset({b"mif1", b"mif2", b"mif3", b"msf1", b"miaf"})
_OTHER_BRANDS: Final = {b"qt  ": "mov", b"crx ": "raw", b"jp2 ": "jpeg2000", b"M4A ": "m4a"}
_QUICKTIME_ATOMS: Final = frozenset({b"moov", b"mdat", b"wide", b"pnot"})

# The header sizes that a bitmap may have: OS/2 1, OS/2 2 (which may be cut anywhere between two
# fields), Windows 3, the two undocumented Adobe ones, Windows 4 and 5. "BM" alone is too short to
# tell a bitmap from text.
_BMP_HEADER_SIZES: Final = frozenset({12, *range(16, 65, 4), 42, 46, 108, 124})

_GIF: Final = re.compile(rb"GIF[0-9]{2}[a-z]")
"""Many viewers do not ask which version it is."""

# A JPEG is its start mark and then segments. Viewers that use libjpeg skip stray bytes between
# the two, so a marker of a segment that is near is enough.
_JPEG: Final = re.compile(rb"\xff\xd8[^\xff]{0,64}\xff+[\xc0-\xc4\xdb\xdd\xe0-\xef\xfe]", re.DOTALL)
# The number of pictures follows, which tells it from other files that begin alike.
_CUR: Final = re.compile(rb"\0\0\x02\0[^\0]\0", re.DOTALL)
_PNM: Final = re.compile(rb"P[1-7]\s")
_SVG: Final = re.compile(r"<([\w.-]+:)?svg[\s>/]")


def sniff(head: bytes) -> str | None:
    """The name of the format that starts with `head`, or None when it is not known.

    `head` is the start of the file: `HEAD_BYTES` bytes, or all of a shorter file. A name says
    what the file claims to be by content, not that it is whole or valid.
    """
    if head[4:8] == b"ftyp":
        return _sniff_isobmff(head)
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "bmp"
    if _GIF.match(head):
        return "gif"
    for offset, magic, name in _MAGIC:
        if head.startswith(magic, offset):
            return name
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "webm" if b"webm" in head[:64] else "mkv"
    if head[4:8] in _QUICKTIME_ATOMS:
        return "mov"
    if _JPEG.match(head):
        return "jpeg"
    if _PNM.match(head):
        return "pnm"
    if _CUR.match(head):
        return "cur"
    return _sniff_text(head)


def _sniff_isobmff(head: bytes) -> str:
    """Name a file with a file type box by its major brand, then by the compatible ones."""
    size = int.from_bytes(head[:4], "big")
    # Size 0 means "to the end of the file" and 1 a 64-bit size: then look at what there is.
    end = min(len(head), size if size >= 16 else len(head))
    major = bytes(head[8:12])
    brands = {bytes(head[at : at + 4]) for at in range(16, end - 3, 4)}
    for group in ({major}, brands):
        if group & _AVIF_BRANDS:
            return "avif"
        if group & _HEIC_BRANDS:
            return "heic"
    if major in _HEIF_GENERIC_BRANDS or (major not in _OTHER_BRANDS and b"mif1" in brands):
        return "heic"
    return _OTHER_BRANDS.get(major, "mp4")


def _sniff_text(head: bytes) -> str | None:
    """Name the markup formats, which may begin with a byte order mark and white space."""
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = head.decode("utf-16" if wide else "utf-8-sig", "ignore").lstrip().lower()
    if not text.startswith("<"):
        return None
    if text.startswith(("<!doctype html", "<html")):
        return "html"
    if text.startswith("<!doctype svg") or _SVG.search(text):
        return "svg"
    return "xml" if text.startswith("<?xml") else None
