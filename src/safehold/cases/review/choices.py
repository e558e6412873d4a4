"""What a person chooses when they decide, and what becomes of a group."""

from __future__ import annotations

from dataclasses import dataclass, field

from safehold.cases.review.model import Annotation, Classification, ClearReason
from safehold.ids import CaseId


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A person confirms a case.

    Attributes:
        classification: the industry's classification, or None where the person gives none.
        annotations: further codes.
        words: what the person writes about it, or empty. Sealed to the case.
    """

    classification: Classification | None = None
    annotations: frozenset[Annotation] = frozenset()
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Clearing:
    """A person clears a case of all that was found in its bytes.

    Attributes:
        reason: why.
        words: what the person writes about it, or empty. Sealed to the case.
    """

    reason: ClearReason
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class GroupOutcome:
    """What became of a group that was decided.

    Attributes:
        decided: the cases that were decided, the leader first.
        left: the others, each with a code why (`groups.Left`).
    """

    decided: tuple[CaseId, ...]
    left: tuple[tuple[CaseId, str], ...] = ()
