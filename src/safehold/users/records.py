"""The part of the unit of work (`safehold.cases.records`) that users and sign-in need."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from safehold.audit.interface import AuditLog
from safehold.users.interface import UserStore


class UserTransaction(Protocol):
    """Users and the audit log, within one transaction."""

    @property
    def users(self) -> UserStore:
        """People and their sessions."""
        ...

    @property
    def audit(self) -> AuditLog:
        """The audit log."""
        ...


class UserRecords(Protocol):
    """Opens transactions; safe to use from several threads."""

    def read(self) -> AbstractContextManager[UserTransaction]:
        """A transaction in which nothing is written."""
        ...

    def write(self) -> AbstractContextManager[UserTransaction]:
        """A transaction that commits, durably, when it is left without an error."""
        ...
