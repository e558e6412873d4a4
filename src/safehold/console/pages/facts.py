"""What pages say of a case, in the form in which they say it. I/O-free."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from safehold.cases.model import Case
from safehold.cases.review.model import CaseLock
from safehold.hashing.model import PDQ_BITS, SignalType
from safehold.lists.model import Tier

_EXACT = frozenset({SignalType.MD5, SignalType.SHA1, SignalType.SHA256})
_NEAR = ((0, "same_look"), (10, "very_near"), (20, "near"), (31, "fairly_near"), (PDQ_BITS, "far"))
"""Largest distance in bits of each word for how near a PDQ match is. 31 is ThreatExchange's
threshold of confidence, and distances of good hashes are even."""

_TIER_ORDER: Mapping[str, int] = {
    Tier.CONFIRMED: 0,
    Tier.SUSPECTED: 1,
    Tier.LOCAL: 2,
}
_URGENCY = ((75, "highest"), (50, "high"), (25, "normal"), (0, "low"))
_SHORT_CODE = 4
"""Bytes of a pseudonym that stand for it on a page: enough to tell a case's uploaders apart."""


@dataclass(frozen=True, slots=True)
class MatchFact:
    """A match as a page shows it.

    Attributes:
        list_name, tier, classification: of the entry, as its list says.
        signal: by which digest.
        exact: whether by the bytes, and not by likeness.
        alone: whether md5 is all that the entry is known by.
        distance: in bits; beyond all 256 where a remote matcher does not say.
        near: how near, as a code of `labels`.
        variant, orientation: which form of the picture matched; empty where that says nothing.
        conflict: whether the entry's digests contradict one another about this item.
    """

    list_name: str
    tier: str
    classification: str
    signal: str
    exact: bool
    alone: bool
    distance: int
    near: str
    variant: str
    orientation: str
    conflict: bool


def match_fact(match: Mapping[str, Any]) -> MatchFact:
    """A match of a decision's details (`safehold.intake.recorder.match_json`)."""
    signal = str(match.get("signal", ""))
    distance = int(match.get("distance", 0))
    exact = signal in _EXACT
    known_by = [str(name) for name in match.get("known_by", ())]
    orientation = str(match.get("orientation") or "")
    return MatchFact(
        list_name=str(match.get("list_name", "")),
        tier=str(match.get("tier", "")),
        classification=str(match.get("classification", "")),
        signal=signal,
        exact=exact,
        alone=signal == SignalType.MD5 and set(known_by) <= {SignalType.MD5},
        distance=distance,
        near="exact" if exact else near(distance),
        variant=str(match.get("variant", "")),
        orientation="" if orientation == "original" else orientation,
        conflict=bool(match.get("conflict", False)),
    )


def near(distance: int) -> str:
    """How near a likeness is, as a code of `labels`."""
    return next((word for largest, word in _NEAR if distance <= largest), "untold")


def best_match(matches: Iterable[Mapping[str, Any]]) -> MatchFact | None:
    """The match that weighs most: exact ones first, then by tier, then the nearest."""
    facts = [match_fact(match) for match in matches]
    return min(facts, key=_weight, default=None)


def _weight(fact: MatchFact) -> tuple[bool, int, int]:
    return (not fact.exact, _TIER_ORDER.get(fact.tier, len(_TIER_ORDER)), fact.distance)


def urgency(case: Case) -> str:
    """A case's urgency in a word, as a code of `labels`."""
    return next(word for least, word in _URGENCY if case.urgency >= least)


def short_code(pseudonym: bytes | None) -> str:
    """The beginning of a pseudonym, by which people tell uploaders of a case apart."""
    return "" if pseudonym is None else pseudonym[:_SHORT_CODE].hex()


def minutes_left(lock: CaseLock | None, now: dt.datetime) -> int:
    """Whole minutes until a lock ends, at least one while it holds."""
    if lock is None or lock.until <= now:
        return 0
    return max(1, int((lock.until - now).total_seconds() // 60))
