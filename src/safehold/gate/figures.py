"""Figures of the gate beside those of the engine. Labels are stages and outcomes alone."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from safehold.engine.figures import Figures
from safehold.gate.model import Stage

_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class GateFigures:
    """What is counted of calls, pictures and refusals."""

    def __init__(self, figures: Figures) -> None:
        self.engine = figures
        pictures = Counter(
            "safehold_gate_pictures",
            "Pictures that came back, by what became of them.",
            ("outcome",),
            registry=figures.registry,
        )
        self._released = pictures.labels("released")
        self._withheld = pictures.labels("withheld")
        refused = Counter(
            "safehold_gate_refused",
            "Calls of which something was refused, by stage.",
            ("stage",),
            registry=figures.registry,
        )
        self._refused = {stage: refused.labels(stage.value) for stage in Stage}
        self._upstream = Histogram(
            "safehold_gate_upstream_seconds",
            "Seconds until the upstream's answer was whole.",
            buckets=_SECONDS,
            registry=figures.registry,
        )

    def pictures(self, released: int, withheld: int) -> None:
        """Note pictures that were looked at on their way out."""
        self._released.inc(released)
        self._withheld.inc(withheld)

    def refused(self, stage: Stage) -> None:
        """Note a call of which something was refused."""
        self._refused[stage].inc()

    def upstream_took(self, seconds: float) -> None:
        """Note an answer of the upstream."""
        self._upstream.observe(seconds)
