"""From whole bytes to an answer: examined, judged, scored, recorded.

    event loop -> examiner's thread -> judge's thread -> event loop [-> a recording thread]

Once an item is taken it is seen through, whether or not its caller waits: what is found is
never lost. So an item's body is closed here and not by the call. So many items may be under way
and no more; above that calls are refused, and no queue grows.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from safehold.classifiers.model import (
    ClassifierItem,
    ClassifierOptions,
    Score,
    over_mark,
    unscored,
)
from safehold.engine.errors import EndingError, OverloadedError
from safehold.engine.examiner import Examiner
from safehold.engine.figures import Figures
from safehold.engine.judging import Judge, Judged, Question, Rulebook
from safehold.engine.ports import Classifying, Keeping, RemoteMatching, Triage
from safehold.engine.spool import Body
from safehold.errors import SafeholdError

# What screening loads late a server has from the start: without a descriptor nothing is loaded.
from safehold.hashing import exact as _exact  # noqa: F401
from safehold.intake.model import Answer, Submission
from safehold.lists.trust.model import Suppressed
from safehold.media.sniff import PICTURE_FORMATS
from safehold.policy.model import Verdict
from safehold.remote.model import Answered, RemoteCode, RemoteItem
from safehold.screening import Examination, Screened, Screening, with_exact_digests

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Item:
    """An item to be answered.

    Attributes:
        rulebook: the rules of its surface.
        submit: makes its submission once it is screened.
        body: its bytes; None where digests alone are known.
        examination: what is known of it where there is no body.
        suppressed: what is suppressed of bytes in its service, from their SHA-256; None for
            nothing. Called in the judge's thread.
    """

    rulebook: Rulebook
    submit: Callable[[Screened, Mapping[str, int]], Submission]
    body: Body | None = None
    examination: Examination | None = None
    suppressed: Callable[[bytes], Suppressed] | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """An item's answer, and the submission that it was given for."""

    answer: Answer
    submission: Submission


@dataclass(frozen=True, slots=True)
class EngineParts:
    """What an engine is made of.

    Attributes:
        examiner, judge: the two threads.
        recorder: records items.
        figures: where seconds and queue lengths are told.
        max_waiting: items that may be under way.
        write_threads: items that are recorded at once.
        classifiers: settings of the classifiers that surfaces may name.
        asking: asks them; None where there are none.
        matchers: asks remote matchers; None where there are none.
        keeping: keeps digests of what is allowed, where surfaces say so.
    """

    examiner: Examiner
    judge: Judge
    recorder: Triage
    figures: Figures
    max_waiting: int
    write_threads: int = 8
    classifiers: tuple[ClassifierOptions, ...] = ()
    asking: Classifying | None = None
    matchers: RemoteMatching | None = None
    keeping: Keeping | None = None


