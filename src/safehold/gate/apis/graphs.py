"""Graphs of nodes by which ComfyUI and InvokeAI are told what to make."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from safehold.gate.model import Stage, UncheckedError

Uses = Mapping[str, Sequence[tuple[str, str]]]
"""By which inputs of which nodes a node's results are taken: `{node: [(taker, input)]}`."""

_ADDRESS: Final = re.compile(
    r"\s*[A-Za-z][A-Za-z0-9+.-]{0,31}://|\s*(?:data|file|blob):(?!\s)", re.I
)
_ABSOLUTE: Final = re.compile(
    r"\s*(?:/[^\s/]+/|~(?:[A-Za-z_][^\s/]*)?/|[A-Za-z]:[\\/]|\\\\)|\s*/\S+\s*\Z"
)
_CLIMBING: Final = re.compile(r"(?:^|[/\\])\.\.(?:[/\\]|$)")
_MODEL: Final = re.compile(r"\.(?:safetensors|sft|ckpt|pt2?|pth|bin|gguf|onnx|engine)\s*\Z", re.I)
_NETWORK: Final = re.compile(r"<\s*(?:lora|lyco|locon|hypernet)\s*:([^:<>]{1,300})", re.IGNORECASE)
_EMBEDDING: Final = re.compile(r"\bembedding:([\w./\\-]{1,200})", re.IGNORECASE)
_KINDS: Final = re.compile(
    r"url|http|download|fetch|scrape|webhook|civitai|from_?(?:path|file)|video_?path|images_?path"
    r"|load_?path|(?:load|read|from|batch).*(?:folder|dir(?:ector(?:y|ies))?)(?:node|$|[_ (])"
    r"|load[ _]?image[ _]?batch|image[ _]load$|run[ _]?script"
    r"|(?:read|load|open|write|save|append)[ _]?(?:text|txt|json|csv)?[ _]?file"
    r"|file[ _]?(?:read|writ)"
    r"|python|javascript|(?<!ri)eval|exec(?!ution)|subprocess|shell|telegram|discord|smtp|e_?mail"
    r"|(?:^|[^a-z])ftp|(?:^|[^a-z])s3(?:$|[^a-z])|s3$|dropbox|googledrive|google_drive",
    re.IGNORECASE,
)
_LARGEST_WEIGHT: Final = 10_000.0
_LONGEST_PLACE: Final = 4_096
_QUOTES: Final = " \t\"'`"


def leads_elsewhere(text: str) -> bool:
    """Whether a text is an address, or a path that is not within the server's own folders.

    Of a text of several lines each is one, for there are nodes that take lists of them; so is what
    stands between quotation marks.
    """
    return any(_leads_elsewhere(line) for line in text.splitlines())


def _leads_elsewhere(line: str) -> bool:
    line = line[:_LONGEST_PLACE].strip(_QUOTES)
    return bool(_ADDRESS.match(line) or _ABSOLUTE.match(line) or _CLIMBING.search(line))


def check_place(text: str) -> None:
    """Raises `UncheckedError` where a text leads elsewhere: nobody looked at what is there."""
    if leads_elsewhere(text):
        raise UncheckedError(Stage.INPUT)


def may_do_anything(kind: str) -> bool:
    """Whether nodes of a kind, by their name, fetch, read folders, send or run code."""
    return _KINDS.search(kind) is not None


def is_model(text: str) -> bool:
    """Whether a text is the name of a model's file."""
    return len(text) <= 512 and "\n" not in text and _MODEL.search(text) is not None


def models_in(text: str) -> list[str]:
    """Networks and embeddings that a prompt names."""
    return [name.strip() for name in (*_NETWORK.findall(text), *_EMBEDDING.findall(text))]


def is_weight(value: object) -> bool:
    """Whether a guidance weight is one by which what is left out is left out.

    With less than 1 a negative prompt is what is made.
    """
    if isinstance(value, list) and value:
        return all(is_weight(item) for item in value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and 1.0 <= value <= _LARGEST_WEIGHT


def is_negative(node: str, uses: Uses, leaves_out: Callable[[str, str], bool | None]) -> bool:
    """Whether whatever a node says is only ever left out of what is made.

    Args:
        node: the node.
        uses: of the whole graph.
        leaves_out: of a node and its input: whether what goes in there is left out (True) or may
            be made (False); None where it is what the node itself gives on.
    """
    seen = {node}
    waiting = [node]
    found = False
    while waiting:
        for taker, name in uses.get(waiting.pop(), ()):
            says = leaves_out(taker, name)
            if says is False:
                return False
            if says is None and taker not in seen:
                if not uses.get(taker):
                    return False  # it is given on to nobody knows whom
                seen.add(taker)
                waiting.append(taker)
            found = found or says is True
    return found
