"""What a graph of ComfyUI says: models, seeds, words, and whether a picture was put in.

There are thousands of kinds of nodes, so they are known by the names of their inputs and by
words in their own; what is not known is left out.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from safehold.provenance.generators import sources
from safehold.provenance.generators.graphs import Graph, Node, link, upstream
from safehold.provenance.model import Extent, Lora
from safehold.provenance.walkers.interface import Budget

MOST_TEXTS: Final = 16
_MOST_SAMPLERS = 8
_MOST_STEPS = 8

_SEEDS = ("seed", "noise_seed")
_MODELS = ("ckpt_name", "unet_name", "model_name", "gguf_name", "base_ckpt_name")
_WEIGHTS = ("strength_model", "strength", "lora_wt", "model_str", "lora_model_strength")
_VALUES = ("value", "int", "number", "text", "string", "seed", "noise_seed", "Value", "Text")
_NO_MODEL = re.compile(
    r"upscale|control|clip|vae|style|gligen|detect|segm|sam|adapter|depth|rife|insight|face"
    r"|caption|florence|tagger|lora|llm",
    re.IGNORECASE,
)
_LOADS = re.compile(
    r"load.?(?:image|video|frames)|image.?load|input.?image|video.?load", re.IGNORECASE
)
_PARTS = re.compile(r"inpaint|outpaint|SetLatentNoiseMask", re.IGNORECASE)
_EDITS = re.compile(r"ReferenceLatent|ImageEdit|Kontext|InstructPix", re.IGNORECASE)
_RESIZES = re.compile(
    r"scale|resize|crop|pad|stitch|composite|concat|grid|rotate|detailer|combine", re.IGNORECASE
)
_EMPTY = re.compile(r"empty.*latent", re.IGNORECASE)
_TEXT_INPUT = re.compile(r"text|prompt|string|t5xxl|clip_[lg]\Z|value\Z", re.IGNORECASE)
_NO_TEXT_INPUT = re.compile(r"name\Z|model|encoder", re.IGNORECASE)
_FILES = ("image", "video", "images")
_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif", ".bmp", ".mp4", ".webm", ".mov")
_LORA_INPUT = re.compile(r"lora(?:_name)?(?P<number>_?\d{1,3})?\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a graph says.

    Attributes:
        made: whether something in it makes a picture from noise.
        model, loras, seed, source_image, extent, size: as a claim has them.
        prompts, negatives, files: words, and names of the pictures that were put in.
    """

    made: bool
    model: str = ""
    loras: tuple[Lora, ...] = ()
    seed: str = ""
    source_image: bool | None = None
    extent: Extent = Extent.UNKNOWN
    size: tuple[int, int] | None = None
    prompts: tuple[str, ...] = field(default=(), repr=False)
    negatives: tuple[str, ...] = field(default=(), repr=False)
    files: tuple[str, ...] = field(default=(), repr=False)


def facts(graph: Graph, budget: Budget) -> Facts:
    """All that a graph says."""
    first = _first_sampler(graph, budget)
    loads = [node for node in graph.values() if _loads(node)]
    source, extent = _source(graph, first, bool(loads))
    prompts = _texts(graph, first, "positive") if first else ()
    negatives = _texts(graph, first, "negative") if first else ()
    return Facts(
        made=bool(first),
        model=_model(graph, first),
        loras=tuple(_loras(graph))[: sources.MAX_LORAS],
        seed=_seed(graph, first),
        source_image=source,
        extent=extent,
        size=_size(graph, first),
        prompts=prompts or (() if negatives else _any_texts(graph)),
        negatives=negatives,
        files=tuple(_files(loads))[:MOST_TEXTS],
    )


def _loads(node: Node) -> bool:
    """Whether a node puts a picture in: by its kind, or by a file of one that it names."""
    return bool(_LOADS.search(node.kind)) or any(
        isinstance(file := node.inputs.get(key), str) and file[-8:].casefold().endswith(_ENDINGS)
        for key in _FILES
    )


def _is_sampler(node: Node) -> bool:
    noise = any(key in node.inputs for key in _SEEDS) or node.link("noise") is not None
    return noise and any(node.link(key) for key in ("model", "guider", "positive", "pipe"))


def _first_sampler(graph: Graph, budget: Budget) -> str:
    """The sampler that no other leads to: the others work on what it made. Empty for none."""
    samplers = [key for key, node in graph.items() if _is_sampler(node)]
    for key in samplers[:_MOST_SAMPLERS]:
        if budget.over:
            break
        before = upstream(graph, key)
        next(before)
        if not any(_is_sampler(node) for node in before):
            return key
    return samplers[0] if samplers else ""


def _resolved(graph: Graph, value: object) -> object:
    """A value, or the one that a link leads to through nodes that only hold one."""
    for _ in range(_MOST_STEPS):
        end = link(value)
        if end is None:
            return value
        node = graph.get(end[0])
        known = [key for key in _VALUES if node is not None and key in node.inputs]
        if node is None or not known:
            return None
        value = node.inputs[known[0]]
    return None


def _guided(graph: Graph, key: str) -> Node:
    """The node with the links to model and words: the sampler, or its guider."""
    node = graph[key]
    end = node.link("guider")
    return graph.get(end[0], node) if end is not None else node


def _named_model(node: Node, graph: Graph) -> str:
    for key in _MODELS:
        value = _resolved(graph, node.inputs.get(key))
        if isinstance(value, dict):
            value = value.get("content")
        if isinstance(value, str) and not (key == "model_name" and _NO_MODEL.search(node.kind)):
            return sources.name(value)
    return ""