class Engine:
    """Answers items. For the thread of the event loop."""

    def __init__(self, parts: EngineParts) -> None:
        self._parts = parts
        keeping = parts.keeping
        told = "Allowed items of which digests were to be kept and were not."
        lost = (lambda: keeping.lost) if keeping is not None else (lambda: 0)
        parts.figures.gauge("safehold_digests_lost", told, lost)
        self._tasks: set[asyncio.Task[Settled]] = set()
        self._writers = ThreadPoolExecutor(parts.write_threads, "record")
        self._readers = ThreadPoolExecutor(2, "digests")
        self._ended = False

    @property
    def under_way(self) -> int:
        """Items that were taken and are not answered."""
        return len(self._tasks)

    @property
    def ready(self) -> bool:
        """Whether files can be read."""
        return self._parts.examiner.ready

    def check_room(self) -> None:
        """Raise `OverloadedError` where no further item is taken now."""
        if self._ended:
            raise EndingError
        if len(self._tasks) >= self._parts.max_waiting:
            raise OverloadedError

    def take(self, item: Item) -> asyncio.Task[Settled]:
        """Take an item and its body, which is closed when all is done, whoever waits.

        Raises:
            OverloadedError: there is no room; the body stays the caller's.
        """
        self.check_room()
        task = asyncio.get_running_loop().create_task(self._see_through(item))
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def stop(self) -> None:
        """Finish what was taken, and end the threads."""
        self._ended = True
        while self._tasks:
            await asyncio.wait(self._tasks)
        if self._parts.matchers is not None:
            await self._parts.matchers.close()
        await asyncio.to_thread(self._stop_threads)

    def _stop_threads(self) -> None:
        self._parts.examiner.stop()
        self._parts.judge.stop()
        self._writers.shutdown()
        self._readers.shutdown()

    def _done(self, task: asyncio.Task[Settled]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited was told; nobody may be left

    async def _see_through(self, item: Item) -> Settled:
        try:
            began = time.perf_counter()
            examination = item.examination
            if examination is None:
                examination = await self._examine(item)
                began = self._parts.figures.took("examine", began)
            judged = await self._judge(item, examination)
            began = self._parts.figures.took("judge", began)
            if judged.outcome is None:
                judged = await self._record(item, judged)
                self._parts.figures.took("record", began)
            if isinstance(judged.outcome, SafeholdError):
                raise judged.outcome
            assert judged.outcome is not None
            settled = Settled(judged.outcome, judged.submission)
            self._keep(item, settled)
            return settled
        finally:
            if item.body is not None:
                item.body.close()

    def _keep(self, item: Item, settled: Settled) -> None:
        """Have digests of an allowed item kept; an answer that is given again was kept before."""
        days, answer = item.rulebook.surface.keep_digests_days, settled.answer
        if self._parts.keeping is None or not days or answer.verdict is not Verdict.ALLOW:
            return
        if answer.replayed is None:
            self._parts.keeping.keep(settled.submission, answer.receipt, days)

    async def _examine(self, item: Item) -> Examination:
        assert item.body is not None
        descriptor = item.body.descriptor
        found: Examination = await _told(lambda told: self._parts.examiner.submit(descriptor, told))
        if found.exact is None:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._readers, with_exact_digests, descriptor, found)
        return found

    async def _judge(self, item: Item, examination: Examination) -> Judged:
        surface = item.rulebook.surface
        asks = bool(surface.matchers or (surface.classifiers and item.body is not None))
        judged: Judged = await _told(
            lambda told: self._parts.judge.ask(
                Question(examination, item.rulebook, item.submit, told, asks, item.suppressed)
            )
        )
        return judged

    async def _record(self, item: Item, judged: Judged) -> Judged:
        submission = judged.submission
        # An item that is blocked already needs nobody's word.
        if submission.screened.decision.verdict is not Verdict.BLOCK:
            scored, matched = await asyncio.gather(
                self._score(item, judged), self._match(item, judged)
            )
            submission = _with_remote(scored, judged, matched)
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._writers, self._parts.recorder.record, submission)
        return replace(judged, submission=submission, outcome=answer)

    async def _score(self, item: Item, judged: Judged) -> Submission:
        """Ask the surface's classifiers."""
        submission, asking = judged.submission, self._parts.asking
        names = frozenset(item.rulebook.surface.classifiers)
        if not names or item.body is None:
            return submission
        options = [option for option in self._parts.classifiers if option.name in names]
        scores: tuple[Score, ...] = ()
        if asking is not None:
            # What was found already is recorded whatever becomes of this; without a score the
            # item is unscored.
            with contextlib.suppress(Exception):
                scores = await asking.classify(
                    _picture(item.body, submission.screened.examination), names
                )
        screened = Screening.with_scores(
            submission.screened,
            judged.rules,
            over_mark=over_mark(options, scores),
            # A surface that names a classifier that is not there is not checked by it.
            unscored=unscored(options, scores) or len(options) < len(names),
        )
        told = tuple({**asdict(score), "code": score.code.value} for score in scores)
        return replace(submission, screened=screened, scores=told)

    async def _match(self, item: Item, judged: Judged) -> tuple[Answered, ...]:
        """Ask the surface's remote matchers."""
        names = item.rulebook.surface.matchers
        if not names:
            return ()
        if self._parts.matchers is None:
            # A surface that names a matcher that is not there is not checked by it.
            return tuple(Answered(name, RemoteCode.NOT_CONFIGURED) for name in sorted(names))
        about = _about(item.body, judged.submission.screened.examination)
        # What was found already is recorded whatever becomes of this.
        with contextlib.suppress(Exception):
            return await self._parts.matchers.ask(about, names)
        return tuple(Answered(name, RemoteCode.UNAVAILABLE) for name in sorted(names))


def _with_remote(submission: Submission, judged: Judged, said: tuple[Answered, ...]) -> Submission:
    """One decision, with what remote matchers say too."""
    if not said:
        return submission
    screened = Screening.with_remote(
        submission.screened,
        judged.rules,
        tuple(match for one in said for match in one.matches),
        unanswered=any(one.is_missing for one in said),
    )
    told = tuple({"name": one.name, "code": one.code.value} for one in said)
    return replace(submission, screened=screened, matchers=told)


def _about(body: Body | None, examination: Examination) -> RemoteItem:
    """What remote matchers may be asked about an item."""
    picture = examination.format in PICTURE_FORMATS
    if body is None:
        return RemoteItem(examination.variants, picture, "", 0)
    known = _picture(body, examination)
    return RemoteItem(examination.variants, picture, known.media_type, known.size, known.read)


def _picture(body: Body, examination: Examination) -> ClassifierItem:
    async def read() -> bytes:
        return await asyncio.to_thread(os.pread, body.descriptor, body.size, 0)

    kind = examination.format
    media_type = f"image/{kind}" if kind in PICTURE_FORMATS else "application/octet-stream"
    return ClassifierItem(media_type, body.size, read)


async def _told(ask: Callable[[Callable[[Any], None]], None]) -> Any:
    """Wait for what another thread tells; an error that it tells is raised."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def set_result(value: Any) -> None:
        if not future.done():
            future.set_result(value)

    def told(value: Any) -> None:
        loop.call_soon_threadsafe(set_result, value)

    ask(told)
    value = await future
    if isinstance(value, SafeholdError):
        raise value
    return value
