"""The port that clocks are read by, and the unit of work with it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from safehold.ids import CaseId
from safehold.reporting.records import ReportTransaction
from safehold.retention.model import RetentionFacts


class RetentionStore(Protocol):
    """Reads what clocks follow from. It takes part in a transaction."""

    def facts(self, case_id: CaseId) -> RetentionFacts | None:
        """Of one case; None where there is no such case."""
        ...

    def page(self, after: CaseId | None, limit: int) -> Sequence[RetentionFacts]:
        """Of several cases that have something left, by id, without canaries; those after an id."""
        ...


class RetentionTransaction(ReportTransaction, Protocol):
    """All stores of records, within one transaction."""

    @property
    def retention(self) -> RetentionStore:
        """What clocks follow from."""
        ...


class RetentionRecords(Protocol):
    """Opens transactions; safe to use from several threads. See `cases.records.Records`."""

    def read(self) -> AbstractContextManager[RetentionTransaction]:
        """A transaction in which nothing is written."""
        ...

    def write(self) -> AbstractContextManager[RetentionTransaction]:
        """A transaction that commits, durably, when it is left without an error."""
        ...

    def check(self) -> None:
        """Raise where the database cannot be written just now; for readiness."""
        ...
