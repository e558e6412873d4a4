"""Calls of InvokeAI's API, understood, and written anew as they go on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from safehold.gate.apis import graphs, passing
from safehold.gate.apis.passing import BadCallError
from safehold.gate.encoded import Encoded
from safehold.gate.model import Api, Generation, ModelName, Words
from safehold.gate.pictures import Limits, strip

MAX_NODES: Final = 5_000
MAX_RUNS: Final = 10_000

IMAGE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
"""Names of pictures."""
NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Numbers of batches, and names of queues."""

_KEPT_RESULTS: Final = frozenset({"latents_name", "tensor_name", "conditioning_name"})
"""Results of other runs that a graph would take up by name; nobody could say whose they are."""
_PLAIN: Final = frozenset({"id", "type", "board_id", "key"})
_NEGATIVE_INPUTS: Final = frozenset({"negative_conditioning", "negative_text_conditioning"})
_TOLD_NEGATIVES: Final = frozenset({"negative_prompt", "negative_style_prompt"})
_METADATA: Final = frozenset({"core_metadata", "metadata", "merge_metadata", "metadata_item"})
_PASSING: Final = frozenset(
    {
        *("compel", "sdxl_compel_prompt", "sdxl_refiner_compel_prompt", "collect", "string"),
        *("flux_text_encoder", "sd3_text_encoder", "cogview4_text_encoder"),
    }
)


@dataclass(frozen=True, slots=True)
class Enqueuing:
    """A batch as it was understood.

    Attributes:
        onward: the batch as it goes on, but for its number.
        prepend: whether it goes before the others.
        words: what is asked for.
        images: pictures of the server's that go in.
        seed: as it was said, or empty.
        batch_id: as the caller named it, or empty.
    """

    onward: Mapping[str, Any] = field(repr=False)
    prepend: bool
    words: Words
    images: tuple[str, ...] = field(default=(), repr=False)
    seed: str = ""
    batch_id: str = ""

    def about(self, job: str) -> Generation:
        """What is known of the making."""
        said = "\n".join((*self.words.texts, *self.words.negatives))
        return Generation(Api.INVOKEAI, said, self.words.models, self.seed, job)


def batch(said: Mapping[str, Any], limits: Limits) -> Enqueuing:
    """A call of `enqueue_batch`.

    Raises:
        BadCallError: it is not as the API has it, or has a node that is not let through.
        UncheckedError: it holds, or names, what cannot be looked at.
    """
    given = said.get("batch")
    if not isinstance(given, dict):
        raise BadCallError
    graph, data = _graph(given.get("graph")), _data(given.get("data"))
    found = passing.inputs({"graph": graph, "data": data}, limits)
    reading = _Reading(graph, data)
    words = reading.words(tuple(one.picture for one in found.pictures))
    runs = given.get("runs", 1)
    if type(runs) is not int or not 1 <= runs <= MAX_RUNS:
        raise BadCallError
    onward: dict[str, Any] = {"graph": graph, "data": data, "runs": runs}
    onward |= {name: _label(given.get(name)) for name in ("origin", "destination")}
    workflow = given.get("workflow")
    onward["workflow"] = strip(workflow, limits) if isinstance(workflow, dict) else None
    batch_id = given.get("batch_id") or ""
    if batch_id and not (isinstance(batch_id, str) and NAME.fullmatch(batch_id)):
        raise BadCallError
    images = tuple(dict.fromkeys(reading.images))
    return Enqueuing(onward, said.get("prepend") is True, words, images, reading.seed, batch_id)


def _graph(value: object) -> dict[str, Any]:
    nodes = value.get("nodes") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(nodes, dict) or len(nodes) > MAX_NODES:
        raise BadCallError
    for node in nodes.values():
        kind = node.get("type") if isinstance(node, dict) else None
        if not isinstance(kind, str) or graphs.may_do_anything(kind):
            raise BadCallError
    edges = [_edge(edge) for edge in _list(value.get("edges"))]
    graph: dict[str, Any] = {"nodes": nodes, "edges": edges}
    if isinstance(value.get("id"), str):
        graph["id"] = _label(value["id"])
    return graph


def _edge(value: object) -> dict[str, dict[str, str]]:
    out = {}
    for name in ("source", "destination"):
        end = value.get(name) if isinstance(value, dict) else None
        node, at = (end.get("node_id"), end.get("field")) if isinstance(end, dict) else (None, None)
        if not isinstance(node, str) or not isinstance(at, str):
            raise BadCallError
        out[name] = {"node_id": node, "field": at}
    return out


