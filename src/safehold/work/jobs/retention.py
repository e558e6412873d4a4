"""Destroying what is over, and having it signed; telling what two people must decide."""

from __future__ import annotations

from collections.abc import Callable

from safehold.cases.destruction import Destruction
from safehold.retention.service import RetentionService
from safehold.work.ports import Outcome, Stop
from safehold.work.schedule import Timing

Attest = Callable[[Destruction], tuple[bytes, bytes]]


class Retention:
    """Does what is due. Several processes may: each case is looked at anew under its lock.

    Args:
        retention: clocks and destructions.
        attest: has the custodian sign a record of destruction.
        tell: told how many cases are due for two people, and how many are near their end.
        timing: how often.
    """

    name = "retention"

    def __init__(
        self,
        retention: RetentionService,
        attest: Attest,
        tell: Callable[[int, int], None],
        timing: Timing,
    ) -> None:
        self.timing = timing
        self._retention = retention
        self._attest = attest
        self._tell = tell

    def run(self, stop: Stop) -> Outcome:
        """See `RetentionService.run`."""
        counts = self._retention.run(self._attest, stop)
        self._tell(counts.get("due", 0), counts.get("warn", 0))
        return Outcome(counts={word: counts.get(word, 0) for word in ("destroyed", "signed")})
