"""Keeping what was generated here, and finding it again by exact or near copies."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from safehold.audit.model import EventDraft
from safehold.cases.names import KeyedNames
from safehold.clock import Clock
from safehold.hashing.model import ExactDigests, VariantDigests
from safehold.ids import ReleaseId
from safehold.ledger.interface import LedgerRecords, LedgerTransaction
from safehold.ledger.model import LedgerOptions, Making, NewRelease, Release, Traced
from safehold.ledger.sealed import to_json

FORGOTTEN = "ledger.forgotten"
FORGET_ROWS = 1_000
"""Rows of one transaction, where nothing else is said."""

Write = Callable[[LedgerTransaction], None]


@dataclass(frozen=True, slots=True)
class LedgerParts:
    """What the ledger is joined from.

    Attributes:
        records: where it is kept.
        seal: encrypts to the officers.
        names: keyed names.
        ids: makes ids.
        clock: the present moment.
        options: settings.
        commit: carries out a write, durably, and may carry it out more than once; so writes of
            several threads can share a transaction. None for one transaction each.
    """

    records: LedgerRecords
    seal: Callable[[bytes], bytes]
    names: KeyedNames
    ids: Callable[[], str]
    clock: Clock
    options: LedgerOptions
    commit: Callable[[Write], None] | None = None


class LedgerService:
    """The ledger. Safe to use from threads; blocks."""

    def __init__(self, parts: LedgerParts) -> None:
        self._parts = parts

    def add(self, making: Making, releases: Sequence[NewRelease]) -> None:
        """Record pictures that are about to leave, in one durable write.

        Raises:
            DatabaseError: they are not recorded, or nobody knows whether they are.
            OfficersFileError: there is nobody to seal to.
        """
        if not releases:
            return
        parts = self._parts
        sealed = parts.seal(to_json(making.told, making.words, parts.options))
        rows = [self._release(making, one, sealed) for one in releases]

        def write(transaction: LedgerTransaction) -> None:
            transaction.ledger.add_releases(rows)

        if parts.commit is not None:
            parts.commit(write)
            return
        with parts.records.write() as transaction:
            write(transaction)

    def trace(
        self,
        exact: ExactDigests | None,
        variants: Sequence[VariantDigests],
        seen: Callable[[int], None] = lambda count: None,
    ) -> tuple[Traced, ...]:
        """Releases of which something is a copy: exact ones first, then the nearest.

        Args:
            exact: its exact digests; None where it could not be read.
            variants: its variants. Those below the quality floor are passed over.
            seen: is told, again and again, how many more releases were compared.
        """
        from safehold.ledger.near import PAGE, nearest

        options = self._parts.options
        asked = [one for one in variants if one.quality >= options.quality_floor]
        with self._parts.records.read() as transaction:
            found = [Traced(one, exact=True, distance=0) for one in self._same(transaction, exact)]
            if len(found) < options.answers:
                known = {one.release.release_id for one in found}
                pages = _counted(transaction.ledger.pictures(PAGE), seen)
                near = nearest(pages, asked, options.distance, options.answers + len(known))
                near = [one for one in near if one.release_id not in known]
                near = near[: options.answers - len(found)]
                rows = {
                    str(row.release_id): row
                    for row in transaction.ledger.releases([one.release_id for one in near])
                }
                found += [
                    Traced(rows[one.release_id], False, one.distance, one.variant, one.orientation)
                    for one in near
                ]
        return tuple(found)

    def forget(self, now: dt.datetime, rows: int = FORGET_ROWS) -> int:
        """Forget at most so many rows whose time is over; how many.

        An audit event says how many, in the same transaction.
        """
        options = self._parts.options
        with self._parts.records.write() as transaction:
            done = transaction.ledger.forget(
                now - dt.timedelta(days=options.days),
                now - dt.timedelta(days=options.refusal_days),
                rows,
            )
            if done:
                event = EventDraft(FORGOTTEN, now, "system", data={"rows": done})
                transaction.audit.append([event])
        return done

    def _same(
        self, transaction: LedgerTransaction, exact: ExactDigests | None
    ) -> Sequence[Release]:
        """Releases of exactly these bytes, by every service: contents are keyed by service."""
        if exact is None:
            return []
        names = self._parts.names
        contents = [
            names.content(service.service_id, exact.sha256)
            for service in transaction.accounts.services()
        ]
        return transaction.ledger.with_content(contents, self._parts.options.answers)

    def _release(self, making: Making, new: NewRelease, sealed: bytes) -> Release:
        parts = self._parts
        return Release(
            release_id=ReleaseId(parts.ids()),
            service_id=making.service_id,
            at=making.at,
            content=parts.names.content(making.service_id, new.sha256),
            pdq=new.pdq,
            pdq_quality=new.pdq_quality if new.pdq is not None else None,
            account=making.account,
            api=making.api,
            sealed=sealed,
        )


def _counted(
    pages: Iterable[Sequence[tuple[str, bytes]]], seen: Callable[[int], None]
) -> Iterator[Sequence[tuple[str, bytes]]]:
    for page in pages:
        yield page
        seen(len(page))
