"""Known watermarks: read from every carrier, and from nothing that carries none."""

from __future__ import annotations

import io

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from safehold.kernels import watermark
from safehold.kernels import watermark_reference as reference
from safehold.kernels.accelerate import frozen
from safehold.provenance.interface import Pixels
from safehold.provenance.model import Claim, Extent, Place, ProvenanceOptions, Tier
from safehold.provenance.walkers.interface import Budget
from safehold.provenance.watermarks import dwt_dct, jpeg_colour
from safehold.testing.pictures import draw_any
from tests.provenance.carriers import SAMPLES, Way, bare, drawn, embed

PIXELS = 1_048_576


def read(pixels: Pixels) -> list[Claim]:
    found = dwt_dct.read(pixels, (), Budget(ProvenanceOptions()))
    return [claim for one in found for claim in one.claims]


@given(
    height=st.integers(0, 40),
    width=st.integers(0, 70),
    bright=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_the_kernel_equals_its_reference(height: int, width: int, bright: bool, seed: int) -> None:
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    rgb = rgb if bright else rgb // np.uint8(64)
    scores = watermark.block_scores(frozen(rgb))
    expected = reference.block_scores(rgb)
    # Values next to the border between two steps may fall to either side of it.
    difference = np.abs(scores - expected)
    near_border = np.abs(np.abs(scores) - np.abs(expected)) < 1e-4
    assert scores.shape == expected.shape == (4, (height // 8) * (width // 8))
    assert np.all((difference < 1e-4) | near_border)
    assert np.count_nonzero(difference > 1e-4) <= difference.size // 50


@pytest.mark.parametrize("payload", dwt_dct.PAYLOADS, ids=lambda payload: payload.name)
def test_a_carrier_is_read_whichever_way_it_was_marked(payload: dwt_dct.Payload) -> None:
    for seed, way in enumerate(Way):
        carrier = embed(drawn(seed), payload.bits, way)
        assert read(Pixels("png", carrier, None)) == [
            Claim(
                Tier.WATERMARK,
                "dwt_dct",
                True,
                Place("pixels"),
                generator=payload.generator,
                model=payload.model,
                extent=payload.extent,
                actions=(payload.name,),
            )
        ]


def test_photographs_carry_it_through_fine_jpeg() -> None:
    for number, picture in enumerate(SAMPLES):
        payload = dwt_dct.PAYLOADS[number % len(dwt_dct.PAYLOADS)]
        for way in (Way.BYTES_BGR, Way.FLOATS_BGR_CUT):
            carrier = embed(picture, payload.bits, way)
            data = simplejpeg.encode_jpeg(carrier, quality=95, colorsubsampling="444")
            strip = jpeg_colour.colour_strip(data, simplejpeg.decode_jpeg(data))
            [claim] = read(Pixels("jpeg", strip, None))
            assert claim.actions == (payload.name,)


def test_bare_pictures_carry_nothing() -> None:
    told = [seed for seed in range(100) if read(Pixels("png", bare(seed), None))]
    assert told == []


def test_tiles_as_long_as_a_payload_are_told_by_their_order_alone() -> None:
    """Sums without noise are like a payload once in some hundred: these are."""
    repeated = 0
    for seed in range(3, 8_000, 5):
        scores = dwt_dct.findings(bare(seed), PIXELS)
        assert not any(finding.certain for finding in scores)
        repeated += any(
            finding.z >= dwt_dct.LEAST_Z
            and finding.effect >= dwt_dct.LEAST_EFFECT
            and finding.ratio >= dwt_dct.LEAST_RATIO
            for finding in scores
        )
    assert repeated > 0


def test_only_the_top_is_read_and_that_is_enough() -> None:
    payload = dwt_dct.PAYLOADS[3]
    carrier = embed(drawn(2, 512, 512), payload.bits, Way.FLOATS_BGR)
    carrier[256:] = 0
    found = dwt_dct.decode(carrier, 512 * 256)
    assert found is not None
    assert found.payload is payload
    assert dwt_dct.findings(carrier, 512 * 7) == []


def test_what_cannot_carry_it_is_not_read() -> None:
    carrier = embed(drawn(3), dwt_dct.PAYLOADS[2].bits, Way.BYTES_BGR)
    assert read(Pixels("png", carrier, None))
    assert not read(Pixels("gif", carrier, None))
    assert not read(Pixels("png", None, None))
    assert not read(Pixels("png", carrier[:200, :200], None))
    assert not read(Pixels("png", np.zeros((1, 2_000_000, 3), np.uint8), None))


def test_an_inpainted_picture_is_told_as_partial() -> None:
    inpainting = {payload.name: payload.extent for payload in dwt_dct.PAYLOADS}
    assert inpainting["StableDiffusionV1-Inpainting"] is Extent.PARTIAL


@pytest.mark.parametrize(
    ("sampling", "coarse", "fine"),
    [("444", 74, 75), ("422", 89, 90), ("440", 89, 90), ("420", 94, 96)],
)
def test_jpegs_are_looked_at_by_sampling_and_quality(sampling: str, coarse: int, fine: int) -> None:
    picture = drawn(1, 64, 48)
    answers = [
        jpeg_colour.may_carry(
            simplejpeg.encode_jpeg(picture, quality=quality, colorsubsampling=sampling)
        )
        for quality in (coarse, fine, 100)
    ]
    assert answers == [False, True, True]


@pytest.mark.parametrize("progressive", [False, True])
def test_the_top_of_a_jpeg_is_decoded_alone(progressive: bool) -> None:
    stream = io.BytesIO()
    picture = draw_any(5, (256, 200))
    picture.save(stream, "JPEG", quality=95, subsampling=0, progressive=progressive)
    strip = jpeg_colour.colour_strip(stream.getvalue(), None, 256 * 96)
    assert strip is not None
    assert strip.shape == (96, 256, 3)
    whole = simplejpeg.decode_jpeg(stream.getvalue())
    np.testing.assert_array_equal(strip[:88], whole[:88])


@given(st.binary(max_size=300), st.integers(0, 400))
@settings(max_examples=100, deadline=None)
def test_a_damaged_jpeg_is_no_fault_of_the_reader(junk: bytes, at: int) -> None:
    data = simplejpeg.encode_jpeg(drawn(1, 32, 32), quality=98, colorsubsampling="444")
    damaged = data[:at] + junk + data[at + len(junk) :]
    strip = jpeg_colour.colour_strip(damaged)
    assert strip is None or strip.shape[2] == 3


def test_grey_jpegs_carry_nothing() -> None:
    stream = io.BytesIO()
    Image.linear_gradient("L").save(stream, "JPEG", quality=98)
    assert jpeg_colour.colour_strip(stream.getvalue()) is None
