"""A feed: a whole list in one file, over HTTPS, in a folder or in a bucket.

The file is fetched into a private file first, and taken over as a whole: rows that cannot be read
are left out and counted, entries that it does not name any more are withdrawn, unless they are
more than `max_withdrawn_share` allows. A file that did not change since the last run is not read
again. A file that is cut short on its way never arrives: the other machine announces its length,
or ends it properly.
"""

from __future__ import annotations

import gzip
import json
import os
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from safehold.clock import Clock
from safehold.hashing.model import SignalType
from safehold.ids import ListName
from safehold.lists.detect import ListFormat
from safehold.lists.exchanges.authorization import basic, bearer
from safehold.lists.exchanges.model import (
    Credentials,
    ExchangeKind,
    ExchangeOptions,
    ExchangeSettingsError,
    PageDamagedError,
)
from safehold.lists.importing import Importer, ImportOptions
from safehold.lists.interface import ListStore
from safehold.lists.model import ListFileError, Tier
from safehold.lists.sync.interface import SyncStore
from safehold.lists.sync.machine import check_owner, failed
from safehold.lists.sync.model import SyncCounts, SyncError, SyncState
from safehold.outbound.model import Call, OutboundError, OutboundTooLongError, Reply

UNCHANGED = 304
_PIECE = 1_048_576


class FeedMissingError(SyncError):
    """The file of a feed is not there, or may not be read."""

    code = "feed_missing"
    default_message = "The file of a feed cannot be read."


@dataclass(frozen=True, slots=True)
class Fetched:
    """A feed as it was found.

    Attributes:
        mark: what tells whether it has changed: a tag, a date, a time and a size.
        changed: whether it is another than that of the mark that was given; if so it was written.
    """

    mark: str
    changed: bool


class Place(Protocol):
    """Where a feed stands."""

    def fetch(self, mark: str, into: BinaryIO) -> Fetched:
        """Write the feed, unless it still has the mark that was given."""
        ...


