"""A feed: a whole list in one file, over HTTPS, in a folder or in a bucket.

The file is fetched into a private file first, and taken over as a whole: rows that cannot be read
are left out and counted, entries that it does not name any more are withdrawn, unless they are
more than `max_withdrawn_share` allows. A file that did not change since the last run is not read
again. A file that is cut short on its way never arrives: the other machine announces its length,
or ends it properly. A file of this machine that is written while it is read is read again.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import stat
import zlib
from collections.abc import Callable, Iterator
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
    ExchangeRefusedError,
    ExchangeSettingsError,
    PageDamagedError,
    Refusal,
)
from safehold.lists.importing import Importer, ImportOptions
from safehold.lists.interface import ListStore
from safehold.lists.model import ListFileError, Tier
from safehold.lists.sync.asking import Asking, StoppedError
from safehold.lists.sync.interface import SyncStore
from safehold.lists.sync.machine import MAX_CURSOR, failed
from safehold.lists.sync.model import SyncCounts, SyncError, SyncOvertakenError, SyncState
from safehold.lists.sync.owners import check_owner, fingerprint, marked, unmarked
from safehold.lists.sync.passing import FeedUnwritableError, passing_folder
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
            needs_end=True,
        )
        reply = self.send(call)
        if reply.status == UNCHANGED:
            return Fetched(mark, changed=False)
        named = [_word(reply.headers.get(name, "")) for name in ("etag", "last-modified")]
        return Fetched(json.dumps(named) if any(named) else "", changed=True)


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A feed that somebody puts into a folder of this machine."""

    path: Path
    max_bytes: int

    def fetch(self, mark: str, into: BinaryIO) -> Fetched:
        """See `Place`."""
        try:
            # Without waiting: what is no file may never give anything.
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise FeedMissingError
                now = _mark_of(descriptor)
                if now == mark:
                    return Fetched(mark, changed=False)
                _copy(file, into, self.max_bytes)
                if _mark_of(descriptor) != now:
                    raise PageDamagedError
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
    """What is needed.

    Attributes:
        lists, syncs: the stores.
        importer: reads list files.
        folder: private, for feeds on their way.
        clock: the present moment.
        asking: asks again.
        open: opens what a peer has shared: its settings, its bytes, and the number of the last one
            that was taken; gives its number and its rows, JSON Lines.
        peer: what stands for the peer whose list it is, or raises where there is none.
    """

    lists: ListStore
    syncs: SyncStore
    importer: Importer
    folder: Path
    clock: Clock
    asking: Asking
    open: Callable[[ExchangeOptions, bytes, int], tuple[int, bytes]]
    peer: Callable[[ExchangeOptions], str]


def sync_feed(feed: Feed, parts: FeedParts, *, again: bool = False) -> SyncState:
    """Take a feed over, if it has changed; the state as it was written last.

    Args:
        feed: the feed.
        parts: what is needed.
        again: whether it is read though it did not change.

    Raises:
        SyncOvertakenError: another process did the same.
        ExchangeSettingsError: the list was made from another source.
        UsageError: nobody is the peer whose list it would be.
        DatabaseError: nothing can be written.
    """
    kind = feed.options.kind
    found = parts.syncs.find(feed.list_name, feed.name)
    check_owner(parts.lists, feed.list_name, kind, found)
    state = found or SyncState(feed.list_name, feed.name)
    try:
        return _sync(feed, parts, state, again=again)
    except StoppedError:
        return state
    except SyncOvertakenError:
        raise
    except (OutboundError, SyncError, ListFileError, *_ANSWERS) as error:
        return failed(parts.syncs, feed.list_name, feed.name, (error.code, parts.clock))


_ANSWERS = (PageDamagedError, ExchangeRefusedError)


