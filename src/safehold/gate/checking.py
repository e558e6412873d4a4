"""The desk: what goes in is checked before anything is made, what comes out before it leaves.

Whatever cannot be checked, in time or at all, is withheld. What is released is in the ledger
before it leaves, and what is found is in a case. One desk serves one call (or one socket), so
that a call counts as one refusal, however much of it is refused.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from safehold.engine.blocking import Blocking
from safehold.engine.errors import OverloadedError
from safehold.gate.examining import Looked, Pictures
from safehold.gate.figures import GateFigures
from safehold.gate.interface import GateRequest
from safehold.gate.kept import KeptPictures
from safehold.gate.memory import Share
from safehold.gate.model import (
    Account,
    Api,
    Generation,
    ModelName,
    RefusedError,
    Stage,
    UncheckedError,
    UpstreamCall,
    UpstreamError,
    UpstreamReply,
    Words,
)
from safehold.gate.ports import Moderating, ReleaseBook, RepeatWatch, Standing, WordRules
from safehold.gate.upstream import Upstream
from safehold.runtime.log import Log

REMEMBERED = 16_384
"""Releases and refusals that are remembered, each."""
RELEASED_SECONDS = 3_600.0
"""For how long the same bytes of the same account are not written to the ledger again: it forgets
after some days, and this may run for longer."""
REFUSED_SECONDS = 60.0
"""For how long the same bytes of the same account are refused again without a new look, and
without a further occurrence in their case."""

T = TypeVar("T")

_SEEN_THROUGH: Final[set[asyncio.Future[Any]]] = set()
"""The event loop itself keeps no task alive."""


@dataclass(frozen=True, slots=True)
class DeskParts:
    """What all desks are joined from.

    Attributes:
        pictures: looks at pictures.
        upstream: the generation service.
        kept: released pictures that are given out by address.
        rules, moderating, repeats, book: see the ports.
        records: asks what blocks.
        check_seconds: how long checking may take.
        figures, log: what is counted; where it is told.
    """

    pictures: Pictures
    upstream: Upstream
    kept: KeptPictures
    rules: WordRules
    moderating: Moderating
    repeats: RepeatWatch
    book: ReleaseBook
    records: Blocking
    check_seconds: float
    figures: GateFigures
    log: Log


class Memories:
    """What was released and refused lately. For the thread of the event loop.

    Keys are an account's pseudonym and the SHA-256 of the bytes.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._released: OrderedDict[bytes, float] = OrderedDict()
        self._refused: OrderedDict[bytes, float] = OrderedDict()

    def is_released(self, key: bytes) -> bool:
        """Whether the ledger has it already."""
        return self._released.get(key, 0.0) > self._monotonic()

    def has_refused(self) -> bool:
        """Whether anything was refused lately."""
        now = self._monotonic()
        while self._refused and next(iter(self._refused.values())) <= now:
            self._refused.popitem(last=False)
        return bool(self._refused)

    def is_refused(self, key: bytes) -> bool:
        """Whether it was refused lately."""
        return key in self._refused

    def release(self, key: bytes) -> None:
        """Remember that the ledger has it."""
        self._released[key] = self._monotonic() + RELEASED_SECONDS
        self._released.move_to_end(key)
        while len(self._released) > REMEMBERED:
            self._released.popitem(last=False)

    def refuse(self, key: bytes) -> None:
        """Remember that it was refused."""
        self._refused[key] = self._monotonic() + REFUSED_SECONDS
        self._refused.move_to_end(key)
        while len(self._refused) > REMEMBERED:
            self._refused.popitem(last=False)


async def seen_through(work: Coroutine[Any, Any, T]) -> T:
    """Wait for some work, which goes on where its caller leaves: what is refused is counted."""
    task = asyncio.ensure_future(work)
    _SEEN_THROUGH.add(task)
    task.add_done_callback(_done)
    return await asyncio.shield(task)


def _done(task: asyncio.Future[Any]) -> None:
    _SEEN_THROUGH.discard(task)
    if not task.cancelled():
        task.exception()  # whoever waited was told; nobody may be left


