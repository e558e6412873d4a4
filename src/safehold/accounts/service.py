"""Adding services and keys, and refusing them. Each change stands in the audit log."""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
from collections.abc import Callable, Mapping, Sequence

from safehold.accounts.budgets import Budgets
from safehold.accounts.interface import AccountStore
from safehold.accounts.keys import SECRET_BYTES, KeyTerms, make_key
from safehold.accounts.model import (
    CANARY_SERVICE,
    ApiKey,
    Service,
    ServiceExistsError,
    ServiceNameError,
    UnknownKeyError,
    UnknownServiceError,
    service_name,
)
from safehold.accounts.records import AccountRecords
from safehold.audit.model import Detail, EventDraft
from safehold.clock import Clock
from safehold.ids import IdMaker, KeyId, ServiceId

RESERVED_PREFIX = "safehold."
"""How the names of Safehold's own services begin.

What the canaries' service sends in purges itself, so nobody may be given a key to it by mistake.
"""

SYSTEM = "system"
"""The actor of a change for which no person is named."""


class AccountService:
    """Services and API keys, as an operator sees them.

    Args:
        records: where they are kept.
        clock: the time.
        ids: makes the ids of services and keys.
        random_bytes: makes secrets; fit for keys.
    """

    def __init__(
        self,
        records: AccountRecords,
        clock: Clock,
        ids: IdMaker,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._records = records
        self._clock = clock
        self._ids = ids
        self._random_bytes = random_bytes

    def add_service(self, name: str, *, demo: bool = False, actor: str = SYSTEM) -> Service:
        """Add a service; with `demo` a trial, for good (`Service.demo`).

        Raises:
            ServiceNameError: the name cannot be one, or is reserved (`safehold.`).
            ServiceExistsError: the name is taken.
        """
        if service_name(name).startswith(RESERVED_PREFIX):
            raise ServiceNameError(f"Names that begin with {RESERVED_PREFIX!r} are reserved.")
        return self._add_service(name, actor, demo=demo)

    def services(self) -> Sequence[Service]:
        """All services, by name, Safehold's own included."""
        with self._records.read() as transaction:
            return transaction.accounts.services()

    def disable(self, name: str, *, actor: str = SYSTEM) -> None:
        """Refuse all keys of a service from now on. Raises `UnknownServiceError`."""
        self._set_disabled(name, True, actor)

    def enable(self, name: str, *, actor: str = SYSTEM) -> None:
        """Refuse a service's keys no longer. Raises `UnknownServiceError`."""
        self._set_disabled(name, False, actor)

    def add_key(self, service: str, terms: KeyTerms, *, actor: str = SYSTEM) -> tuple[ApiKey, str]:
        """Add an API key to a service.

        Returns:
            What is stored, and the key's text. It can never be shown again.

        Raises:
            UnknownServiceError: there is no such service, or it is one of Safehold's own.
            HoldStatusError, KeyTermsError: of the terms.
        """
        if service.startswith(RESERVED_PREFIX):
            raise UnknownServiceError
        return self._add_key(service, terms, actor)

    def add_canary_key(self, terms: KeyTerms) -> tuple[ApiKey, str]:
        """Add a key under which canaries ask; their service is made if it is not there."""
        with self._records.read() as transaction:
            found = transaction.accounts.service_named(CANARY_SERVICE)
        if found is None:
            # Another process may be adding it just now.
            with contextlib.suppress(ServiceExistsError):
                self._add_service(CANARY_SERVICE, SYSTEM)
        return self._add_key(CANARY_SERVICE, terms, SYSTEM)

    def keys(self, service: str) -> Sequence[ApiKey]:
        """A service's keys, oldest first, revoked ones included. Raises `UnknownServiceError`."""
        with self._records.read() as transaction:
            accounts = transaction.accounts
            return accounts.keys(_required(accounts, service).service_id)

    def revoke(self, key_id: KeyId, *, actor: str = SYSTEM) -> None:
        """Refuse a key from now on. Raises `UnknownKeyError`."""
        now = self._clock.now()
        with self._records.write() as transaction:
            key = transaction.accounts.key(key_id)
            if key is None:
                raise UnknownKeyError
            if key.revoked is None:
                transaction.accounts.revoke_key(key_id, now)
                transaction.audit.append(
                    [self._event("key.revoked", actor, key.service_id, key_id)]
                )

    def _add_service(self, name: str, actor: str, *, demo: bool = False) -> Service:
        service = Service(ServiceId(self._ids()), name, self._clock.now(), demo=demo)
        with self._records.write() as transaction:
            transaction.accounts.add_service(service)
            data: dict[str, Detail] = {"demo": True} if demo else {}
            event = self._event("service.added", actor, service.service_id, data=data)
            transaction.audit.append([event])
        return service

    def _set_disabled(self, name: str, disabled: bool, actor: str) -> None:
        kind = "service.disabled" if disabled else "service.enabled"
        now = self._clock.now()
        with self._records.write() as transaction:
            service = _required(transaction.accounts, name)
            if (service.disabled is not None) is disabled:
                return
            transaction.accounts.disable_service(service.service_id, now if disabled else None)
            transaction.audit.append([self._event(kind, actor, service.service_id)])

    def _add_key(self, service: str, terms: KeyTerms, actor: str) -> tuple[ApiKey, str]:
        secret = self._random_bytes(SECRET_BYTES)
        with self._records.write() as transaction:
            service_id = _required(transaction.accounts, service).service_id
            key, text = make_key(KeyId(self._ids()), service_id, terms, self._clock.now(), secret)
            transaction.accounts.add_key(key)
            data: dict[str, Detail] = {
                "scopes": tuple(sorted(key.scopes)),
                "hold_status": key.hold_status,
            }
            event = self._event("key.added", actor, service_id, key.key_id, data)
            transaction.audit.append([event])
        return key, text

    def _event(
        self,
        kind: str,
        actor: str,
        service_id: ServiceId,
        subject: str | None = None,
        data: Mapping[str, Detail] | None = None,
    ) -> EventDraft:
        """An event with ids and codes alone: labels and names are what somebody wrote."""
        return EventDraft(
            kind=kind,
            at=self._clock.now(),
            actor=actor,
            service=service_id,
            subject=subject or service_id,
            data=data or {},
        )


def exchange_usage(
    records: AccountRecords, server: str, budgets: Budgets, now: dt.datetime
) -> None:
    """Tell what a server process has used of budgets, and learn what all others have.

    To be called about once a second, in a thread: it blocks. Where nothing was used since the
    last time, nothing is written.

    Args:
        records: where usage is kept.
        server: the process's id.
        budgets: its counters.
        now: the present moment.

    Raises:
        SafeholdError: the database failed. What was to be told is told the next time.
    """
    usage = budgets.export(now)
    with records.write() if usage else records.read() as transaction:
        if usage:
            transaction.accounts.add_usage(server, usage)
        others = transaction.accounts.usage_of_others(server, budgets.since_window)
    budgets.exported(usage)
    budgets.absorb(others)


def _required(accounts: AccountStore, name: str) -> Service:
    service = accounts.service_named(name)
    if service is None:
        raise UnknownServiceError
    return service
