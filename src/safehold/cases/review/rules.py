"""The rules of review. I/O-free.

1. **Looking.** An exact match with a confirmed list may be confirmed without looking: equal by
   sha1 or sha256, by an entry of which no digest contradicts another, where policy said
   `exact_confirmed` and nothing of these bytes is in conflict. Every other confirmation, every
   clearing, and every approval of a clearing needs that this very person has looked.
2. Somebody has **looked** where a still, at whatever level, was shown to them since the case's
   evidence last changed. Where policy's reasons say that the file could not be (wholly) read, or
   is of a type that is not decoded, an attempt that failed counts too, and it is on record.
   What is not there cannot be looked at.
3. Escalating, asking for more, writing a note and passing on need no look.
4. **Two people** for: clearing a case with any exact match (whatever the tier, by md5 alone too),
   clearing by likeness, exporting originals, destroying evidence early, and undoing a person's
   decision. Lists that are negative or only observed hold nothing, so a match with them is
   nothing to be cleared. Who approves is not who proposed; a decision is not undone with the
   approval of who made it.
5. A case is decided **by somebody else** where an appeal came after somebody's decision. One that
   was escalated is decided by whoever may be a second person.
6. A clearing by **likeness** is for a picture of good quality, held for likeness to entries and
   for nothing else, within the house's radius.
7. What a proposal is about must not change: another state, other grounds, other evidence or
   another decision since, and it is void. So it is once who proposed it is disabled, has another
   role, or may not decide the case any more.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from safehold.cases.model import (
    Attention,
    Case,
    CaseState,
    DecisionRecord,
    Evidence,
    Ground,
    Queue,
    Statement,
    StatementKind,
)
from safehold.cases.review.model import View
from safehold.cases.urgency import TIER_POINTS
from safehold.cases.workflow import found_grounds
from safehold.hashing.model import SignalType
from safehold.ids import UserId, ViewId
from safehold.lists.model import Tier
from safehold.media.model import Fault
from safehold.policy.model import Reason
from safehold.users.model import User
from safehold.users.roles import Permission, permissions

QUALITY_FLOOR = 50
"""PDQ quality from which two pictures are compared (`matching.MatchOptions.quality_floor`)."""

_EXACT = frozenset({SignalType.MD5.value, SignalType.SHA1.value, SignalType.SHA256.value})
_SURE = frozenset({SignalType.SHA1.value, SignalType.SHA256.value})
_EXACT_REASONS = frozenset(
    {
        Reason.EXACT_CONFIRMED,
        Reason.EXACT_SUSPECTED,
        Reason.EXACT_LOCAL,
        Reason.EXACT_MD5_ONLY,
        Reason.DIGEST_CONFLICT,
    }
)
_DECIDED = frozenset({CaseState.CONFIRMED.value, CaseState.CLEARED.value})


class WhyNot(enum.StrEnum):
    """Why somebody may not decide a case."""

    NO = ""
    PERMISSION = "permission"
    """Their role does not decide cases."""

    NOT_OPEN = "not_open"
    """It is decided, or waits for its bytes."""

    DECIDED_BEFORE = "decided_before"
    """They have decided it before, and somebody has appealed since."""

    ESCALATED = "escalated"
    """A colleague has asked for somebody with more experience."""


class Seen(enum.StrEnum):
    """What somebody has seen of a case's present evidence; the most counts."""

    NONE = "none"
    BLURRED = "blurred"
    SHARP = "sharp"
    WHOLE = "whole"
    """Every still of the whole file, sharp."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What policy's decisions on a case come to.

    Attributes:
        grounds: all that was found in its bytes.
        exact: whether any of it is an exact match, of whatever tier and digest.
        sure: whether it may be confirmed without looking (rule 1).
        unreadable: whether a fault says that looking may be impossible.
    """

    grounds: frozenset[Ground]
    exact: bool
    sure: bool
    unreadable: bool


def facts(decisions: Iterable[DecisionRecord]) -> Facts:
    """What policy's decisions on a case come to."""
    by_policy = [decision for decision in decisions if decision.actor == "policy"]
    reasons = {reason for decision in by_policy for reason in decision.reasons}
    matches = [match for decision in by_policy for match in _matches(decision)]
    counted = [match for match in matches if match.get("tier") in TIER_POINTS]
    exact = bool(reasons & _EXACT_REASONS) or any(m.get("signal") in _EXACT for m in counted)
    conflict = Reason.DIGEST_CONFLICT in reasons or any(m.get("conflict") for m in matches)
    return Facts(
        grounds=found_grounds(by_policy),
        exact=exact,
        sure=not conflict and any(_is_sure(decision) for decision in by_policy),
        unreadable=not reasons.isdisjoint(Fault),
    )


def _matches(decision: DecisionRecord) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = decision.details.get("matches", ())
    return found


def _is_sure(decision: DecisionRecord) -> bool:
    """Whether a decision rests on an entry of a confirmed list that is surely these bytes."""
    return Reason.EXACT_CONFIRMED in decision.reasons and any(
        match.get("tier") == Tier.CONFIRMED.value
        and match.get("signal") in _SURE
        and match.get("distance") == 0
        and match.get("conflict") is False
        for match in _matches(decision)
    )


def needs_view(found: Facts, *, clearing: bool) -> bool:
    """Whether a decision needs that whoever makes it has looked (rule 1)."""
    return clearing or not found.sure


def clear_needs_two(found: Facts) -> bool:
    """Whether one person alone cannot clear the case (rule 4)."""
    return found.exact


