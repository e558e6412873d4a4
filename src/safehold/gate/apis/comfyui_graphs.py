"""Calls of ComfyUI's API, understood, and written anew as they go on.

A prompt is a graph of nodes, and nodes may do anything: fetch from addresses, read folders, run
code. Graphs are let through but for classes of nodes that are known by their names to do so, or,
where the operator names classes (`gate.comfyui_nodes`), for all others; and no text in a graph
may be an address or a path out of the server's folders.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from safehold.gate.apis import graphs, passing
from safehold.gate.apis.passing import BadCallError
from safehold.gate.encoded import Encoded
from safehold.gate.model import Api, Generation, ModelName, Stage, UncheckedError, Words
from safehold.gate.pictures import Limits, strip

MAX_NODES: Final = 5_000
MAX_NAME: Final = 255
"""Longest name of a file or of a folder."""

KINDS: Final = ("input", "output", "temp")

MEDIA: Final = re.compile(
    r"\.(?:png|jpe?g|jfif|webp|gif|bmp|tiff?|avif|hei[cf]|a?png|jxl|ico|exr|hdr|psd|svg"
    r"|mp4|m4v|webm|mov|mkv|avi|wav|mp3|flac|ogg|opus|m4a|latent|glb|gltf|npy|npz)\Z",
    re.IGNORECASE,
)
"""Endings of files that may be pictures, or made of some."""

_ANNOTATED: Final = re.compile(r"(.*?)(?:\s*\[(input|output|temp)\])\Z", re.DOTALL)
_TEXT_FIELDS: Final = frozenset(
    {"text", "text_g", "text_l", "clip_l", "clip_g", "t5xxl", "prompt", "positive", "negative"}
)
_FILE_FIELDS: Final = frozenset({"image", "images", "mask", "video", "audio", "file", "latent"})
_LOADERS: Final = frozenset(
    {
        *("LoadImage", "LoadImageMask", "LoadImageOutput", "LoadLatent", "LoadVideo", "LoadAudio"),
    }
)
_MODEL_FIELD: Final = re.compile(
    r"(?:ckpt|checkpoint|unet|lora|vae|clip|control_?net|diffusion_model|hypernetwork|gligen"
    r"|style_model|upscale_model|ipadapter|embedding)(?:_?(?:name|file|path|\d+))*\Z",
    re.IGNORECASE,
)
_SAMPLERS: Final = frozenset({"KSampler", "KSamplerAdvanced", "SamplerCustom", "CFGGuider"})
_PASSING: Final = frozenset(
    {
        *("CLIPTextEncode", "CLIPTextEncodeSDXL", "CLIPTextEncodeFlux", "CLIPTextEncodeSD3"),
        *("ConditioningConcat", "ConditioningCombine", "Reroute"),
    }
)


class File(NamedTuple):
    """A file of the server's, by folder."""

    kind: str
    folder: str
    name: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A call as it was understood.

    Attributes:
        graph: the nodes as they go on.
        extra: what goes on beside them.
        words: what is asked for.
        files: files of the server's that go in.
        seed: as it was said, or empty.
        client: the socket to which progress is told, or empty.
        prompt_id: as the caller named it, or empty.
    """

    graph: Mapping[str, Any] = field(repr=False)
    extra: Mapping[str, Any] = field(repr=False)
    words: Words
    files: tuple[File, ...] = field(default=(), repr=False)
    seed: str = ""
    client: str = ""
    prompt_id: str = ""

    def about(self, job: str) -> Generation:
        """What is known of the making."""
        said = "\n".join((*self.words.texts, *self.words.negatives))
        return Generation(Api.COMFYUI, said, self.words.models, self.seed, job)


def file_of(text: str, kind: str = "input", folder: str = "") -> File:
    """The file that a text names: `folder/name.png [output]`.

    Raises:
        UncheckedError: it is no plain name, or leads out of the server's folders.
    """
    match = _ANNOTATED.fullmatch(text)
    if match is not None:
        text, kind = match[1], match[2]
    path = f"{folder}/{text}" if folder else text
    parts = path.replace("\\", "/").split("/")
    plain = all(part.strip() not in ("", ".", "..") and len(part) <= MAX_NAME for part in parts)
    odd = any(ord(sign) < 32 or ord(sign) == 127 for sign in path) or _ANNOTATED.fullmatch(text)
    if not plain or odd or kind not in KINDS or ":" in path:
        raise UncheckedError(Stage.INPUT)
    return File(kind, "/".join(parts[:-1]), parts[-1])


def is_closed(name: str, allowed: frozenset[str]) -> bool:
    """Whether nodes of a class are not let through."""
    return name not in allowed if allowed else graphs.may_do_anything(name)


def prompt(said: Mapping[str, Any], limits: Limits, allowed: frozenset[str]) -> Prompt:
    """A call of `POST /prompt`.

    Raises:
        BadCallError: it is not as the API has it, or has a node that is not let through.
        UncheckedError: it holds, or names, what cannot be looked at.
    """
    nodes = said.get("prompt")
    if not isinstance(nodes, dict) or not 0 < len(nodes) <= MAX_NODES:
        raise BadCallError
    found = passing.inputs(nodes, limits)
    reading = _Reading(nodes)
    graph = {name: reading.node(name, node, allowed) for name, node in nodes.items()}
    pictures = tuple(one.picture for one in found.pictures)
    texts, negatives = reading.texts()
    words = Words(texts, negatives, tuple(dict.fromkeys(reading.models)), pictures)
    return Prompt(
        graph,
        _extra(said, limits),
        words,
        tuple(dict.fromkeys(reading.files)),
        reading.seed,
        _name(said, "client_id"),
        _name(said, "prompt_id"),
    )


class _Reading:
    """Gathers what a graph asks for."""

    def __init__(self, nodes: Mapping[str, Any]) -> None:
        self._nodes = nodes
        self._said: list[tuple[str, str, str]] = []
        self._uses: dict[str, list[tuple[str, str]]] = {}
        self.models: list[ModelName] = []
        self.files: list[File] = []
        self.seed = ""

    def node(self, name: str, node: object, allowed: frozenset[str]) -> dict[str, Any]:
        """A node as it goes on."""
        if not isinstance(node, dict):
            raise BadCallError
        kind, inputs = node.get("class_type"), node.get("inputs", {})
        if not isinstance(kind, str) or not isinstance(inputs, dict) or is_closed(kind, allowed):
            raise BadCallError
        for input_name, value in inputs.items():
            self._value((name, kind), input_name, value)
        out: dict[str, Any] = {"inputs": inputs, "class_type": kind}
        meta = node.get("_meta")
        if isinstance(meta, dict) and isinstance(meta.get("title"), str):
            out["_meta"] = {"title": meta["title"][:MAX_NAME]}
        return out

    def _value(self, node: tuple[str, str], name: str, value: object) -> None:
        if isinstance(value, str):
            self._text(node, name, value)
        elif isinstance(value, list):
            if self._is_link(value):
                if node[1] in _LOADERS and name in _FILE_FIELDS:
                    raise BadCallError  # what is made elsewhere in the graph names no file here
                self._uses.setdefault(value[0], []).append((node[0], name))
                return
            for item in value:
                self._value(node, name, item)
        elif isinstance(value, dict):
            for key, item in value.items():
                # Nodes of several rows hold objects whose keys say what it is.
                self._value(node, key, item)
        elif isinstance(value, int) and name in ("seed", "noise_seed") and not self.seed:
            self.seed = str(value)
        elif not (value is None or isinstance(value, int | float | Encoded)):
            raise BadCallError

    def _is_link(self, value: list[Any]) -> bool:
        """Whether a value is the result of another node: its name and a number."""
        if len(value) != 2 or not isinstance(value[0], str) or type(value[1]) is not int:
            return False
        return value[0] in self._nodes

    def _text(self, node: tuple[str, str], name: str, text: str) -> None:
        graphs.check_place(text)
        if _MODEL_FIELD.fullmatch(name) and len(text) <= MAX_NAME:
            self.models.append(ModelName(text))
        elif _is_file(node[1], name, text):
            self.files.append(file_of(text))
        elif text.strip():
            self._said.append((node[0], name, text))
            if graphs.is_model(text):
                self.models.append(ModelName(text))
            self.models += [ModelName(one) for one in graphs.models_in(text)]

    def texts(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What is asked for, and what is asked to be left out."""
        texts: dict[str, None] = {}
        negatives: dict[str, None] = {}
        # What is most likely a prompt stands first, before the names of samplers and the like.
        for node, _, text in sorted(self._said, key=lambda one: one[1] not in _TEXT_FIELDS):
            negative = graphs.is_negative(node, self._uses, self._leaves_out)
            (negatives if negative else texts)[text] = None
        return tuple(texts), tuple(negatives)

    def _leaves_out(self, node: str, name: str) -> bool | None:
        kind, inputs = self._nodes[node]["class_type"], self._nodes[node].get("inputs", {})
        if kind in _SAMPLERS:
            return name == "negative" and graphs.is_weight(inputs.get("cfg"))
        return None if kind in _PASSING else False


