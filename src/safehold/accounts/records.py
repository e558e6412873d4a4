"""The part of the unit of work (`safehold.cases.records`) that services and keys need."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from safehold.accounts.interface import AccountStore
from safehold.audit.interface import AuditLog


class AccountTransaction(Protocol):
    """Accounts and the audit log, within one transaction."""

    @property
    def accounts(self) -> AccountStore:
        """Services and keys."""
        ...

    @property
    def audit(self) -> AuditLog:
        """The audit log."""
        ...


class AccountRecords(Protocol):
    """Opens transactions; safe to use from several threads."""

    def read(self) -> AbstractContextManager[AccountTransaction]:
        """A transaction in which nothing is written."""
        ...

    def write(self) -> AbstractContextManager[AccountTransaction]:
        """A transaction that commits, durably, when it is left without an error."""
        ...