def _current(
    views: Iterable[View], evidence: Sequence[Evidence], user_id: UserId
) -> Iterable[View]:
    """Somebody's views of a case's evidence as it is now."""
    if not evidence:
        return ()
    changed = max(item.created for item in evidence)
    there = {item.evidence_id for item in evidence}
    return [
        view
        for view in views
        if view.user_id == user_id and view.evidence_id in there and view.opened >= changed
    ]


def looked(
    views: Iterable[View],
    evidence: Sequence[Evidence],
    user_id: UserId,
    failed: Collection[ViewId] = (),
) -> bool:
    """Whether somebody has looked since the evidence last changed (rule 2).

    `failed`: views in which a preview could not be made, where that counts.
    """
    return any(
        view.blurred or view.sharp or view.colour or view.view_id in failed
        for view in _current(views, evidence, user_id)
    )


def seen(views: Iterable[View], evidence: Sequence[Evidence], user_id: UserId) -> Seen:
    """How much of the present evidence somebody has seen. All of it was seen whole, or none."""
    current = list(_current(views, evidence, user_id))
    if not any(view.blurred or view.sharp or view.colour for view in current):
        return Seen.NONE
    whole = {view.evidence_id for view in current if view.viewed_whole}
    if whole >= {item.evidence_id for item in evidence}:
        return Seen.WHOLE
    return Seen.SHARP if any(view.sharp or view.colour for view in current) else Seen.BLURRED


def actor(user_id: UserId) -> str:
    """How the audit log names somebody."""
    return f"user:{user_id}"


def deciders(decision: DecisionRecord) -> frozenset[str]:
    """Who made a decision: one actor, or two where it was proposed and approved."""
    second = decision.details.get("proposed_by")
    return frozenset({decision.actor} | ({actor(UserId(str(second)))} if second else set()))


def by_people(decisions: Iterable[DecisionRecord]) -> list[DecisionRecord]:
    """Confirmations and clearings that people made, in order."""
    return [d for d in decisions if d.actor != "policy" and not _DECIDED.isdisjoint(d.reasons)]


def standing(case: Case, decisions: Sequence[DecisionRecord]) -> DecisionRecord | None:
    """The person's decision that a case is decided by; None where there is none (any more)."""
    undone = {str(decision.details.get("undone")) for decision in decisions}
    return next(
        (
            decision
            for decision in reversed(by_people(decisions))
            if case.state.value in decision.reasons and decision.decision_id not in undone
        ),
        None,
    )


def decided_before(
    case: Case,
    user_id: UserId,
    decisions: Iterable[DecisionRecord],
    statements: Iterable[Statement],
) -> bool:
    """Whether somebody's decision is what an appeal is against (rule 5)."""
    name = actor(user_id)
    own = [decision.at for decision in by_people(decisions) if name in deciders(decision)]
    if not own:
        return False
    appeals = [said.at for said in statements if said.kind is StatementKind.APPEAL]
    return case.attention is Attention.APPEALED or any(at >= max(own) for at in appeals)


def why_not(
    case: Case,
    user: User,
    decisions: Iterable[DecisionRecord],
    statements: Iterable[Statement],
) -> WhyNot:
    """Why somebody may not decide a case now, their lock and their look apart."""
    granted = permissions(user.roles)
    if Permission.CASES_DECIDE not in granted:
        return WhyNot.PERMISSION
    if case.state is not CaseState.OPEN:
        return WhyNot.NOT_OPEN
    if decided_before(case, user.user_id, decisions, statements):
        return WhyNot.DECIDED_BEFORE
    if case.attention is Attention.ESCALATED and Permission.APPROVALS_DECIDE not in granted:
        return WhyNot.ESCALATED
    return WhyNot.NO


def may_clear_by_likeness(case: Case, found: Facts, radius: int, largest: int) -> bool:
    """Whether a case can be cleared by likeness (rule 6)."""
    return (
        case.queue is Queue.MATCHES
        and not found.exact
        and bool(found.grounds)
        and all(name for name, _ in found.grounds)
        and case.pdq is not None
        and (case.pdq_quality or 0) >= QUALITY_FLOOR
        and 0 <= radius <= largest
    )


def basis(case: Case, decisions: Sequence[DecisionRecord], evidence: Sequence[Evidence]) -> str:
    """A short text that is another one when what a proposal is about has changed (rule 7)."""
    stands = standing(case, decisions)
    about = [
        case.state.value,
        case.key_name,
        sorted(found_grounds(decisions)),
        sorted(item.evidence_id for item in evidence),
        stands.decision_id if stands is not None else "",
    ]
    return hashlib.blake2b(json.dumps(about).encode(), digest_size=12).hexdigest()


def origin(
    decisions: Iterable[DecisionRecord],
) -> tuple[tuple[Mapping[str, Any], ...], tuple[str, ...]]:
    """What the file says of its own making, and what of it does not go together.

    The bytes of a case are always the same, so the newest decision that says anything stands.
    """
    for decision in sorted(decisions, key=lambda one: one.at, reverse=True):
        claims, conflicts = decision.details.get("claims"), decision.details.get("conflicts")
        if isinstance(claims, list):
            return (
                tuple(claim for claim in claims if isinstance(claim, Mapping)),
                tuple(map(str, conflicts)) if isinstance(conflicts, list) else (),
            )
    return (), ()


def distinct_matches(decisions: Iterable[DecisionRecord]) -> tuple[Mapping[str, Any], ...]:
    """What policy's decisions name as matches, each once: exact ones first, then the nearest."""
    found: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for decision in decisions:
        for match in _matches(decision):
            name = (str(match["list_name"]), str(match["entry_id"]), str(match["signal"]))
            if name not in found or match["distance"] < found[name]["distance"]:
                found[name] = match
    return tuple(sorted(found.values(), key=lambda m: (m["signal"] not in _EXACT, m["distance"])))
