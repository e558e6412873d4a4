"""Having an item scored by all classifiers at once.

The rules:

1. Every classifier that is asked for gives one `Score`, whatever happens: a fault is a score
   without a value.
2. A picture is sent to nobody whose options do not take its type and size, and is read only if
   somebody is sent it.
3. One classifier's time-out counts from the moment the item is handed in, so the whole takes no
   longer than the slowest time-out (and the reading of the bytes).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol

from safehold.classifiers import llama_guard, openai, score, texts
from safehold.classifiers.model import (
    BadAnswerError,
    ClassifierItem,
    ClassifierKind,
    ClassifierOptions,
    ClassifierOptionsError,
    NoScoreError,
    Score,
    ScoreCode,
)
from safehold.outbound.client import Outbound
from safehold.outbound.model import (
    Call,
    OutboundDeniedError,
    OutboundError,
    OutboundTimeoutError,
    OutboundTooLongError,
)

_LARGE = 262_144
"""Bytes of a picture from which a call is put together in a thread, beside the event loop."""


class _Shape(Protocol):
    """What a module of one kind of endpoint has."""

    def call(self, options: ClassifierOptions, media_type: str, data: bytes, /) -> Call:
        """The call that has a picture scored."""
        ...

    def read(self, options: ClassifierOptions, answer: object, /) -> float:
        """The score in an answer."""
        ...


_SHAPES: Mapping[str, _Shape] = {
    ClassifierKind.OPENAI.value: openai,
    ClassifierKind.SCORE.value: score,
}


class _TextShape(Protocol):
    """What a module of one kind of endpoint has for texts."""

    def call(self, options: ClassifierOptions, text: str, /) -> Call:
        """The call that has a text scored."""
        ...

    def read(self, options: ClassifierOptions, answer: object, /) -> float:
        """The score in an answer."""
        ...


_TEXT_SHAPES: Mapping[str, _TextShape] = {
    ClassifierKind.OPENAI.value: texts.OPENAI,
    ClassifierKind.SCORE.value: texts.SCORE,
    ClassifierKind.LLAMA_GUARD.value: llama_guard,
}


class Classifiers:
    """The classifiers of a process; to be used within one event loop.

    Args:
        options: the classifiers.
        outbound: the way out, which is open as long as this is used.

    Raises:
        ClassifierOptionsError: two have the same name.
    """

    def __init__(self, options: Sequence[ClassifierOptions], outbound: Outbound) -> None:
        self._options = {option.name: option for option in options}
        if len(self._options) != len(options):
            raise ClassifierOptionsError
        self._outbound = outbound
        self._places = {option.name: asyncio.Semaphore(option.max_concurrent) for option in options}

    async def classify(
        self, item: ClassifierItem, names: Collection[str] | None = None
    ) -> tuple[Score, ...]:
        """The scores of an item: one for each classifier that is asked for, by name.

        Args:
            item: the picture.
            names: the classifiers that are asked for; None for all.

        Raises:
            Exception: what `item.read` raises; nothing else.
        """
        wanted = sorted(self._options if names is None else names)
        once = _Once(item.read)
        scores = await asyncio.gather(*(self._score(name, item, once.get) for name in wanted))
        return tuple(scores)

    async def classify_text(
        self, text: str, names: Collection[str] | None = None
    ) -> tuple[Score, ...]:
        """The scores of a text, by name, as `classify`'s of a picture."""
        wanted = sorted(self._options if names is None else names)
        return tuple(await asyncio.gather(*(self._score_text(name, text) for name in wanted)))

    async def _score(
        self,
        name: str,
        item: ClassifierItem,
        read: Callable[[], Awaitable[bytes]],
    ) -> Score:
        option = self._options.get(name)
        if option is None:
            return Score(name, "", None, ScoreCode.NOT_CONFIGURED)
        if item.media_type not in option.media_types:
            return Score(name, option.category, None, ScoreCode.UNSUPPORTED_TYPE)
        if item.size > option.max_bytes:
            return Score(name, option.category, None, ScoreCode.TOO_LARGE)
        shape = _SHAPES.get(option.kind)
        if shape is None:  # it judges texts alone
            return Score(name, option.category, None, ScoreCode.NOT_CHECKED)

        async def make() -> Call:
            data = await read()
            if len(data) > _LARGE:
                return await asyncio.to_thread(shape.call, option, item.media_type, data)
            return shape.call(option, item.media_type, data)

        # What reading raises is the caller's; it is read before the time of the endpoint counts.
        await read()
        return await self._asked(option, make, shape.read)

    async def _score_text(self, name: str, text: str) -> Score:
        option = self._options.get(name)
        if option is None:
            return Score(name, "", None, ScoreCode.NOT_CONFIGURED)
        if len(text) > option.max_text:
            return Score(name, option.category, None, ScoreCode.TOO_LARGE)
        shape = _TEXT_SHAPES[option.kind]

        async def make() -> Call:
            return shape.call(option, text)

        return await self._asked(option, make, shape.read)

    async def _asked(
        self,
        option: ClassifierOptions,
        make: Callable[[], Awaitable[Call]],
        read: Callable[[ClassifierOptions, object], float],
    ) -> Score:
        """What an endpoint says, or why it says nothing."""
        value: float | None = None
        try:
            async with asyncio.timeout(option.timeout_seconds):
                async with self._places[option.name]:
                    reply = await self._outbound.send(await make())
                value = read(option, _parsed(reply.body))
            code = ScoreCode.SCORED
        except (TimeoutError, OutboundTimeoutError):
            code = ScoreCode.TIMEOUT
        except OutboundDeniedError:
            code = ScoreCode.DENIED
        except (BadAnswerError, OutboundTooLongError):
            code = ScoreCode.BAD_ANSWER
        except NoScoreError:
            code = ScoreCode.NOT_CHECKED
        except OutboundError:
            code = ScoreCode.UNAVAILABLE
        return Score(option.name, option.category, value, code)


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadAnswerError from error


class _Once:
    """Reads bytes when they are first asked for, and keeps them for the others who ask."""

    def __init__(self, read: Callable[[], Awaitable[bytes]]) -> None:
        self._read = read
        self._lock = asyncio.Lock()
        self._data: bytes | None = None

    async def get(self) -> bytes:
        async with self._lock:
            if self._data is None:
                self._data = await self._read()
            return self._data
