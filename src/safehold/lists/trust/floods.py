"""When an entry matches so much that it cannot stand for a picture.

The rule, `different`: of what an entry matched by likeness within the window, in the order of time,

1. the same bytes count once;
2. an item whose hash lies within `distance` bits of one that has counted is the same picture in
   another edit, and does not count: a picture that spreads is no flood. The hashes that are
   compared are those that matched, turned as they matched;
3. of one uploader at most `uploader_share` of the bound counts, so that nobody can have an entry
   set aside alone. Where a service does not say who sent an item, this bounds nothing.

An entry of which more than the bound counts is set aside. A hash that is near to flat matches
plain pictures of all kinds: hundreds of different ones, hours after it came. A hash of a picture
matches that picture. What was matched by sha1 or sha256 is the very file, and no flood; and an
entry that has exact digests goes on matching by them, or a flood that somebody made would let the
very file through.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from safehold.ids import CaseId, EntryId, ListName, ServiceId


@dataclass(frozen=True, slots=True)
class FloodOptions:
    """When an entry is set aside, and how often that is looked at.

    Attributes:
        items: different items that one entry may match by likeness within `hours`; one more sets
            it aside. 0 for never. `lists.NAME.flood_items` changes it for one list.
        hours: the length of the window.
        distance: items that lie within so many bits of one another count as one.
        uploader_share: largest share of `items` that counts of one uploader, 0 to 1.
        minutes: how often `safehold work` looks; 0 for never.
    """

    items: int = 50
    hours: float = 24.0
    distance: int = 31
    uploader_share: float = 0.2
    minutes: float = 1.0


@dataclass(frozen=True, slots=True)
class Hit:
    """An item that an entry matched by likeness, and that was held or blocked.

    Attributes:
        list_name, entry_id: the entry.
        service_id, case_id: where it was held.
        content: keyed name of its bytes within its service.
        pdq: the hash that matched, turned as it matched; None where it matched by md5 alone.
        uploader: keyed name of who sent it; None where that was not said.
        at: when.
    """

    list_name: ListName
    entry_id: EntryId
    service_id: ServiceId
    case_id: CaseId
    content: bytes = field(repr=False)
    pdq: bytes | None = field(repr=False)
    uploader: bytes | None = field(repr=False)
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class SetAside:
    """An entry that was set aside.

    Attributes:
        aside_id: its id.
        list_name, entry_id: the entry.
        at: when.
        items: how many different items counted.
        bound: how many it might have matched.
        released: when somebody let it match again; None while it is set aside.
        pdq, pdq_quality: the hash that was taken from an entry that goes on matching by its exact
            digests; None where the whole entry was set aside.
    """

    aside_id: str
    list_name: ListName
    entry_id: EntryId
    at: dt.datetime
    items: int
    bound: int
    released: dt.datetime | None = None
    pdq: bytes | None = field(default=None, repr=False)
    pdq_quality: int | None = None


def different(hits: Sequence[Hit], options: FloodOptions, bound: int) -> int:
    """How many different items an entry matched, counted no further than one above `bound`.

    Args:
        hits: of one entry, within the window, in any order.
        options: what counts as one.
        bound: how many it may match.
    """
    most = max(1, int(bound * options.uploader_share))
    contents: set[tuple[ServiceId, bytes]] = set()
    seen: list[int] = []
    uploaders: Counter[tuple[ServiceId, bytes | None]] = Counter()
    count = 0
    for hit in sorted(hits, key=lambda one: (one.at, one.content)):
        content, uploader = (hit.service_id, hit.content), (hit.service_id, hit.uploader)
        if content in contents or (hit.uploader is not None and uploaders[uploader] >= most):
            continue
        contents.add(content)
        if hit.pdq is not None:
            bits = int.from_bytes(hit.pdq, "big")
            if any((bits ^ other).bit_count() <= options.distance for other in seen):
                continue
            seen.append(bits)
        uploaders[uploader] += 1
        count += 1
        if count > bound:
            break
    return count