def _data(value: object) -> list[list[dict[str, Any]]] | None:
    if value is None:
        return None
    return [[_datum(one) for one in _list(some)] for some in _list(value)]


def _datum(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadCallError
    node, at = value.get("node_path"), value.get("field_name")
    if not isinstance(node, str) or not isinstance(at, str):
        raise BadCallError
    return {"node_path": node, "field_name": at, "items": _list(value.get("items"))}


def _list(value: object) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadCallError
    return value


def _label(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > 256:
        raise BadCallError
    return value


class _Reading:
    """Gathers what a graph and its data ask for."""

    def __init__(self, graph: Mapping[str, Any], data: list[list[dict[str, Any]]] | None) -> None:
        self._nodes: Mapping[str, Any] = graph["nodes"]
        self._uses: dict[str, list[tuple[str, str]]] = {}
        self._set: set[tuple[str, str]] = set()
        self._said: list[tuple[str, str, str]] = []
        self._models: list[ModelName] = []
        self.images: list[str] = []
        self.seed = ""
        for edge in graph["edges"]:
            end = (edge["destination"]["node_id"], edge["destination"]["field"])
            self._uses.setdefault(edge["source"]["node_id"], []).append(end)
            self._set.add(end)
        # What a batch sets counts before what stands in the node.
        self._seed(data)
        for name, node in self._nodes.items():
            for key, value in node.items():
                if key not in _PLAIN:
                    self._value(name, key, value)
        for datum in (one for some in data or () for one in some):
            self._set.add((datum["node_path"], datum["field_name"]))
            for item in datum["items"]:
                self._value(datum["node_path"], datum["field_name"], item)

    def _seed(self, data: list[list[dict[str, Any]]] | None) -> None:
        for datum in (one for some in data or () for one in some):
            node, name = datum["node_path"], datum["field_name"]
            if name == "seed" or (name == "value" and node.partition(":")[0] == "seed"):
                found = (item for item in datum["items"] if type(item) is int)
                self.seed = self.seed or str(next(found, ""))

    def _value(self, node: str, name: str, value: object) -> None:
        if isinstance(value, str):
            graphs.check_place(value)
            if graphs.is_model(value):
                self._models.append(ModelName(value))
            if value.strip():
                self._said.append((node, name, value))
        elif isinstance(value, list):
            for item in value:
                self._value(node, name, item)
        elif isinstance(value, dict):
            self._object(node, name, value)
        elif isinstance(value, int) and name == "seed" and not self.seed:
            self.seed = str(value)
        elif not (value is None or isinstance(value, int | float | Encoded)):
            raise BadCallError

    def _object(self, node: str, name: str, value: Mapping[str, Any]) -> None:
        if _KEPT_RESULTS & value.keys():
            raise BadCallError
        image = value.get("image_name")
        if image is not None:
            if not isinstance(image, str) or not IMAGE.fullmatch(image):
                raise BadCallError
            self.images.append(image)
        if isinstance(value.get("key"), str) and ("base" in value or "hash" in value):
            digest = str(value.get("hash") or "").rpartition(":")[2]
            self._models.append(ModelName(str(value.get("name") or value["key"]), digest))
            return
        for key, item in value.items():
            if key not in _PLAIN and key != "image_name":
                inner = key if key in _TOLD_NEGATIVES or key == "seed" else name
                self._value(node, inner, item)

    def words(self, pictures: tuple[bytes, ...]) -> Words:
        """What is asked for."""
        texts: dict[str, None] = {}
        negatives: dict[str, None] = {}
        for node, name, text in self._said:
            kind = self._kind(node)
            told = kind in _METADATA and name in _TOLD_NEGATIVES
            negative = told or (
                kind in _PASSING and graphs.is_negative(node, self._uses, self._leaves_out)
            )
            (negatives if negative else texts)[text] = None
            self._models += [ModelName(one) for one in graphs.models_in(text)]
        models = tuple(dict.fromkeys(self._models))
        return Words(tuple(texts), tuple(negatives), models, pictures)

    def _kind(self, node: str) -> str:
        found = self._nodes.get(node)
        return str(found.get("type")) if isinstance(found, dict) else ""

    def _leaves_out(self, node: str, name: str) -> bool | None:
        kind = self._kind(node)
        if name in _NEGATIVE_INPUTS:
            weight = self._nodes[node].get("cfg_scale") if node in self._nodes else None
            return (node, "cfg_scale") not in self._set and graphs.is_weight(weight)
        if kind in _METADATA:
            return name in _TOLD_NEGATIVES
        return None if kind in _PASSING else False
