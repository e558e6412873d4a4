"""How fast calls may be made, from stored journals, so that a restart forgets nothing. I/O-free."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from safehold.reporting.model import ReportStep, StepKind, StepPhase
from safehold.reporting.options import CybertipOptions

HOUR: Final = dt.timedelta(hours=1)
MAX_STEPS: Final = 5_000
"""So many recent entries are looked at at most."""

CODE_HOUR = "pace_hour"
CODE_BREAKER = "pace_breaker"


def window(options: CybertipOptions) -> dt.timedelta:
    """How far back entries matter."""
    return max(HOUR, dt.timedelta(minutes=options.breaker_minutes))


def hold_back(
    recent: Sequence[ReportStep],
    now: dt.datetime,
    options: CybertipOptions,
    *,
    opening: bool = True,
) -> tuple[float, str]:
    """How long to wait before the next call of an environment, in seconds, and why.

    Args:
        recent: entries of all its journals within the last `window`, the newest first.
        now: the present moment.
        options: the bounds.
        opening: whether the call opens a report; only such are counted by the hour, so that what
            is open can always be brought to its end.

    Returns:
        0 and an empty code where the call may be made; else seconds, and `pace_breaker` (the last
        calls failed) or `pace_hour` (enough reports were opened within an hour).
    """
    rest = _breaker(recent, now, options)
    if rest > 0:
        return rest, CODE_BREAKER
    rest = _hour(recent, now, options) if opening else 0.0
    return (rest, CODE_HOUR) if rest > 0 else (0.0, "")


def _breaker(recent: Sequence[ReportStep], now: dt.datetime, options: CybertipOptions) -> float:
    failures = 0
    last: dt.datetime | None = None
    pause = dt.timedelta(minutes=options.breaker_minutes)
    for step in recent:
        # An entry from far ahead is of a clock that was set back: it must not hold for ever.
        if step.phase is StepPhase.STARTED or step.at > now + pause:
            continue
        if step.phase is StepPhase.DONE:
            break
        failures += 1
        last = last or step.at
    if last is None or failures < options.breaker_failures:
        return 0.0
    return min(_left(last + pause, now), pause.total_seconds())


def _hour(recent: Sequence[ReportStep], now: dt.datetime, options: CybertipOptions) -> float:
    opened = sorted(
        step.at
        for step in recent
        if step.kind is StepKind.SUBMIT
        and step.phase is StepPhase.STARTED
        and now - HOUR < step.at <= now
    )
    excess = len(opened) - options.reports_per_hour
    return _left(opened[excess] + HOUR, now) if excess >= 0 and opened else 0.0


def _left(until: dt.datetime, now: dt.datetime) -> float:
    return max(0.0, (until - now).total_seconds())
