"""Bringing one list up to date from its exchange, and saying what goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from safehold.clock import Clock
from safehold.errors import SafeholdError
from safehold.lists.sync.model import ListShrankError, SyncOvertakenError, SyncState
from safehold.lists.sync.service import Standing
from safehold.outbox.model import AlarmCode
from safehold.work.alarms import Alarms
from safehold.work.ports import OK, Outcome, Stop
from safehold.work.schedule import Timing


class Syncs(Protocol):
    """Runs synchronisations. `safehold.lists.sync.service.SyncService` is one."""

    def standing(self, name: str) -> Standing:
        """Where an exchange stands."""
        ...

    def run(self, name: str, stop: Callable[[], bool]) -> SyncState:
        """Bring the list of an exchange up to date."""
        ...


class SyncList:
    """Brings the list of one exchange up to date.

    Args:
        exchange: its name.
        syncs: runs it.
        alarms: where alarms are written.
        tell: told of each run that changed something, with the list and counts.
        clock: the present moment.
        timing: how often it is done.
    """

    def __init__(
        self,
        exchange: str,
        syncs: Syncs,
        alarms: Alarms,
        tell: Callable[[str, Mapping[str, int]], None],
        clock: Clock,
        timing: Timing,
    ) -> None:
        self.name = f"sync-{exchange}"
        self.timing = timing
        self._exchange = exchange
        self._syncs = syncs
        self._alarms = alarms
        self._tell = tell
        self._clock = clock
        self._since = clock.now()

    def run(self, stop: Stop) -> Outcome:
        """One run, or a part of one where the process is about to end."""
        try:
            state = self._syncs.run(self._exchange, stop)
        except SyncOvertakenError:
            return Outcome()
        except SafeholdError as error:
            self._look(error.code)
            raise
        except Exception as error:
            self._look(type(error).__name__)
            raise
        counts = counts_of(state)
        if any(counts[word] for word in ("added", "updated", "withdrawn")):
            self._tell(state.list_name, counts)
        if state.counts.pages_lost:
            self._alarms.write(AlarmCode.SYNC_LOST, state.list_name)
        self._look(state.code)
        return Outcome(state.code, counts)

    def _look(self, code: str) -> None:
        """Alarm where the source shrank, or was not asked well for too long."""
        standing = self._syncs.standing(self._exchange)
        if code == ListShrankError.code:
            self._alarms.write(AlarmCode.SYNC_SHRANK, standing.list_name)
        if code != OK and standing.is_stale(self._clock.now(), self._since):
            self._alarms.write(AlarmCode.SYNC_FAILED, standing.list_name)


def counts_of(state: SyncState) -> dict[str, int]:
    """What a run did, by word."""
    counts = state.counts
    return {
        "pages": counts.pages,
        "rows": counts.rows,
        "added": counts.added,
        "updated": counts.updated,
        "withdrawn": counts.withdrawn,
        "tombstones": counts.tombstones,
        "unusable": sum(counts.unusable.values()),
        "faults": sum(counts.faults.values()),
        "pages_lost": counts.pages_lost,
    }
