"""The states of a case and what leads from one to the next. I/O-free.

1. A hold or a block opens a case (`open`). By digests alone, or by a flag on bytes that are not
   here, it awaits them (`awaiting_bytes`) until a deadline.
2. The same bytes again join it. New grounds that are stricter raise its verdict, and a case that
   was held for faults or flagged goes to the queue of matches when a match is found; nothing that
   comes from outside ever lowers a verdict or leaves that queue. Nor does a fault take a case
   from the queue of flags.
3. Bytes that arrive for a case that awaits them open it, and end that deadline.
4. A person confirms or clears an open case. A clearing names the grounds it clears: the same
   bytes with no other ground are allowed from then on, and open no new case. An exact match is
   another ground than likeness to the same entry.
5. Another ground, a flag or an appeal opens a cleared or expired case again, and an appeal a
   confirmed one: a flag on that says nothing new, would have people look again, and would let one
   of them overturn what two must undo. One whose bytes never came awaits them anew. A flag takes
   a case from the queue of faults to that of flags.
6. When the deadline passes, a case that awaits bytes and a case of the fault queue expire. An
   open case with a match or a flag never expires by itself, nor one that an appeal has opened
   again after a decision.
7. What a person decided opens again when two people undo it. What its clearing let go is a ground
   again, and receipts say what they said before. (Never an edit: the decision stays on record.)
8. An appeal against a case, or an undoing, gives it the attention of that name, unless a
   colleague's help was asked for, which stands. A decision ends all attention.
9. Bytes that were held only since they could not be checked, and that are now wholly checked
   with nothing found, are cleared by policy: where nobody has flagged them, appealed, escalated
   the case or undone its decision, and where they came up on no other surface, whose lists may be
   others.

What a receipt says now: `present_verdict`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace

from safehold.cases import urgency
from safehold.cases.model import Attention, Case, CaseState, DecisionRecord, Ground, Queue
from safehold.cases.urgency import Found
from safehold.errors import SafeholdError
from safehold.lists.model import Tier
from safehold.media.model import Fault
from safehold.policy.model import Observation, Reason, Verdict

_STRICTNESS = {Verdict.ALLOW: 0, Verdict.HOLD: 1, Verdict.BLOCK: 2}
_NO_MATCH = frozenset(Fault) | {
    Reason.LIST_MISSING,
    Reason.LIST_STALE,
    Reason.CLASSIFIER_UNAVAILABLE,
    Reason.MATCHER_UNAVAILABLE,
    Reason.LOW_QUALITY,
    Reason.OBSERVED,
    Reason.NEGATIVE,
}
"""Reasons that say nothing of what the item shows."""

_BY_PEOPLE = frozenset({Attention.ESCALATED, Attention.APPEALED, Attention.UNDONE})
"""Attention by which somebody wants a person to decide."""

_NOTHING = Found()
_NOT_GROUNDS = frozenset({Reason.OBSERVED, Reason.NEGATIVE, Reason.LOW_QUALITY})


class TransitionError(SafeholdError):
    """What was asked for is not possible in the state of the case."""

    code = "case_state"
    default_message = "The case is in another state than this needs."
    default_hint = "Load it again: somebody else has changed it."


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Until when a case that opens now may wait.

    Attributes:
        bytes: for its bytes.
        fault: for a person, where it is held for faults alone.
    """

    bytes: dt.datetime
    fault: dt.datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in the bytes of a case at one occurrence.

    Attributes:
        verdict: policy's.
        reasons: policy's codes.
        grounds: see `grounds`.
        surface: where.
        found: how urgent it is.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    grounds: frozenset[Ground]
    surface: str
    found: Found = _NOTHING

    @property
    def queue(self) -> Queue:
        """The queue of a case that is opened by this."""
        only_faults = all(reason in _NO_MATCH for reason in self.reasons)
        return Queue.FAULTS if only_faults else Queue.MATCHES


def grounds(observation: Observation, reasons: tuple[str, ...]) -> frozenset[Ground]:
    """What an item is held for: entries that it matches, and reasons beyond likeness to them."""
    entries = {
        (str(match.list_name), str(match.entry_id))
        for match in observation.matches
        if match.tier not in (Tier.OBSERVE, Tier.NEGATIVE)
    }
    others = {
        ("", reason)
        for reason in reasons
        if reason not in _NOT_GROUNDS and not reason.startswith("similar_")
    }
    return frozenset(entries | others)


def found_grounds(decisions: Iterable[DecisionRecord]) -> frozenset[Ground]:
    """All grounds that policy found in the bytes of a case, from what its decisions keep."""
    found: set[Ground] = set()
    for decision in decisions:
        found.update((str(name), str(entry)) for name, entry in decision.details.get("grounds", ()))
    return frozenset(found)


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


