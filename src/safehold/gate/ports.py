"""What the gate's desk works with. What blocks is called in threads; the rest says `async`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from safehold.gate.model import Account, Generation, Stage, Words


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands.

    Attributes:
        stopped: whether all its calls are refused now.
        wait_seconds: how long each of its calls waits before anything else.
    """

    stopped: bool = False
    wait_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Passed:
    """A picture that may leave.

    Attributes:
        sha256: of its bytes (32 bytes).
        pdq, quality: of the first frame as stored; None where there is none.
        at: when it was checked.
    """

    sha256: bytes
    pdq: bytes | None
    quality: int | None
    at: dt.datetime


class WordRules(Protocol):
    """The operator's rules on words and models. `gate.rules.rulebook.Rulebook` is one."""

    def refuses(self, words: Words) -> Stage | None:
        """At which stage it is refused, or None. Does not block; bounded in the words' length."""
        ...


class Moderating(Protocol):
    """Moderation endpoints for texts. `gate.rules.moderation.Moderation` is one."""

    async def refuses(self, texts: Sequence[str]) -> Stage | None:
        """`Stage.SCORE`, or None.

        Raises `UncheckedError` where an endpoint that is required gave no score.
        """
        ...


class RepeatWatch(Protocol):
    """Counts refusals. `gate.repeats.Repeats` is one. Blocks."""

    def standing(self, account: Account) -> Standing:
        """How an account stands now."""
        ...

    def note(self, account: Account, stage: Stage) -> None:
        """Record a refusal; where it is one too many, alarm the operator and tell the service."""
        ...


class ReleaseBook(Protocol):
    """Records releases. `gate.recording.ReleaseRecorder` is one. Blocks; durable at return."""

    def add(self, account: Account, about: Generation, passed: Sequence[Passed]) -> None:
        """Record pictures that are about to leave. Raises `DatabaseError`: then none leaves."""
        ...
