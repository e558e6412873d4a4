"""Every reader of pixels."""

from __future__ import annotations

from typing import Final

from safehold.provenance.interface import PixelReader
from safehold.provenance.watermarks import dwt_dct, stealth

READERS: Final[tuple[PixelReader, ...]] = (stealth.read, dwt_dct.read)


def warm_up() -> None:
    """Load, before a sandbox closes, all that the readers need: a kernel, signatures."""
    dwt_dct.warm_up()
    stealth.warm_up()
