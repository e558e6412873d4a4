"""What entries matched by likeness, as floods are counted from (`safehold.lists.trust.floods`)."""

from __future__ import annotations

from collections.abc import Sequence

from safehold.cases.model import Case, Occurrence
from safehold.hashing.model import Orientation, SignalType
from safehold.intake.model import Submission
from safehold.lists.model import Tier
from safehold.lists.trust.floods import Hit
from safehold.matching.match import Match
from safehold.remote.model import LIST_PREFIX

MOST = 20
"""Entries that one item's hits are noted of, the nearest first."""

_SURE = frozenset({SignalType.SHA1, SignalType.SHA256})
_ORIENTATIONS = tuple(Orientation)


def hits_of(submission: Submission, case: Case, occurrence: Occurrence) -> Sequence[Hit]:
    """The hits of an item that is held: of lists that are kept here, by likeness or md5 alone."""
    if case.canary:
        return ()
    nearest: dict[tuple[str, str], Match] = {}
    sure: set[tuple[str, str]] = set()
    for match in submission.screened.matches:
        entry = (str(match.list_name), str(match.entry_id))
        if match.signal in _SURE:
            sure.add(entry)
        ours = match.tier not in (Tier.OBSERVE, Tier.NEGATIVE)
        if ours and not match.list_name.startswith(LIST_PREFIX):
            known = nearest.get(entry)
            # By PDQ there is a hash to compare; md5 counts where it stands alone.
            if known is None or match.signal is SignalType.PDQ:
                nearest[entry] = match
    counting = [match for entry, match in nearest.items() if entry not in sure]
    counting.sort(key=lambda match: match.distance)
    return [
        Hit(
            match.list_name,
            match.entry_id,
            submission.service_id,
            case.case_id,
            case.content,
            _matched(submission, match),
            occurrence.uploader,
            occurrence.at,
        )
        for match in counting[:MOST]
    ]


def _matched(submission: Submission, match: Match) -> bytes | None:
    """The hash that matched, turned as it matched."""
    if match.orientation is None:
        return None
    examination = submission.screened.examination
    for variant in examination.variants:
        if variant.variant == match.variant:
            return variant.pdq[_ORIENTATIONS.index(match.orientation)]
    return None
