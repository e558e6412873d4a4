"""From a reviewer's view to a picture, with the real services of review on both sides."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from safehold.audit.model import EventDraft
from safehold.cases.model import Case, Evidence
from safehold.cases.names import KeyedNames
from safehold.cases.review.model import CaseLock, ReviewOptions, View, ViewLevel
from safehold.cases.review.parts import ReviewParts
from safehold.cases.review.views import ViewService
from safehold.clock import FixedClock
from safehold.custodian.interface import Access, NoViewError, Previewed, PreviewWish
from safehold.custodian.local import LocalCustodian
from safehold.custodian.open_views import OpenViews
from safehold.custodian.previews import Previews
from safehold.hashing.keyed import DigestKey
from safehold.ids import IdMaker, UserId
from safehold.outbox.webhooks import ReceiptMessages
from safehold.testing.records import MemoryRecords
from safehold.users.model import Session, Stage, User
from safehold.users.roles import Role
from tests.custodian.conftest import KEY, NOW, Room
from tests.custodian.looking import CASE, PICTURE, Books, looking, new_previews
from tests.media.preview_samples import ORIGINALS, seen

ANNA = User(UserId("anna1"), "anna", frozenset({Role.REVIEWER}), NOW)
SESSION = Session(
    token_hash=bytes(32),
    user_id=ANNA.user_id,
    stage=Stage.FULL,
    created=NOW,
    seen=NOW,
    expires=NOW + dt.timedelta(hours=8),
    client=bytes(16),
)


@pytest.fixture(scope="module")
def previews() -> Iterator[Previews]:
    made = new_previews()
    yield made
    made.close()


class House:
    """A case with a held picture, locked by a reviewer, and a custodian."""

    def __init__(self, room: Room, previews: Previews) -> None:
        held = looking(room, previews)
        held.hold(ORIGINALS["animated gif"])
        self.clock = FixedClock(NOW)
        self.records = MemoryRecords()
        books = Books()
        self.case: Case = replace(books.cases.cases[CASE], recipient=room.recipient, key_name=KEY)
        self.evidence: Evidence = books.cases.rows[0]
        ids = IdMaker(self.clock)
        with self.records.write() as transaction:
            transaction.cases.add(self.case)
            transaction.cases.add_evidence(self.evidence)
            until = NOW + dt.timedelta(minutes=15)
            transaction.reviews.lock(CaseLock(CASE, ANNA.user_id, NOW, until))
        self.views = ViewService(
            ReviewParts(
                records=self.records,
                vault=room.vault,
                officers=room.parts.officers.recipients,
                receipt_messages=ReceiptMessages(ids),
                ids=ids,
                clock=self.clock,
                options=ReviewOptions(),
                names=KeyedNames(DigestKey(bytes(32))),
            )
        )
        self.custodian = LocalCustodian(
            replace(
                room.parts,
                clock=self.clock,
                audit=self._audit,
                views=OpenViews(self.records, self.clock),
                previews=previews,
            )
        )

    def _audit(self, event: EventDraft) -> None:
        with self.records.write() as transaction:
            transaction.audit.append([event])

    @property
    def kinds(self) -> list[str]:
        with self.records.read() as transaction:
            return [event.draft.kind for event in transaction.audit.events()]

    def open(self) -> View:
        return self.views.open(CASE, self.evidence.evidence_id, ANNA, SESSION)

    def ask(
        self, view: View, level: str, still: int, side: int, mark: str = "anna"
    ) -> tuple[Previewed, bytes]:
        """As the console asks the custodian."""
        access = Access(KEY, CASE, f"user:{ANNA.user_id}", f"view:{view.view_id}")
        output = io.BytesIO()
        wish = PreviewWish(view.view_id, level, side, still, 8, mark)
        return self.custodian.preview(access, PICTURE, wish, output), output.getvalue()

    def look(self, view: View, level: ViewLevel, still: int) -> bytes:
        """All that a look is: said first, then made, then counted."""
        showing = self.views.showing(view.view_id, ANNA, SESSION, level, still)
        assert ANNA.name in showing.mark
        made, content = self.ask(view, showing.level, still, showing.side, showing.mark)
        self.views.shown(view.view_id, level, still, made.stills, made.whole)
        return content


@pytest.fixture
def house(room: Room, previews: Previews) -> House:
    return House(room, previews)


def test_a_look(house: House) -> None:
    view = house.open()
    small = house.look(view, ViewLevel.BLURRED, 0)
    assert max(seen(small).size) <= ReviewOptions().small_side
    for still in range(5):
        house.look(view, ViewLevel.GREY, still)
    with house.records.read() as transaction:
        found = transaction.reviews.view(view.view_id)
    assert found is not None
    assert (found.frames, found.whole, found.viewed_whole) == (5, True, False)
    assert house.kinds == ["view.opened", *["view.shown", "custodian.previewed"] * 6]
    assert house.views.end(view.view_id, ANNA, SESSION, 1.0, range(5)).viewed_whole


def _after(view: View, house: House) -> None:
    house.clock.advance(dt.timedelta(seconds=ReviewOptions().view_seconds))


def _ended(view: View, house: House) -> None:
    house.views.end(view.view_id, ANNA, SESSION, 1.0)


@pytest.mark.parametrize("how", [_after, _ended])
def test_after_its_end_nothing_is_shown_again(
    house: House, how: Callable[[View, House], None]
) -> None:
    """Not even what was shown before, asked for in the same words."""
    view = house.open()
    house.look(view, ViewLevel.GREY, 0)
    how(view, house)
    before = house.kinds
    with pytest.raises(NoViewError):
        house.ask(view, "grey", 0, 200)
    assert house.kinds == before


def test_a_console_that_does_not_say_what_it_shows_gets_nothing(house: House) -> None:
    view = house.open()
    for level in ("blurred", "grey", "colour"):
        with pytest.raises(NoViewError):
            house.ask(view, level, 0, 200)
    house.look(view, ViewLevel.BLURRED, 0)
    for level, still in (("grey", 0), ("colour", 0), ("blurred", 1)):
        with pytest.raises(NoViewError):
            house.ask(view, level, still, 200)
    assert house.kinds == ["view.opened", "view.shown", "custodian.previewed"]