def join(
    case: Case,
    finding: Finding,
    now: dt.datetime,
    deadlines: Deadlines,
    *,
    bytes_here: bool,
    flags: int = 0,
) -> Case:
    """The case after the same bytes have come up again (rules 2, 3, 5).

    `bytes_here`: whether they are in the vault, now or before. `flags`: how often users have
    flagged them.
    """
    new = finding.verdict if not finding.grounds <= case.cleared else Verdict.ALLOW
    joined = replace(case, verdict=max(case.verdict, new, key=_STRICTNESS.__getitem__), updated=now)
    before = urgency.of_found(case.urgency, case.attention, flags)
    points = max(before, finding.found.points)
    joined = replace(
        joined,
        tier=urgency.stronger_tier(case.tier, finding.found.tier),
        urgency=urgency.urgency(points, case.attention, flags),
    )
    if new is not Verdict.ALLOW and finding.queue is Queue.MATCHES:
        joined = replace(joined, queue=Queue.MATCHES)
    reopens = case.state in (CaseState.CLEARED, CaseState.EXPIRED) and new is not Verdict.ALLOW
    late = case.state is CaseState.EXPIRED and case.queue is not Queue.FAULTS and bytes_here
    arrived = case.state is CaseState.AWAITING_BYTES and bytes_here
    if reopens or late or arrived:
        return _opened(joined, deadlines, bytes_here=bytes_here)
    if case.state is CaseState.OPEN and joined.queue is Queue.MATCHES:
        return replace(joined, deadline=None)
    return joined


def _opened(case: Case, deadlines: Deadlines, *, bytes_here: bool) -> Case:
    """The case as it waits for a person, or first for its bytes."""
    if not bytes_here:
        return replace(case, state=CaseState.AWAITING_BYTES, deadline=deadlines.bytes)
    fault = case.queue is Queue.FAULTS
    return replace(case, state=CaseState.OPEN, deadline=deadlines.fault if fault else None)


def confirm(case: Case, now: dt.datetime) -> Case:
    """A person confirms an open case (rule 4)."""
    if case.state is not CaseState.OPEN:
        raise TransitionError
    calm = attend(case, Attention.NONE)
    return replace(calm, state=CaseState.CONFIRMED, updated=now, deadline=None)


def clear(case: Case, cleared: frozenset[Ground], now: dt.datetime) -> Case:
    """A person clears an open case of these grounds (rule 4)."""
    if case.state is not CaseState.OPEN:
        raise TransitionError
    return replace(
        attend(case, Attention.NONE),
        state=CaseState.CLEARED,
        cleared=case.cleared | cleared,
        updated=now,
        deadline=None,
    )


def undo(case: Case, cleared: frozenset[Ground], now: dt.datetime) -> Case:
    """A decided case is opened again by two people (rules 7, 8).

    `cleared`: the grounds that the decision cleared, and nothing before it.
    """
    if case.state not in (CaseState.CONFIRMED, CaseState.CLEARED):
        raise TransitionError
    return replace(
        attend(case, Attention.UNDONE),
        state=CaseState.OPEN,
        cleared=case.cleared - cleared,
        updated=now,
        deadline=None,
    )


def attend(case: Case, attention: Attention) -> Case:
    """The case with another attention, and the urgency that goes with it (rule 8)."""
    asked = urgency.with_attention(case.urgency, case.attention, attention)
    return replace(case, attention=attention, urgency=asked)


def appealed(case: Case) -> Case:
    """The case with the attention of an appeal (rule 8)."""
    escalated = case.attention is Attention.ESCALATED
    return case if escalated else attend(case, Attention.APPEALED)


def flagged(case: Case, flags: int) -> Case:
    """The case after it was flagged once more, for the `flags`th time."""
    risen = urgency.flag_points(flags) - urgency.flag_points(flags - 1)
    return replace(case, urgency=min(urgency.LARGEST, case.urgency + risen))


def reopen(
    case: Case, now: dt.datetime, deadlines: Deadlines, *, bytes_here: bool, flagged: bool
) -> Case:
    """A flag or an appeal opens the case again (rule 5); one that is open stays so.

    So does a confirmed one that is flagged: users say what people have said already.
    What receipts say stays the same until somebody decides. `flagged`: whether it is a flag.
    """
    again = replace(case, verdict=present_verdict(case), updated=now)
    if flagged and case.queue is Queue.FAULTS:
        again = replace(again, queue=Queue.FLAGS)
    if flagged and case.state is CaseState.CONFIRMED:
        return again
    if case.state is CaseState.AWAITING_BYTES:
        return again
    if case.state is CaseState.OPEN:
        return again if again.queue is Queue.FAULTS else replace(again, deadline=None)
    opened = _opened(again, deadlines, bytes_here=bytes_here)
    # What a person has decided is a person's, and waits for one without end.
    decided = case.state is not CaseState.EXPIRED and opened.state is CaseState.OPEN
    return replace(opened, deadline=None) if decided else opened


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
    """The case of bytes that could not be checked before and now are wholly checked (rule 9).

    None where that is not so. Whether somebody has said something and where else the bytes came
    up, the case does not tell: that is for who asks.
    """
    undecided = case.state in (CaseState.OPEN, CaseState.EXPIRED, CaseState.AWAITING_BYTES)
    if case.queue is not Queue.FAULTS or not undecided or case.attention in _BY_PEOPLE:
        return None
    if finding.verdict is not Verdict.ALLOW or finding.grounds:
        return None
    calm = attend(case, Attention.NONE)
    return replace(calm, state=CaseState.CLEARED, updated=now, deadline=None)
