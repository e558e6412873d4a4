"""All parsers of standards, C2PA apart, which needs the whole file."""

from __future__ import annotations

from typing import Final

from safehold.provenance.interface import Parser
from safehold.provenance.standards import camera, tc260, xmp

PARSERS: Final[tuple[Parser, ...]] = (xmp.read, tc260.read, camera.read)
