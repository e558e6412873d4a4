"""md5, sha1, sha256 and size of an item, in one read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable

from safehold.hashing.model import ExactDigests

CHUNK_BYTES = 256 * 1024
"""Small enough that the three algorithms find the bytes in the processor's cache."""


def exact_digests(data: bytes | memoryview) -> ExactDigests:
    """Digests of a buffer, which is walked through once."""
    view = memoryview(data).cast("B")
    return _digest(view[at : at + CHUNK_BYTES] for at in range(0, len(view), CHUNK_BYTES))


def exact_digests_of_descriptor(
    descriptor: int, stop: Callable[[], bool] = lambda: False
) -> ExactDigests:
    """Digests of an open file of any size, from its start, in flat memory.

    `stop` is asked before each chunk. Raises OSError as reading does, InterruptedError when
    `stop` says yes.
    """

    def chunks() -> Iterable[bytes]:
        at = 0
        while chunk := os.pread(descriptor, CHUNK_BYTES, at):
            if stop():
                raise InterruptedError
            at += len(chunk)
            yield chunk

    return _digest(chunks())


def _digest(chunks: Iterable[bytes | memoryview]) -> ExactDigests:
    # md5 and sha1 are the field's list formats; nothing here relies on them as signatures.
    md5 = hashlib.md5(usedforsecurity=False)
    sha1 = hashlib.sha1(usedforsecurity=False)
    sha256 = hashlib.sha256()
    size = 0
    for chunk in chunks:
        md5.update(chunk)
        sha1.update(chunk)
        sha256.update(chunk)
        size += len(chunk)
    return ExactDigests(md5.digest(), sha1.digest(), sha256.digest(), size)
