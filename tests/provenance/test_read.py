"""The reader joins all parsers, tells conflicts, and raises nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from safehold.media.sniff import HEAD_BYTES, sniff
from safehold.provenance.conflicts import conflicts
from safehold.provenance.interface import Found
from safehold.provenance.model import (
    Claim,
    Conflict,
    Embedded,
    Extent,
    Passage,
    PassageKind,
    Place,
    ProvenanceOptions,
    Reading,
    ReadingFault,
    Tier,
)
from safehold.provenance.read import Reader, SharedReader
from safehold.provenance.walkers import walk
from safehold.provenance.walkers.interface import Budget, Piece
from tests.provenance import containers as c
from tests.provenance.shapes import SHAPES

AMPLE = ProvenanceOptions(max_seconds=60)
INFOTEXT = (
    "a lighthouse\nNegative prompt: fog\nSteps: 20, Sampler: Euler a, Seed: {seed}, "
    "Size: {size}, Model hash: 6ce0161689, Model: {model}"
)


def infotext(seed: int = 7, size: str = "64x48", model: str = "zorblax") -> str:
    return INFOTEXT.format(seed=seed, size=size, model=model)


def read(data: bytes, options: ProvenanceOptions = AMPLE, **said: Any) -> Reading:
    said.setdefault("size", (64, 48))
    return Reader(options).read(data, sniff(data[:HEAD_BYTES]), None, **said)


def user_comment(text: str, order: str = "utf-16-be") -> bytes:
    return c.exif({}, {0x9286: c.user_comment(text, order)})


def test_every_shape_is_read_whole_by_all_readers_together() -> None:
    reader = Reader(AMPLE)
    for name, shape in SHAPES.items():
        reading = reader.read(shape.data, sniff(shape.data[:HEAD_BYTES]), None)
        forms = {claim.form for claim in reading.claims}
        assert forms >= {claim["form"] for claim in shape.expected}, name
        assert {p.text for p in reading.passages} >= {text for _, text in shape.passages}, name
        assert not reading.faults, name


def test_claims_stand_by_tier_and_then_by_place() -> None:
    data = c.png(
        chunks=[
            c.text_chunk("Software", "DALL-E"),
            c.itxt_chunk("parameters", infotext()),
            (b"eXIf", c.exif({0x010F: "Black Forest Labs", 0x0131: "AI generated;txt2img;flux"})),
        ]
    )
    reading = read(data)
    tiers = [claim.tier for claim in reading.claims]
    assert tiers == sorted(tiers, key=[*Tier].index)
    declared = [claim.place.offset for claim in reading.claims if claim.tier is Tier.DECLARED]
    assert len(declared) > 1
    assert declared == sorted(declared)
    assert reading.says_generated


def test_a_file_that_says_nothing() -> None:
    for data in (c.png(), c.jpeg(), c.webp(), c.gif(), c.avif(), b"", b"no picture"):
        reading = read(data)
        assert (reading.claims, reading.passages, reading.conflicts) == ((), (), ())
        assert not reading.says_generated


def test_nothing_is_read_where_reading_is_off() -> None:
    assert (
        read(
            c.png(chunks=[c.text_chunk("parameters", infotext())]), ProvenanceOptions(enabled=False)
        )
        == Reading()
    )


def test_a_parser_that_fails_silences_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = Claim(Tier.HINT, "software", True, Place("png/tEXt/a"))

    def broken(pieces: Sequence[Piece], budget: Budget) -> Iterator[Found]:
        yield Found((claim,))
        raise RecursionError

    def broken_walker(data: bytes, budget: Budget) -> Iterator[Piece]:
        yield from walkers["png"](data, budget)
        raise MemoryError

    reader: Any = Reader(AMPLE)
    reader._parsers = (broken, *reader._parsers)
    walkers = dict(walk.WALKERS)
    monkeypatch.setattr(walk, "WALKERS", walkers | {"png": broken_walker})
    data = c.png(chunks=[c.text_chunk("parameters", infotext())])
    reading = reader.read(data, "png", None)
    assert [one.form for one in reading.claims] == ["a1111", "software"]
    assert reading.faults == (ReadingFault.DAMAGED, ReadingFault.UNREADABLE_PIECE)


def test_a_conflict_of_a_parser_and_bounds_on_what_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = Place("png/tEXt/a")

    def many(pieces: Sequence[Piece], budget: Budget) -> Iterator[Found]:
        for number in range(10):
            claim = Claim(Tier.HINT, "software", True, place, seed=str(number))
            words = Passage(PassageKind.PROMPT, f"{number} teapots", place)
            within = Embedded(f"A Thumbnail/{number}!", bytes([number]) * 9, place)
            large = Embedded("large", bytes(2_000), place)
            yield Found((claim, claim), (words, words), (within, within, large), broken=True)

    options = replace(
        AMPLE,
        max_claims=4,
        max_passages=3,
        max_passage_chars=5,
        max_embedded=2,
        max_embedded_bytes=1_000,
    )
    reader: Any = Reader(options)
    reader._parsers = (many,)
    reading = reader.read(c.png(chunks=[c.text_chunk("a", "b")]), "png", None)
    assert [claim.seed for claim in reading.claims] == ["0", "1", "2", "3"]
    assert [passage.text for passage in reading.passages] == ["0 tea", "1 tea", "2 tea"]
    assert [one.name for one in reading.embedded] == ["a_thumbnail_0", "a_thumbnail_1"]
    assert reading.conflicts == (Conflict.SIGNATURE_BROKEN,)
    assert reading.faults == (ReadingFault.LIMIT_BYTES, ReadingFault.LIMIT_PIECES)


def test_pieces_that_fill_the_walk_leave_room_for_parsers() -> None:
    chunks = [c.itxt_chunk("parameters", infotext()), *[c.text_chunk("a", "b")] * 40]
    reading = read(c.png(chunks=chunks), replace(AMPLE, max_pieces=20))
    assert [claim.form for claim in reading.claims] == ["a1111"]
    assert reading.faults == (ReadingFault.LIMIT_PIECES,)
    assert len(reading.pieces) == 20


def test_thumbnails_are_embedded_once() -> None:
    thumbnail = c.encoded(32, 24, "JPEG")
    block = c.camera(thumbnail=thumbnail)
    data = c.jpeg([c.exif_segment(block), c.exif_segment(block)])
    (one,) = read(data).embedded
    assert (one.name, one.data) == ("exif_thumbnail", thumbnail)


def test_readers_are_kept_with_their_options_and_anchors() -> None:
    first = SharedReader.of(AMPLE)
    assert SharedReader.of(replace(AMPLE)) is first
    assert SharedReader.of(replace(AMPLE, max_claims=3)) is not first
    try:
        SharedReader.configure(b"anchors")
        assert SharedReader.of(AMPLE) is not first
    finally:
        SharedReader.configure(None)


# Conflicts, in files


def in_png(*texts: str, more: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    return c.png(chunks=[*(c.itxt_chunk("parameters", text) for text in texts), *more])


CONFLICTS: dict[str, tuple[bytes, set[Conflict]]] = {
    "alone": (in_png(infotext()), set()),
    "said again elsewhere": (
        in_png(infotext(), more=[(b"eXIf", user_comment(infotext()))]),
        set(),
    ),
    "the same chunk twice": (in_png(infotext(), infotext()), set()),
    "another chunk": (
        in_png(infotext(), infotext(8)),
        {Conflict.REPEATED, Conflict.SEEDS_DIFFER},
    ),
    "another seed": (
        in_png(infotext(), more=[(b"eXIf", user_comment(infotext(8)))]),
        {Conflict.SEEDS_DIFFER},
    ),
    "camera": (
        in_png(infotext(), more=[(b"eXIf", c.camera())]),
        {Conflict.CAMERA_AND_GENERATOR},
    ),
    "camera alone": (c.jpeg([c.exif_segment(c.camera())]), set()),
    "another size": (in_png(infotext(size="512x512")), {Conflict.SIZE_DIFFERS}),
    "turned": (in_png(infotext(size="48x64")), set()),
}


@pytest.mark.parametrize("name", CONFLICTS)
def test_conflicts_in_files(name: str) -> None:
    data, expected = CONFLICTS[name]
    assert set(read(data).conflicts) == expected


def test_no_size_is_compared_where_none_was_decoded() -> None:
    data = in_png(infotext(size="512x512"))
    assert read(data, size=None).conflicts == ()
    assert read(data, size=(0, 0)).conflicts == ()


# Conflicts, of claims


def said(offset: int, tier: Tier = Tier.DECLARED, **more: Any) -> Claim:
    return Claim(tier, "a1111", True, Place("png/tEXt/a", offset), **more)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"generator": "Zorblax"}, {"generator": "Quindle"}, {Conflict.GENERATORS_DIFFER}),
        ({"generator": "Zorblax"}, {"generator": "zorblax 2.1"}, set()),
        ({"generator": "Zorblax"}, {}, set()),
        ({"model": "vennimoor"}, {"model": "quindle"}, {Conflict.MODELS_DIFFER}),
        ({"model": "folder/Vennimoor.safetensors"}, {"model": "vennimoor"}, set()),
        ({"model": "灯台"}, {"model": "маяк"}, {Conflict.MODELS_DIFFER}),
        ({"model": "a", "model_hash": "6ce01616"}, {"model_hash": "6CE0161689"}, set()),
        (
            {"model": "vennimoor", "model_hash": "6ce0161689"},
            {"model": "vennimoor", "model_hash": "7ce0161689"},
            {Conflict.MODELS_DIFFER},
        ),
        ({"model": "vennimoor"}, {"model_hash": "6ce0161689"}, set()),
        ({"seed": "7"}, {"seed": "8"}, {Conflict.SEEDS_DIFFER}),
        ({"tier": Tier.HINT, "generator": "Zorblax"}, {"generator": "Quindle"}, set()),
        ({"tier": Tier.WATERMARK, "generator": "Zorblax"}, {"generator": "Quindle"}, set()),
    ],
)
def test_claims_of_two_places(
    one: dict[str, Any], other: dict[str, Any], expected: set[Conflict]
) -> None:
    assert set(conflicts([said(10, **one), said(90, **other)])) == expected
    assert set(conflicts([said(90, **other), said(10, **one)])) == expected
    assert conflicts([said(10, **one), said(10, **other)]) == ()


def test_one_of_several_values_that_is_the_same_is_enough() -> None:
    assert conflicts([said(10, seed="1"), said(10, seed="2"), said(90, seed="2")]) == ()


def test_an_edited_photograph_is_a_camera_s_rightly() -> None:
    camera = Claim(Tier.DECLARED, "camera", False, Place("jpeg/APP1/Exif"))
    edited = said(10, extent=Extent.PARTIAL)
    assert conflicts([camera, edited]) == ()
    assert conflicts([camera, edited, said(20)]) == (Conflict.CAMERA_AND_GENERATOR,)
    assert conflicts([camera, replace(said(10), generative=False)]) == ()


def test_what_stands_twice() -> None:
    def repeats(data: bytes) -> bool:
        return Conflict.REPEATED in read(data).conflicts

    one, other = c.exif({0x010E: "one"}), c.exif({0x010E: "other"})
    assert repeats(c.jpeg([c.exif_segment(one), c.exif_segment(other)]))
    assert not repeats(c.jpeg([c.exif_segment(one), c.exif_segment(one)]))
    assert repeats(c.webp([(b"XMP ", c.xmp("<a/>")), (b"XMP ", c.xmp())]))
    assert repeats(c.png(chunks=[c.text_chunk("prompt", "{}"), (b"comf", b"prompt\0[]")]))
    assert not repeats(c.gif(["one", "other"]))
    assert not repeats(c.png(chunks=[c.text_chunk("date", "1"), c.text_chunk("date", "2")]))
    second = c.jpeg([c.exif_segment(other)])
    assert not repeats(c.jpeg([c.exif_segment(one)], after_end=second))
