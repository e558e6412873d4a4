"""From records of cases to their histories. I/O-free."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from safehold.cases.review.model import Annotation
from safehold.hashing.model import SignalType
from safehold.lists.model import Tier
from safehold.policy.model import Verdict
from safehold.transparency.model import History, Method, Ruling

POLICY = "policy"
PERSON = "user:"
"""How actors that are people begin."""
RULINGS = ("confirmed", "cleared", "undone")
_EXACT = frozenset({SignalType.MD5, SignalType.SHA1, SignalType.SHA256})
_ACTS = frozenset({Tier.CONFIRMED, Tier.SUSPECTED, Tier.LOCAL})


@dataclass(slots=True)
class Parts:
    """What is read of one case.

    Attributes:
        opened, surface, verdict: of the case.
        first: details of policy's first decision.
        rulings: moment, reasons and details of each decision by people, by time.
        flags, appeals: moments, by time.
        filed: authority and moment of each filed report, by time.
    """

    opened: dt.datetime
    surface: str
    verdict: str
    first: Mapping[str, Any] = field(default_factory=dict)
    rulings: list[tuple[dt.datetime, Sequence[str], Mapping[str, Any]]] = field(
        default_factory=list
    )
    flags: list[dt.datetime] = field(default_factory=list)
    appeals: list[dt.datetime] = field(default_factory=list)
    filed: list[tuple[str, dt.datetime]] = field(default_factory=list)


def history(parts: Parts) -> History:
    """A case as figures need it."""
    matches = [m for m in parts.first.get("matches", ()) if m.get("tier") in _ACTS]
    return History(
        opened=parts.opened,
        surface=parts.surface,
        verdict=parts.verdict,
        method=_method(matches, parts.verdict),
        lists=frozenset(str(match["list_name"]) for match in matches),
        rulings=tuple(
            Ruling(at, reasons[0], Annotation.GENERATIVE_AI.value in details.get("annotations", ()))
            for at, reasons, details in parts.rulings
            if reasons and reasons[0] in RULINGS
        ),
        flags=tuple(parts.flags),
        appeals=tuple(parts.appeals),
        filed=tuple(parts.filed),
    )


def _method(matches: Iterable[Mapping[str, Any]], verdict: str) -> Method:
    signals = {str(match.get("signal")) for match in matches}
    if signals & _EXACT:
        return Method.EXACT
    if signals:
        return Method.SIMILAR
    return Method.FLAG if verdict == Verdict.ALLOW else Method.OTHER
