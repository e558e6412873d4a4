"""The rules from observation to decision.

1. An exact match with a **confirmed** list blocks, and nothing else does by itself. It must
   rest on more than md5: on sha1 or sha256, or on md5 together with a PDQ hash of the same
   entry that is near. An entry of which md5 alone is equal and nothing else could be compared
   holds (`PolicyOptions.md5_only`).
2. Where one digest of an entry is equal and another contradicts, somebody may have made a
   collision: the item holds and never blocks, whatever else it matches. On a negative list too.
3. Exact matches with suspected or local lists hold. So do matches by likeness with confirmed,
   suspected or local lists, unless these exact bytes stand on a negative list. That must rest on
   more than md5, as in rule 1: whoever makes two files with one md5 and has the harmless one put
   on a negative list would else be let through with the other.
4. Lists that are only observed are recorded and change nothing.
5. An item that matches more entries than can be told holds, unless they are all on lists that
   are negative or only observed.
6. An item that could not be checked holds, unless the settings say otherwise. A type that is
   not decoded is no fault. A required list that is missing or stale, and a required classifier
   that gives no score or a required remote matcher that gives no answer, are checks that could
   not be made. What a remote matcher finds is a match like any other.
7. A classifier's score over the operator's mark holds, and never blocks. A negative list says
   nothing against it.

The strictest verdict stands, but for rule 2. Every reason that applies is given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from safehold.hashing.model import SignalType
from safehold.lists.model import Tier
from safehold.lists.trust.rules import beyond_md5
from safehold.matching.match import Match
from safehold.media.model import Fault
from safehold.policy.model import Decision, Observation, PolicyOptions, Reason, Verdict

_STRICTNESS = {Verdict.ALLOW: 0, Verdict.HOLD: 1, Verdict.BLOCK: 2}
_EXACT = {
    Tier.CONFIRMED: Reason.EXACT_CONFIRMED,
    Tier.SUSPECTED: Reason.EXACT_SUSPECTED,
    Tier.LOCAL: Reason.EXACT_LOCAL,
}
_SIMILAR = {
    Tier.CONFIRMED: Reason.SIMILAR_CONFIRMED,
    Tier.SUSPECTED: Reason.SIMILAR_SUSPECTED,
    Tier.LOCAL: Reason.SIMILAR_LOCAL,
}

Finding = tuple[Verdict, str]


def decide(observation: Observation, options: PolicyOptions) -> Decision:
    """The decision on one item."""
    by_entry: dict[tuple[str, str], list[Match]] = defaultdict(list)
    for match in observation.matches:
        by_entry[match.list_name, match.entry_id].append(match)
    negative = any(
        Tier(matches[0].tier) is Tier.NEGATIVE and _equal_beyond_md5(matches)
        for matches in by_entry.values()
    )
    findings: list[Finding] = []
    for matches in by_entry.values():
        findings.extend(_judge_entry(matches, negative, options))
    if observation.flooded.intersection(_EXACT):
        findings.append((Verdict.HOLD, Reason.TOO_MANY_MATCHES))
    findings.extend(_judge_fault(observation, options))
    findings.extend((options.list_fault, reason) for reason in observation.list_faults)
    if observation.unanswered:
        findings.append((options.list_fault, Reason.MATCHER_UNAVAILABLE))
    if observation.over_mark:
        findings.append((Verdict.HOLD, Reason.CLASSIFIER_SCORE))
    if observation.unscored:
        findings.append((options.fault, Reason.CLASSIFIER_UNAVAILABLE))
    verdict = max((v for v, _ in findings), key=_STRICTNESS.__getitem__, default=Verdict.ALLOW)
    if verdict is Verdict.BLOCK and Reason.DIGEST_CONFLICT in {reason for _, reason in findings}:
        verdict = Verdict.HOLD
    return Decision(verdict, tuple(sorted({reason for _, reason in findings})))


def _equal_beyond_md5(matches: list[Match]) -> bool:
    """Whether the item is the one that an entry means, as far as digests can tell."""
    signals = {match.signal for match in matches}
    forged = any(match.conflict for match in matches)
    return not forged and beyond_md5(signals)


def _judge_entry(matches: list[Match], negative: bool, options: PolicyOptions) -> Iterable[Finding]:
    tier = Tier(matches[0].tier)
    if tier is Tier.OBSERVE:
        yield Verdict.ALLOW, Reason.OBSERVED
    elif any(match.conflict for match in matches):
        yield Verdict.HOLD, Reason.DIGEST_CONFLICT
    elif tier is Tier.NEGATIVE:
        if _equal_beyond_md5(matches):
            yield Verdict.ALLOW, Reason.NEGATIVE
    elif _equal_beyond_md5(matches):
        yield Verdict.BLOCK if tier is Tier.CONFIRMED else Verdict.HOLD, _EXACT[tier]
    elif any(match.signal is SignalType.MD5 for match in matches):
        blocks = options.md5_only is Verdict.BLOCK and tier is not Tier.CONFIRMED
        yield Verdict.HOLD if blocks else options.md5_only, Reason.EXACT_MD5_ONLY
    else:
        yield Verdict.ALLOW if negative else Verdict.HOLD, _SIMILAR[tier]


def _judge_fault(observation: Observation, options: PolicyOptions) -> Iterable[Finding]:
    if observation.fault is Fault.UNSUPPORTED:
        yield options.unsupported, Fault.UNSUPPORTED
    elif observation.fault is Fault.DAMAGED:
        yield options.damaged, Fault.DAMAGED
    elif observation.fault is not None:
        yield options.fault, observation.fault
    elif observation.low_quality:
        yield Verdict.ALLOW, Reason.LOW_QUALITY
