"""What the outbox needs of a unit of work; `safehold.cases.records` has all of it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from safehold.accounts.interface import AccountStore
from safehold.audit.interface import AuditLog
from safehold.outbox.interface import OutboxStore


class OutboxTransaction(Protocol):
    """The stores that are written together here."""

    @property
    def accounts(self) -> AccountStore:
        """Services."""
        ...

    @property
    def audit(self) -> AuditLog:
        """The audit log."""
        ...

    @property
    def outbox(self) -> OutboxStore:
        """Messages and webhooks."""
        ...


class OutboxRecords(Protocol):
    """Opens transactions; safe to use from several threads."""

    def read(self) -> AbstractContextManager[OutboxTransaction]:
        """A transaction in which nothing is written."""
        ...

    def write(self) -> AbstractContextManager[OutboxTransaction]:
        """A transaction that commits when it is left without an error."""
        ...
