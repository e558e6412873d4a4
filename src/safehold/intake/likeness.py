"""Letting go what lies very near to a picture that two people have cleared.

An item is let go where all of this holds:

1. It opens no case of its own yet: bytes that a case stands for are that case's matter.
2. It is held, and for nothing but likeness to entries: no exact match, no conflict, no fault, no
   missing list, no classifier's score, nothing that has a reason code of its own.
3. It is a single picture, which has, as stored, a PDQ quality of at least `QUALITY_FLOOR`, and
   is as stored what is like the entries: a further frame, or what is within a border, is not what
   two people have seen.
4. Within the same service there is a clearing by likeness that stands, whose picture is within
   its radius, and all entries that the item is like are among those that were cleared.

Only items that fulfil 1 to 3 cost a reading of the clearings.
"""

from __future__ import annotations

from collections.abc import Iterable

from safehold.cases.model import Case
from safehold.cases.records import Transaction
from safehold.cases.review.model import Likeness
from safehold.cases.review.rules import QUALITY_FLOOR
from safehold.cases.workflow import Finding
from safehold.hashing.model import SignalType
from safehold.intake.finding import finding_of
from safehold.intake.model import Submission
from safehold.policy.model import Verdict


def is_let_go(transaction: Transaction, case: Case | None, submission: Submission) -> bool:
    """Whether a clearing by likeness lets an item go; `case` is that of its bytes, if any."""
    finding = finding_of(submission)
    if case is not None or not may_be_let_go(submission, finding):
        return False
    picture = submission.screened.examination.variants[0].pdq[0]
    standing = transaction.reviews.likenesses(submission.service_id)
    return within(picture, finding, standing)


def may_be_let_go(submission: Submission, finding: Finding) -> bool:
    """Whether an item is held for likeness alone, and its picture says enough (rules 2, 3)."""
    examination = submission.screened.examination
    variants = examination.variants
    observation = submission.screened.observation
    return (
        finding.verdict is Verdict.HOLD
        and bool(finding.grounds)
        and all(name for name, _ in finding.grounds)
        and observation.fault is None
        and all(m.signal is SignalType.PDQ and not m.conflict for m in observation.matches)
        and examination.frame_count == 1
        and bool(variants)
        and variants[0].quality >= QUALITY_FLOOR
        and all(match.variant == variants[0].variant for match in observation.matches)
    )


def within(picture: bytes, finding: Finding, standing: Iterable[Likeness]) -> bool:
    """Whether one of the clearings covers a picture and all it is held for (rule 4)."""
    here = int.from_bytes(picture, "big")
    return any(
        likeness.ended is None
        and finding.grounds <= likeness.grounds
        and (here ^ int.from_bytes(likeness.pdq, "big")).bit_count() <= likeness.radius
        for likeness in standing
    )
