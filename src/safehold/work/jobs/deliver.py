"""Sending the webhooks and alarms that wait in the outbox."""

from __future__ import annotations

from dataclasses import asdict
from typing import Protocol

from safehold.outbox.delivery import Delivered
from safehold.work.ports import Outcome, Stop
from safehold.work.schedule import Timing

MAX_RUNS = 1_000
"""Batches of one run of the job; what is left after that comes with the next."""


class Delivery(Protocol):
    """Sends what is due. `safehold.outbox.delivery.Deliverer` is one."""

    def run_once(self) -> Delivered:
        """Take at most one batch and try each message once."""
        ...


class Deliver:
    """Sends batch after batch while messages arrive.

    Args:
        delivery: sends one batch.
        timing: how often it is looked for more.
    """

    name = "deliver"

    def __init__(self, delivery: Delivery, timing: Timing) -> None:
        self.timing = timing
        self._delivery = delivery

    def run(self, stop: Stop) -> Outcome:
        """Send what is due; what failed is counted, and waits for its next moment."""
        counts = dict.fromkeys(asdict(Delivered()), 0)
        for _ in range(MAX_RUNS):
            done = self._delivery.run_once()
            for word, number in asdict(done).items():
                counts[word] += number
            # Without an arrival there is nothing to hurry for: receivers rest.
            if not done.sent or stop():
                break
        return Outcome(counts=counts)
