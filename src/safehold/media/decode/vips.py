"""libvips, through its loaders for one named format each. Its guessing loader is never called."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyvips
from numpy.typing import NDArray

_TYPES: Final = {
    "uchar": np.uint8,
    "char": np.int8,
    "ushort": np.uint16,
    "short": np.int16,
    "uint": np.uint32,
    "int": np.int32,
    "float": np.float32,
    "double": np.float64,
}

_LINES_AT_ONCE: Final = 512

PNG: Final = "pngload_buffer"
TIFF: Final = "tiffload_buffer"
HEIF: Final = "heifload_buffer"


def set_up() -> None:
    """One thread for each picture, no cache of operations: files share nothing."""
    pyvips.concurrency_set(1)
    pyvips.cache_set_max(0)


def load(loader: str, data: bytes, *, lenient: bool, **options: Any) -> Any:
    """The lazy `pyvips.Image` of `data`: the header is read, pixels are decoded on demand.

    Args:
        loader: one of the names above.
        data: the whole file.
        lenient: go on after errors and leave the rest as it is.
        options: further options of that loader, such as `page`.
    """
    fail_on = "none" if lenient else "error"
    pyvips.vips_lib.vips_error_clear()
    return pyvips.Operation.call(loader, data, access="sequential", fail_on=fail_on, **options)


def samples_of(image: Any) -> NDArray[Any]:
    """Decode: the samples, shape (height, width, bands).

    Regions are computed in the calling thread. `write_to_memory` would start worker threads
    that outlive it, and a process with threads cannot be forked safely.
    """
    dtype = _TYPES[image.format]
    samples = np.empty((image.height, image.width, image.bands), dtype)
    region = pyvips.Region.new(image)
    for top in range(0, image.height, _LINES_AT_ONCE):
        lines = min(_LINES_AT_ONCE, image.height - top)
        fetched = region.fetch(0, top, image.width, lines)
        samples[top : top + lines] = np.frombuffer(fetched, dtype).reshape(
            lines, image.width, image.bands
        )
    return samples


def has_complained() -> bool:
    """Whether the library noted an error since the last `load`, be it one that it passed over."""
    return bool(pyvips.ffi.string(pyvips.vips_lib.vips_error_buffer()))
