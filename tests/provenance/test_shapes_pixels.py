"""Shapes whose pixels speak, and those of standards, through the whole reader."""

from __future__ import annotations

import pytest

from safehold.media.sniff import HEAD_BYTES, sniff
from safehold.provenance.forms import claim_form
from safehold.provenance.model import Conflict, ProvenanceOptions, Reading, Tier
from safehold.provenance.read import Reader
from tests.provenance import shapes_pixels, shapes_standards
from tests.provenance.hostile import first_frame
from tests.provenance.shape import Shape

SHAPES = shapes_pixels.SHAPES | shapes_standards.SHAPES
AMPLE = ProvenanceOptions(max_seconds=60)


def read(shape: Shape, options: ProvenanceOptions = AMPLE) -> Reading:
    return Reader(options).read(shape.data, sniff(shape.data[:HEAD_BYTES]), first_frame(shape.data))


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_is_read_wholly(name: str) -> None:
    shape = SHAPES[name]
    reading = read(shape)
    forms = [claim_form(claim) for claim in reading.claims]
    said = [{k: v for k, v in form.items() if k not in {"place", "offset"}} for form in forms]
    assert len(said) == len(shape.expected)
    assert all(claim in said for claim in shape.expected)
    words = {(passage.kind.value, passage.text) for passage in reading.passages}
    assert words >= set(shape.passages)
    assert reading.faults == ()
    broken = Conflict.SIGNATURE_BROKEN in reading.conflicts
    assert broken == ("signed by somebody else" in name)


def test_pixels_are_left_alone_where_the_operator_says_so() -> None:
    options = ProvenanceOptions(max_seconds=60, watermarks=False)
    for shape in SHAPES.values():
        reading = read(shape, options)
        assert Tier.WATERMARK not in {claim.tier for claim in reading.claims}
        assert not any(claim.place.path.startswith("pixels") for claim in reading.claims)
