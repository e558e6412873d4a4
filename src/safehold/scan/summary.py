"""Counting rows: what a scan found in sum, for the terminal, the report and the exit code."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from safehold.media.model import Fault
from safehold.policy.model import Reason, Verdict
from safehold.scan.rows import Row

FINDINGS = frozenset(
    {
        Reason.EXACT_CONFIRMED,
        Reason.EXACT_SUSPECTED,
        Reason.EXACT_LOCAL,
        Reason.EXACT_MD5_ONLY,
        Reason.DIGEST_CONFLICT,
        Reason.SIMILAR_CONFIRMED,
        Reason.SIMILAR_SUSPECTED,
        Reason.SIMILAR_LOCAL,
        Reason.TOO_MANY_MATCHES,
    }
)
"""Reasons that say that something was found."""


@dataclass(slots=True)
class Summary:
    """Totals over rows, in memory that does not grow with them.

    Attributes:
        items: rows.
        found: items that match an entry and are held or blocked.
        bytes: their sizes added up.
        verdicts, reasons, errors, formats: rows by each code.
        lists: items that match an entry of each list.
        signals: items that match by each signal type.
        distances: items by the distance of their nearest PDQ match.
    """

    items: int = 0
    found: int = 0
    bytes: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    lists: Counter[str] = field(default_factory=Counter)
    signals: Counter[str] = field(default_factory=Counter)
    distances: Counter[int] = field(default_factory=Counter)

    def add(self, row: Row) -> None:
        """Count one row of a scan."""
        self.items += 1
        self.bytes += row.get("size") or 0
        self.verdicts[row["verdict"]] += 1
        self.reasons.update(row["reasons"])
        if row["error"]:
            self.errors[row["error"]] += 1
        self.formats[row.get("format") or "unknown"] += 1
        matches = row["matches"]
        if row["verdict"] != Verdict.ALLOW and not FINDINGS.isdisjoint(row["reasons"]):
            self.found += 1
        self.lists.update({match["list"] for match in matches})
        self.signals.update({match["signal"] for match in matches})
        near = [match["distance"] for match in matches if match["signal"] == "pdq"]
        if near:
            self.distances[min(near)] += 1

    @property
    def unchecked(self) -> int:
        """Items that could not be checked, or not wholly. Unsupported types are none."""
        return sum(n for code, n in self.errors.items() if code != Fault.UNSUPPORTED)

    def exit_code(self, interrupted: bool = False) -> int:
        """1: something found; 2: nothing found, something not checked; 0: neither."""
        if self.found:
            return 1
        return 2 if self.unchecked or interrupted else 0
