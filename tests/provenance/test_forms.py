"""Readings on their way from a worker: they arrive as they were, or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.media.sandbox import protocol
from safehold.provenance import forms
from safehold.provenance.forms import claim_form, read_reading, reading_messages
from safehold.provenance.model import (
    Claim,
    Conflict,
    Embedded,
    Extent,
    Lora,
    Passage,
    PassageKind,
    Place,
    Reading,
    ReadingFault,
    Tier,
)

REFUSED = (ValueError, TypeError, KeyError, AttributeError)
PLACE = Place("png/tEXt/parameters", 41, 9, "ab" * 32)
CLAIM = Claim(
    Tier.SIGNED,
    "c2pa",
    True,
    PLACE,
    generator="A program",
    version="2.1",
    model="zorblax",
    model_hash="6ce0161689",
    loras=(Lora("quindle", "12ab", "0.8"),),
    seed="123456789012345678901234567890",
    source_image=False,
    extent=Extent.PARTIAL,
    size=(640, 480),
    checks=(("hash", "ok"), ("trust", "untrusted")),
    actions=("c2pa.created",),
)
READING = Reading(
    pieces=(PLACE, Place("pixels")),
    claims=(CLAIM, Claim(Tier.HINT, "software", True, Place("pixels"))),
    passages=(Passage(PassageKind.PROMPT, "a teapot,\n\ta lighthouse 灯台", PLACE),),
    embedded=(Embedded("exif_thumbnail", b"bytes", PLACE),),
    conflicts=(Conflict.CAMERA_AND_GENERATOR, Conflict.SEEDS_DIFFER),
    faults=(ReadingFault.DAMAGED, ReadingFault.LIMIT_TIME),
)


def sent(reading: Reading) -> Reading:
    """Through the protocol, as workers send it."""
    bodies = [protocol.encode(message) for message in reading_messages(reading)]
    assert all(len(body) < 1_000_000 for body in bodies)
    return read_reading([protocol.decode(body) for body in bodies])


def test_a_reading_arrives_as_it_was_without_the_pictures() -> None:
    arrived = sent(READING)
    assert arrived.embedded == (Embedded("exif_thumbnail", b"", PLACE),)
    assert arrived.claims == READING.claims
    assert arrived.passages == READING.passages
    assert arrived.pieces == READING.pieces
    assert arrived.conflicts == READING.conflicts
    assert arrived.faults == READING.faults
    assert [*reading_messages(Reading())] == []


def test_the_form_of_a_claim_leaves_out_what_is_not_said() -> None:
    assert claim_form(READING.claims[1]) == {
        "form": "software",
        "tier": "hint",
        "generative": True,
        "place": "pixels",
        "offset": 0,
    }
    form = claim_form(CLAIM)
    assert form["loras"] == [{"name": "quindle", "hash": "12ab", "weight": "0.8"}]
    assert (form["size"], form["source_image"], form["extent"]) == ([640, 480], False, "partial")
    assert form["checks"] == {"hash": "ok", "trust": "untrusted"}
    assert json.loads(json.dumps(form)) == form


def test_the_largest_readings_fit_into_messages() -> None:
    words = "\U0001f3e0" * forms.MAX_TEXT
    lora = Lora("\U0001f3e0" * 300, "f" * 300, "1" * 300)
    claim = Claim(Tier.DECLARED, "a1111", True, PLACE, loras=(lora,) * 200, model="m" * 9_000)
    large = Reading(
        pieces=(PLACE,) * 5_000,
        claims=(claim,) * 64,
        passages=(Passage(PassageKind.WORKFLOW, words + "cut", PLACE),) * 20,
    )
    messages = [*reading_messages(large)]
    assert len(messages) < 60
    arrived = sent(large)
    assert len(arrived.pieces) == 5_000
    assert {passage.text for passage in arrived.passages} == {words}
    assert len(arrived.claims) == 64
    assert len(arrived.claims[0].loras) == forms.MAX_LISTED
    assert len(arrived.claims[0].model) == forms.MAX_WORD


def test_characters_that_mislead_are_replaced() -> None:
    model = "a\nb\ud800c\u202ed\x00e"
    claim = Claim(Tier.DECLARED, "a1111", True, Place("png/\n/\u00e9"), model=model)
    words = Passage(PassageKind.PROMPT, "a\x00\ud800\nb", PLACE)
    arrived = sent(Reading(claims=(claim,), passages=(words,)))
    assert arrived.claims[0].model == "a b c d e"
    assert arrived.claims[0].place.path == "png/ /?"
    assert arrived.passages[0].text == "a\ufffd\ufffd\nb"


def message(**said: Any) -> list[dict[str, Any]]:
    return [{"reading": said}]


def row(**changed: Any) -> dict[str, Any]:
    """A claim as it is sent, with other values."""
    names = [
        *("tier", "form", "generative", "place", "texts", "loras", "source_image"),
        *("extent", "size", "checks", "actions"),
    ]
    (one,) = reading_messages(Reading(claims=(CLAIM,)))
    reading: Any = one["reading"]
    fields = dict(zip(names, reading["claims"][0], strict=True)) | changed
    return {"claims": [[*fields.values()]]}


@pytest.mark.parametrize(
    "said",
    [
        {"pieces": [["x", -1, 0, ""]]},
        {"pieces": [["x", 0, True, ""]]},
        {"pieces": [["x" * 121, 0, 0, ""]]},
        {"pieces": [["\u00e9", 0, 0, ""]]},
        {"pieces": [["x", 0, 0, "AB" * 32]]},
        {"pieces": [["x", 1 << 63, 0, ""]]},
        {"pieces": 5},
        {"pieces": [5]},
        {"pieces": [["x", 0, 0, ""]] * (forms.MAX_PIECES + 1)},
        {"passages": [["prompt", "x" * (forms.MAX_TEXT + 1), ["x", 0, 0, ""]]]},
        {"passages": [["poem", "x", ["x", 0, 0, ""]]]},
        {"passages": [["prompt", "\x00", ["x", 0, 0, ""]]]},
        {"embedded": [["no name!", ["x", 0, 0, ""]]]},
        {"conflicts": ["nothing"]},
        {"faults": [[]]},
        row(tier="proved"),
        row(form="two words"),
        row(generative=1),
        row(texts=["", "", "", ""]),
        row(texts=["\n", "", "", "", ""]),
        row(texts=["x" * 300, "", "", "", ""]),
        row(texts=[5, "", "", "", ""]),
        row(loras=[["a", "b", "c"]] * 100),
        row(loras=[["a", "b"]]),
        row(source_image="yes"),
        row(extent="half"),
        row(size=[1, -1]),
        row(size=[1, 2, 3]),
        row(checks=[["a"]]),
        row(actions=[5]),
    ],
)
def test_what_is_not_of_the_form_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(REFUSED):
        read_reading(message(**said))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["pieces", "claims", "passages", "embedded"]), JSON), JSON)
def test_nonsense_is_refused_or_read_and_never_breaks(said: dict[str, Any], other: Any) -> None:
    for messages in (message(**said), [{"reading": other}]):
        try:
            found = read_reading(messages)
        except REFUSED:
            continue
        assert sent(found).pieces == found.pieces


WORDS = st.text(max_size=300)


@given(WORDS, WORDS, WORDS, st.sampled_from(PassageKind))
def test_whatever_a_parser_says_arrives(one: str, two: str, three: str, kind: PassageKind) -> None:
    claim = Claim(
        Tier.HINT,
        "software",
        True,
        Place(one),
        one,
        two,
        three,
        actions=(one,),
        checks=((one, two),),
    )
    arrived = sent(Reading(claims=(claim,), passages=(Passage(kind, three, Place(two)),)))
    assert len(arrived.claims) == len(arrived.passages) == 1
    assert sent(arrived) == arrived
