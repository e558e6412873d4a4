"""When an entry matches so much that it cannot stand for a picture.

The rule, `different`: of what an entry matched by likeness within the window, in the order of time,

1. the same bytes count once;
2. an item whose hash lies within `distance` bits of one that has counted is the same picture in
   another edit, and does not count: a picture that spreads is no flood. The hashes that are
   compared are those that matched, turned as they matched;
3. of one uploader at most `uploader_share` of the bound counts, so that nobody can have an entry
   set aside alone. Where a service does not say who sent an item, this bounds nothing.

4. of all bytes that it matched at least `different_share` count: strong edits of one picture may
   lie far from one another, but there are few of them for each weak one.

An entry of which more than the bound counts is set aside, unless a person has confirmed one of
those items: then it stands for what the list looks for. A hash that is near to flat matches plain
pictures of all kinds: hundreds of different ones, hours after it came. A hash of a picture matches
that picture. What was matched by sha1 or sha256 is the very file, and no flood; and what is set
aside is the hash alone, so that an entry goes on matching by its exact digests: a flood that
somebody made must not let the very file through.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from safehold.ids import CaseId, EntryId, ListName, ServiceId

MOST_COUNTED = 1_000
"""Different items of one entry that are counted; by then it floods."""


@dataclass(frozen=True, slots=True)
class FloodOptions:
    """When an entry is set aside, and how often that is looked at.

    Attributes:
        items: different items that one entry may match by likeness within `hours`; one more sets
            it aside. 0 for never. `lists.NAME.flood_items` changes it for one list.
        hours: the length of the window.
        distance: items that lie within so many bits of one another count as one.
        uploader_share: largest share of `items` that counts of one uploader, 0 to 1.
        different_share: smallest share of the items that must count, 0 to 1.
        minutes: how often `safehold work` looks; 0 for never.
    """

    items: int = 50
    hours: float = 24.0
    distance: int = 31
    uploader_share: float = 0.2
    different_share: float = 0.2
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
    """A hash of an entry that was set aside.

    Attributes:
        aside_id: its id.
        list_name, entry_id: the entry.
        at: when.
        items: how many different items counted.
        bound: how many it might have matched.
        pdq: the hash by which the entry is not matched.
        released: since when it is matched again: somebody said so, or its source gave the entry
            another hash; None while it is set aside.
    """

    aside_id: str
    list_name: ListName
    entry_id: EntryId
    at: dt.datetime
    items: int
    bound: int
    pdq: bytes = field(repr=False)
    released: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """What counts of the hits of one entry.

    Attributes:
        different: different items.
        of: the items of which so many are different; those beyond an uploader's share are none.
    """

    different: int
    of: int

    def is_flood(self, options: FloodOptions, bound: int) -> bool:
        """Whether it is more than one entry may match."""
        return self.different > bound and self.different >= options.different_share * self.of


def different(hits: Sequence[Hit], options: FloodOptions, bound: int) -> Counted:
    """How many different items an entry matched; no further than `MOST_COUNTED` are counted.

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
        if count >= max(MOST_COUNTED, bound + 1):
            break
    return Counted(count, len(contents))
