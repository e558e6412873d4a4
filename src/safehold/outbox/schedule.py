"""When a message is tried again, and how long a receiver is left alone. No I/O.

The rules:

1. After the nth failure a message waits for the nth delay of the schedule, give or take `jitter`,
   so that messages that failed together do not come back together. After the last delay it is
   given up: with the defaults after 12 attempts in about 3 days.
2. A receiver that asks for more time (`Retry-After`) gets it, up to `longest_wait_seconds`.
3. Every status but 2xx is a failure and is tried again; 410 (gone) disables the webhook and gives
   its messages up (Standard Webhooks 1.0.0, "Delivery success and failure").
4. A receiver that just failed rests: its other messages wait without an attempt being counted.
   Each failure in a row doubles the rest, from `rest_seconds` up to `longest_rest_seconds`.
"""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

GONE = 410

MAX_RESTING = 10_000
"""Receivers that are remembered as resting; the oldest is forgotten first."""


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """How messages are delivered.

    Attributes:
        batch: messages taken at a time.
        concurrency: calls at the same time, over all receivers.
        per_receiver: calls at the same time to one receiver.
        timeout_seconds: time for one call to a webhook.
        run_seconds: no further call is begun after so many seconds of one run.
        schedule_seconds: delays after the first, second, ... failure.
        jitter: share by which each delay is varied, 0 to 1.
        longest_wait_seconds: what `Retry-After` may ask for at most.
        rest_seconds: how long a receiver is left alone after a failure.
        longest_rest_seconds: and after many in a row.
    """

    batch: int = 100
    concurrency: int = 16
    per_receiver: int = 2
    timeout_seconds: float = 15.0
    run_seconds: float = 20.0
    schedule_seconds: tuple[float, ...] = (
        10.0,
        30.0,
        120.0,
        600.0,
        1_800.0,
        3_600.0,
        10_800.0,
        21_600.0,
        43_200.0,
        86_400.0,
        86_400.0,
    )
    jitter: float = 0.2
    longest_wait_seconds: float = 86_400.0
    rest_seconds: float = 15.0
    longest_rest_seconds: float = 900.0

    def claim_seconds(self, slowest_seconds: float) -> float:
        """How long messages are hidden from other processes: longer than a run can take.

        Args:
            slowest_seconds: what the slowest kind of delivery may take.
        """
        return self.run_seconds + slowest_seconds + 15.0


def next_attempt(
    options: DeliveryOptions,
    attempts: int,
    now: dt.datetime,
    random: Callable[[], float],
    asked_seconds: float | None = None,
) -> dt.datetime | None:
    """When a message is tried again, or None: given up.

    Args:
        options: the schedule.
        attempts: failures before this one.
        now: the moment of this failure.
        random: gives a number from 0 to 1.
        asked_seconds: what the receiver asked to wait.
    """
    if attempts >= len(options.schedule_seconds):
        return None
    delay = options.schedule_seconds[attempts]
    delay *= 1 + options.jitter * (2 * random() - 1)
    if asked_seconds is not None:
        delay = max(delay, min(asked_seconds, options.longest_wait_seconds))
    return now + dt.timedelta(seconds=delay)


class Resting:
    """Which receivers are left alone just now."""

    def __init__(self, options: DeliveryOptions) -> None:
        self._options = options
        self._until: OrderedDict[str, tuple[int, dt.datetime]] = OrderedDict()

    def rests(self, receiver: str, now: dt.datetime) -> bool:
        """Whether a receiver is left alone."""
        failures_until = self._until.get(receiver)
        return failures_until is not None and now < failures_until[1]

    def failed(self, receiver: str, now: dt.datetime, asked_seconds: float | None = None) -> None:
        """A call to a receiver failed."""
        failures, until = self._until.pop(receiver, (0, now))
        if failures and now < until:
            # A call that was on its way already when the rest began.
            self._until[receiver] = (failures, until)
            return
        seconds = min(
            self._options.rest_seconds * 2.0 ** min(failures, 30),
            self._options.longest_rest_seconds,
        )
        if asked_seconds is not None:
            seconds = max(seconds, min(asked_seconds, self._options.longest_wait_seconds))
        self._until[receiver] = (failures + 1, now + dt.timedelta(seconds=seconds))
        while len(self._until) > MAX_RESTING:
            self._until.popitem(last=False)

    def arrived(self, receiver: str) -> None:
        """A call to a receiver came through."""
        self._until.pop(receiver, None)
