"""Kept items as tests draw them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np

from safehold.cases.receipt import RECEIPT_LENGTH
from safehold.hashing.exact import exact_digests
from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import VariantDigests
from safehold.ids import ServiceId
from safehold.media.model import Fault
from safehold.retro.model import KeptItem
from safehold.retro.packing import ORIENTATIONS
from safehold.screening import Examination

KEY = DigestKey(bytes(range(32)))
T0 = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)
SHOP = ServiceId("shop")


def variant(
    rng: np.random.Generator, name: str = "as_stored", quality: int = 90, base: bytes | None = None
) -> VariantDigests:
    """Eight hashes at random, the first as given."""
    hashes = [rng.bytes(32) for _ in range(ORIENTATIONS)]
    if base is not None:
        hashes[0] = base
    return VariantDigests(name, quality, tuple(hashes))


def item(
    content: bytes,
    variants: Sequence[VariantDigests] = (),
    *,
    surface: str = "kept",
    fault: Fault | None = None,
    context: bytes = b"{}",
) -> KeptItem:
    """An item of these bytes."""
    return KeptItem(
        service_id=SHOP,
        surface=surface,
        received=T0,
        expires=T0 + dt.timedelta(days=3),
        receipt=(content.hex() + "A" * RECEIPT_LENGTH)[:RECEIPT_LENGTH],
        examination=Examination(
            exact=exact_digests(content),
            frame_count=len(variants),
            variants=tuple(variants),
            fault=fault,
        ),
        context=context,
        versions={"partner": 4},
    )
