"""Digests that are kept of allowed items, and how far each list was looked for among them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from safehold.ids import ChunkId, ListName, ServiceId
from safehold.screening import Examination


@dataclass(frozen=True, slots=True)
class RetroOptions:
    """How digests are kept, and matched with entries that come later.

    For how long those of a surface's items are kept stands with it
    (`surfaces.keep_digests_days`); by default none are.

    Attributes:
        minutes: how often `safehold work` looks whether lists have new entries; 0 for never.
        flush_seconds: after how long at the latest what was allowed is written. What a server
            that is killed has not written is lost to looking back.
        flush_items: items after which it is written at once.
        waiting_hashes: PDQ hashes of items that may wait to be written, in memory, 32 bytes of
            what callers said counting as one; of items beyond them nothing is kept, and they
            are counted.
        chunk_items: items that stand in one row of the database once they are packed.
        max_entries: new entries of a list for which a table is made that every kept digest is
            asked against; where there are more, the list's own index is.
        max_hits: different kept items that one entry may be near to before it floods: of a
            flood no case is opened, and the operator is alarmed. Exact matches are no flood.
    """

    minutes: float = 1.0
    flush_seconds: float = 1.0
    flush_items: int = 256
    waiting_hashes: int = 400_000
    chunk_items: int = 8_192
    max_entries: int = 10_000
    max_hits: int = 1_000


@dataclass(frozen=True, slots=True)
class KeptItem:
    """What is kept of an allowed item.

    Attributes:
        service_id, surface: where it was allowed.
        received: when.
        expires: from when it is forgotten.
        receipt: what the caller got.
        examination: exact digests, variants, number of frames and fault; nothing else of it.
        context: what the caller said of it: UTF-8 JSON, as cases keep it.
        versions: of the lists that it was matched with.
    """

    service_id: ServiceId
    surface: str
    received: dt.datetime
    expires: dt.datetime
    receipt: str = field(repr=False)
    examination: Examination = field(repr=False)
    context: bytes = field(repr=False)
    versions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ChunkHead:
    """Some kept items of one surface that are forgotten at the same moment.

    Attributes:
        chunk_id: its id.
        number: chunks are numbered in the order in which they are committed.
        service_id, surface: whose items they are.
        expires: from when they are forgotten, a whole hour.
        items: how many there are.
        size: bytes of what is sealed of their digests.
        versions: for each list with which all of them were matched when they were allowed, the
            oldest version.
    """

    chunk_id: ChunkId
    number: int
    service_id: ServiceId
    surface: str
    expires: dt.datetime
    items: int
    size: int
    versions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk with what is sealed of it (`safehold.retro.sealing`).

    Attributes:
        head: what it is.
        digests: sealed columns (`safehold.retro.packing`).
        contexts: sealed contexts.
    """

    head: ChunkHead
    digests: bytes = field(repr=False)
    contexts: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a list.

    Attributes:
        version: its number.
        updated: when the list became that version.
    """

    version: int
    updated: dt.datetime


@dataclass(frozen=True, slots=True)
class Pass:
    """A look over all chunks that is under way.

    Attributes:
        to: the version of the list whose entries are looked for.
        last: the number of the last chunk that belongs to it.
        done: the number of the last chunk that was looked at.
    """

    to: Version
    last: int
    done: int


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the entries of a list have been looked for.

    Chunks up to number `seen` were matched with `version`; younger ones with what they say
    themselves. During a pass those up to `Pass.done` were matched with `Pass.to`.

    Attributes:
        list_name: the list.
        step: rises by one with each change of the mark: of two processes one is overtaken.
        version: None before the first pass.
        seen: see above; 0 before the first pass.
        going: the pass that is under way, or None.
    """

    list_name: ListName
    step: int = 0
    version: Version | None = None
    seen: int = 0
    going: Pass | None = None

    def matched(self, head: ChunkHead) -> int:
        """The version of the list with which all items of a chunk were matched; 0 for none."""
        own = head.versions.get(str(self.list_name), 0)
        if self.going is not None and head.number <= self.going.done:
            return max(own, self.going.to.version)
        if self.version is not None and head.number <= self.seen:
            return max(own, self.version.version)
        return own
