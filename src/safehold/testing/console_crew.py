"""The people of a house that is filled, and what happens in it at which moment."""

from __future__ import annotations

import datetime as dt
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from safehold.cases.review.choices import Clearing, Confirmation
from safehold.cases.review.model import (
    Annotation,
    Classification,
    ClearReason,
    ProposalKind,
    ViewLevel,
)
from safehold.clock import FixedClock
from safehold.ids import CaseId, ProposalId
from safehold.testing.console_door import Upload
from safehold.users.model import Session, Stage, User

if TYPE_CHECKING:
    from safehold.cases.review.service import ReviewService
    from safehold.cases.review.views import ViewService
    from safehold.runtime.service import ServiceRuntime
    from safehold.users.service import UserService
    from safehold.users.sign_in import SignIn

CLIENT = bytes(16)
MINUTE = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class House:
    """What people work with in the console."""

    users: UserService
    sign_in: SignIn
    reviews: ReviewService
    views: ViewService


class Story:
    """What happens, each thing at its moment."""

    def __init__(self, clock: FixedClock, now: dt.datetime) -> None:
        self.uploads: list[Upload] = []
        self.now = now
        self._clock = clock
        self._todo: list[tuple[dt.datetime, int, Callable[[], object]]] = []
        self._numbers = itertools.count()

    def at(self, days_ago: float, do: Callable[[], object]) -> None:
        """Have something happen so many days before the end."""
        moment = self.now - dt.timedelta(days=days_ago)
        heapq.heappush(self._todo, (moment, next(self._numbers), do))

    def run(self) -> None:
        """Let everything happen, in order."""
        while self._todo:
            moment, _, do = heapq.heappop(self._todo)
            self._clock.advance(max(moment - self._clock.now(), dt.timedelta(0)))
            do()
        self._clock.advance(max(self.now - self._clock.now(), dt.timedelta(0)))


class Crew:
    """The people, and how they work."""

    def __init__(
        self, runtime: ServiceRuntime, clock: FixedClock, house: House, users: dict[str, User]
    ) -> None:
        self.house = house
        self._runtime = runtime
        self._clock = clock
        self._users = users

    def user(self, name: str) -> User:
        """Somebody."""
        return self._users[name]

    def look(self, case_id: CaseId, name: str, seconds: float, *, sharp: bool = True) -> None:
        """Look at the first piece of evidence of a case that one has taken."""
        user, views = self._users[name], self.house.views
        session = self._session(user)
        with self._runtime.records.read() as transaction:
            evidence = transaction.cases.evidence(case_id)[0]
        view = views.open(case_id, evidence.evidence_id, user, session)
        for level in (ViewLevel.BLURRED, ViewLevel.GREY) if sharp else (ViewLevel.BLURRED,):
            self._clock.advance(dt.timedelta(seconds=2))
            shown = views.showing(view.view_id, user, session, level, 0)
            views.shown(view.view_id, level, shown.still, 1, whole=True)
        self._clock.advance(dt.timedelta(seconds=seconds))
        seen = {0} if sharp else set()
        views.end(view.view_id, user, session, seconds if sharp else 0.0, seen)

    def confirm(
        self,
        case_id: CaseId,
        name: str,
        classification: Classification | None = None,
        annotations: frozenset[Annotation] = frozenset(),
    ) -> None:
        """Take and confirm a case, with a look where one is needed."""
        self.take(case_id, name)
        user = self._users[name]
        if self.house.reviews.dossier(case_id, user).needs_view:
            self.look(case_id, name, 4)
        self.house.reviews.confirm(case_id, user, Confirmation(classification, annotations))

    def clear(self, case_id: CaseId, name: str, second: str, reason: ClearReason) -> None:
        """Take, look at and clear a case; where two people are needed the other one approves."""
        self.take(case_id, name)
        self.look(case_id, name, 6)
        user, reviews = self._users[name], self.house.reviews
        if not reviews.dossier(case_id, user).clear_needs_two:
            reviews.clear(case_id, user, Clearing(reason))
            return
        proposal = self.propose_clear(case_id, name, reason)
        reviews.release(case_id, user)
        self._clock.advance(30 * MINUTE)
        self.take(case_id, second)
        self.look(case_id, second, 5)
        reviews.approve(proposal, self._users[second])

    def propose_clear(self, case_id: CaseId, name: str, reason: ClearReason) -> ProposalId:
        """Propose to clear a case that one has taken and looked at."""
        details = {"reason": reason.value}
        words = "The drawing is another one than the entry stands for."
        made = self.house.reviews.propose(
            case_id, self._users[name], ProposalKind.CLEAR, details, words
        )
        return made.proposal_id

    def take(self, case_id: CaseId, name: str) -> None:
        """Lock a case."""
        self.house.reviews.take(case_id, self._users[name])
        self._clock.advance(MINUTE)

    def _session(self, user: User) -> Session:
        now = self._clock.now()
        until = now + dt.timedelta(hours=8)
        token = user.user_id.encode().ljust(32, b"\0")[:32]
        return Session(token, user.user_id, Stage.FULL, now, now, until, CLIENT)
