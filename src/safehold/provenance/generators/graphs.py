"""Graphs of ComfyUI, both forms made one.

The API form is an object: `{"3": {"class_type": "KSampler", "inputs": {"seed": 5, "model":
["4", 0]}}}`, where an array of an id and an output is a link. The form of the editor has `nodes`
with `widgets_values` in the order of the node's widgets, and `links` as arrays (or objects, within
subgraphs); switched-off nodes stand there too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from safehold.provenance.generators import sources

MOST_NODES: Final = 4_096
"""Larger graphs are cut: no editor shows them."""

_OFF = (2, 4)
"""Modes of a node of the editor: muted, bypassed."""

_WIDGETS: Final[Mapping[str, tuple[str, ...]]] = {
    "CheckpointLoaderSimple": ("ckpt_name",),
    "CheckpointLoader": ("config_name", "ckpt_name"),
    "unCLIPCheckpointLoader": ("ckpt_name",),
    "ImageOnlyCheckpointLoader": ("ckpt_name",),
    "UNETLoader": ("unet_name",),
    "UnetLoaderGGUF": ("unet_name",),
    "UnetLoaderGGUFAdvanced": ("unet_name",),
    "DiffusionModelLoaderKJ": ("model_name",),
    "LoraLoader": ("lora_name", "strength_model", "strength_clip"),
    "LoraLoaderModelOnly": ("lora_name", "strength_model"),
    "KSampler": ("seed", "control", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": ("add_noise", "noise_seed", "control"),
    "SamplerCustom": ("add_noise", "noise_seed", "control"),
    "RandomNoise": ("noise_seed", "control"),
    "CLIPTextEncode": ("text",),
    "CLIPTextEncodeFlux": ("clip_l", "t5xxl"),
    "EmptyLatentImage": ("width", "height"),
    "EmptySD3LatentImage": ("width", "height"),
    "EmptyFlux2LatentImage": ("width", "height"),
    "EmptyHunyuanLatentVideo": ("width", "height"),
    "LoadImage": ("image",),
    "LoadImageMask": ("image",),
    "LoadImageOutput": ("image",),
    "PrimitiveNode": ("value",),
    "PrimitiveInt": ("value",),
    "PrimitiveString": ("value",),
    "PrimitiveStringMultiline": ("value",),
}


@dataclass(frozen=True, slots=True)
class Node:
    """One node.

    Attributes:
        kind: its class.
        inputs: values and links by their names.
    """

    kind: str
    inputs: Mapping[str, Any] = field(repr=False)

    def link(self, name: str) -> tuple[str, int] | None:
        """The node and the output that an input is linked to, or None."""
        return link(self.inputs.get(name))


Graph = Mapping[str, Node]
"""Nodes by their ids, in the order of the file."""


def link(value: object) -> tuple[str, int] | None:
    """A link, or None where the value is none."""
    if isinstance(value, list) and len(value) == 2:
        end, slot = value
        if isinstance(end, str | int) and isinstance(slot, int) and not isinstance(end, bool):
            return str(end), slot
    return None


def api(value: object) -> Graph | None:
    """A graph of the API form, or None where it is none."""
    graph = {}
    for key, one in list(sources.mapping(value).items())[:MOST_NODES]:
        said = sources.mapping(one)
        kind = said.get("class_type")
        if isinstance(kind, str) and isinstance(said.get("inputs"), dict):
            graph[key] = Node(kind[: sources.LONGEST_NAME], said["inputs"])
    return graph or None


def editor(value: object) -> Graph | None:
    """A graph of the editor's form, subgraphs within, or None where it is none."""
    whole = sources.mapping(value)
    if not isinstance(whole.get("nodes"), list):
        return None
    definitions = sources.listing(sources.mapping(whole.get("definitions")).get("subgraphs"))
    graph: dict[str, Node] = {}
    for number, part in enumerate([whole, *definitions][:MOST_NODES]):
        prefix = f"{number}:" if number else ""
        for key, node in _nodes(sources.mapping(part), prefix):
            if len(graph) < MOST_NODES:
                graph[key] = node
    return graph or None


def upstream(graph: Graph, start: str) -> Iterator[Node]:
    """A node and all that lead to it, the nearest first, each once."""
    seen = {start}
    level = [start]
    while level:
        following = []
        for key in level:
            node = graph.get(key)
            if node is None:
                continue
            yield node
            for value in node.inputs.values():
                end = link(value)
                if end is not None and end[0] not in seen:
                    seen.add(end[0])
                    following.append(end[0])
        level = following


def _nodes(part: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Node]]:
    ends = dict(_ends(part.get("links"), prefix))
    for one in sources.listing(part.get("nodes"))[:MOST_NODES]:
        said = sources.mapping(one)
        kind, key = said.get("type"), said.get("id")
        if not isinstance(kind, str) or not isinstance(key, str | int) or said.get("mode") in _OFF:
            continue
        inputs: dict[str, Any] = dict(_widgets(kind, said.get("widgets_values")))
        for socket in map(sources.mapping, sources.listing(said.get("inputs"))):
            name, number = socket.get("name"), socket.get("link")
            if isinstance(name, str) and isinstance(number, int) and number in ends:
                inputs[name] = ends[number]
        yield prefix + str(key), Node(kind[: sources.LONGEST_NAME], inputs)


def _ends(value: object, prefix: str) -> Iterator[tuple[int, list[Any]]]:
    for one in sources.listing(value):
        if isinstance(one, list) and len(one) >= 3:
            number, origin, slot = one[:3]
        else:
            said = sources.mapping(one)
            number, origin, slot = (said.get(key) for key in ("id", "origin_id", "origin_slot"))
        if isinstance(number, int) and isinstance(origin, str | int):
            yield number, [prefix + str(origin), slot]


def _widgets(kind: str, values: object) -> Iterator[tuple[str, Any]]:
    if isinstance(values, dict):
        yield from values.items()
        return
    listed = sources.listing(values)
    yield from zip(_WIDGETS.get(kind, ()), listed, strict=False)
    if kind == "Power Lora Loader (rgthree)":
        yield from ((f"lora_{number}", one) for number, one in enumerate(listed))
