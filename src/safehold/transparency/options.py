"""Settings of published figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TransparencyOptions:
    """How figures are published.

    Attributes:
        least: counts below this, but not 0, are not shown, and neither is what they could be
            worked out from; medians and rates of fewer cases are not shown.
    """

    least: int = 5
