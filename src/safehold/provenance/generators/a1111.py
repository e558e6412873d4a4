"""AUTOMATIC1111's web interface, Forge, and others that write the same text.

PNG `parameters` (tEXt, iTXt, zTXt), Exif UserComment of JPEG, WebP and AVIF, the comment of GIF;
`postprocessing` and `extras` of the tab of that name. The text is known by its line of settings,
wherever it stands: programs that convert pictures move it to other keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from safehold.provenance.generators import infotext, jsons, sources
from safehold.provenance.generators.infotext import Infotext
from safehold.provenance.interface import Found
from safehold.provenance.model import Claim, Extent, Lora, Passage, PassageKind, Tier
from safehold.provenance.walkers.interface import Budget, Piece

FORM: Final = "a1111"

_IN_PROMPT = re.compile(r"<(?:lora|lyco|hypernet):([^:<>\n]{1,200}):([^:<>\n]{1,32})[^<>\n]{0,64}>")
_PART = ("Mask blur", "Masked content", "Masked area padding", "Inpaint area", "Mask mode")
_WHOLE_FIRST = ("First pass size", "First pass strength")
_INPUT = ("Init image hash", "Init image size", "Image CFG scale")
_PROCESSED = ("Postprocess upscale", "Postprocess GFPGAN", "Postprocess CodeFormer", "Upscale: ")
_OWN_VERSION = re.compile(r"(?:f\d|neo|v?\d+\.\d+)")


def read(pieces: Sequence[Piece], budget: Budget) -> Iterator[Found]:
    """Claims of texts with a line of settings."""
    for piece, text in sources.comments(pieces):
        if budget.over:
            return
        if text.startswith(_PROCESSED):
            yield Found((_processed(piece),))
        elif infotext.MARK in text:
            said = infotext.parse(text, budget)
            if said is not None and not _of_others(said):
                yield _found(piece, said, budget)


def models(said: Infotext, budget: Budget) -> tuple[str, str, tuple[Lora, ...]]:
    """Name and hash of the model, and the adapters, of such a text."""
    settings = said.settings
    known = _Known()
    hashes = sources.mapping(jsons.parse(settings.get("Hashes", ""), budget))
    for key, value in islice(hashes.items(), 4 * sources.MAX_LORAS):
        kind, _, name = key.partition(":")
        if kind in {"lora", "lyco", "embed"}:
            known.add(name, digest=value)
    for key in ("Lora hashes", "TI hashes"):
        for name, value in infotext.pairs(settings.get(key, "")):
            # The first releases of Fooocus with this form write `name: hash: weight`.
            digest, _, weight = value.partition(": ")
            known.add(name, digest=digest, weight=weight)
    for name, value in infotext.pairs(settings.get("Lora weights", "")):
        known.add(name, weight=value)
    model = settings.get("Model", "")
    resources = jsons.parse(settings.get("Civitai resources", ""), budget)
    for one in sources.listing(resources)[: 4 * sources.MAX_LORAS]:
        resource = sources.mapping(one)
        name = sources.name(resource.get("modelName"))
        kind = sources.name(resource.get("type"))
        if kind in {"lora", "lycoris", "locon", "dora", "embed"}:
            known.add(name, weight=resource.get("weight"))
        elif kind in {"checkpoint", "model"}:
            model = model or name
    for lexed in islice(_IN_PROMPT.finditer(said.prompt), 4 * sources.MAX_LORAS):
        known.add(lexed[1], weight=lexed[2])
    digest = sources.digest(settings.get("Model hash")) or sources.digest(hashes.get("model"))
    return sources.name(model), digest, known.loras()


def generator(settings: Mapping[str, str]) -> tuple[str, str]:
    """Program and version, by what programs write under `Version` and `App`."""
    version = sources.name(settings.get("Version"))
    app = sources.name(settings.get("App"))
    if app:
        return app, version
    if version.startswith("f") and version[1:2].isdigit():
        return "Forge", version
    if version.startswith("neo"):
        return "Forge Neo", version
    if version.startswith("v") and version[1:2].isdigit():
        return "AUTOMATIC1111", version
    if version and not any(char.isdigit() for char in version):
        return version, ""
    return ("Civitai", version) if "Civitai resources" in settings else ("", version)


def mode(settings: Mapping[str, str]) -> tuple[str, bool | None, Extent]:
    """What was done by its signs: a word, whether a picture was put in, how much was made.

    A mask is a sign of inpainting. A strength of denoising is one of a picture that was put in,
    but for the second pass of a picture made from words (Hires), which has one too. Without a
    sign it is a picture made from words; that nothing was put in is said by those alone that
    always write the signs.
    """
    operations = settings.get("Operations", "").casefold()
    control = any(key.startswith("ControlNet") for key in settings)
    if any(key in settings for key in _PART) or "inpaint" in operations:
        return "inpaint", True, Extent.PARTIAL
    if "outpaint" in operations or any(key.startswith("Outpaint") for key in settings):
        return "outpaint", True, Extent.PARTIAL
    twice = any(key in _WHOLE_FIRST or key.startswith("Hires ") for key in settings)
    if (
        any(key in settings for key in _INPUT)
        or "img2img" in operations
        or ("Denoising strength" in settings and not twice and "txt2img" not in operations)
    ):
        return "img2img", True, Extent.UNKNOWN
    sure = twice or "txt2img" in operations or _own(settings)
    return "txt2img", True if control else (False if sure else None), Extent.WHOLE


def size(settings: Mapping[str, str]) -> tuple[int, int] | None:
    """The size that the file is said to have; None where a second pass leaves that open."""
    first = sources.size_of(settings.get("Size"))
    if first is None or any(
        "pscale by" in key or key.startswith("Postprocess") for key in settings
    ):
        return None
    resized = sources.size_of(settings.get("Hires resize"))
    if resized is not None:
        return resized
    try:
        factor = float(settings.get("Hires upscale", "1"))
    except ValueError:
        return None
    if "Hires resize" in settings or not 1 <= factor <= 16:
        return None
    sides = [side * factor for side in first]
    # Sides that are no multiples of 8 are rounded, each program in its own way.
    if factor != 1 and any(side % 8 for side in sides):
        return None
    return sources.size(*sides)


class _Known:
    """Adapters by their names, put together from all places that name them."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, str]] = {}

    def add(self, name: str, *, digest: object = "", weight: object = "") -> None:
        """Say more of one."""
        name = sources.name(name)
        if name and (name in self._known or len(self._known) < sources.MAX_LORAS):
            before = self._known.get(name, ("", ""))
            said = sources.digest(digest), sources.weight(weight)
            self._known[name] = (before[0] or said[0], before[1] or said[1])

    def loras(self) -> tuple[Lora, ...]:
        """All, in the order in which they were named first."""
        return tuple(Lora(name, *said) for name, said in self._known.items())


