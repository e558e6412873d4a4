"""How urgent a case is: 0 (least) to 100. I/O-free.

The parts are added, and together never reach more than 100:

    part            points
    tier            confirmed 40, local 28, suspected 22, none 0
    exactness       equal by sha1 or sha256 15, equal by md5 alone or in conflict 8, likeness 0
    classification  A1 10, A2 8, B1 6, B2 4, another word or none 0
    surface         public 5, generation 3, private_message 2, others 0
    attention       escalated 15, appealed 10, undone 10, more 0, none 0
    flags           the first 7, each further one 2, at most 15

The first four say what was found. Of several matches the one that counts most stands, and of
several occurrences the one that counts most: what was found once is not made less urgent by what
is found later. The table puts what does harm where many see it, and what is known for certain,
before what may be a mistake; what a colleague or an uploader waits for comes before its like.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from safehold.cases.model import Attention
from safehold.hashing.model import RemoteSignal, SignalType
from safehold.lists.model import Tier
from safehold.matching.match import Match

LARGEST = 100

TIER_POINTS: Mapping[str, int] = MappingProxyType(
    {Tier.CONFIRMED.value: 40, Tier.LOCAL.value: 28, Tier.SUSPECTED.value: 22}
)
"""Lists of other tiers hold nothing, so no case is urgent for them."""

EXACT_POINTS = 15
UNSURE_POINTS = 8
CLASSIFICATION_POINTS: Mapping[str, int] = MappingProxyType({"A1": 10, "A2": 8, "B1": 6, "B2": 4})
SURFACE_POINTS: Mapping[str, int] = MappingProxyType(
    {"public": 5, "generation": 3, "private_message": 2}
)
ATTENTION_POINTS: Mapping[Attention, int] = MappingProxyType(
    {
        Attention.NONE: 0,
        Attention.MORE: 0,
        Attention.APPEALED: 10,
        Attention.UNDONE: 10,
        Attention.ESCALATED: 15,
    }
)
_FIRST_FLAG = 7
_FURTHER_FLAG = 2
_MOST_FLAGS = 15
_LIKENESS = frozenset({SignalType.PDQ, RemoteSignal.PHOTODNA})


@dataclass(frozen=True, slots=True)
class Found:
    """What was found at one occurrence, as far as it makes a case urgent.

    Attributes:
        tier: of the list whose word counts most; empty for none.
        points: for tier, exactness, classification and surface.
    """

    tier: str = ""
    points: int = 0


def found(matches: Iterable[Match], surface: str) -> Found:
    """What the matches of one occurrence come to."""
    counted = [match for match in matches if match.tier in TIER_POINTS]
    tier = max((match.tier for match in counted), key=TIER_POINTS.__getitem__, default="")
    points = max((_of_match(match) for match in counted), default=0)
    return Found(tier, points + SURFACE_POINTS.get(surface, 0))


def _of_match(match: Match) -> int:
    points = TIER_POINTS[match.tier] + CLASSIFICATION_POINTS.get(match.classification, 0)
    if match.signal in _LIKENESS:
        return points
    unsure = match.conflict or match.signal is SignalType.MD5
    return points + (UNSURE_POINTS if unsure else EXACT_POINTS)


def flag_points(flags: int) -> int:
    """What so many users' flags come to."""
    return min(_MOST_FLAGS, _FIRST_FLAG + _FURTHER_FLAG * (flags - 1)) if flags > 0 else 0


def urgency(points: int, attention: Attention, flags: int) -> int:
    """The urgency of a case, from `Found.points` and what was said of it since."""
    return min(LARGEST, points + ATTENTION_POINTS[attention] + flag_points(flags))


def of_found(case_urgency: int, attention: Attention, flags: int) -> int:
    """Which part of a case's urgency comes from what was found."""
    return max(0, case_urgency - ATTENTION_POINTS[attention] - flag_points(flags))


def with_attention(case_urgency: int, before: Attention, after: Attention) -> int:
    """The urgency of a case whose attention has changed."""
    return max(0, case_urgency - ATTENTION_POINTS[before] + ATTENTION_POINTS[after])


def stronger_tier(one: str, other: str) -> str:
    """Of two tiers the one that counts more; empty for none."""
    return max(one, other, key=lambda tier: TIER_POINTS.get(tier, 0))
