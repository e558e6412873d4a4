"""Figures for Prometheus. Labels have few values: routes, statuses, verdicts, codes, steps.

Nothing says whose an item was, what it matched or how near: neither services nor surfaces nor
lists are labels. Canaries count in no verdict.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from safehold.policy.model import Verdict

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_STEPS = ("body", "examine", "judge", "record", "whole")


class Figures:
    """All figures of one server process. Gauges are read when they are asked for."""

    def __init__(self, perf_counter: Callable[[], float] = time.perf_counter) -> None:
        self.registry = CollectorRegistry()
        self._now = perf_counter
        self._calls = Counter(
            "safehold_calls",
            "Calls by route and HTTP status.",
            ("route", "status"),
            registry=self.registry,
        )
        verdicts = Counter(
            "safehold_verdicts",
            "Answered items by verdict, canaries not counted.",
            ("verdict",),
            registry=self.registry,
        )
        self._verdicts = {v: verdicts.labels(v.value) for v in Verdict}
        self._problems = Counter(
            "safehold_problems",
            "Calls that got no verdict, by code.",
            ("code",),
            registry=self.registry,
        )
        seconds = Histogram(
            "safehold_seconds",
            "Seconds by step of a call.",
            ("step",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._seconds: Mapping[str, Histogram] = MappingProxyType(
            {step: seconds.labels(step) for step in _STEPS}
        )
        self._known: dict[tuple[str, int], Counter] = {}

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Add a figure that is read when it is asked for."""
        Gauge(name, text, registry=self.registry).set_function(read)

    def took(self, step: str, since: float) -> float:
        """Note how long a step took since a moment of `time.perf_counter`; the moment now."""
        now = self._now()
        self._seconds[step].observe(now - since)
        return now

    def call(self, route: str, status: int, code: str) -> None:
        """Note an answered call; `code` is a problem's, or empty."""
        counter = self._known.get((route, status))
        if counter is None:
            counter = self._known[route, status] = self._calls.labels(route, str(status))
        counter.inc()
        if code:
            self._problems.labels(code).inc()

    def verdict(self, verdict: Verdict) -> None:
        """Note an item's verdict."""
        self._verdicts[verdict].inc()

    def text(self) -> bytes:
        """All figures in Prometheus's text form."""
        return generate_latest(self.registry)
