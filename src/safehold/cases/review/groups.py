"""Cases that show nearly the same picture. I/O-free.

Two open cases of one service are near where both pictures, as stored, have a PDQ quality of at
least `rules.QUALITY_FLOOR` and are within the house's distance, unless somebody has split them.
A group is what is near to its leader, not a chain of neighbours: whoever decides has looked at
the leader, and says something of nothing that is farther from it.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence

import numpy as np

from safehold.cases.model import Case, CaseState
from safehold.cases.review.rules import QUALITY_FLOOR, Facts
from safehold.hashing.model import PDQ_BYTES
from safehold.ids import CaseId

Picture = tuple[CaseId, bytes, int]
"""A case, the PDQ hash (32 bytes) of its picture and the quality of that."""


class Left(enum.StrEnum):
    """Why a case was not decided with its group."""

    NOT_IN_GROUP = "not_in_group"
    NOT_OPEN = "not_open"
    LOCKED = "locked"
    """Somebody else works on it."""

    EXACT = "exact"
    """It has an exact match, so one person cannot clear it."""

    OTHER_GROUNDS = "other_grounds"
    """It is held for something, an entry or a reason, that its leader is not held for."""

    VIEW_NEEDED = "view_needed"
    """Its leader was decided without a look, and this cannot be."""

    NOT_YOURS = "not_yours"
    """Somebody else has to decide it: it was appealed against or escalated."""


def near(
    case: Case, pictures: Sequence[Picture], distance: int, split: Collection[CaseId] = ()
) -> tuple[CaseId, ...]:
    """The cases that are near to one, without itself, the nearest first.

    Args:
        case: the leader.
        pictures: of the service's open cases.
        distance: in bits, inclusive.
        split: cases that were split from it.
    """
    if case.pdq is None or (case.pdq_quality or 0) < QUALITY_FLOOR or not pictures:
        return ()
    joined = np.frombuffer(b"".join(pdq for _, pdq, _ in pictures), np.uint64)
    hashes = joined.reshape(-1, PDQ_BYTES // 8)
    leader = np.frombuffer(case.pdq, np.uint64)
    distances = np.bitwise_count(hashes ^ leader).sum(axis=1, dtype=np.int64)
    close = np.flatnonzero(distances <= distance)
    found = [
        (int(distances[index]), pictures[index][0])
        for index in close.tolist()
        if pictures[index][2] >= QUALITY_FLOOR
        and pictures[index][0] != case.case_id
        and pictures[index][0] not in split
    ]
    return tuple(case_id for _, case_id in sorted(found))


def why_left(member: Case, found: Facts, leader: Facts, *, clearing: bool) -> Left | None:
    """Why a near duplicate cannot be decided as its leader is; None where it can."""
    if member.state is not CaseState.OPEN:
        return Left.NOT_OPEN
    if clearing and found.exact:
        return Left.EXACT
    if clearing and not found.grounds <= leader.grounds:
        return Left.OTHER_GROUNDS
    return None
