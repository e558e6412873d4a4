"""The ledger in memory, for tests of what stands above the port."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from safehold.ids import ServiceId
from safehold.ledger.model import Refusal, Release


@dataclass
class MemoryLedger:
    """A `LedgerStore` in memory."""

    rows: dict[str, Release] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)

    def copy(self) -> MemoryLedger:
        """An independent copy."""
        return MemoryLedger(dict(self.rows), list(self.refused))

    def add_releases(self, releases: Sequence[Release]) -> None:
        """Add releases."""
        for one in releases:
            if one.release_id in self.rows:
                raise ValueError("that release is there already")
            self.rows[one.release_id] = one

    def add_refusal(self, refusal: Refusal) -> None:
        """Add a refusal."""
        self.refused.append(refusal)

    def refusals(
        self, service_id: ServiceId, account: bytes, since: dt.datetime
    ) -> Sequence[dt.datetime]:
        """When this account was refused since a moment, by time."""
        return sorted(
            one.at
            for one in self.refused
            if (one.service_id, one.account) == (service_id, account) and one.at >= since
        )

    def with_content(self, contents: Sequence[bytes], limit: int) -> Sequence[Release]:
        """At most `limit` releases of exactly these bytes, the newest first."""
        wanted = set(contents)
        return self._newest(one for one in self.rows.values() if one.content in wanted)[:limit]

    def pictures(self, batch: int) -> Iterator[Sequence[tuple[str, bytes]]]:
        """Ids and PDQ hashes of all releases that have one, in batches."""
        pictured = [(name, one.pdq) for name, one in self.rows.items() if one.pdq is not None]
        for start in range(0, len(pictured), batch):
            yield pictured[start : start + batch]

    def releases(self, ids: Sequence[str]) -> Sequence[Release]:
        """Releases by their ids; unknown ones are left out."""
        return self._newest(self.rows[one] for one in set(ids) & self.rows.keys())

    def count(self, service_id: ServiceId | None = None) -> int:
        """How many releases there are."""
        return sum(service_id in (None, one.service_id) for one in self.rows.values())

    def forget(self, releases_before: dt.datetime, refusals_before: dt.datetime, limit: int) -> int:
        """Remove at most `limit` rows that are older, the oldest first; how many."""
        old = [one for one in self.rows.values() if one.at < releases_before]
        for one in sorted(old, key=lambda one: one.at)[:limit]:
            del self.rows[one.release_id]
        done = min(len(old), limit)
        refused = [one for one in self.refused if one.at < refusals_before]
        gone = sorted(refused, key=lambda one: one.at)[: limit - done]
        self.refused = [one for one in self.refused if not any(one is other for other in gone)]
        return done + len(gone)

    def _newest(self, found: Iterator[Release]) -> list[Release]:
        return sorted(found, key=lambda one: (one.at, one.release_id), reverse=True)
