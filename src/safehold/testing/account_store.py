"""Services, keys, remembered answers and usage in memory; it passes the stores' suite."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Sequence

from safehold.accounts.model import (
    ApiKey,
    RememberedAnswer,
    Service,
    ServiceExistsError,
    Usage,
)
from safehold.ids import KeyId, ServiceId
from safehold.storage.engine import DatabaseError


class MemoryAccounts:
    """An `AccountStore` that forgets everything with the process. For one thread at a time."""

    def __init__(self) -> None:
        self._services: dict[ServiceId, Service] = {}
        self._keys: dict[KeyId, ApiKey] = {}
        self._answers: dict[tuple[ServiceId, bytes], RememberedAnswer] = {}
        self._usage: dict[tuple[int, str, bytes], int] = {}

    def copy(self) -> MemoryAccounts:
        """An independent copy."""
        copied = MemoryAccounts()
        copied._services = dict(self._services)
        copied._keys = dict(self._keys)
        copied._answers = dict(self._answers)
        copied._usage = dict(self._usage)
        return copied

    def add_service(self, service: Service) -> None:
        """Add a service. Raises `ServiceExistsError` where the name is taken."""
        if self.service_named(service.name) is not None:
            raise ServiceExistsError
        self._services[service.service_id] = service

    def services(self) -> Sequence[Service]:
        """All services, by name."""
        return tuple(sorted(self._services.values(), key=lambda service: service.name))

    def service(self, service_id: ServiceId) -> Service | None:
        """One service."""
        return self._services.get(service_id)

    def service_named(self, name: str) -> Service | None:
        """One service by its name."""
        return next((s for s in self._services.values() if s.name == name), None)

    def disable_service(self, service_id: ServiceId, at: dt.datetime | None) -> None:
        """Refuse a service's keys from now on, or (None) no longer."""
        service = self._services.get(service_id)
        if service is not None:
            self._services[service_id] = dataclasses.replace(service, disabled=at)

    def add_key(self, key: ApiKey) -> None:
        """Add an API key."""
        if key.service_id not in self._services:
            raise DatabaseError
        self._keys[key.key_id] = key

    def key(self, key_id: KeyId) -> ApiKey | None:
        """One key, revoked ones included."""
        return self._keys.get(key_id)

    def keys(self, service_id: ServiceId) -> Sequence[ApiKey]:
        """A service's keys, oldest first, revoked ones included."""
        keys = [key for key in self._keys.values() if key.service_id == service_id]
        return tuple(sorted(keys, key=lambda key: (key.created, key.key_id)))

    def revoke_key(self, key_id: KeyId, at: dt.datetime) -> bool:
        """Refuse a key from now on. Returns whether there is such a key."""
        key = self._keys.get(key_id)
        if key is None:
            return False
        self._keys[key_id] = dataclasses.replace(key, revoked=key.revoked or at)
        return True

    def remembered(self, service_id: ServiceId, key: bytes) -> RememberedAnswer | None:
        """What was answered to a service under an idempotency key (its keyed digest)."""
        return self._answers.get((service_id, key))

    def remember(
        self, service_id: ServiceId, key: bytes, answer: RememberedAnswer
    ) -> RememberedAnswer | None:
        """Remember an answer. Where there is one already, it stays, and is what is returned."""
        there = self._answers.get((service_id, key))
        if there is None:
            self._answers[service_id, key] = answer
        return there

    def forget_answers(self, before: dt.datetime, limit: int) -> int:
        """Forget at most `limit` answers that were given before a moment; how many it were."""
        old = [place for place, answer in self._answers.items() if answer.at < before]
        chosen = sorted(old, key=lambda place: self._answers[place].at)[:limit]
        for place in chosen:
            del self._answers[place]
        return len(chosen)

    def add_usage(self, server: str, usage: Sequence[Usage]) -> None:
        """Set (not add to) what one server process has used of budgets, by subject and window."""
        for one in usage:
            self._usage[one.window, server, one.subject] = one.count

    def usage_of_others(self, server: str, since_window: int) -> Sequence[Usage]:
        """What all other server processes together have used, windows `since_window` and later."""
        sums: Counter[tuple[int, bytes]] = Counter()
        for (window, name, subject), count in self._usage.items():
            if name != server and window >= since_window:
                sums[window, subject] += count
        return tuple(Usage(subject, window, n) for (window, subject), n in sorted(sums.items()))

    def forget_usage(self, before_window: int) -> None:
        """Forget all windows before one."""
        self._usage = {k: n for k, n in self._usage.items() if k[0] >= before_window}