def _model(graph: Graph, first: str) -> str:
    start = _guided(graph, first).link("model") if first else None
    nearest = upstream(graph, start[0]) if start is not None else iter(())
    for nodes in (nearest, iter(graph.values())):
        for node in nodes:
            if name := _named_model(node, graph):
                return name
    return ""


def _loras(graph: Graph) -> Iterator[Lora]:
    seen = set()
    for node in graph.values():
        if "lora" not in node.kind.casefold() and "lora_name" not in node.inputs:
            continue
        for key, value in node.inputs.items():
            lexed = _LORA_INPUT.match(key)
            if lexed is None:
                continue
            name, weight = _lora(graph, node, value, lexed["number"] or "")
            if name and name not in seen:
                seen.add(name)
                yield Lora(name, "", weight)


def _lora(graph: Graph, node: Node, value: object, number: str) -> tuple[str, str]:
    """Name and weight of an adapter: an object, or a name with its weight under another input."""
    if isinstance(value, dict):
        if value.get("on") is False:
            return "", ""
        name = value.get("lora") or value.get("content")
        return sources.name(name), sources.weight(value.get("strength"))
    name = sources.name(_resolved(graph, value))
    for key in _WEIGHTS:
        if weight := sources.weight(_resolved(graph, node.inputs.get(key + number))):
            return name, weight
    return name, ""


def _seed(graph: Graph, first: str) -> str:
    if not first:
        return ""
    node = graph[first]
    end = node.link("noise")
    for one in (node, graph.get(end[0]) if end is not None else None):
        for key in _SEEDS if one is not None else ():
            if one is not None and key in one.inputs:
                return sources.seed(_resolved(graph, one.inputs[key]))
    return ""


def _empties(graph: Graph, first: str) -> Iterator[tuple[object, object]]:
    """Sides of the empty pictures that a sampler begins with."""
    for node in upstream(graph, first):
        prefix = "empty_latent_" if "empty_latent_width" in node.inputs else ""
        if prefix or _EMPTY.search(node.kind):
            yield (
                _resolved(graph, node.inputs.get(prefix + "width")),
                _resolved(graph, node.inputs.get(prefix + "height")),
            )


def _size(graph: Graph, first: str) -> tuple[int, int] | None:
    """The size of what was made; None where something after it may have changed that."""
    if not first or any(_RESIZES.search(node.kind) for node in graph.values()):
        return None
    sides = next(_empties(graph, first), None)
    return sources.size(*sides) if sides is not None else None


def _source(graph: Graph, first: str, loads: bool) -> tuple[bool | None, Extent]:
    """Whether a picture was put in, and how much was made.

    A picture that is put in may be what is changed, or only steer what is made. Without one, and
    where the sampler begins with an empty picture, none was.
    """
    if not first:
        return (True if loads else None), Extent.UNKNOWN
    if loads and any(_PARTS.search(node.kind) for node in graph.values()):
        return True, Extent.PARTIAL
    start = graph[first].link("latent_image") or graph[first].link("latent")
    begun = list(upstream(graph, start[0])) if start is not None else []
    # No sampler stands before this one, so what is encoded there was not made here.
    encoded = any("vaeencode" in node.kind.casefold() for node in begun)
    drawn = any("EmptyImage" in node.kind for node in begun)
    changed = any(map(_loads, begun)) or (encoded and not drawn)
    edited = loads and any(_EDITS.search(node.kind) for node in graph.values())
    if changed or edited:
        return True, Extent.UNKNOWN
    empty = next(_empties(graph, first), None) is not None
    return (True if loads else (False if empty else None)), (
        Extent.WHOLE if empty else Extent.UNKNOWN
    )


def _texts(graph: Graph, first: str, side: str) -> tuple[str, ...]:
    """Words that reach a sampler by one of its two inputs for them."""
    node = _guided(graph, first)
    start = node.inputs.get(side)
    if start is None and side == "positive":
        start = node.inputs.get("conditioning")
    found: dict[str, None] = {}
    seen: set[tuple[str, int]] = set()
    waiting = deque([start])
    while waiting and len(found) < MOST_TEXTS:
        value = waiting.popleft()
        if isinstance(value, str):
            found[value] = None
            continue
        end = link(value)
        if end is None or end in seen:
            continue
        seen.add(end)
        following = graph.get(end[0])
        if following is not None:
            waiting.extend(_before(following, end[1], side))
    return tuple(text for text in found if text.strip())


def _before(node: Node, slot: int, side: str) -> list[object]:
    """Texts of a node of words, and the links that lead on from it."""
    if "positive" in node.inputs and "negative" in node.inputs:
        two = link(node.inputs["positive"]) is not None and slot in {0, 1}
        return [node.inputs[("positive", "negative")[slot] if two else side]]
    return [
        value
        for key, value in node.inputs.items()
        if ("conditioning" in key and link(value) is not None)
        or (_TEXT_INPUT.search(key) and not _NO_TEXT_INPUT.search(key))
    ]


def _any_texts(graph: Graph) -> tuple[str, ...]:
    """Words of all nodes that encode some or take a prompt, where no link tells which is which."""
    found = []
    for node in graph.values():
        if "textencode" in node.kind.casefold() or "prompt" in node.inputs:
            found += [value for value in _before(node, 0, "positive") if isinstance(value, str)]
    return tuple(text for text in found if text.strip())[:MOST_TEXTS]


def _files(loads: list[Node]) -> Iterator[str]:
    for node in loads:
        for key in _FILES:
            value = node.inputs.get(key)
            if isinstance(value, str) and len(value) <= 1_024:
                yield value