@dataclass(frozen=True, slots=True)
class Web:
    """A feed over HTTPS, with `ETag` and `Last-Modified` (RFC 9110, section 13)."""

    options: ExchangeOptions
    credentials: Credentials
    send: Callable[[Call], Reply]

    def fetch(self, mark: str, into: BinaryIO) -> Fetched:
        """See `Place`."""
        headers = {}
        if self.credentials.key:
            headers["authorization"] = bearer(self.credentials.key)
        elif self.credentials.user:
            headers["authorization"] = basic(self.credentials)
        if mark:
            tag, modified = json.loads(mark)
            headers |= {"if-none-match": tag} if tag else {}
            headers |= {"if-modified-since": modified} if modified else {}
        call = Call(
            self.options.url,
            "GET",
            headers,
            timeout_seconds=self.options.timeout_seconds,
            accept_unchanged=bool(mark),
            into=into,
            max_answer_bytes=self.options.max_bytes,
        )
        reply = self.send(call)
        if reply.status == UNCHANGED:
            return Fetched(mark, changed=False)
        named = [reply.headers.get(name, "") for name in ("etag", "last-modified")]
        return Fetched(json.dumps(named) if any(named) else "", changed=True)


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A feed that somebody puts into a folder of this machine."""

    path: Path
    max_bytes: int

    def fetch(self, mark: str, into: BinaryIO) -> Fetched:
        """See `Place`."""
        try:
            with self.path.open("rb") as file:
                stat = os.fstat(file.fileno())
                now = json.dumps([stat.st_mtime_ns, stat.st_size, stat.st_ino])
                if now == mark:
                    return Fetched(mark, changed=False)
                _copy(file, into, self.max_bytes)
        except OSError as error:
            raise FeedMissingError from error
        return Fetched(now, changed=True)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A feed in a bucket.

    Attributes:
        head: the tag of the object.
        open: its content.
    """

    head: Callable[[], str]
    open: Callable[[], IO[bytes]]
    max_bytes: int

    def fetch(self, mark: str, into: BinaryIO) -> Fetched:
        """See `Place`."""
        tag = self.head()
        if tag and tag == mark:
            return Fetched(mark, changed=False)
        with self.open() as content:
            _copy(content, into, self.max_bytes)
        return Fetched(tag, changed=True)


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed and the list that it fills.

    Attributes:
        name: the exchange's name in the settings.
        list_name, tier: the list.
        place: where it stands.
        options: its settings.
    """

    name: str
    list_name: ListName
    tier: Tier
    place: Place
    options: ExchangeOptions


@dataclass(frozen=True, slots=True)
class FeedParts:
    """What is needed: the stores, what reads list files, a private folder, the present moment."""

    lists: ListStore
    syncs: SyncStore
    importer: Importer
    folder: Path
    clock: Clock


def sync_feed(feed: Feed, parts: FeedParts, *, again: bool = False) -> SyncState:
    """Take a feed over, if it has changed; the state as it was written.

    Args:
        feed: the feed.
        parts: what is needed.
        again: whether it is read though it did not change.

    Raises:
        SyncOvertakenError: another process did the same.
        ExchangeSettingsError: the list was made from another source.
        DatabaseError: nothing can be written.
    """
    kind = ExchangeKind.FEED.value
    found = parts.syncs.find(feed.list_name, feed.name)
    check_owner(parts.lists, feed.list_name, kind, found)
    try:
        return _sync(feed, parts, found, "" if again or found is None else found.cursor)
    except (OutboundError, SyncError, ListFileError, PageDamagedError) as error:
        if error.code == "sync_overtaken":
            raise
        return failed(parts.syncs, feed.list_name, feed.name, (error.code, parts.clock))


def _sync(feed: Feed, parts: FeedParts, found: SyncState | None, mark: str) -> SyncState:
    began = parts.clock.now()
    state = found or SyncState(feed.list_name, feed.name)
    ended = replace(state, number=state.number + 1, began=None, good=began, failures=0, code="ok")
    parts.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parts.folder, prefix="feed-") as name:
        path = Path(name) / _file_name(feed.options)
        with path.open("wb") as into:
            fetched = feed.place.fetch(mark, into)
        ended = replace(ended, ended=parts.clock.now(), cursor=fetched.mark)
        if not fetched.changed:
            ended = replace(ended, counts=SyncCounts())
            parts.syncs.save(ended)
        else:
            plain = _inflated(path, feed.options.max_bytes)
            options = ImportOptions(
                type=SignalType(feed.options.digest_type) if feed.options.digest_type else None,
                format=ListFormat(feed.options.format) if feed.options.format else None,
                tier=feed.tier,
                replace=True,
                source=ExchangeKind.FEED.value,
                max_withdrawn_share=feed.options.max_withdrawn_share,
                sync=replace(ended, counts=SyncCounts()),
            )
            parts.importer.import_file(feed.list_name, plain, parts.clock.now(), options)
    parts.lists.confirm(feed.list_name, began)
    return parts.syncs.find(feed.list_name, feed.name) or ended


def _file_name(options: ExchangeOptions) -> str:
    """A name that tells the format as the feed's own name does."""
    suffixes = Path(unquote(urlsplit(options.url).path)).suffixes[-2:]
    return "feed" + "".join(s.lower() for s in suffixes if s.lower() in _SUFFIXES)


_SUFFIXES = frozenset({".csv", ".jsonl", ".ndjson", ".txt", ".gz"})


def _inflated(path: Path, max_bytes: int) -> Path:
    """The file itself, or what is packed in it."""
    if path.suffix != ".gz":
        return path
    plain = path.with_suffix("")
    try:
        with gzip.open(path) as packed, plain.open("wb") as into:
            _copy(packed, into, max_bytes)
    except (OSError, EOFError, zlib.error) as error:
        raise PageDamagedError from error
    return plain


def _copy(source: IO[bytes] | gzip.GzipFile, into: BinaryIO, max_bytes: int) -> None:
    size = 0
    while piece := source.read(_PIECE):
        size += len(piece)
        if size > max_bytes:
            raise OutboundTooLongError
        into.write(piece)


def check(options: ExchangeOptions) -> None:
    """Check the settings of a feed.

    Raises:
        ExchangeSettingsError: they cannot be.
    """
    formats = {"", *(form.value for form in ListFormat)}
    types = {"", *(signal.value for signal in SignalType)}
    if not options.url or options.format not in formats or options.digest_type not in types:
        raise ExchangeSettingsError(
            "The settings of a feed lack its address, or name a format or type that is not known."
        )
