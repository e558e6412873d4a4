"""The benign sample pictures that scikit-image ships inside its wheel.

The files are read from the installed package; scikit-image's own loaders are not called,
because some of them would download. scikit-image is a development dependency.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from PIL import Image

from safehold.errors import SafeholdError

SAMPLES: dict[str, str] = {
    "astronaut": "astronaut.png",
    "brick": "brick.png",
    "camera": "camera.png",
    "chelsea": "chelsea.png",
    "coffee": "coffee.png",
    "coins": "coins.png",
    "grass": "grass.png",
    "gravel": "gravel.png",
    "hubble": "hubble_deep_field.jpg",
    "motorcycle": "motorcycle_left.png",
    "page": "page.png",
    "rocket": "rocket.jpg",
}
"""Name of each sample and its file in the wheel: a portrait in an official NASA picture, a cat,
a cup, coins, lawns, walls, a galaxy field, a motorcycle, a printed page, a rocket."""


class SamplesMissingError(SafeholdError):
    """scikit-image is not installed, or without its samples."""

    code = "samples_missing"
    default_message = "The sample pictures are not installed."
    default_hint = "Install the development dependencies: pip install 'safehold[dev]'."


def sample(name: str) -> Image.Image:
    """One sample as an RGB picture.

    Args:
        name: a key of `SAMPLES`.

    Raises:
        KeyError: for a name that is not in `SAMPLES`.
        SamplesMissingError: when scikit-image or the file is not there.
    """
    path = _folder() / SAMPLES[name]
    if not path.is_file():
        raise SamplesMissingError
    with Image.open(path) as picture:
        return picture.convert("RGB")


def _folder() -> Path:
    found = importlib.util.find_spec("skimage")
    if found is None or found.origin is None:
        raise SamplesMissingError
    return Path(found.origin).parent / "data"
