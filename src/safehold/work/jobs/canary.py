"""Sending canaries through every server, each once in a period."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from safehold.cases.records import Records
from safehold.clock import Clock
from safehold.fleet.model import CanaryResult, Server
from safehold.outbox.model import AlarmCode
from safehold.work.alarms import Alarms
from safehold.work.canary.model import CanaryCode, Pace, is_due
from safehold.work.canary.run import Canaries
from safehold.work.ports import OK, Outcome, Stop
from safehold.work.schedule import Timing

LOOK_SECONDS = 60.0
"""How often it is looked which servers need a canary: a new one waits no longer for its first."""

GRACE_SECONDS = 120.0
"""How long fewer servers than expected may run, as while they are restarted, without an alarm."""


class SendCanaries:
    """Sends a canary through each server that needs one.

    Args:
        canaries: sends them.
        records: where the servers' last canaries are found.
        clock: the present moment.
        pace: how often a server gets one.
        expected: how many servers there should be, and the alarms that say where there are fewer.
        monotonic: seconds of a clock that never goes back.
    """

    name = "canary"

    def __init__(
        self,
        canaries: Canaries,
        records: Records,
        clock: Clock,
        pace: Pace,
        expected: tuple[int, Alarms],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        look = min(LOOK_SECONDS, pace.period.total_seconds())
        self.timing = Timing(look, retry=look)
        self._canaries = canaries
        self._records = records
        self._clock = clock
        self._pace = pace
        self._expected, self._alarms = expected
        self._monotonic = monotonic
        self._enough = monotonic()

    def run(self, stop: Stop) -> Outcome:
        """Send what is due. A canary that fails is told by its alarm, and is no failure of this."""
        servers = self._canaries.servers()
        code = self._too_few(servers)
        due = self._due(servers)
        results: Sequence[CanaryResult] = self._canaries.send(due, stop) if due else ()
        good = sum(result.code == OK for result in results)
        return Outcome(code, {"good": good, "bad": len(results) - good})

    def _due(self, servers: Sequence[Server]) -> list[Server]:
        now = self._clock.now()
        with self._records.read() as transaction:
            last = {s.server_id: transaction.fleet.canary(s.server_id) for s in servers}
        return [s for s in servers if is_due(last[s.server_id], now, self._pace)]

    def _too_few(self, servers: Sequence[Server]) -> str:
        """A code where too few servers run, with an alarm once that has lasted."""
        now = self._monotonic()
        if len(servers) >= self._expected:
            self._enough = now
            return OK
        if now - self._enough < GRACE_SECONDS:
            return OK
        self._alarms.write(AlarmCode.CANARY_FAILED)
        return CanaryCode.NO_SERVER.value
