"""Which matches are suppressed. I/O-free.

1. A suppression drops the matches of one entry with some exact bytes, before anything is decided.
   Matches of other entries, of the same list too, count as ever.
2. One that was made for likeness alone drops no exact match with that entry: that is something
   new, and clearing it takes two people.
3. **An exact match with a confirmed list that rests on more than md5 is never dropped**, whoever
   suppressed it: it stands with all that belongs to it, whether or not digests are in conflict.
4. Matches with lists that are negative or only observed hold nothing, and stay.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from safehold.hashing.model import RemoteSignal, SignalType
from safehold.ids import EntryId
from safehold.lists.model import Tier
from safehold.lists.trust.model import Pair, Suppressed
from safehold.matching.match import Match

EXACT = frozenset({SignalType.MD5, SignalType.SHA1, SignalType.SHA256})
_COLLISION_RESISTANT = frozenset({SignalType.SHA1, SignalType.SHA256})
_MD5_AND_LIKENESS = frozenset({SignalType.MD5, SignalType.PDQ})
_HOLD_NOTHING = frozenset({Tier.NEGATIVE.value, Tier.OBSERVE.value})

_HEX = re.compile(r"[0-9A-Fa-f]{32}")
_BASE64 = re.compile(r"[0-9A-Za-z+/_-]{22}")


def beyond_md5(signals: Collection[SignalType | RemoteSignal]) -> bool:
    """Whether an item is exactly what an entry means, resting on more than md5.

    `signals` are those by which the item matches the entry: sha1 or sha256, or md5 together with
    a PDQ hash that is near.
    """
    found = frozenset(signals)
    return bool(found & _COLLISION_RESISTANT) or found >= _MD5_AND_LIKENESS


def shown_entry_id(entry_id: EntryId) -> EntryId | None:
    """An entry's id as it may be shown; None where it may be a digest.

    Some sources name entries by their digests, and ids that are made here derive from them.
    """
    mixed = entry_id != entry_id.lower() and entry_id != entry_id.upper()
    return None if _HEX.search(entry_id) or (mixed and _BASE64.search(entry_id)) else entry_id


def without_suppressed(
    matches: Sequence[Match], suppressed: Suppressed
) -> tuple[tuple[Match, ...], int]:
    """The matches that count, and of how many entries matches were dropped."""
    if not suppressed:
        return tuple(matches), 0
    by_entry: dict[Pair, list[Match]] = defaultdict(list)
    for match in matches:
        by_entry[match.list_name, match.entry_id].append(match)
    dropped = {
        pair
        for pair, own in by_entry.items()
        if pair in suppressed and _may_drop(own, exact_too=suppressed[pair])
    }
    return tuple(m for m in matches if (m.list_name, m.entry_id) not in dropped), len(dropped)


def _may_drop(matches: Iterable[Match], *, exact_too: bool) -> bool:
    """Whether the matches of one entry may be dropped (rules 2 to 4)."""
    own = list(matches)
    signals = {match.signal for match in own}
    if any(match.tier in _HOLD_NOTHING for match in own):
        return False
    if any(match.tier == Tier.CONFIRMED.value for match in own) and beyond_md5(signals):
        return False
    return exact_too or not signals & EXACT
