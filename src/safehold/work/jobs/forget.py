"""Forgetting what is not needed any more: in small transactions, so that no server waits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from safehold.accounts.budgets import WINDOW_SECONDS
from safehold.cases.records import Records, Transaction
from safehold.clock import Clock
from safehold.work.ports import Outcome, Stop
from safehold.work.schedule import Timing

MAX_BATCHES = 10_000
"""Transactions of one run of the job; what is left after that goes with the next."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long what is kept, and how much is forgotten at once.

    Attributes:
        answers: answers under their idempotency keys.
        messages: messages that were sent or given up.
        usage: how much of a budget was used.
        servers: servers that do not run any more, and their canaries.
        failures: sign-ins that failed; longer than any wait that they cause.
        rows: rows of one transaction.
    """

    answers: dt.timedelta
    messages: dt.timedelta
    usage: dt.timedelta
    servers: dt.timedelta
    failures: dt.timedelta = dt.timedelta(days=2)
    rows: int = 1_000


class Forget:
    """Forgets what is old. What was forgotten by another process is not found again.

    Args:
        records: the unit of work.
        clock: the present moment.
        keeping: how long what is kept.
        timing: how often it is looked.
        ledger: forgets at most so many rows of the ledger that are old at a moment; how many.
    """

    name = "forget"

    def __init__(
        self,
        records: Records,
        clock: Clock,
        keeping: Keeping,
        timing: Timing,
        ledger: Callable[[dt.datetime, int], int] = lambda now, rows: 0,
    ) -> None:
        self.timing = timing
        self._records = records
        self._clock = clock
        self._keeping = keeping
        self._ledger = ledger

    def run(self, stop: Stop) -> Outcome:
        """Forget what is old, until nothing is or the process ends."""
        now, keeping, rows = self._clock.now(), self._keeping, self._keeping.rows
        answers = self._batches(
            stop, self._each(lambda t: t.accounts.forget_answers(now - keeping.answers, rows))
        )
        messages = self._batches(
            stop, self._each(lambda t: t.outbox.forget(now - keeping.messages, rows))
        )
        sessions = self._batches(stop, self._each(lambda t: t.users.forget_sessions(now, rows)))
        failures = self._batches(
            stop, self._each(lambda t: t.users.forget_failures(now - keeping.failures, rows))
        )
        ledger = self._batches(stop, lambda: self._ledger(now, rows))
        with self._records.write() as transaction:
            window = int((now - keeping.usage).timestamp() // WINDOW_SECONDS)
            transaction.accounts.forget_usage(window)
            transaction.fleet.forget(now - keeping.servers)
        return Outcome(
            counts={
                "answers": answers,
                "messages": messages,
                "sessions": sessions,
                "failures": failures,
                "ledger": ledger,
            }
        )

    def _each(self, forget: Callable[[Transaction], int]) -> Callable[[], int]:
        """The same in a transaction of its own."""

        def once() -> int:
            with self._records.write() as transaction:
                return forget(transaction)

        return once

    def _batches(self, stop: Stop, forget: Callable[[], int]) -> int:
        """Forget batch after batch; how many rows."""
        total = 0
        for _ in range(MAX_BATCHES):
            rows = forget()
            total += rows
            if rows < self._keeping.rows or stop():
                break
        return total
