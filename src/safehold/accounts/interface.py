"""The port behind which services, keys, remembered answers and usage are kept.

Its methods take part in a transaction (`safehold.cases.records`), so that an answer is
remembered in the very transaction that records what it was given for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from safehold.accounts.model import ApiKey, RememberedAnswer, Service, Usage
from safehold.ids import KeyId, ServiceId


class AccountStore(Protocol):
    """Services and what belongs to them."""

    def add_service(self, service: Service) -> None:
        """Add a service. Raises `ServiceExistsError` where the name is taken."""
        ...

    def services(self) -> Sequence[Service]:
        """All services, by name."""
        ...

    def service(self, service_id: ServiceId) -> Service | None:
        """One service."""
        ...

    def service_named(self, name: str) -> Service | None:
        """One service by its name."""
        ...

    def disable_service(self, service_id: ServiceId, at: dt.datetime | None) -> None:
        """Refuse a service's keys from now on, or (None) no longer."""
        ...

    def add_key(self, key: ApiKey) -> None:
        """Add an API key."""
        ...

    def key(self, key_id: KeyId) -> ApiKey | None:
        """One key, revoked ones included."""
        ...

    def keys(self, service_id: ServiceId) -> Sequence[ApiKey]:
        """A service's keys, oldest first, revoked ones included."""
        ...

    def revoke_key(self, key_id: KeyId, at: dt.datetime) -> bool:
        """Refuse a key from now on. Returns whether there is such a key."""
        ...

    def remembered(self, service_id: ServiceId, key: bytes) -> RememberedAnswer | None:
        """What was answered to a service under an idempotency key (its keyed digest)."""
        ...

    def remember(
        self, service_id: ServiceId, key: bytes, answer: RememberedAnswer
    ) -> RememberedAnswer | None:
        """Remember an answer. Where there is one already, it stays, and is what is returned.

        Another transaction that remembers under the same key at the same time is waited for.
        """
        ...

    def forget_answers(self, before: dt.datetime, limit: int) -> int:
        """Forget at most `limit` answers that were given before a moment; how many it were."""
        ...

    def add_usage(self, server: str, usage: Sequence[Usage]) -> None:
        """Set (not add to) what one server process has used of budgets, by subject and window."""
        ...

    def usage_of_others(self, server: str, since_window: int) -> Sequence[Usage]:
        """What all other server processes together have used, windows `since_window` and later."""
        ...

    def forget_usage(self, before_window: int) -> None:
        """Forget all windows before one."""
        ...
