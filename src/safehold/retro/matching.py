"""Kept items are matched as any other, though their exact digests are keyed already."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import SignalType
from safehold.matching.interface import OpenList


class KeyedAlready(DigestKey):
    """A key under which a keyed digest is what it is."""

    __slots__ = ()

    def keyed(self, signal: SignalType, digest: bytes) -> bytes:
        """The digest itself."""
        return digest


class KeptView:
    """An open list for digests that are keyed already. Closing it closes the list."""

    def __init__(self, opened: OpenList) -> None:
        self._opened = opened
        self.key: DigestKey = KeyedAlready(opened.key.secret)
        self.metadata = opened.metadata
        self.pdq = opened.pdq
        self.entry_count = opened.entry_count
        self.active_count = opened.active_count
        self.pdq_entry_numbers = opened.pdq_entry_numbers
        self.pdq_quality = opened.pdq_quality
        self.signals_of = opened.signals_of
        self.entry = opened.entry
        self.entry_id = opened.entry_id
        self.classification = opened.classification
        self.preload = opened.preload
        self.close = opened.close

    def __enter__(self) -> OpenList:
        """The view itself; leaving the block closes the list."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the list."""
        self.close()

    def exact(self, signal: SignalType, keyed: list[bytes]) -> list[NDArray[np.int64]]:
        """For each keyed digest the numbers of all entries that have it."""
        return self._opened.exact(signal, keyed)
