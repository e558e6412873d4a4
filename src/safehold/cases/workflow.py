"""The states of a case and what leads from one to the next. I/O-free.

1. A hold or a block opens a case (`open`). By digests alone, or by a flag on bytes that are not
   here, it awaits them (`awaiting_bytes`) until a deadline.
2. The same bytes again join it. New grounds that are stricter raise its verdict, and a case that
   was held for faults or flagged goes to the queue of matches when a match is found; nothing that
   comes from outside ever lowers a verdict or leaves that queue.
3. Bytes that arrive for a case that awaits them open it, and end the deadline.
4. A person confirms or clears an open case. A clearing names the grounds it clears: the same
   bytes with no other ground are allowed from then on, and open no new case.
5. Another ground, a flag or an appeal opens a decided or expired case again.
6. When the deadline passes, a case that awaits bytes and a case of the fault queue expire. A
   case with a match never expires by itself.
7. Bytes that were held only since they could not be checked, and that are now wholly checked
   with nothing found, are cleared by policy.

What a receipt says now: `present_verdict`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from safehold.cases.model import Case, CaseState, Ground, Queue
from safehold.errors import SafeholdError
from safehold.lists.model import Tier
from safehold.media.model import Fault
from safehold.policy.model import Observation, Reason, Verdict

_STRICTNESS = {Verdict.ALLOW: 0, Verdict.HOLD: 1, Verdict.BLOCK: 2}
_NO_MATCH = frozenset(Fault) | {
    Reason.LIST_MISSING,
    Reason.LIST_STALE,
    Reason.CLASSIFIER_UNAVAILABLE,
    Reason.LOW_QUALITY,
    Reason.OBSERVED,
    Reason.NEGATIVE,
}
"""Reasons that say nothing of what the item shows."""

_NOT_GROUNDS = frozenset({Reason.OBSERVED, Reason.NEGATIVE, Reason.LOW_QUALITY})


class TransitionError(SafeholdError):
    """What was asked for is not possible in the state of the case."""

    code = "case_state"
    default_message = "The case is in another state than this needs."
    default_hint = "Load it again: somebody else has changed it."


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in the bytes of a case at one occurrence.

    Attributes:
        verdict: policy's.
        reasons: policy's codes.
        grounds: see `grounds`.
        surface: where.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    grounds: frozenset[Ground]
    surface: str

    @property
    def queue(self) -> Queue:
        """The queue of a case that is opened by this."""
        only_faults = all(reason in _NO_MATCH for reason in self.reasons)
        return Queue.FAULTS if only_faults else Queue.MATCHES


def grounds(observation: Observation, reasons: tuple[str, ...]) -> frozenset[Ground]:
    """What an item is held for: entries that it matches, and reasons that stand for none."""
    entries = {
        (str(match.list_name), str(match.entry_id))
        for match in observation.matches
        if match.tier not in (Tier.OBSERVE, Tier.NEGATIVE)
    }
    matched = ("exact_", "similar_", "digest_conflict")
    others = {
        ("", reason)
        for reason in reasons
        if reason not in _NOT_GROUNDS and not reason.startswith(matched)
    }
    return frozenset(entries | others)


def is_cleared(case: Case, finding: Finding) -> bool:
    """Whether a person has cleared all that was found in these bytes."""
    return case.state is CaseState.CLEARED and finding.grounds <= case.cleared


def present_verdict(case: Case | None) -> Verdict:
    """What a receipt of these bytes says now. None: there is no case, so they were allowed."""
    if case is None or case.state is CaseState.CLEARED:
        return Verdict.ALLOW
    if case.state is CaseState.CONFIRMED:
        return Verdict.BLOCK
    return case.verdict


def join(case: Case, finding: Finding, now: dt.datetime) -> Case:
    """The case after the same bytes have come up again (rules 2, 5)."""
    new = finding.verdict if not finding.grounds <= case.cleared else Verdict.ALLOW
    joined = replace(case, verdict=max(case.verdict, new, key=_STRICTNESS.__getitem__), updated=now)
    if new is Verdict.ALLOW:
        return joined
    if case.queue is not Queue.MATCHES:
        joined = replace(joined, queue=finding.queue)
    if case.state in (CaseState.CLEARED, CaseState.EXPIRED):
        return replace(joined, state=CaseState.OPEN, deadline=None)
    if case.state is CaseState.OPEN and joined.queue is Queue.MATCHES:
        return replace(joined, deadline=None)
    return joined


def bytes_arrived(case: Case, now: dt.datetime) -> Case:
    """The case once its bytes are in the vault (rule 3); late ones open it again."""
    if case.state not in (CaseState.AWAITING_BYTES, CaseState.EXPIRED):
        return case
    return replace(case, state=CaseState.OPEN, deadline=None, updated=now)


def confirm(case: Case, now: dt.datetime) -> Case:
    """A person confirms an open case (rule 4)."""
    if case.state is not CaseState.OPEN:
        raise TransitionError
    return replace(case, state=CaseState.CONFIRMED, updated=now, deadline=None)


def clear(case: Case, cleared: frozenset[Ground], now: dt.datetime) -> Case:
    """A person clears an open case of these grounds (rule 4)."""
    if case.state is not CaseState.OPEN:
        raise TransitionError
    return replace(
        case,
        state=CaseState.CLEARED,
        cleared=case.cleared | cleared,
        updated=now,
        deadline=None,
    )


def reopen(case: Case, now: dt.datetime, *, bytes_here: bool, deadline: dt.datetime) -> Case:
    """A flag or an appeal opens the case again (rule 5); one that is open stays as it is.

    What receipts say stays the same until somebody decides. Where the bytes never came they are
    awaited anew, until `deadline`.
    """
    if case.state in (CaseState.OPEN, CaseState.AWAITING_BYTES):
        return replace(case, updated=now)
    again = replace(case, verdict=present_verdict(case), updated=now, deadline=None)
    if not bytes_here:
        return replace(again, state=CaseState.AWAITING_BYTES, deadline=deadline)
    return replace(again, state=CaseState.OPEN)


def is_expired(case: Case, now: dt.datetime) -> bool:
    """Whether a case's deadline has passed and nobody needs to decide (rule 6)."""
    waits = case.state is CaseState.AWAITING_BYTES
    fault = case.state is CaseState.OPEN and case.queue is Queue.FAULTS
    return case.deadline is not None and now >= case.deadline and (waits or fault)


def expire(case: Case, now: dt.datetime) -> Case:
    """The case once its deadline has passed (rule 6)."""
    if not is_expired(case, now):
        raise TransitionError
    return replace(case, state=CaseState.EXPIRED, updated=now, deadline=None)


def resolve(case: Case, finding: Finding, now: dt.datetime) -> Case | None:
    """The case of bytes that could not be checked before and now are wholly checked (rule 7).

    None where that is not so: a case with a match, a flag or a decision is a person's.
    """
    undecided = case.state in (CaseState.OPEN, CaseState.EXPIRED)
    if case.queue is not Queue.FAULTS or not undecided:
        return None
    if finding.verdict is not Verdict.ALLOW or finding.grounds:
        return None
    return replace(case, state=CaseState.CLEARED, updated=now, deadline=None)
