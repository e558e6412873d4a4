"""The demo's folder: drawn pictures, edits of some of them, and things that are no picture."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from safehold.testing.edits import EDITS, Edit, encode
from safehold.testing.files import make_zip
from safehold.testing.pictures import draw_any

SIZE = (800, 600)
LISTED = 12
UNLISTED = 36


class Group(enum.StrEnum):
    """What a file of the demo is, for its table."""

    EXACT = "exact copies"
    ENCODED = "re-encoded, resized"
    TURNED = "mirrored, rotated"
    BORDERED = "bordered, letterboxed"
    COLOURS = "greyscale, CMYK, palette"
    ANIMATED = "a frame of an animation"
    ARCHIVED = "inside an archive"
    UNLISTED = "other pictures"
    NO_PICTURE = "no pictures"
    DAMAGED = "cut short"


EDIT_GROUPS: dict[Group, tuple[str, ...]] = {
    Group.ENCODED: ("jpeg_70", "jpeg_40", "png", "webp", "avif", "resize_50", "resize_150"),
    Group.TURNED: ("mirrored", "rotated_90", "rotated_180", "transposed"),
    Group.BORDERED: ("letterboxed", "pillarboxed", "framed_white"),
    Group.COLOURS: ("jpeg_grey", "jpeg_cmyk", "png_palette", "png_grey16", "tiff_lab"),
    Group.ANIMATED: ("gif_frame", "apng_frame", "webp_frame"),
}


@dataclass(frozen=True, slots=True)
class DemoFile:
    """One file of the demo.

    Attributes:
        name: path below the demo's folder; an archive's member as `archive!member`.
        group: what it is.
        listed: whether it should be found.
    """

    name: str
    group: Group
    listed: bool


def original(number: int) -> Image.Image:
    """Listed pictures have the numbers from 0, the others follow."""
    return draw_any(number, SIZE)


def write_demo(folder: Path) -> Iterator[DemoFile]:
    """Write the demo's files, one at a time; `folder` must exist and be empty."""
    edits = {edit.name: edit for edit in EDITS}
    for number in range(LISTED):
        picture = original(number)
        data = encode(picture, "JPEG", quality=92)
        yield _write(folder, f"listed-{number:02}-copy.jpg", data, Group.EXACT, True)
        for group, names in EDIT_GROUPS.items():
            # Each picture gets one edit of each group, in turn: enough to see, quick to draw.
            edit = edits.get(names[number % len(names)])
            if edit is not None:
                yield _write_edit(folder, f"listed-{number:02}", edit, picture, group)
    yield from _write_archive(folder)
    for number in range(LISTED, LISTED + UNLISTED):
        data = encode(original(number), "JPEG", quality=85)
        yield _write(folder, f"other-{number:02}.jpg", data, Group.UNLISTED, False)
    cut = encode(original(LISTED), "JPEG", quality=85)
    yield _write(folder, "cut-short.jpg", cut[: len(cut) // 2], Group.DAMAGED, False)
    yield _write(folder, "notes.txt", b"Just a text.\n", Group.NO_PICTURE, False)
    yield _write(folder, "paper.pdf", b"%PDF-1.7\n%%EOF\n", Group.NO_PICTURE, False)


def originals(folder: Path) -> None:
    """Write the listed originals, from which the demo's lists are made."""
    for number in range(LISTED):
        data = encode(original(number), "JPEG", quality=92)
        (folder / f"{number:02}.jpg").write_bytes(data)


def _write_archive(folder: Path) -> Iterator[DemoFile]:
    members = {
        "album/listed.png": encode(original(0), "PNG"),
        "album/other.png": encode(original(LISTED), "PNG"),
    }
    (folder / "album.zip").write_bytes(make_zip(members))
    yield DemoFile("album.zip!album/listed.png", Group.ARCHIVED, True)
    yield DemoFile("album.zip!album/other.png", Group.UNLISTED, False)
    yield DemoFile("album.zip", Group.NO_PICTURE, False)


def _write_edit(
    folder: Path, stem: str, edit: Edit, picture: Image.Image, group: Group
) -> DemoFile:
    name = f"{stem}-{edit.name}{edit.suffix}"
    return _write(folder, name, edit.apply(picture), group, True)


def _write(folder: Path, name: str, data: bytes, group: Group, listed: bool) -> DemoFile:
    (folder / name).write_bytes(data)
    return DemoFile(name, group, listed)
