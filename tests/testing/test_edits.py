"""Edits: each gives a readable file, is a function of the picture alone, and is near its source."""

from __future__ import annotations

import io

import numpy as np
import pdqhash
import pytest
from numpy.typing import NDArray
from PIL import Image

from safehold.testing.edits import EDITS, Difficulty, Edit
from safehold.testing.pictures import draw

FORMATS = {
    ".jpg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".gif": "GIF",
    ".bmp": "BMP",
    ".tiff": "TIFF",
    ".avif": "AVIF",
}
FRAMED = {"letterboxed", "pillarboxed", "framed_white"}
"""Found only once the border is trimmed, which is not this module's work."""
NEAR = 40
"""Bits within which every expected edit of the one picture below stays."""


@pytest.fixture(scope="module")
def original() -> Image.Image:
    return draw("landscape", 11, (480, 360))


def closest(original: Image.Image, edited: Image.Image) -> int:
    """Least distance over the eight orientations."""
    bits, _ = pdqhash.compute(np.asarray(original))
    turned, _ = pdqhash.compute_dihedral(as_rgb(edited))
    return min(int((bits != other).sum()) for other in turned)


def as_rgb(picture: Image.Image) -> NDArray[np.uint8]:
    if picture.mode.startswith("I;16"):
        high = (np.asarray(picture) >> 8).astype(np.uint8)
        return np.stack([high] * 3, axis=2)
    return np.asarray(picture.convert("RGB"))


def test_there_are_enough_edits_with_names_of_their_own() -> None:
    assert len(EDITS) >= 30
    assert len({edit.name for edit in EDITS}) == len(EDITS)
    assert {edit.difficulty for edit in EDITS} == set(Difficulty)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_an_edit_gives_a_file_of_its_format_near_the_original(
    edit: Edit, original: Image.Image
) -> None:
    data = edit.apply(original)
    with Image.open(io.BytesIO(data)) as edited:
        assert edited.format == FORMATS[edit.suffix]
        frames: int = getattr(edited, "n_frames", 1)
        edited.seek(2 if frames > 1 else 0)
        if edit.difficulty is Difficulty.EXPECTED and edit.name not in FRAMED:
            assert closest(original, edited) <= NEAR
        else:
            edited.load()


@pytest.mark.parametrize("name", ["noisy", "jpeg_70", "apng_frame", "tiff_lab", "jpeg_cmyk"])
def test_an_edit_is_a_function_of_the_picture(name: str, original: Image.Image) -> None:
    edit = next(edit for edit in EDITS if edit.name == name)
    before = original.tobytes()
    assert edit.apply(original) == edit.apply(original)
    assert original.tobytes() == before


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_small_pictures_can_be_edited_too(edit: Edit) -> None:
    assert edit.apply(draw("shapes", 2, (24, 16)))
