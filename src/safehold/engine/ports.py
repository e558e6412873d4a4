"""What the engine is given. All of it blocks and is called in threads, unless it is said otherwise.

They raise subclasses of `SafeholdError`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from safehold.classifiers.model import ClassifierItem, Score
from safehold.errors import SafeholdError
from safehold.ids import ServiceId
from safehold.intake.model import Answer, Submission
from safehold.lists.model import ListInfo
from safehold.lists.trust.model import Suppressed
from safehold.remote.model import Answered, RemoteItem

if TYPE_CHECKING:
    from safehold.matching.interface import OpenList


class Triage(Protocol):
    """Answers and records items. `safehold.intake.recorder.Recorder` is one."""

    def triage(self, submissions: Sequence[Submission]) -> list[Answer | SafeholdError | None]:
        """Answer what needs no record; None for what does."""
        ...

    def record(self, submission: Submission) -> Answer:
        """Record an item where need be; its answer, once everything is on the disk."""
        ...


class ListSource(Protocol):
    """Lists and their snapshots. `safehold.lists.service.ListService` is one."""

    def show(self) -> list[ListInfo]:
        """All lists."""
        ...

    def open(self, names: Sequence[str] | None = None) -> tuple[OpenList, ...]:
        """Open lists, each snapshot checked as a whole."""
        ...

    def advance(self, opened: OpenList, name: str) -> OpenList | None:
        """An open list at its present version, over the same snapshot.

        Gives the list itself where nothing changed, None where it must be opened anew.
        """
        ...

    def is_moved(self, opened: OpenList, name: str) -> bool:
        """Whether the snapshot of an open list was made anew since it was opened."""
        ...


class Keeping(Protocol):
    """Keeps digests of what is allowed. `safehold.retro.keeping.Keeper` is one."""

    def keep(self, submission: Submission, receipt: str, days: float) -> None:
        """Keep those of one item for so many days. Does not block."""
        ...

    @property
    def lost(self) -> int:
        """Allowed items of which nothing was kept, though it should."""
        ...


class Suppressing(Protocol):
    """Knows what is suppressed. `safehold.lists.trust.view.SuppressionView` is one."""

    def of(self, service: ServiceId, sha256: bytes) -> Suppressed:
        """What is suppressed of some bytes of a service. Does not block."""
        ...

    def refresh(self) -> bool:
        """Read what changed; whether anything did."""
        ...


class Classifying(Protocol):
    """Asks classifiers. `safehold.classifiers.run.Classifiers` is one."""

    async def classify(
        self, item: ClassifierItem, names: frozenset[str] | None = None
    ) -> tuple[Score, ...]:
        """The scores of an item. Does not block."""
        ...


class RemoteMatching(Protocol):
    """Asks remote matchers. `safehold.engine.remote.LazyMatchers` is one."""

    async def ask(self, item: RemoteItem, names: Collection[str]) -> tuple[Answered, ...]:
        """What the matchers say of an item. Does not block."""
        ...

    async def close(self) -> None:
        """Close connections; nothing is asked any more."""
        ...
