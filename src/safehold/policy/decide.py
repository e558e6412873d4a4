"""The rules from observation to decision.

1. An exact match with a **confirmed** list blocks, and nothing else does by itself. It must
   rest on more than md5: on sha1 or sha256, or on md5 together with a PDQ hash of the same
   entry that is near. An entry of which md5 alone is equal and nothing else could be compared
   holds (`PolicyOptions.md5_only`).
2. Where one digest of an entry is equal and another contradicts, somebody may have made a
   collision: hold, never block, whatever else that entry matches.
3. Exact matches with suspected or local lists hold. So do matches by likeness with confirmed,
   suspected or local lists, unless these exact bytes stand on a negative list.
4. Lists that are only observed are recorded and change nothing.
5. An item that is near more entries than can be told holds.
6. An item that could not be checked holds, unless the settings say otherwise. A type that is
   not decoded is no fault.

The strictest verdict stands. Every reason that applies is given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from safehold.hashing.model import SignalType
from safehold.lists.model import Tier
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
_COLLISION_RESISTANT = frozenset({SignalType.SHA1, SignalType.SHA256})

Finding = tuple[Verdict, str]


def decide(observation: Observation, options: PolicyOptions) -> Decision:
    """The decision on one item."""
    by_entry: dict[tuple[str, str], list[Match]] = defaultdict(list)
    for match in observation.matches:
        by_entry[match.list_name, match.entry_id].append(match)
    negative = any(
        Tier(match.tier) is Tier.NEGATIVE and match.signal is not SignalType.PDQ
        for match in observation.matches
    )
    findings: list[Finding] = []
    for matches in by_entry.values():
        findings.extend(_judge_entry(matches, negative, options))
    if observation.flooded:
        findings.append((Verdict.HOLD, Reason.TOO_MANY_MATCHES))
    findings.extend(_judge_fault(observation, options))
    verdict = max((v for v, _ in findings), key=_STRICTNESS.__getitem__, default=Verdict.ALLOW)
    return Decision(verdict, tuple(sorted({reason for _, reason in findings})))


def _judge_entry(matches: list[Match], negative: bool, options: PolicyOptions) -> Iterable[Finding]:
    tier = Tier(matches[0].tier)
    equal = {m.signal for m in matches if m.signal is not SignalType.PDQ}
    near = any(m.signal is SignalType.PDQ for m in matches)
    if tier is Tier.OBSERVE:
        yield Verdict.ALLOW, Reason.OBSERVED
    elif tier is Tier.NEGATIVE:
        if equal:
            yield Verdict.ALLOW, Reason.NEGATIVE
    elif any(m.conflict for m in matches):
        yield Verdict.HOLD, Reason.DIGEST_CONFLICT
    elif equal:
        if not (equal & _COLLISION_RESISTANT or near):
            yield options.md5_only, Reason.EXACT_MD5_ONLY
        else:
            blocks = tier is Tier.CONFIRMED
            yield Verdict.BLOCK if blocks else Verdict.HOLD, _EXACT[tier]
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
