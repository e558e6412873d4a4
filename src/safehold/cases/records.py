"""The unit of work: what is written together is there together, or not at all.

    with records.write() as transaction:
        transaction.cases.add(case)
        transaction.audit.append([event])

A transaction that was committed is on the disk when `write` is left. An error inside undoes it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from safehold.accounts.interface import AccountStore
from safehold.audit.interface import AuditLog
from safehold.cases.destruction import DestructionStore
from safehold.cases.interface import CaseStore
from safehold.cases.review.interface import ReviewStore
from safehold.fleet.interface import FleetStore
from safehold.lists.opinions.interface import OpinionStore
from safehold.lists.trust.hits import HitStore
from safehold.lists.trust.interface import SuppressionStore
from safehold.outbox.interface import OutboxStore
from safehold.users.interface import UserStore


class WriteConflictError(Exception):
    """Another transaction was in the way. Nothing of this one is left, and it may be done anew.

    A store's own error is this too.
    """


class Transaction(Protocol):
    """All stores of records, within one transaction."""

    @property
    def cases(self) -> CaseStore:
        """Cases."""
        ...

    @property
    def reviews(self) -> ReviewStore:
        """People's work on cases."""
        ...

    @property
    def users(self) -> UserStore:
        """People and their sessions."""
        ...

    @property
    def accounts(self) -> AccountStore:
        """Services and keys."""
        ...

    @property
    def audit(self) -> AuditLog:
        """The audit log."""
        ...

    @property
    def outbox(self) -> OutboxStore:
        """Messages on their way."""
        ...

    @property
    def destructions(self) -> DestructionStore:
        """Destructions of evidence."""
        ...

    @property
    def opinions(self) -> OpinionStore:
        """What goes back to exchanges."""
        ...

    @property
    def hits(self) -> HitStore:
        """What entries matched by likeness, and entries that were set aside."""
        ...

    @property
    def suppressions(self) -> SuppressionStore:
        """Suppressions of single matches."""
        ...

    @property
    def fleet(self) -> FleetStore:
        """Running servers."""
        ...


class Records(Protocol):
    """Opens transactions; safe to use from several threads."""

    def read(self) -> AbstractContextManager[Transaction]:
        """A transaction in which nothing is written. Raises `DatabaseError`-like errors."""
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """A transaction that commits, durably, when it is left without an error."""
        ...

    def check(self) -> None:
        """Raise where the database cannot be written just now; for readiness."""
        ...
