"""ComfyUI: the graph that made a picture.

In the form of its API (`prompt`) or of its editor (`workflow`): PNG text chunks of these names;
`comf` chunks of animated PNG; in WebP and AVIF the Exif entries Model (`prompt:{...}`), Make
(`workflow:{...}`) and those that count down from there; keys of the container's metadata in
video, or a comment with both (`nodes.py`, `comfy_extras/nodes_images.py` and `nodes_video.py` of
ComfyUI; ComfyUI-VideoHelperSuite).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from safehold.provenance.generators import graph_facts, graphs, jsons, sources
from safehold.provenance.generators.graph_facts import Facts
from safehold.provenance.generators.graphs import Graph
from safehold.provenance.interface import Found
from safehold.provenance.model import Claim, Passage, PassageKind, ReadingFault, Tier
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind
from safehold.provenance.walkers.tags import text_of

FORM: Final = "comfyui"

_KEYS = ("prompt", "workflow")
_SIGNS = ("class_type", "nodes")
"""One of these stands in every graph."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A graph that was read; `run` is what was run, not what stood in the editor."""

    piece: Piece
    text: str = field(repr=False)
    graph: Graph = field(repr=False)
    run: bool
    repeated: bool


def read(pieces: Sequence[Piece], budget: Budget) -> Iterator[Found]:
    """Claims of graphs.

    Where a graph of the API form stands in the file, it is what was run. The editor's graph then
    says no more than the program: its values may have changed since.
    """
    found: list[_Read] = []
    for piece, key, text in _places(pieces):
        if budget.over or len(found) >= budget.options.max_claims:
            break
        found.extend(_graphs(piece, key, text, budget))
    run = any(one.run for one in found)
    for one in found:
        if one.run or not run:
            facts = graph_facts.facts(one.graph, budget)
            words = _words(one, facts, budget)
            yield Found((_claim(one.piece, facts),), tuple(words), repeated=one.repeated)
        else:
            words = sources.passage(PassageKind.WORKFLOW, one.text, one.piece, budget)
            yield Found((_claim(one.piece, Facts(made=True)),), tuple(words))


def _places(pieces: Sequence[Piece]) -> Iterator[tuple[Piece, str, str]]:
    """Pieces with the key that they stand under, and their JSON."""
    for piece in pieces:
        if piece.kind is PieceKind.TEXT and piece.key.casefold() in _KEYS:
            yield piece, piece.key.casefold(), text_of(piece)
        elif piece.kind is PieceKind.TAG and (key := _prefix(piece.data)):
            yield piece, key, text_of(piece)[len(key) + 1 :]
    for piece, text in sources.comments(pieces):
        # Those that put both graphs, or one, into a comment.
        if piece.key.casefold() not in _KEYS and text.lstrip()[:1] == "{":
            yield piece, "", text


def _prefix(data: bytes) -> str:
    begin = data[:9].lower()
    for key in _KEYS:
        if begin.startswith(f"{key}:".encode()):
            return key
    return ""


def _graphs(piece: Piece, key: str, text: str, budget: Budget) -> Iterator[_Read]:
    if text.lstrip()[:1] not in {"{", '"'} or not any(sign in text for sign in _SIGNS):
        return
    document = _document(text, budget)
    if document is None:
        if key:
            budget.faults.add(ReadingFault.UNREADABLE_PIECE)
        return
    values: Mapping[str, Any] = sources.mapping(document.value)
    members = [values] if key else [values, *(values.get(name) for name in _KEYS)]
    for member in members:
        inner = _document(member, budget) if isinstance(member, str) else jsons.Document(member)
        value = inner.value if inner is not None else None
        repeated = document.repeated or (inner is not None and inner.repeated)
        run = graphs.api(value)
        graph = run or graphs.editor(value)
        if graph is not None:
            yield _Read(piece, text, graph, run is not None, repeated)


def _document(text: str, budget: Budget) -> jsons.Document | None:
    """JSON, and JSON in a text of JSON."""
    document = jsons.read(text, budget)
    if document is not None and isinstance(document.value, str):
        return jsons.read(document.value, budget)
    return document


def _claim(piece: Piece, facts: Facts) -> Claim:
    return Claim(
        tier=Tier.DECLARED if facts.made else Tier.HINT,
        form=FORM,
        generative=True,
        place=piece.place,
        generator="ComfyUI",
        model=facts.model,
        loras=facts.loras,
        seed=facts.seed,
        source_image=facts.source_image,
        extent=facts.extent,
        size=facts.size,
    )


def _words(one: _Read, facts: Facts, budget: Budget) -> Iterator[Passage]:
    for kind, texts in (
        (PassageKind.PROMPT, facts.prompts),
        (PassageKind.NEGATIVE_PROMPT, facts.negatives),
        (PassageKind.FILE_NAME, facts.files),
        (PassageKind.WORKFLOW, (one.text,)),
    ):
        for text in texts:
            yield from sources.passage(kind, text, one.piece, budget)