def _is_file(kind: str, name: str, text: str) -> bool:
    if len(text) > 2 * MAX_NAME or "\n" in text.strip():
        return False
    if name in _FILE_FIELDS and kind.lower().startswith("load"):
        return True
    if name in _TEXT_FIELDS and " " in text.strip():
        return False
    match = _ANNOTATED.fullmatch(text)
    return match is not None or MEDIA.search(text.strip()) is not None


def _extra(said: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    """What goes on beside the graph; previews are not asked for."""
    given = said.get("extra_data")
    given = given if isinstance(given, dict) else {}
    kept = {k: given[k] for k in ("auth_token_comfy_org", "api_key_comfy_org") if k in given}
    if isinstance(given.get("extra_pnginfo"), dict):
        kept["extra_pnginfo"] = strip(given["extra_pnginfo"], limits)
    out: dict[str, Any] = {"extra_data": {**kept, "preview_method": "none"}}
    if said.get("front") is True:
        out["front"] = True
    number = said.get("number")
    if isinstance(number, int | float) and not isinstance(number, bool):
        out["number"] = number
    targets = said.get("partial_execution_targets")
    if isinstance(targets, list) and all(isinstance(one, str) for one in targets):
        out["partial_execution_targets"] = targets
    return out


def _name(said: Mapping[str, Any], key: str) -> str:
    value = said.get(key)
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise BadCallError
    return value


NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Numbers of clients and of prompts."""
