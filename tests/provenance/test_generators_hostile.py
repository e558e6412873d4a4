"""Whatever stands in metadata, parsers end, raise nothing, and say nothing that is unbounded."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.provenance.generators import sources
from safehold.provenance.generators.all import PARSERS
from safehold.provenance.model import ReadingFault
from safehold.provenance.walkers.interface import Piece, PieceKind
from safehold.provenance.walkers.walk import walk
from tests.provenance.readings import budget, piece, read, sniffed, tag
from tests.provenance.shapes import SHAPES
from tests.provenance.shapes_graphs import GRAPH, INVOKE, WORKFLOW
from tests.provenance.shapes_programs import DRAW, EASY, FOOOCUS, SWARM, draw_things
from tests.provenance.shapes_webui import A1111

ODD: tuple[Any, ...] = (
    None, True, -1, 10**60, 1e999, "", "x" * 5_000, "a\nb\x1b[31m\u2028c", "\ud800",
    [], ["3", 0], ["nowhere", 5], [[[]]], {}, {"content": 5}, {"name": {"name": []}}, [None, "a"],
)  # fmt: skip
DOCUMENTS: dict[str, tuple[str, Any]] = {
    "comfyui": ("prompt", GRAPH),
    "editor": ("workflow", WORKFLOW),
    "invokeai": ("invokeai_metadata", INVOKE),
    "fooocus": ("parameters", FOOOCUS),
    "swarmui": ("parameters", SWARM),
    "easydiffusion": ("0x9286", EASY),
    "drawthings": ("xmp", DRAW),
}


def paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield before
    if isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, below in inner:
            yield from paths(below, (*before, key))


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    if not path:
        return by
    changed = copy.copy(value)
    changed[path[0]] = replaced(value[path[0]], path[1:], by)
    return changed


def holding(key: str, value: Any) -> Piece:
    if key == "xmp":
        return piece("", draw_things(value), PieceKind.XMP, "png/iTXt")
    text = json.dumps(value)
    return tag(key, text) if key.startswith("0x") else piece(key, text)


def check(pieces: list[Piece]) -> None:
    """Nothing raises, and all that is said can be written and is bounded."""
    found = read(pieces)
    json.dumps([found.claims, found.passages]).encode()
    for claim in found.claims:
        written = json.dumps(claim, ensure_ascii=False)
        written.encode()
        assert len(written) < 64_000
        for text in _texts(claim):
            assert text.isprintable()
            assert len(text) <= sources.LONGEST_NAME


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_values_of_any_kind_at_any_place_are_borne(name: str) -> None:
    key, document = DOCUMENTS[name]
    for path in paths(document):
        for odd in ODD:
            check([holding(key, replaced(document, path, odd))])


@settings(max_examples=60)
@given(st.data())
def test_pieces_with_bytes_changed_are_borne(data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from(sorted(SHAPES)), "shape")
    stored = SHAPES[shape].data
    pieces = []
    for one in walk(stored, sniffed(stored), budget()):
        body = bytearray(one.data[: data.draw(st.integers(0, len(one.data)))])
        for _ in range(data.draw(st.integers(0, 3))):
            if body:
                at = data.draw(st.integers(0, len(body) - 1))
                body[at] = data.draw(st.integers(0, 255))
        pieces.append(Piece(one.kind, one.key, one.place, bytes(body), one.late))
    check(pieces)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["parameters", "prompt", "workflow", "Description", "Dream", "Software",
                             "sd-metadata", "0x0131", "0x9286", "0x010e", "0x013b", "0x0110"]),
            st.one_of(
                st.text(max_size=200),
                st.binary(max_size=200),
                st.text(alphabet='Steps: 1,"\\{}[]\nJob ID--v', max_size=200),
            ),
        ),
        max_size=6,
    )
)  # fmt: skip
def test_any_words_are_borne(said: list[tuple[str, str | bytes]]) -> None:
    check([tag(key, data) if key.startswith("0x") else piece(key, data) for key, data in said])


def test_deep_json_is_not_read_and_that_is_told() -> None:
    for deep in ('{"class_type":' * 100_000, '{"nodes":[' + "[" * 500 + "]" * 500 + "]}"):
        limits = budget()
        assert read([piece("prompt", deep)], limits).claims == []
        assert ReadingFault.LIMIT_BYTES in limits.faults


def test_broken_json_under_a_key_of_ones_own_is_told() -> None:
    for key in ("prompt", "invokeai_metadata"):
        limits = budget()
        assert read([piece(key, '{"class_type": ')], limits).claims == []
        assert limits.faults == {ReadingFault.UNREADABLE_PIECE}


def test_graphs_that_go_round_end() -> None:
    ring = {
        str(number): {
            "class_type": "KSampler",
            "inputs": {
                "seed": [str((number + 1) % 50), 0],
                "model": [str((number + 1) % 50), 0],
                "positive": [str((number * 7) % 50), number % 2],
                "negative": [str((number * 3) % 50), number % 2],
                "latent_image": [str(number), 0],
            },
        }
        for number in range(50)
    }
    (claim,) = read([piece("prompt", json.dumps(ring))]).claims
    assert "seed" not in claim
    assert "model" not in claim


def test_keys_that_stand_twice_are_told() -> None:
    twice = json.dumps(INVOKE)[:-1] + ', "seed": 5}'
    found = read([piece("invokeai_metadata", twice)])
    assert found.claims[0]["seed"] == "5"
    assert [one.repeated for one in found.found] == [True]
    lines = A1111.replace("Version", "Seed: 6, Version")
    found = read([piece("parameters", lines)])
    assert (found.claims[0]["seed"], found.found[0].repeated) == ("6", True)
    same = json.dumps(INVOKE)[:-1] + ', "seed": 1234567890}'
    assert not any(one.repeated for one in read([piece("invokeai_metadata", same)]).found)


def test_words_are_cut_and_names_are_bounded() -> None:
    text = "x" * 90_000 + "\nSteps: 1, Seed: 2, Size: 9999999x1, Model: " + "m" * 5_000
    found = read([piece("parameters", text)])
    (claim,) = found.said
    assert claim["model"] == "m" * sources.LONGEST_NAME
    assert "size" not in claim
    assert [len(text) for _, text in found.passages] == [budget().options.max_passage_chars]


def test_nothing_is_read_when_the_time_is_over() -> None:
    for shape in SHAPES.values():
        pieces = walk(shape.data, sniffed(shape.data), budget())
        limits = budget(max_seconds=0)
        assert read(pieces, limits).claims == []
        assert limits.faults == {ReadingFault.LIMIT_TIME}


def test_parsers_take_any_number_of_pieces_in_any_order() -> None:
    pieces = [
        one for shape in SHAPES.values() for one in walk(shape.data, sniffed(shape.data), budget())
    ]
    forward, back = read(pieces), read(pieces[::-1])
    assert len(forward.claims) > len(PARSERS)
    assert {claim["form"] for claim in forward.claims} == {claim["form"] for claim in back.claims}
