"""The unit of work with figures for publication in it: see `safehold.cases.records`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from safehold.cases.records import Transaction
from safehold.transparency.model import TransparencyStore


class TransparencyTransaction(Transaction, Protocol):
    """All stores of records, within one transaction."""

    @property
    def transparency(self) -> TransparencyStore:
        """What published figures are made of."""
        ...


class TransparencyRecords(Protocol):
    """Opens transactions; safe to use from several threads."""

    def read(self) -> AbstractContextManager[TransparencyTransaction]:
        """A transaction in which nothing is written."""
        ...
