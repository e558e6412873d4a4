"""Services, API keys, remembered answers and usage in SQL: `SqlAccountStore`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from safehold.accounts.model import (
    ApiKey,
    RememberedAnswer,
    Scope,
    Service,
    ServiceExistsError,
    Usage,
)
from safehold.ids import KeyId, ServiceId
from safehold.storage.engine import DatabaseError
from safehold.storage.schema import UtcDateTime
from safehold.storage.schema_accounts import (
    api_keys,
    budget_usage,
    remembered_answers,
    services,
)
from safehold.storage.upsert import insert_or_replace, insert_or_skip

_REMEMBER_ATTEMPTS = 3
"""An answer that is there may be forgotten before it is read; then it is written again."""

_COUNTED = {"preserve_rowcount": True}
"""Execution options under which an insert tells how many rows it wrote."""

_SELECT_SERVICES = sa.select(services).order_by(services.c.name)

_SELECT_SERVICE = sa.select(services).where(services.c.service_id == sa.bindparam("of_service"))

_SELECT_SERVICE_NAMED = sa.select(services).where(services.c.name == sa.bindparam("of_name"))

_DISABLE_SERVICE = (
    sa.update(services)
    .where(services.c.service_id == sa.bindparam("of_service"))
    .values(disabled=sa.bindparam("since"))
)

_SELECT_KEY = sa.select(api_keys).where(api_keys.c.key_id == sa.bindparam("of_key"))

_SELECT_KEYS = (
    sa.select(api_keys)
    .where(api_keys.c.service_id == sa.bindparam("of_service"))
    .order_by(api_keys.c.created, api_keys.c.key_id)
)

_REVOKE_KEY = (
    sa.update(api_keys)
    .where(api_keys.c.key_id == sa.bindparam("of_key"))
    # The moment of the first revocation stays.
    .values(revoked=sa.func.coalesce(api_keys.c.revoked, sa.bindparam("since", type_=UtcDateTime)))
)

_SELECT_ANSWER = sa.select(remembered_answers).where(
    remembered_answers.c.service_id == sa.bindparam("of_service"),
    remembered_answers.c.key == sa.bindparam("of_key"),
)

_ANSWER_ID = sa.tuple_(remembered_answers.c.service_id, remembered_answers.c.key)

_FORGET_ANSWERS = sa.delete(remembered_answers).where(
    _ANSWER_ID.in_(
        sa.select(remembered_answers.c.service_id, remembered_answers.c.key)
        .where(remembered_answers.c.at < sa.bindparam("before"))
        .order_by(remembered_answers.c.at)
        .limit(sa.bindparam("at_most", type_=sa.Integer))
        # Two processes that tidy up at once do not wait for one another.
        .with_for_update(skip_locked=True)
    )
)

_SELECT_USAGE_OF_OTHERS = (
    sa.select(
        budget_usage.c.subject,
        budget_usage.c.minute,
        sa.func.sum(budget_usage.c.used).label("used"),
    )
    .where(
        budget_usage.c.minute >= sa.bindparam("since"),
        budget_usage.c.server != sa.bindparam("of_server"),
    )
    .group_by(budget_usage.c.minute, budget_usage.c.subject)
    .order_by(budget_usage.c.minute, budget_usage.c.subject)
)

_FORGET_USAGE = sa.delete(budget_usage).where(budget_usage.c.minute < sa.bindparam("before"))


class SqlAccountStore:
    """An `AccountStore` on an open connection, within a transaction of the caller's."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name

    def add_service(self, service: Service) -> None:
        """Add a service. Raises `ServiceExistsError` where the name is taken."""
        row = {
            "service_id": service.service_id,
            "name": service.name,
            "created": service.created,
            "disabled": service.disabled,
            "demo": service.demo,
        }
        statement = insert_or_skip(self._dialect, services, "name")
        if not self._connection.execute(statement, row, execution_options=_COUNTED).rowcount:
            raise ServiceExistsError

    def services(self) -> Sequence[Service]:
        """All services, by name."""
        return tuple(_service(row) for row in self._connection.execute(_SELECT_SERVICES))

    def service(self, service_id: ServiceId) -> Service | None:
        """One service."""
        found = self._connection.execute(_SELECT_SERVICE, {"of_service": service_id})
        row = found.one_or_none()
        return None if row is None else _service(row)

    def service_named(self, name: str) -> Service | None:
        """One service by its name."""
        row = self._connection.execute(_SELECT_SERVICE_NAMED, {"of_name": name}).one_or_none()
        return None if row is None else _service(row)

    def disable_service(self, service_id: ServiceId, at: dt.datetime | None) -> None:
        """Refuse a service's keys from now on, or (None) no longer."""
        self._connection.execute(_DISABLE_SERVICE, {"of_service": service_id, "since": at})

    def add_key(self, key: ApiKey) -> None:
        """Add an API key."""
        row = {
            "key_id": key.key_id,
            "service_id": key.service_id,
            "label": key.label,
            "secret_hash": key.secret_hash,
            "scopes": " ".join(sorted(key.scopes)),
            "hold_status": key.hold_status,
            "per_minute": key.per_minute,
            "created": key.created,
            "expires": key.expires,
            "revoked": key.revoked,
        }
        self._connection.execute(sa.insert(api_keys), row)

    def key(self, key_id: KeyId) -> ApiKey | None:
        """One key, revoked ones included."""
        row = self._connection.execute(_SELECT_KEY, {"of_key": key_id}).one_or_none()
        return None if row is None else _key(row)

    def keys(self, service_id: ServiceId) -> Sequence[ApiKey]:
        """A service's keys, oldest first, revoked ones included."""
        rows = self._connection.execute(_SELECT_KEYS, {"of_service": service_id})
        return tuple(_key(row) for row in rows)

    def revoke_key(self, key_id: KeyId, at: dt.datetime) -> bool:
        """Refuse a key from now on. Returns whether there is such a key."""
        done = self._connection.execute(_REVOKE_KEY, {"of_key": key_id, "since": at})
        return done.rowcount > 0

    def remembered(self, service_id: ServiceId, key: bytes) -> RememberedAnswer | None:
        """What was answered to a service under an idempotency key (its keyed digest)."""
        found = self._connection.execute(_SELECT_ANSWER, {"of_service": service_id, "of_key": key})
        row = found.one_or_none()
        return None if row is None else _answer(row)

    def remember(
        self, service_id: ServiceId, key: bytes, answer: RememberedAnswer
    ) -> RememberedAnswer | None:
        """Remember an answer. Where there is one already, it stays, and is what is returned.

        Another transaction that remembers under the same key at the same time is waited for.
        """
        row = {
            "service_id": service_id,
            "key": key,
            "request": answer.request,
            "status": answer.status,
            "body": answer.body,
            "at": answer.at,
        }
        statement = insert_or_skip(self._dialect, remembered_answers, "service_id", "key")
        for _ in range(_REMEMBER_ATTEMPTS):
            done = self._connection.execute(statement, row, execution_options=_COUNTED)
            if done.rowcount:
                return None
            there = self.remembered(service_id, key)
            if there is not None:
                return there
        raise DatabaseError("An answer came and went while it was to be remembered.")

    def forget_answers(self, before: dt.datetime, limit: int) -> int:
        """Forget at most `limit` answers that were given before a moment; how many it were."""
        done = self._connection.execute(_FORGET_ANSWERS, {"before": before, "at_most": limit})
        return done.rowcount

    def add_usage(self, server: str, usage: Sequence[Usage]) -> None:
        """Set (not add to) what one server process has used of budgets, by subject and window."""
        rows = [
            {"minute": u.window, "server": server, "subject": u.subject, "used": u.count}
            for u in usage
        ]
        if rows:
            statement = insert_or_replace(
                self._dialect, budget_usage, "minute", "server", "subject"
            )
            self._connection.execute(statement, rows)

    def usage_of_others(self, server: str, since_window: int) -> Sequence[Usage]:
        """What all other server processes together have used, windows `since_window` and later."""
        rows = self._connection.execute(
            _SELECT_USAGE_OF_OTHERS, {"of_server": server, "since": since_window}
        )
        return tuple(Usage(bytes(row.subject), row.minute, int(row.used)) for row in rows)

    def forget_usage(self, before_window: int) -> None:
        """Forget all windows before one."""
        self._connection.execute(_FORGET_USAGE, {"before": before_window})


def _service(row: sa.Row[Any]) -> Service:
    return Service(
        service_id=ServiceId(row.service_id),
        name=row.name,
        created=row.created,
        disabled=row.disabled,
        demo=row.demo,
    )


def _key(row: sa.Row[Any]) -> ApiKey:
    return ApiKey(
        key_id=KeyId(row.key_id),
        service_id=ServiceId(row.service_id),
        label=row.label,
        secret_hash=bytes(row.secret_hash),
        scopes=frozenset(Scope(word) for word in row.scopes.split()),
        hold_status=row.hold_status,
        per_minute=row.per_minute,
        created=row.created,
        expires=row.expires,
        revoked=row.revoked,
    )


def _answer(row: sa.Row[Any]) -> RememberedAnswer:
    return RememberedAnswer(
        request=bytes(row.request), status=row.status, body=bytes(row.body), at=row.at
    )