@dataclass(slots=True)
class CallNotes:
    """What is told of a call in log and figures.

    Attributes:
        stage: where something of it was stopped, or empty.
        released, withheld: pictures that may leave, and that may not.
        counted: whether a refusal was noted of it.
        models: those that the operator's rules let through.
    """

    stage: str = ""
    released: int = 0
    withheld: int = 0
    counted: bool = False
    models: set[ModelName] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class GateDesk:
    """The desk of one call. `safehold.gate.interface.Desk`.

    Attributes:
        parts: what all desks are joined from.
        memories: what was released and refused lately.
        share: what the call takes of the memory for bodies and answers.
        named: whether the account said by itself who it is.
        notes: what is told of the call.
    """

    parts: DeskParts
    memories: Memories
    share: Share
    named: bool
    notes: CallNotes = field(default_factory=CallNotes)

    # The upstream

    async def call(self, request: GateRequest, call: UpstreamCall) -> UpstreamReply:
        """See `Desk`."""
        began = time.perf_counter()
        try:
            return await self.parts.upstream.call(self._onward(request, call), self.share.take)
        finally:
            self.parts.figures.upstream_took(time.perf_counter() - began)

    async def stream(self, request: GateRequest, call: UpstreamCall) -> AsyncIterator[bytes]:
        """See `Desk`."""
        upstream = self.parts.upstream
        async for part in upstream.stream(self._onward(request, call), self.share.take):
            yield part

    async def fetch_result(self, url: str) -> bytes:
        """See `Desk`."""
        return await self.parts.upstream.fetch_result(url, self.share.take)

    def _onward(self, request: GateRequest, call: UpstreamCall) -> UpstreamCall:
        headers = self.parts.upstream.headers(call.headers, request.header(b"host"))
        return replace(call, headers=tuple(headers))

    # Before anything is made

    async def admit(self, account: Account, words: Words, api: Api) -> None:
        """See `Desk`."""
        standing, stage = await self._asked(account, words)
        if standing.stopped:
            self.notes.stage = Stage.STANDING.value
            raise RefusedError(Stage.STANDING)
        if standing.wait_seconds:
            await asyncio.sleep(standing.wait_seconds)
        if stage is None and words.texts:
            stage = await self._score(words.texts)
        if stage is not None:
            await seen_through(self._refuse(account, stage))
            raise RefusedError(stage)
        self.notes.models.update(words.models)
        if words.pictures:
            about = Generation(api, "\n".join(words.texts), words.models)
            await seen_through(self._admit_pictures(account, words.pictures, about))

    async def _asked(self, account: Account, words: Words) -> tuple[Standing, Stage | None]:
        """How the account stands, and at which stage the operator's rules refuse it."""
        parts = self.parts

        def ask() -> tuple[Standing, Stage | None]:
            return parts.repeats.standing(account), parts.rules.refuses(words)

        try:
            return await parts.records.ask(ask)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not checked
            raise self._unchecked(Stage.WORDS, error) from None

    async def _score(self, texts: Sequence[str]) -> Stage | None:
        try:
            async with asyncio.timeout(self.parts.check_seconds):
                return await self.parts.moderating.refuses(texts)
        except UncheckedError as error:
            self.notes.stage = error.stage.value
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not checked
            raise self._unchecked(Stage.SCORE, error) from None

    async def _admit_pictures(
        self, account: Account, pictures: Sequence[bytes], about: Generation
    ) -> None:
        looked = await self._look(account, pictures, about)
        if all(one.passed is not None for one in looked):
            return
        self.notes.stage = Stage.INPUT.value
        if any(one.refused for one in looked):
            await self._refuse(account, Stage.INPUT)
            raise RefusedError(Stage.INPUT)
        raise UncheckedError(Stage.INPUT)

    # Before anything leaves

    async def release(
        self, account: Account, pictures: Sequence[bytes], about: Generation
    ) -> list[bool]:
        """See `Desk`."""
        return await seen_through(self._release(account, pictures, about))

    async def _release(
        self, account: Account, pictures: Sequence[bytes], about: Generation
    ) -> list[bool]:
        looked = await self._look(account, pictures, about)
        models_pass = await self._models_pass(account, about.models)
        if not (models_pass and await self._book(account, looked, about)):
            looked = [replace(one, passed=None) for one in looked]
        if any(one.refused for one in looked):
            await self._refuse(account, Stage.OUTPUT)
        may = [one.passed is not None for one in looked]
        self.notes.released += sum(may)
        self.notes.withheld += len(may) - sum(may)
        if not all(may):
            self.notes.stage = Stage.OUTPUT.value
        self.parts.figures.pictures(sum(may), len(may) - sum(may))
        return may

    async def _models_pass(self, account: Account, models: Sequence[ModelName]) -> bool:
        """Whether models that only the answer named may be used.

        Calls name a model as they like, or none; it is the answer that tells its hash.
        """
        told = tuple(model for model in models if model not in self.notes.models)
        if not told:
            return True
        try:
            stage = await self.parts.records.ask(self.parts.rules.refuses, Words(models=told))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not checked
            self._unchecked(Stage.MODEL, error)
            return False
        if stage is not None:
            await self._refuse(account, stage)
            return False
        self.notes.models.update(told)
        return True

    async def refuse(self, account: Account, api: Api) -> None:
        """See `Desk`."""
        await self._refuse(account, Stage.OUTPUT)

    def keep(self, picture: bytes, content_type: bytes, request: GateRequest) -> str:
        """See `Desk`."""
        owner = request.account.pseudonym
        path = self.parts.kept.add(picture, content_type, owner, named=self.named)
        return request.origin + path

    async def _book(self, account: Account, looked: Sequence[Looked], about: Generation) -> bool:
        """Write what may leave to the ledger, where it is not there; whether it is there now."""
        fresh: dict[bytes, Looked] = {}
        for one in looked:
            if one.passed is not None:
                # The digest is the one of the bytes that was compared.
                key = account.pseudonym + one.passed.sha256
                if not self.memories.is_released(key):
                    fresh[key] = one
        if not fresh:
            return True
        passed = [one.passed for one in fresh.values() if one.passed is not None]
        try:
            await self.parts.records.ask(self.parts.book.add, account, about, passed)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing leaves
            self.parts.log.error("release_not_recorded", exception=type(error).__name__)
            return False
        for key in fresh:
            self.memories.release(key)
        return True

    # Both

    async def _look(
        self, account: Account, pictures: Sequence[bytes], about: Generation
    ) -> list[Looked]:
        if not self.memories.has_refused():
            looked = await self.parts.pictures.look(account, pictures, about)
            self._remember(account, looked)
            return looked
        digests = await asyncio.to_thread(lambda: [hashlib.sha256(p).digest() for p in pictures])
        known = [self.memories.is_refused(account.pseudonym + digest) for digest in digests]
        others = [p for p, is_known in zip(pictures, known, strict=True) if not is_known]
        looked = await self.parts.pictures.look(account, others, about)
        self._remember(account, looked)
        rest = iter(looked)
        return [Looked(refused=True) if is_known else next(rest) for is_known in known]

    def _remember(self, account: Account, looked: Sequence[Looked]) -> None:
        for one in looked:
            if one.refused and one.sha256:
                self.memories.refuse(account.pseudonym + one.sha256)

    async def _refuse(self, account: Account, stage: Stage) -> None:
        self.notes.stage = stage.value
        if self.notes.counted:
            return
        self.notes.counted = True
        self.parts.figures.refused(stage)
        try:
            await self.parts.records.ask(self.parts.repeats.note, account, stage)
        except Exception as error:  # noqa: BLE001 - it is refused all the same
            self.parts.log.error("refusal_not_noted", exception=type(error).__name__)

    def _unchecked(self, stage: Stage, error: Exception) -> Exception:
        """Why a call cannot go on that could not be checked."""
        if isinstance(error, OverloadedError):
            return UpstreamError(503)
        self.notes.stage = stage.value
        self.parts.log.error("check_failed", stage=stage.value, exception=type(error).__name__)
        return UncheckedError(stage)
