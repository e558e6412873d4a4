"""The ledger in SQL: `SqlLedger`, on SQLite and PostgreSQL."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from safehold.ids import ReleaseId, ServiceId
from safehold.ledger.model import Refusal, Release
from safehold.storage.schema_ledger import refusals, releases

_NAMED = 500
"""Values that one statement names; SQLite once took no more than 999."""

_many: sa.BindParameter[Any] = sa.bindparam("many", expanding=True)
_before = sa.bindparam("before", type_=releases.c.at.type)
_at_most = sa.bindparam("at_most", type_=sa.Integer)

_WITH_CONTENT = (
    sa.select(releases)
    .where(releases.c.content.in_(_many))
    .order_by(releases.c.at.desc(), releases.c.release_id.desc())
    .limit(_at_most)
)
_BY_ID = sa.select(releases).where(releases.c.release_id.in_(_many))
_PICTURES = (
    sa.select(releases.c.pdq, releases.c.release_id)
    .where(releases.c.pdq.is_not(None))
    .order_by(releases.c.pdq, releases.c.release_id)
    .limit(_at_most)
)
_PICTURES_AFTER = _PICTURES.where(
    sa.tuple_(releases.c.pdq, releases.c.release_id)
    > sa.tuple_(
        sa.bindparam("last_pdq", type_=releases.c.pdq.type),
        sa.bindparam("last_id", type_=releases.c.release_id.type),
    )
)
_REFUSALS = (
    sa.select(refusals.c.at)
    .where(
        refusals.c.service_id == sa.bindparam("service"),
        refusals.c.account == sa.bindparam("account", type_=refusals.c.account.type),
        refusals.c.at >= sa.bindparam("since", type_=refusals.c.at.type),
    )
    .order_by(refusals.c.at)
)
_FORGET_RELEASES = sa.delete(releases).where(
    releases.c.release_id.in_(
        sa.select(releases.c.release_id)
        .where(releases.c.at < _before)
        .order_by(releases.c.at)
        .limit(_at_most)
        # Two processes that tidy up at once do not wait for one another.
        .with_for_update(skip_locked=True)
    )
)
_FORGET_REFUSALS = sa.delete(refusals).where(
    refusals.c.number.in_(
        sa.select(refusals.c.number)
        .where(refusals.c.at < _before)
        .order_by(refusals.c.at)
        .limit(_at_most)
        # Two processes that tidy up at once do not wait for one another.
        .with_for_update(skip_locked=True)
    )
)


class SqlLedger:
    """A `LedgerStore` on an open connection, within a transaction of the caller's."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add_releases(self, releases: Sequence[Release]) -> None:
        """Add releases."""
        if releases:
            self._connection.execute(_ADD, [dataclasses.asdict(one) for one in releases])

    def add_refusal(self, refusal: Refusal) -> None:
        """Add a refusal."""
        self._connection.execute(sa.insert(refusals), dataclasses.asdict(refusal))

    def refusals(
        self, service_id: ServiceId, account: bytes, since: dt.datetime
    ) -> Sequence[dt.datetime]:
        """When this account was refused since a moment, by time."""
        asked = {"service": service_id, "account": account, "since": since}
        return list(self._connection.scalars(_REFUSALS, asked))

    def with_content(self, contents: Sequence[bytes], limit: int) -> Sequence[Release]:
        """At most `limit` releases of exactly these bytes, the newest first."""
        return self._named(_WITH_CONTENT, contents, at_most=limit)[:limit]

    def pictures(self, batch: int) -> Iterator[Sequence[tuple[str, bytes]]]:
        """Ids and PDQ hashes of all releases that have one, in batches."""
        rows = self._connection.execute(_PICTURES, {"at_most": batch}).all()
        while rows:
            yield [(release_id, pdq) for pdq, release_id in rows]
            if len(rows) < batch:
                return
            last = {"last_pdq": rows[-1][0], "last_id": rows[-1][1]}
            rows = self._connection.execute(_PICTURES_AFTER, {"at_most": batch, **last}).all()

    def releases(self, ids: Sequence[str]) -> Sequence[Release]:
        """Releases by their ids; unknown ones are left out."""
        return self._named(_BY_ID, ids)

    def count(self, service_id: ServiceId | None = None) -> int:
        """How many releases there are."""
        counted = sa.select(sa.func.count()).select_from(releases)
        if service_id is not None:
            counted = counted.where(releases.c.service_id == service_id)
        return int(self._connection.execute(counted).scalar_one())

    def forget(self, releases_before: dt.datetime, refusals_before: dt.datetime, limit: int) -> int:
        """Remove at most `limit` rows that are older, the oldest first; how many."""
        asked = {"before": releases_before, "at_most": limit}
        done = self._connection.execute(_FORGET_RELEASES, asked).rowcount
        if done < limit:
            asked = {"before": refusals_before, "at_most": limit - done}
            done += self._connection.execute(_FORGET_REFUSALS, asked).rowcount
        return done

    def _named(
        self, statement: sa.Select[Any], values: Sequence[object], **more: object
    ) -> list[Release]:
        """The releases that a statement finds for any of the values, the newest first."""
        found: list[Release] = []
        for start in range(0, len(values), _NAMED):
            asked = {"many": list(values[start : start + _NAMED]), **more}
            found += (_release(row) for row in self._connection.execute(statement, asked))
        return sorted(found, key=lambda one: (one.at, one.release_id), reverse=True)


_ADD = sa.insert(releases)


def _release(row: sa.Row[Any]) -> Release:
    return Release(
        release_id=ReleaseId(row.release_id),
        service_id=ServiceId(row.service_id),
        at=row.at,
        content=row.content,
        pdq=row.pdq,
        pdq_quality=row.pdq_quality,
        account=row.account,
        api=row.api,
        sealed=row.sealed,
    )
