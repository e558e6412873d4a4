"""The unit of work in memory, for tests of what stands above the port."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from safehold.storage.engine import DatabaseError
from safehold.testing.account_store import MemoryAccounts
from safehold.testing.audit_log import MemoryAuditLog
from safehold.testing.case_store import MemoryCases
from safehold.testing.destruction_store import MemoryDestructions
from safehold.testing.fleet_store import MemoryFleet
from safehold.testing.hit_store import MemoryHits
from safehold.testing.kept_store import MemoryKept
from safehold.testing.ledger import MemoryLedger
from safehold.testing.opinion_store import MemoryOpinions
from safehold.testing.outbox_store import MemoryOutbox
from safehold.testing.report_store import MemoryReports
from safehold.testing.retention_store import MemoryRetention
from safehold.testing.review_store import MemoryReviews
from safehold.testing.suppression_store import MemorySuppressions
from safehold.testing.transparency_store import MemoryTransparency
from safehold.testing.user_store import MemoryUsers


@dataclass
class MemoryTransaction:
    """All stores of records, in memory."""

    cases: MemoryCases = field(default_factory=MemoryCases)
    accounts: MemoryAccounts = field(default_factory=MemoryAccounts)
    audit: MemoryAuditLog = field(default_factory=MemoryAuditLog)
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)
    fleet: MemoryFleet = field(default_factory=MemoryFleet)
    users: MemoryUsers = field(default_factory=MemoryUsers)
    destructions: MemoryDestructions = field(default_factory=MemoryDestructions)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    kept: MemoryKept = field(default_factory=MemoryKept)
    hits: MemoryHits = field(default_factory=MemoryHits)
    opinions: MemoryOpinions = field(default_factory=MemoryOpinions)
    suppressions: MemorySuppressions = field(default_factory=MemorySuppressions)
    reviews: MemoryReviews = field(init=False)
    reports: MemoryReports = field(init=False)

    def __post_init__(self) -> None:
        self.reviews = MemoryReviews(self.cases, self.hits)
        self.reports = MemoryReports(self.cases)

    @property
    def retention(self) -> MemoryRetention:
        """What clocks follow from, over the other stores."""
        return MemoryRetention(self)

    @property
    def transparency(self) -> MemoryTransparency:
        """What published figures are made of, over the other stores."""
        return MemoryTransparency(self)

    def copy(self) -> MemoryTransaction:
        """An independent copy."""
        other = MemoryTransaction(
            self.cases.copy(),
            self.accounts.copy(),
            self.audit.copy(),
            self.outbox.copy(),
            self.fleet.copy(),
            self.users.copy(),
            self.destructions.copy(),
            self.ledger.copy(),
            self.kept.copy(),
            self.hits.copy(),
            self.opinions.copy(),
            self.suppressions.copy(),
        )
        other.reviews = self.reviews.copy(other.cases, other.hits)
        other.reports = self.reports.copy(other.cases)
        return other


class MemoryRecords:
    """`Records` that forget everything with the process; safe to use from several threads.

    A transaction works on a copy, which takes the place of what was there when it commits.

    Attributes:
        broken: while true, nothing can be read or written, as with a database that is lost.
    """

    def __init__(self) -> None:
        self.broken = False
        self._committed = MemoryTransaction()
        self._writers = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[MemoryTransaction]:
        """A transaction in which nothing is written; it sees one moment."""
        self._fail_if_broken()
        yield self._committed.copy()

    @contextmanager
    def write(self) -> Iterator[MemoryTransaction]:
        """A transaction that commits when it is left without an error; one at a time."""
        with self._writers:
            self._fail_if_broken()
            transaction = self._committed.copy()
            yield transaction
            self._fail_if_broken()
            self._committed = transaction

    def check(self) -> None:
        """Raise `DatabaseError` while `broken`."""
        self._fail_if_broken()

    def _fail_if_broken(self) -> None:
        if self.broken:
            raise DatabaseError
