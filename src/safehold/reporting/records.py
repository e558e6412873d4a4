"""The unit of work with reports in it: see `safehold.cases.records`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from safehold.cases.records import Transaction
from safehold.reporting.interface import ReportStore


class ReportTransaction(Transaction, Protocol):
    """All stores of records, within one transaction."""

    @property
    def reports(self) -> ReportStore:
        """Reports to authorities."""
        ...


class ReportRecords(Protocol):
    """Opens transactions; safe to use from several threads. See `cases.records.Records`."""

    def read(self) -> AbstractContextManager[ReportTransaction]:
        """A transaction in which nothing is written."""
        ...

    def write(self) -> AbstractContextManager[ReportTransaction]:
        """A transaction that commits, durably, when it is left without an error."""
        ...

    def check(self) -> None:
        """Raise where the database cannot be written just now; for readiness."""
        ...
