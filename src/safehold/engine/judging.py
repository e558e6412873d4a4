"""Matching, policy and triage in batches, in a thread of its own.

While one batch is judged the next gathers, so a batch is as large as the load makes it, one item
never waits for others to come, and many items cost one search of each list and one reading of
the records.
"""

from __future__ import annotations

import datetime as dt
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from safehold.clock import Clock
from safehold.engine.errors import EndingError, ListsUnavailableError
from safehold.engine.lists import ListWatch, OpenLists
from safehold.errors import SafeholdError
from safehold.ids import ListName
from safehold.intake.model import Answer, Submission
from safehold.lists.trust.model import Suppressed
from safehold.policy.model import PolicyOptions
from safehold.policy.surfaces import SurfaceOptions
from safehold.runtime.log import Log
from safehold.screening import Examination, Rules, Screened

LARGEST_BATCH = 64


@dataclass(frozen=True, slots=True)
class Rulebook:
    """By which rules items of one surface are judged, but for the lists' state.

    Attributes:
        surface: its settings.
        policy: the options of decisions on it.
        hidden: lists that never count here.
        only: the lists that count; None for all.
        canary: whether the items are canaries.
    """

    surface: SurfaceOptions
    policy: PolicyOptions
    hidden: frozenset[str]
    only: frozenset[str] | None
    canary: bool

    @classmethod
    def of(
        cls,
        surface: SurfaceOptions,
        base: PolicyOptions,
        canary_list: ListName | None,
        *,
        canary: bool,
    ) -> Rulebook:
        """The rules of a surface; for canaries the canaries' list alone counts."""
        lists = frozenset({str(canary_list)} if canary_list else ())
        if canary:
            return cls(SurfaceOptions(), PolicyOptions(), frozenset(), lists, canary=True)
        only = frozenset(surface.lists) or None
        return cls(surface, surface.policy(base), lists, only, canary=False)

    def rules(self, lists: OpenLists, now: dt.datetime) -> Rules:
        """The rules at this moment."""
        if not self.surface.required_lists:
            return self.plain_rules()
        faults = self.surface.list_faults(lists.updated, now)
        return replace(self.plain_rules(), list_faults=faults)

    def plain_rules(self) -> Rules:
        """The rules, whatever state the lists are in."""
        threshold = self.surface.threshold if self.surface.threshold >= 0 else None
        return Rules(self.policy, self.only, self.hidden, threshold)

    def versions(self, lists: OpenLists) -> Mapping[str, int]:
        """Names and versions of the lists that count."""
        return {
            name: version
            for name, version in lists.versions.items()
            if name not in self.hidden and (self.only is None or name in self.only)
        }


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of one item.

    Attributes:
        rules: by which it was decided.
        submission: the item as it may be recorded.
        outcome: the answer, or why there is none; None where it must be recorded, or where
            classifiers or remote matchers are asked first.
    """

    rules: Rules
    submission: Submission
    outcome: Answer | SafeholdError | None


@dataclass(slots=True, eq=False)
class Question:
    """An item to be judged.

    Attributes:
        examination: what was found in it.
        rulebook: the rules of its surface.
        submit: makes the submission of the screened item with names and versions of lists.
        told: is called once, in the judge's thread.
        suppressed: what is suppressed of bytes, from their SHA-256; None for nothing.
        asks: whether classifiers or remote matchers are asked before it is answered.
    """

    examination: Examination
    rulebook: Rulebook
    submit: Callable[[Screened, Mapping[str, int]], Submission] = field(repr=False)
    told: Callable[[Judged | SafeholdError], None] = field(repr=False)
    asks: bool = False
    suppressed: Callable[[bytes], Suppressed] | None = field(default=None, repr=False)

    def rules(self, lists: OpenLists, now: dt.datetime) -> Rules:
        """The rules by which it is judged at this moment."""
        rules = self.rulebook.rules(lists, now)
        exact = self.examination.exact
        if self.suppressed is None or exact is None:
            return rules
        suppressed = self.suppressed(exact.sha256)
        return replace(rules, suppressed=suppressed) if suppressed else rules


class Judge:
    """Judges items. `ask` may be called from any thread."""

    def __init__(
        self,
        lists: ListWatch,
        triage: Callable[[Sequence[Submission]], list[Answer | SafeholdError | None]],
        clock: Clock,
        log: Log,
    ) -> None:
        self._lists = lists
        self._triage = triage
        self._clock = clock
        self._log = log
        self._queue: queue.SimpleQueue[Question | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="judge", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def ask(self, question: Question) -> None:
        """Have an item judged."""
        with self._lock:
            ended = self._ended
            if not ended:
                self._queue.put(question)
        if ended:
            question.told(EndingError())

    def stop(self) -> None:
        """Judge what is there, and end."""
        with self._lock:
            self._ended = True
            self._queue.put(None)
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        ended = False
        while not ended:
            batch: list[Question] = []
            question = self._queue.get()
            while question is not None:
                batch.append(question)
                if len(batch) == LARGEST_BATCH or self._queue.empty():
                    break
                question = self._queue.get()
            ended = question is None
            if batch:
                self._judge_all(batch)

    def _judge_all(self, batch: list[Question]) -> None:
        """Judge a batch; where that fails each by itself, so that one item spoils no other."""
        try:
            outcomes = self._judge(batch)
        except SafeholdError as error:
            outcomes = [error] * len(batch)
        except Exception as error:  # noqa: BLE001 - the thread must go on; the items are held back
            self._log.error("judging_failed", exception=type(error).__name__)
            if len(batch) > 1:
                for question in batch:
                    self._judge_all([question])
                return
            outcomes = [ListsUnavailableError()]
        for question, outcome in zip(batch, outcomes, strict=True):
            question.told(outcome)

    def _judge(self, batch: list[Question]) -> list[Judged | SafeholdError]:
        now = self._clock.now()
        with self._lists.using() as lists:
            rules = [question.rules(lists, now) for question in batch]
            screened = lists.screening.judge([question.examination for question in batch], rules)
            submissions = [
                question.submit(one, question.rulebook.versions(lists))
                for question, one in zip(batch, screened, strict=True)
            ]
        told = [s for s, question in zip(submissions, batch, strict=True) if not question.asks]
        answers = iter(self._triage(told) if told else [])
        return [
            Judged(rule, submission, None if question.asks else next(answers))
            for question, rule, submission in zip(batch, rules, submissions, strict=True)
        ]
