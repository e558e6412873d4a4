"""The store of the ledger: SQLite, PostgreSQL and the in-memory fake pass one suite."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from safehold.accounts.interface import AccountStore
from safehold.audit.interface import AuditLog
from safehold.ids import ServiceId
from safehold.ledger.model import Refusal, Release


class LedgerStore(Protocol):
    """Releases and refusals."""

    def add_releases(self, releases: Sequence[Release]) -> None:
        """Add releases."""
        ...

    def add_refusal(self, refusal: Refusal) -> None:
        """Add a refusal."""
        ...

    def refusals(
        self, service_id: ServiceId, account: bytes, since: dt.datetime
    ) -> Sequence[dt.datetime]:
        """When this account was refused since a moment, by time."""
        ...

    def with_content(self, contents: Sequence[bytes], limit: int) -> Sequence[Release]:
        """At most `limit` releases of exactly these bytes, the newest first.

        Contents are keyed by service.
        """
        ...

    def pictures(self, batch: int) -> Iterator[Sequence[tuple[str, bytes]]]:
        """Ids and PDQ hashes of all releases that have one, in batches."""
        ...

    def releases(self, ids: Sequence[str]) -> Sequence[Release]:
        """Releases by their ids; unknown ones are left out."""
        ...

    def count(self, service_id: ServiceId | None = None) -> int:
        """How many releases there are."""
        ...

    def forget(self, releases_before: dt.datetime, refusals_before: dt.datetime, limit: int) -> int:
        """Remove at most `limit` rows that are older, the oldest first; how many."""
        ...


class LedgerTransaction(Protocol):
    """A unit of work that has the ledger."""

    @property
    def ledger(self) -> LedgerStore:
        """The ledger."""
        ...

    @property
    def accounts(self) -> AccountStore:
        """Services."""
        ...

    @property
    def audit(self) -> AuditLog:
        """The audit log."""
        ...


class LedgerRecords(Protocol):
    """Opens units of work."""

    def read(self) -> AbstractContextManager[LedgerTransaction]:
        """A unit of work that reads."""
        ...

    def write(self) -> AbstractContextManager[LedgerTransaction]:
        """A unit of work that is durable once it is left."""
        ...