def _sync(feed: Feed, parts: FeedParts, state: SyncState, *, again: bool) -> SyncState:
    began = parts.clock.now()
    ended = replace(state, number=state.number + 1, began=None, good=began, failures=0, code="ok")
    peer = parts.peer(feed.options) if feed.options.kind == ExchangeKind.SAFEHOLD else ""
    source = _source_of(feed)
    last, serial = _kept(unmarked(fingerprint(peer), state.cursor) or "")
    mark = "" if again else unmarked(source, last) or ""
    with passing_folder(parts.folder) as folder:
        path = folder / _file_name(feed.options)
        fetched = _fetched(feed.place, mark, path, parts.asking)
        with contextlib.ExitStack() as stack:
            if not fetched.changed:
                plain = None
            elif feed.options.kind == ExchangeKind.SAFEHOLD:
                serial, rows = parts.open(feed.options, path.read_bytes(), serial)
                plain = stack.enter_context(_in_memory(rows, folder))
            else:
                plain = _inflated(path, feed.options.max_bytes)
            kept = _to_keep(peer, marked(source, fetched.mark), serial)
            ended = replace(ended, ended=parts.clock.now(), cursor=kept, counts=SyncCounts())
            if plain is None:
                parts.syncs.save(ended)
            else:
                options = _import_options(feed, ended)
                parts.importer.import_file(feed.list_name, plain, parts.clock.now(), options)
    parts.lists.confirm(feed.list_name, began)
    return parts.syncs.find(feed.list_name, feed.name) or ended


def _import_options(feed: Feed, ended: SyncState) -> ImportOptions:
    options = feed.options
    shared = options.kind == ExchangeKind.SAFEHOLD
    form = ListFormat(options.format) if options.format else None
    return ImportOptions(
        type=SignalType(options.digest_type) if options.digest_type else None,
        format=ListFormat.JSONL if shared else form,
        tier=feed.tier,
        replace=True,
        source=options.kind,
        max_withdrawn_share=options.max_withdrawn_share,
        sync=ended,
    )


def _to_keep(peer: str, mark: str, serial: int) -> str:
    """What is kept of a run: the number for as long as it is the same peer, however it is read."""
    kept = marked(fingerprint(peer), json.dumps([mark, serial]))
    return kept if len(kept) <= MAX_CURSOR else marked(fingerprint(peer), json.dumps(["", serial]))


def _kept(kept: str) -> tuple[str, int]:
    """The mark of the feed that was taken last, and its number where it has one."""
    try:
        mark, serial = json.loads(kept)
        return str(mark), int(serial)
    except (ValueError, TypeError):
        return "", 0


@contextlib.contextmanager
def _in_memory(rows: bytes, folder: Path) -> Iterator[Path]:
    """A file of rows that is on no disk, where the system has such files; else a private one."""
    try:
        descriptor = os.memfd_create("rows")
    except (AttributeError, OSError):  # not Linux
        path = folder / "rows"
        path.write_bytes(rows)
        yield path
        return
    with os.fdopen(descriptor, "wb") as file:
        file.write(rows)
        file.flush()
        yield Path(f"/proc/self/fd/{descriptor}")


def _source_of(feed: Feed) -> str:
    """What a mark is good for: the same place, read in the same way, for a list of that tier."""
    options = feed.options
    return fingerprint(options.url, options.format, options.digest_type, feed.tier.value)


def _fetched(place: Place, mark: str, path: Path, asking: Asking) -> Fetched:
    """The feed in a file, asked for as often as is allowed."""

    def fetch() -> Fetched:
        try:
            with path.open("wb") as into:
                return place.fetch(mark, into)
        except OSError as error:
            raise FeedUnwritableError from error

    return asking.until(fetch, _refusal)


def _refusal(status: int) -> Refusal:
    """What to do about an error's status (RFC 9110, section 15.5 and 15.6)."""
    return Refusal.RETRY if status in (408, 425, 429) or status >= 500 else Refusal.STOP


def _word(value: str) -> str:
    """A header's value, if it can be sent back."""
    return value if value.isascii() and value.isprintable() else ""


def _mark_of(descriptor: int) -> str:
    found = os.fstat(descriptor)
    return json.dumps([found.st_mtime_ns, found.st_size, found.st_ino])


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
    if options.kind == ExchangeKind.SAFEHOLD and not options.peer:
        raise ExchangeSettingsError(
            "An exchange of kind 'safehold' needs the name of a peer.",
            hint="'safehold peer add' names one; 'peer' of the exchange says which.",
        )
