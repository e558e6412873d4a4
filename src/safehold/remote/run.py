"""Having all remote matchers asked about an item at once.

The rules:

1. Every matcher that is asked for gives one `Answered`, whatever happens: what it finds, or the
   code of why it says nothing.
2. Bytes go only to a matcher whose settings say `send = "picture"`, and are read only if one is
   sent them, when there is a place free. All others are sent PDQ hashes and nothing else.
3. A variant whose quality is below the floor is asked about no more than it is matched here.
4. A matcher's time-out counts from the moment the item is handed in, waiting for a free place
   and the reading of the item too. An item takes one token of the budget, whatever comes of it,
   and waits for none.
5. Of several matches with one entry by one signal the nearest is told, then the first.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from types import MappingProxyType

from safehold.hashing.model import SignalType
from safehold.ids import EntryId, ListName
from safehold.matching.match import Match
from safehold.outbound.client import Outbound
from safehold.outbound.model import (
    OutboundDeniedError,
    OutboundError,
    OutboundStatusError,
    OutboundTimeoutError,
    OutboundTooLongError,
)
from safehold.remote import arachnid, hma, photodna
from safehold.remote.interface import Service
from safehold.remote.model import (
    LIST_PREFIX,
    MAX_FOUND,
    Answered,
    Ask,
    BadAnswerError,
    Found,
    MatcherOptionsError,
    NotAnsweredError,
    RemoteCode,
    RemoteItem,
    RemoteKind,
    RemoteMatcher,
    Send,
)

_SERVICES: Mapping[str, Service] = MappingProxyType(
    {
        RemoteKind.ARACHNID.value: arachnid,
        RemoteKind.PHOTODNA.value: photodna,
        RemoteKind.HMA.value: hma,
    }
)
_STATUSES: Mapping[int, RemoteCode] = MappingProxyType(
    {
        408: RemoteCode.UNAVAILABLE,
        413: RemoteCode.TOO_LARGE,
        415: RemoteCode.UNSUPPORTED_TYPE,
        425: RemoteCode.UNAVAILABLE,
        429: RemoteCode.OVER_BUDGET,
    }
)
_LARGE = 262_144
"""Bytes of an answer from which it is read in a thread, beside the event loop."""

Bytes = Callable[[], Awaitable[bytes]]


class Bucket:
    """So many tokens, which come back evenly within a minute; none is waited for.

    Args:
        per_minute: tokens; 0 for any number.
        now: seconds of a clock that never goes back.
    """

    def __init__(self, per_minute: int, now: Callable[[], float]) -> None:
        self._most = per_minute
        self._now = now
        self._left = float(per_minute)
        self._seen = now()

    def take(self) -> bool:
        """Take one; False where there is none."""
        if not self._most:
            return True
        now = self._now()
        self._left = min(self._most, self._left + (now - self._seen) * self._most / 60)
        self._seen = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Matchers:
    """The remote matchers of a process; to be used within one event loop.

    Args:
        matchers: the matchers.
        outbound: the way out, which is open as long as this is used.
        quality_floor: PDQ quality below which nothing is asked.
        now: seconds of a clock that never goes back.

    Raises:
        MatcherOptionsError: two have the same name, or one lacks its credentials.
    """

    def __init__(
        self,
        matchers: Sequence[RemoteMatcher],
        outbound: Outbound,
        quality_floor: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._matchers = {matcher.name: matcher for matcher in matchers}
        lacking = any(
            not getattr(matcher.credentials, need)
            for matcher in matchers
            for need in _SERVICES[matcher.options.kind].NEEDS
        )
        if lacking or len(self._matchers) != len(matchers):
            raise MatcherOptionsError
        self._outbound = outbound
        self._floor = quality_floor
        self._places = {m.name: asyncio.Semaphore(m.options.max_concurrent) for m in matchers}
        self._budgets = {m.name: Bucket(m.options.per_minute, now) for m in matchers}

    async def ask(self, item: RemoteItem, names: Collection[str]) -> tuple[Answered, ...]:
        """What the matchers say of an item, by name.

        Raises:
            Exception: what `item.read` raises; nothing else.
        """
        once = _Once(item.read) if item.read is not None else None
        asked = (self._ask(name, item, once) for name in sorted(set(names)))
        return tuple(await asyncio.gather(*asked))

    async def _ask(self, name: str, item: RemoteItem, once: _Once | None) -> Answered:
        matcher = self._matchers.get(name)
        if matcher is None:
            return Answered(name, RemoteCode.NOT_CONFIGURED)
        options, matches = matcher.options, tuple[Match, ...]()
        asks = self._by_digests(matcher, item)
        code: RemoteCode | None = None
        if options.send == Send.PICTURE:
            code = _unsendable(matcher, item)
        elif not asks:
            code = RemoteCode.NOTHING_TO_ASK
        if code is None and not self._budgets[name].take():
            code = RemoteCode.OVER_BUDGET
        if code is None:

            async def make() -> tuple[Ask, ...]:
                if asks or once is None:
                    return asks
                return _by_picture(matcher, item, await once.get())

            code, matches = await self._asked(matcher, make)
        return Answered(name, code, matches, options.required)

    def _by_digests(self, matcher: RemoteMatcher, item: RemoteItem) -> tuple[Ask, ...]:
        if matcher.options.send == Send.PICTURE:
            return ()
        good = [variant for variant in item.variants if variant.quality >= self._floor]
        service = _SERVICES[matcher.options.kind]
        return service.asks_by_digests(matcher.options, matcher.credentials, good)

    async def _asked(
        self, matcher: RemoteMatcher, make: Callable[[], Awaitable[tuple[Ask, ...]]]
    ) -> tuple[RemoteCode, tuple[Match, ...]]:
        """What a service says, or why it says nothing. A part of an answer is none."""
        found: list[Found] = []
        try:
            async with (
                asyncio.timeout(matcher.options.timeout_seconds),
                self._places[matcher.name],
            ):
                for ask in await make():
                    reply = await self._outbound.send(ask.call)
                    parse = asyncio.to_thread if len(reply.body) > _LARGE else _at_once
                    found += _read(matcher, ask, await parse(_parsed, reply.body))
        except (TimeoutError, OutboundTimeoutError):
            return RemoteCode.TIMEOUT, ()
        except OutboundDeniedError:
            return RemoteCode.DENIED, ()
        except (BadAnswerError, OutboundTooLongError):
            return RemoteCode.BAD_ANSWER, ()
        except NotAnsweredError:
            return RemoteCode.REFUSED, ()
        except OutboundStatusError as error:
            refused = RemoteCode.REFUSED if error.status < 500 else RemoteCode.UNAVAILABLE
            return _STATUSES.get(error.status, refused), ()
        except OutboundError:
            return RemoteCode.UNAVAILABLE, ()
        return RemoteCode.ANSWERED, _matches(matcher, found)


def _read(matcher: RemoteMatcher, ask: Ask, answer: object) -> tuple[Found, ...]:
    """What an answer says. Raises `BadAnswerError`, whatever its shape."""
    try:
        return _SERVICES[matcher.options.kind].read(matcher.options, ask, answer)
    except (BadAnswerError, NotAnsweredError):
        raise
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise BadAnswerError from error


def _unsendable(matcher: RemoteMatcher, item: RemoteItem) -> RemoteCode | None:
    """Why a picture is not sent; None where it is."""
    if item.read is None:
        return RemoteCode.NO_BYTES
    if not item.picture:
        return RemoteCode.NOTHING_TO_ASK
    if item.media_type not in _SERVICES[matcher.options.kind].MEDIA_TYPES:
        return RemoteCode.UNSUPPORTED_TYPE
    return RemoteCode.TOO_LARGE if item.size > matcher.options.max_bytes else None


def _by_picture(matcher: RemoteMatcher, item: RemoteItem, data: bytes) -> tuple[Ask, ...]:
    service = _SERVICES[matcher.options.kind]
    return (service.ask_by_picture(matcher.options, matcher.credentials, item.media_type, data),)


def _matches(matcher: RemoteMatcher, found: Sequence[Found]) -> tuple[Match, ...]:
    """Each entry once for each signal, the nearest first."""
    nearest: dict[tuple[str, str], Found] = {}
    for one in sorted(found, key=lambda f: f.distance):
        nearest.setdefault((one.entry, one.signal), one)
    return tuple(
        Match(
            list_name=ListName(LIST_PREFIX + matcher.name),
            tier=matcher.options.tier,
            entry_id=EntryId(one.entry),
            classification=one.classification,
            signal=one.signal,
            distance=one.distance,
            variant=one.variant,
            orientation=one.orientation,
            conflict=False,
            known_by=frozenset({one.signal} if isinstance(one.signal, SignalType) else ()),
        )
        for one in list(nearest.values())[:MAX_FOUND]
    )


async def _at_once(parse: Callable[[bytes], object], body: bytes) -> object:
    return parse(body)


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BadAnswerError from error


def _no_number(constant: str) -> float:
    raise BadAnswerError  # NaN and infinities are no JSON (RFC 8259, section 6)


class _Once:
    """Reads bytes when they are first asked for, and keeps them for the others who ask."""

    def __init__(self, read: Bytes) -> None:
        self._read = read
        self._lock = asyncio.Lock()
        self._data: bytes | None = None

    async def get(self) -> bytes:
        """The bytes."""
        async with self._lock:
            if self._data is None:
                self._data = await self._read()
            return self._data