def passages(piece: Piece, said: Infotext, budget: Budget) -> tuple[Passage, ...]:
    """The words of such a text, prompts among the settings included."""
    kinds = [(PassageKind.PROMPT, said.prompt), (PassageKind.NEGATIVE_PROMPT, said.negative)]
    for key, value in said.settings.items():
        lowered = key.casefold()
        if lowered.endswith("negative prompt"):
            kinds.append((PassageKind.NEGATIVE_PROMPT, value))
        elif lowered.endswith("prompt"):
            kinds.append((PassageKind.PROMPT, value))
        elif lowered == "user":
            kinds.append((PassageKind.ACCOUNT, value))
    kinds.append((PassageKind.PROMPT, said.rest))
    return tuple(one for kind, text in kinds for one in sources.passage(kind, text, piece, budget))


def _of_others(said: Infotext) -> bool:
    """Whether a reader of its own takes it."""
    return said.settings.get("Version", "").startswith("Fooocus")


def _own(settings: Mapping[str, str]) -> bool:
    return "App" not in settings and bool(_OWN_VERSION.match(settings.get("Version", "")))


def _found(piece: Piece, said: Infotext, budget: Budget) -> Found:
    settings = said.settings
    program, version = generator(settings)
    model, model_hash, loras = models(said, budget)
    action, source, extent = mode(settings)
    claim = Claim(
        tier=Tier.DECLARED,
        form=FORM,
        generative=True,
        place=piece.place,
        generator=program,
        version=version,
        model=model,
        model_hash=model_hash,
        loras=loras,
        seed=sources.seed(settings.get("Seed")),
        source_image=source,
        extent=extent,
        size=size(settings),
        actions=(action,),
    )
    return Found((claim,), passages(piece, said, budget), repeated=said.repeated)


def _processed(piece: Piece) -> Claim:
    """The tab for pictures that are there already: enlarging, mending of faces.

    It says that models were at work and not that they made the picture, so it is a hint.
    """
    return Claim(
        tier=Tier.HINT,
        form=FORM,
        generative=True,
        place=piece.place,
        source_image=True,
        actions=("postprocessing",),
    )
