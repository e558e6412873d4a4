"""Names of generators alone, where programs write their own: a hint and no more.

Exif Software, text chunks of that meaning, XMP CreatorTool, the programs and credits of IPTC. The
names are exact: no name of a camera, an editor or a person is like one of them, and nothing is
looked for within longer texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from safehold.provenance.generators import packets, sources
from safehold.provenance.interface import Found
from safehold.provenance.model import Claim, Extent, Tier
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind

FORM: Final = "software"

_NAMES: Final[Mapping[str, str]] = {
    "adobe firefly": "Adobe Firefly",
    "automatic1111": "AUTOMATIC1111",
    "bing image creator": "Bing Image Creator",
    "chatgpt": "ChatGPT",
    "comfyui": "ComfyUI",
    "craiyon": "Craiyon",
    "dall-e": "DALL-E",
    "dall·e": "DALL-E",
    "diffusionbee": "DiffusionBee",
    "dreamstudio": "DreamStudio",
    "easy diffusion": "Easy Diffusion",
    "gpt-4o": "ChatGPT",
    "gpt-image": "GPT Image",
    "google imagen": "Google Imagen",
    "ideogram": "Ideogram",
    "ideogram ai": "Ideogram",
    "ideogram.ai": "Ideogram",
    "invokeai": "InvokeAI",
    "leonardo ai": "Leonardo AI",
    "leonardo.ai": "Leonardo AI",
    "microsoft bing image creator": "Bing Image Creator",
    "midjourney": "Midjourney",
    "mochi diffusion": "Mochi Diffusion",
    "nightcafe": "NightCafe",
    "openai": "OpenAI",
    "openai dall-e": "DALL-E",
    "playground ai": "Playground AI",
    "sd.next": "SD.Next",
    "sdnext": "SD.Next",
    "stable diffusion": "Stable Diffusion",
    "stable diffusion web ui": "AUTOMATIC1111",
    "stable diffusion webui": "AUTOMATIC1111",
    "stable diffusion xl": "Stable Diffusion XL",
    "stablediffusion": "Stable Diffusion",
    "stablestudio": "StableStudio",
    "swarmui": "SwarmUI",
}
_CREDITS: Final[Mapping[str, Extent]] = {
    "made with google ai": Extent.UNKNOWN,
    "edited with google ai": Extent.PARTIAL,
}
_VERSION = re.compile(r"[ /_\-]?v?(?P<version>\d[\w.\-+]{0,24})\Z")
_KEYS = ("Software", "Creator Tool", "CreatorTool", "Generator")
_PROGRAM = "2:065"
_CREDIT = "2:110"


def read(pieces: Sequence[Piece], budget: Budget) -> Iterator[Found]:
    """Hints by names."""
    for piece, text in _programs(pieces, budget):
        if budget.over:
            return
        generator, version = _known(text)
        if generator:
            yield Found((_hint(piece, generator, version, Extent.UNKNOWN),))
    for piece, text in _credits(pieces, budget):
        extent = _CREDITS.get(text.strip("\0 ").casefold())
        if extent is not None:
            yield Found((_hint(piece, "Google AI", "", extent),))


def _hint(piece: Piece, generator: str, version: str, extent: Extent) -> Claim:
    return Claim(
        tier=Tier.HINT,
        form=FORM,
        generative=True,
        place=piece.place,
        generator=generator,
        version=version,
        source_image=True if extent is Extent.PARTIAL else None,
        extent=extent,
    )


def _known(text: str) -> tuple[str, str]:
    """Name and version of a generator, or two empty texts."""
    said = " ".join(text[:100].strip("\0 ").split())
    if said.casefold() in _NAMES:
        return _NAMES[said.casefold()], ""
    for at in range(len(said) - 1, 0, -1):
        name = _NAMES.get(said[:at].casefold())
        lexed = _VERSION.match(said, at) if name is not None else None
        if name is not None and lexed is not None:
            return name, lexed["version"]
    return "", ""


def _programs(pieces: Sequence[Piece], budget: Budget) -> Iterator[tuple[Piece, str]]:
    yield from sources.tags(pieces, sources.SOFTWARE)
    yield from sources.texts(pieces, *_KEYS)
    yield from _datasets(pieces, _PROGRAM)
    for packet in packets.read(pieces, budget, b"CreatorTool"):
        for text in packet.values(packets.CREATOR_TOOL):
            yield packet.piece, text


def _credits(pieces: Sequence[Piece], budget: Budget) -> Iterator[tuple[Piece, str]]:
    yield from _datasets(pieces, _CREDIT)
    for packet in packets.read(pieces, budget, b"Credit"):
        for text in packet.values(packets.CREDIT):
            yield packet.piece, text


def _datasets(pieces: Sequence[Piece], key: str) -> Iterator[tuple[Piece, str]]:
    for piece in pieces:
        if piece.kind is PieceKind.IIM and piece.key == key:
            yield piece, piece.data[:200].decode("utf-8", "replace")
