"""Tracing a file on somebody's behalf: who may, and that it stands in the audit log.

A trace writes its event before anything is told, also where nothing was found. By that event
the custodian opens what is sealed of the releases, and of no others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from safehold.audit.model import EventDraft
from safehold.cases.review.refusals import NotPermittedError
from safehold.clock import Clock
from safehold.hashing.model import ExactDigests, VariantDigests
from safehold.ids import UserId
from safehold.ledger.interface import LedgerTransaction
from safehold.ledger.model import Trace
from safehold.ledger.service import LedgerService
from safehold.users.interface import UserStore
from safehold.users.model import UnknownUserError, User, user_name
from safehold.users.roles import Permission, permissions

TRACED = "ledger.traced"
"""Its subject is the trace's id; `exact` and `near` count, `releases` names what was found."""
REFUSED = "ledger.refused"


class TraceTransaction(LedgerTransaction, Protocol):
    """A unit of work with the ledger and the people of the house."""

    @property
    def users(self) -> UserStore:
        """People."""
        ...


class TraceRecords(Protocol):
    """Opens units of work."""

    def read(self) -> AbstractContextManager[TraceTransaction]:
        """A unit of work that reads."""
        ...

    def write(self) -> AbstractContextManager[TraceTransaction]:
        """A unit of work that is durable once it is left."""
        ...


@dataclass(frozen=True, slots=True)
class TracingParts:
    """What tracing is joined from.

    Attributes:
        records: people, the ledger and the audit log.
        ledger: finds.
        ids: makes ids.
        clock: the present moment.
    """

    records: TraceRecords
    ledger: LedgerService
    ids: Callable[[], str]
    clock: Clock


def may_trace(user: User | None) -> bool:
    """Whether somebody is there, not disabled, and has the permission now."""
    return (
        user is not None
        and user.disabled is None
        and Permission.LEDGER_TRACE in permissions(user.roles)
    )


class Tracing:
    """Traces files for people. Safe to use from threads; blocks."""

    def __init__(self, parts: TracingParts) -> None:
        self._parts = parts

    def allow(self, name: str) -> UserId:
        """The id of the user of that name, who may trace.

        Raises:
            UserNameError, UnknownUserError: nobody has that name.
            NotPermittedError: they may not; that is in the audit log then.
        """
        with self._parts.records.read() as transaction:
            user = transaction.users.user_named(user_name(name))
        if user is None:
            raise UnknownUserError
        if not may_trace(user):
            self._refuse(user.user_id)
        return user.user_id

    def trace(
        self,
        user_id: UserId,
        exact: ExactDigests | None,
        variants: Sequence[VariantDigests],
        seen: Callable[[int], None] = lambda count: None,
    ) -> Trace:
        """What a file is a copy of; see `LedgerService.trace`. The audit log says so first.

        Raises:
            NotPermittedError: they may not, or not any more.
        """
        parts = self._parts
        found = parts.ledger.trace(exact, variants, seen)
        trace_id = parts.ids()
        event = EventDraft(
            kind=TRACED,
            at=parts.clock.now(),
            actor=f"user:{user_id}",
            subject=trace_id,
            data={
                "exact": sum(one.exact for one in found),
                "near": sum(not one.exact for one in found),
                "releases": tuple(str(one.release.release_id) for one in found),
            },
        )
        with parts.records.write() as transaction:
            allowed = may_trace(transaction.users.user(user_id))
            if allowed:
                transaction.audit.append([event])
        if not allowed:
            self._refuse(user_id)
        return Trace(trace_id, found)

    def _refuse(self, user_id: UserId) -> None:
        """Raises `NotPermittedError` once the audit log has it."""
        event = EventDraft(
            REFUSED,
            self._parts.clock.now(),
            f"user:{user_id}",
            data={"permission": Permission.LEDGER_TRACE.value},
        )
        with self._parts.records.write() as transaction:
            transaction.audit.append([event])
        raise NotPermittedError
