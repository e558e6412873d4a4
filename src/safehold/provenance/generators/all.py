"""All readers of what generators write."""

from __future__ import annotations

from typing import Final

from safehold.provenance.generators import (
    a1111,
    comfyui,
    drawthings,
    easydiffusion,
    flux,
    fooocus,
    grok,
    invokeai,
    midjourney,
    novelai,
    software,
    swarmui,
)
from safehold.provenance.interface import Parser

PARSERS: Final[tuple[Parser, ...]] = (
    a1111.read,
    comfyui.read,
    invokeai.read,
    fooocus.read,
    swarmui.read,
    easydiffusion.read,
    novelai.read,
    drawthings.read,
    midjourney.read,
    grok.read,
    flux.read,
    software.read,
)
