"""What counts as found, what as not checked, and the exit codes that follow."""

from __future__ import annotations

from typing import Any

import pytest

from safehold.scan.summary import Summary

MATCH = {"list": "l", "signal": "pdq", "distance": 8}


def row(verdict: str, *reasons: str, error: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "path": "x",
        "verdict": verdict,
        "reasons": list(reasons),
        "error": error,
        "matches": [],
    } | more


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([], 0),
        ([row("allow")], 0),
        ([row("allow", "unsupported", error="unsupported")], 0),
        ([row("allow", "observed", matches=[MATCH])], 0),
        ([row("allow", "negative", "similar_local", matches=[MATCH])], 0),
        ([row("hold", "damaged", error="damaged")], 2),
        ([row("hold", "damaged", "observed", error="damaged", matches=[MATCH])], 2),
        ([row("hold", "similar_local", matches=[MATCH])], 1),
        ([row("hold", "too_many_matches")], 1),
        ([row("block", "exact_confirmed", matches=[MATCH]), row("hold", "unreadable")], 1),
    ],
)
def test_exit_codes(rows: list[dict[str, Any]], code: int) -> None:
    summary = Summary()
    for one in rows:
        summary.add(one)
    assert summary.exit_code() == code


def test_an_interrupted_scan_is_not_all_clear() -> None:
    summary = Summary()
    summary.add(row("allow"))
    assert summary.exit_code(interrupted=True) == 2
