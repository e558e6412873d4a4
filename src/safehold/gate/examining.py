"""Looking at pictures, going in or coming out, through the engine that all doors share.

A picture may go on by verdict on exactly its bytes: it was screened in sealed memory that was
written from the object that goes on, and the digest of that object is the one that was found.
Whatever else happens, it may not.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from safehold.cases.model import OccurrenceKind, Queue
from safehold.clock import Clock
from safehold.config.gates import GateOptions
from safehold.engine.engine import Engine, Item, Settled
from safehold.engine.figures import Figures
from safehold.engine.judging import Rulebook
from safehold.engine.spool import Body, Spool
from safehold.errors import SafeholdError
from safehold.gate.model import Account, Generation
from safehold.gate.ports import Passed
from safehold.ids import ServiceId
from safehold.intake.finding import finding_of
from safehold.intake.model import Context, Submission
from safehold.lists.trust.model import Suppressed
from safehold.media.sniff import PICTURE_FORMATS
from safehold.policy.model import Verdict
from safehold.provenance.model import Place
from safehold.runtime.log import Log
from safehold.screening import Screened

HEAD_START_SECONDS = 0.002
"""How long the worker has to begin before anything else is computed: on few cores it would wait."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of one picture.

    Attributes:
        passed: it may go on; None where it may not.
        refused: whether something was found; else it could not be checked.
        sha256: of the bytes of what was refused.
    """

    passed: Passed | None = None
    refused: bool = False
    sha256: bytes = field(default=b"", repr=False)


NOT_CHECKED = Looked()


@dataclass(frozen=True, slots=True)
class ExaminingParts:
    """What looking is joined from.

    Attributes:
        engine: finds, decides and records.
        spool: memory for what is being looked at.
        rulebook: the rules of the surface.
        options: bounds.
        service: to which service cases belong.
        clock, figures, log: the present moment; what is counted; where it is told.
        at_once: pictures of one account that are looked at at once; further ones wait.
        suppressed: what is suppressed of bytes, from their SHA-256; None for nothing.
    """

    engine: Engine
    spool: Spool
    rulebook: Rulebook
    options: GateOptions
    service: ServiceId
    clock: Clock
    figures: Figures
    log: Log
    at_once: int = 64
    suppressed: Callable[[bytes], Suppressed] | None = None


class Pictures:
    """Looks at pictures. For the thread of the event loop."""

    def __init__(self, parts: ExaminingParts) -> None:
        self._parts = parts
        # A turn is there for as long as somebody waits for it.
        self._turns: WeakValueDictionary[bytes, asyncio.Semaphore] = WeakValueDictionary()

    async def look(
        self, account: Account, pictures: Sequence[bytes], about: Generation
    ) -> list[Looked]:
        """Look at all of them at once; in the order of the question. Raises nothing.

        What is taken is seen through, whether or not anybody waits for it.
        """
        if not pictures:
            return []
        if len(pictures) > self._parts.options.max_pictures:
            return [NOT_CHECKED] * len(pictures)
        unique = _unique(pictures)
        context = _context(account, about)
        turn = self._turns.get(account.pseudonym)
        if turn is None:
            turn = self._turns[account.pseudonym] = asyncio.Semaphore(self._parts.at_once)
        owner = account.pseudonym.hex()
        tasks = [asyncio.ensure_future(self._one(one, context, turn, owner)) for one in unique]
        try:
            await asyncio.wait(tasks, timeout=self._parts.options.check_seconds)
        finally:
            for task in tasks:
                task.cancel()  # those that are waited for no longer; the engine goes on
        found = [
            NOT_CHECKED if not task.done() or task.cancelled() else task.result() for task in tasks
        ]
        return [found[unique.index(picture)] for picture in pictures]

    async def _one(
        self, picture: bytes, context: Context, turn: asyncio.Semaphore, owner: str
    ) -> Looked:
        try:
            async with turn:
                settled, sha256 = await self._settled(picture, context, owner)
            return self._looked(settled, sha256)
        except SafeholdError as error:
            self._parts.log.warning("picture_not_checked", code=error.code)
        except Exception as error:  # noqa: BLE001 - whatever it is, the picture is withheld
            self._parts.log.error("picture_check_failed", exception=type(error).__name__)
        return NOT_CHECKED

    async def _settled(self, picture: bytes, context: Context, owner: str) -> tuple[Settled, bytes]:
        parts = self._parts
        parts.engine.check_room()
        body = parts.spool.body(parts.options.max_answer_bytes, owner)
        try:
            body.write(picture)
            body.seal()
            received = parts.clock.now()

            def submit(screened: Screened, lists: Mapping[str, int]) -> Submission:
                return self._submission(screened, lists, context, (received, body))

            task = parts.engine.take(Item(parts.rulebook, submit, body, None, parts.suppressed))
        except BaseException:
            body.close()
            raise
        settled, sha256 = await asyncio.gather(asyncio.shield(task), _digest(picture))
        return settled, sha256

    def _submission(
        self,
        screened: Screened,
        lists: Mapping[str, int],
        context: Context,
        item: tuple[dt.datetime, Body],
    ) -> Submission:
        received, body = item
        exact = screened.examination.exact
        return Submission(
            service_id=self._parts.service,
            kind=OccurrenceKind.GENERATION,
            surface=self._parts.options.surface,
            context=context,
            received=received,
            sha256=exact.sha256 if exact is not None else b"",
            screened=screened,
            lists=lists,
            descriptor=body.descriptor,
        )

    def _looked(self, settled: Settled, sha256: bytes) -> Looked:
        verdict = settled.answer.verdict
        self._parts.figures.verdict(verdict)
        examination = settled.submission.screened.examination
        if verdict is not Verdict.ALLOW:
            return Looked(refused=_is_found(settled), sha256=sha256)
        exact = examination.exact
        if examination.fault is not None or examination.format not in PICTURE_FORMATS:
            return NOT_CHECKED
        if exact is None or exact.sha256 != sha256 or not examination.variants:
            return NOT_CHECKED
        if any(map(_hides, examination.reading.pieces)):
            return NOT_CHECKED
        first = examination.variants[0]
        return Looked(Passed(sha256, first.pdq[0], first.quality, self._parts.clock.now()))


def _unique(pictures: Sequence[bytes]) -> list[bytes]:
    """Those that differ. By comparing, which ends soon: hashing reads all of each."""
    unique: list[bytes] = []
    for picture in pictures:
        if picture not in unique:
            unique.append(picture)
    return unique


def _is_found(settled: Settled) -> bool:
    """Whether something was found in these bytes, now or before; else they are only in doubt."""
    finding = finding_of(settled.submission)
    if settled.answer.verdict is Verdict.BLOCK:
        return True
    return finding.verdict is not Verdict.ALLOW and finding.queue is not Queue.FAULTS


def _hides(place: Place) -> bool:
    """Whether a place after a picture's end is too large to be looked at."""
    return not place.sha256 and place.path.endswith(("/trailing", "/picture"))


def _context(account: Account, about: Generation) -> Context:
    """What is sealed to a case of this making."""
    known = {
        "api": about.api.value,
        "models": [
            {"name": model.name, "digest": model.digest} if model.digest else {"name": model.name}
            for model in about.models
        ],
        "seed": about.seed,
        "job": about.job,
    }
    told = json.dumps({k: v for k, v in known.items() if v}, ensure_ascii=False, sort_keys=True)
    return Context(
        uploader=_sound(account.name),
        ip=account.address,
        prompt=_sound(about.words),
        generation=_sound(told),
    )


def _sound(text: str) -> str:
    # JSON of callers may hold halves of characters, which UTF-8 cannot.
    return text.encode("utf-8", "replace").decode("utf-8")


async def _digest(picture: bytes) -> bytes:
    """The SHA-256 of a picture, computed while a worker looks at it, and not before it does."""
    await asyncio.sleep(HEAD_START_SECONDS)
    return await asyncio.get_running_loop().run_in_executor(None, _sha256, picture)


def _sha256(picture: bytes) -> bytes:
    return hashlib.sha256(picture).digest()
