"""A house in which people review: intake before it, and the services of review over its records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from safehold.audit.model import Event
from safehold.cases.model import Case, CaseState, DecisionRecord, Evidence
from safehold.cases.records import Records
from safehold.cases.review import rules
from safehold.cases.review.model import ReviewOptions, View, ViewLevel
from safehold.cases.review.parts import ReviewParts
from safehold.cases.review.service import ReviewService
from safehold.cases.review.views import ViewService
from safehold.hashing.model import SignalType, VariantDigests
from safehold.ids import CaseId, IdMaker, ServiceId
from safehold.intake.model import Answer, Appeal, Context, Flag, Submission
from safehold.matching.match import Match
from safehold.media.model import Fault
from safehold.users.model import Preferences, Session, Stage, User
from safehold.users.roles import Role
from tests.cases.review.made import user
from tests.intake.house import NOW, SHOP, House, match, submission

ANN = user("ann")
BEN = user("ben")
CYD = user("cyd", Role.APPROVER)
DEE = user("dee", Role.APPROVER)
OLE = user("ole", Role.OFFICER)
EXACT = match()
MD5 = replace(match(), signal=SignalType.MD5, known_by=frozenset({SignalType.MD5}))
NEAR = match(exact=False)
PICTURE = bytes(range(32))


def session(name: str) -> Session:
    """A session of somebody; `name` tells one from another."""
    token = name.encode().ljust(32, b"-")
    later = NOW + dt.timedelta(days=1)
    return Session(token, user(name).user_id, Stage.FULL, NOW, NOW, later, b"")


def flipped(bits: int) -> bytes:
    """A hash so many bits from `PICTURE`."""
    number = int.from_bytes(PICTURE, "big") ^ ((1 << bits) - 1)
    return number.to_bytes(32, "big")


def picture(
    content: bytes,
    matches: Iterable[Match] = (NEAR,),
    *,
    pdq: bytes = PICTURE,
    quality: int = 80,
    service: ServiceId = SHOP,
    fault: Fault | None = None,
    uploader: str = "u-1",
) -> Submission:
    """An item that is a picture with this hash."""
    item = submission(content, matches, fault, service=service, uploader=uploader)
    variant = VariantDigests("whole", quality, (pdq,) * 8)
    examination = replace(item.screened.examination, variants=(variant,))
    return replace(item, screened=replace(item.screened, examination=examination))


class Office:
    """The services of review, with what tests ask them for again and again."""

    def __init__(self, records: Records, options: ReviewOptions | None = None) -> None:
        self.house = House(records)
        self.records = records
        self.clock = self.house.clock
        self.reported: set[CaseId] = set()
        self.parts = ReviewParts(
            records=records,
            vault=self.house.vault,
            officers=lambda: [self.house.officer.recipient],
            receipt_messages=self.house.parts.receipt_messages,
            ids=IdMaker(self.clock),
            clock=self.clock,
            options=options or ReviewOptions(),
            names=self.house.names,
            reported=lambda _, case_id: case_id in self.reported,
        )
        with records.write() as transaction:
            for who in (ANN, BEN, CYD, DEE, OLE):
                transaction.users.add(who)
        self.reviews = ReviewService(self.parts)
        self.views = ViewService(self.parts)

    def hold(self, item: Submission) -> CaseId:
        """Record an item; its case."""
        self.house.recorder.record(item)
        content = self.house.names.content(item.service_id, item.sha256)
        with self.records.read() as transaction:
            case = transaction.cases.find_content(item.service_id, content)
        assert case is not None
        return case.case_id

    def answer(self, item: Submission) -> Answer:
        """What intake answers, by the quick path where that answers, as a server asks."""
        quick = self.house.recorder.triage([item])[0]
        assert quick is None or isinstance(quick, Answer)
        return quick if quick is not None else self.house.recorder.record(item)

    def case(self, case_id: CaseId) -> Case:
        with self.records.read() as transaction:
            case = transaction.cases.find(case_id)
        assert case is not None
        return case

    def evidence(self, case_id: CaseId) -> Evidence:
        with self.records.read() as transaction:
            return transaction.cases.evidence(case_id)[-1]

    def events(self, case_id: CaseId) -> list[Event]:
        with self.records.read() as transaction:
            return list(transaction.audit.events_of(case_id))

    def kinds(self, case_id: CaseId) -> list[str]:
        return [event.draft.kind for event in self.events(case_id)]

    def decided(self, case_id: CaseId) -> DecisionRecord:
        """The person's decision that stands."""
        with self.records.read() as transaction:
            decisions = transaction.cases.decisions(case_id)
        found = rules.standing(self.case(case_id), decisions)
        assert found is not None
        return found

    def change(self, who: User, **fields: Any) -> None:
        """Change somebody's account."""
        with self.records.write() as transaction:
            transaction.users.update(replace(who, **fields))

    def look(
        self, case_id: CaseId, who: User, level: ViewLevel = ViewLevel.BLURRED, stills: int = 1
    ) -> View:
        """Take a case, open a view, be shown a still, and end it."""
        self.reviews.take(case_id, who)
        evidence = self.evidence(case_id)
        view = self.views.open(case_id, evidence.evidence_id, who, session(who.name))
        self.views.showing(view.view_id, who, session(who.name), level, 0)
        self.views.shown(view.view_id, level, 0, stills, True)
        self.later(seconds=5)
        return self.views.end(view.view_id, who, session(who.name), 3.0, range(stills))

    def later(self, **by: float) -> None:
        self.clock.advance(dt.timedelta(**by))

    def flag(self, item: Submission) -> None:
        """A user flags the bytes of an item."""
        context = Context(uploader="u-1")
        now = self.clock.now()
        self.house.statements.flag(
            Flag(SHOP, "public", None, item.sha256, "nudity", "words", "u-9", context, now)
        )

    def appeal(self, receipt: str) -> None:
        """An uploader appeals."""
        now = self.clock.now()
        self.house.statements.appeal(Appeal(SHOP, receipt, "why?", "u-1", now))

    def receipt(self, case_id: CaseId) -> str:
        with self.records.read() as transaction:
            return transaction.cases.occurrences(case_id)[0].receipt

    def is_open(self, case_id: CaseId) -> bool:
        return self.case(case_id).state is CaseState.OPEN


def strict(name: str, **chosen: int | bool) -> User:
    """Somebody who has chosen stricter bounds."""
    return user(name, Role.REVIEWER, preferences=Preferences(**chosen))  # type: ignore[arg-type]
