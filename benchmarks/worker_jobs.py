"""What the locked worker does in `bench_files`: the digests that its rows name, no more."""

from __future__ import annotations

import numpy as np

from safehold import examining
from safehold.hashing.exact import exact_digests
from safehold.hashing.pdq import pdq
from safehold.media.decode import open_picture
from safehold.media.limits import MediaLimits
from safehold.media.sandbox.interface import Buffer, Emit, Message

LIMITS = MediaLimits()


def warm_up(settings: Message) -> None:
    """Load what `digest` needs, and what a scan needs, before the sandbox closes."""
    examining.warm_up(settings)
    for shape in ((64, 64), (64, 64, 3)):
        pdq(np.zeros(shape, np.uint8))


def digest(data: Buffer, request: Message, emit: Emit) -> None:
    """Bytes to md5, sha1, sha256 and PDQ with quality."""
    with memoryview(data) as view:
        exact = exact_digests(view)
    hashed = pdq(next(iter(open_picture(data, LIMITS).frames())).pixels)
    emit({"sha256": exact.sha256.hex(), "pdq": hashed.bits.hex(), "quality": hashed.quality})
