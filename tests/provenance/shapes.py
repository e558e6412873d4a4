"""Files as generators write them: every family, in every container that it writes."""

from __future__ import annotations

from typing import Final

from tests.provenance import shapes_graphs, shapes_programs, shapes_services, shapes_webui
from tests.provenance.shape import NEGATIVE, PROMPT, WORDS, Shape
from tests.provenance.shapes_webui import A1111, A1111_CLAIM

__all__ = ["A1111", "A1111_CLAIM", "NEGATIVE", "PROMPT", "SHAPES", "WORDS", "Shape"]

_FAMILIES = (
    shapes_webui.a1111,
    shapes_graphs.comfyui,
    shapes_graphs.invokeai,
    shapes_programs.fooocus,
    shapes_programs.swarmui,
    shapes_programs.easydiffusion,
    shapes_programs.drawthings,
    shapes_services.midjourney,
    shapes_services.grok,
    shapes_services.flux,
    shapes_services.software,
)

SHAPES: Final[dict[str, Shape]] = {shape.name: shape for family in _FAMILIES for shape in family()}
"""All shapes by their names."""
