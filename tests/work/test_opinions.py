"""Opinions: from a person's decision to the exchange, against simulators on loopback."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from safehold.accounts.model import Service
from safehold.cases.model import CaseState
from safehold.cases.review.choices import Clearing, Confirmation
from safehold.cases.review.model import ClearReason, ProposalKind
from safehold.hashing.model import SignalType
from safehold.ids import EntryId, ListName, ServiceId
from safehold.lists.exchanges import registry
from safehold.lists.exchanges.model import Credentials, ExchangeOptions, ExchangeSettingsError
from safehold.lists.interface import ImportPlan
from safehold.lists.model import EntryDraft
from safehold.lists.opinions.model import DELAYS, Opinion, OpinionState
from safehold.matching.match import Match
from safehold.outbound.client import send_once
from safehold.outbound.model import OutboundOptions
from safehold.outbox.model import Alarm
from safehold.testing.exchanges.door import Fault
from safehold.testing.exchanges.ncmec import PASSWORD, REASON, USER, Item, NcmecDoor
from safehold.testing.exchanges.stopncii import FEEDBACK_KEY, SUBSCRIPTION_KEY, StopNciiDoor
from safehold.testing.exchanges.threatexchange import TOKEN, ThreatExchangeDoor
from safehold.testing.list_store import MemoryListStore
from safehold.testing.records import MemoryRecords
from safehold.work.jobs.opinions import OpinionParts, TellOpinions
from safehold.work.schedule import Timing
from tests.cases.review.office import ANN, CYD, Office, picture
from tests.intake.house import FORUM, SHOP, match

LOOPBACK = OutboundOptions(allow_private=True, allow_http=True)
HOUR = dt.timedelta(hours=1)


class Desk:
    """An office whose decisions are told to three exchanges."""

    def __init__(self) -> None:
        self.office = Office(MemoryRecords())
        self.clock = self.office.clock
        self.lists = MemoryListStore()
        self.ncmec = NcmecDoor(self.clock.now)
        self.stopncii = StopNciiDoor(self.clock.now)
        self.meta = ThreatExchangeDoor(self.clock.now)
        self.raised: list[tuple[str, str]] = []
        self.sent = 0
        self.contents = iter(range(1_000))
        with self.office.records.write() as transaction:
            transaction.accounts.add_service(Service(SHOP, "shop", self.clock.now()))
            transaction.accounts.add_service(Service(FORUM, "forum", self.clock.now(), demo=True))

    def open(self) -> None:
        more: dict[str, Any] = {"opinions": True, "opinion_hours": 24.0}
        self.options = {
            "hashes": ExchangeOptions(
                kind="ncmec",
                url=f"{self.ncmec.url}/hashsharing",
                opinion_reason=REASON,
                list="ncmec-list",
                **more,
            ),
            "stop": ExchangeOptions(kind="stopncii", url=f"{self.stopncii.url}/v1", **more),
            "meta": ExchangeOptions(
                kind="threatexchange", url=f"{self.meta.url}/v19.0", environment="42", **more
            ),
        }
        self.keys = {
            "ncmec": Credentials(user=USER, password=PASSWORD),
            "stopncii": Credentials(password=FEEDBACK_KEY, second_key=SUBSCRIPTION_KEY),
            "threatexchange": Credentials(key=TOKEN),
        }
        self.run()

    @property
    def job(self) -> TellOpinions:
        def messages(alarm: Alarm) -> list[Any]:
            self.raised.append((alarm.code.value, alarm.subject))
            return []

        def send(call: Any) -> Any:
            self.sent += 1
            return send_once(call, LOOPBACK)

        parts = OpinionParts(
            self.office.records,
            self.lists,
            self.options,
            lambda options: self.keys[options.kind],
            send,
            self.office.parts.ids,
            self.clock,
            lambda: 0.5,
            messages,
        )
        return TellOpinions(parts, Timing(60.0))

    def run(self, hours: float = 0) -> dict[str, int]:
        self.clock.advance(dt.timedelta(hours=hours))
        return dict(self.job.run(lambda: False).counts)

    def entry(self, name: str, entry: str, pdq: bytes | None = None) -> Match:
        """An entry of an exchange's list, and how an item is like it."""
        with self.lists.importing(ListName(name)) as session:
            session.stage([EntryDraft(EntryId(entry), pdq=pdq or bytes(range(32)), pdq_quality=90)])
            session.apply(ImportPlan(self.clock.now()))
        return match(entry, name=name, exact=False)

    def held(self, *matches: Match, service: ServiceId = SHOP) -> Any:
        content = f"item {next(self.contents)}".encode()
        item = picture(content, matches, service=service)
        case_id = self.office.hold(item)
        self.office.look(case_id, ANN)
        return case_id

    def confirm(self, *matches: Match) -> Any:
        case_id = self.held(*matches)
        self.office.reviews.confirm(case_id, ANN, Confirmation())
        return case_id

    def clear(self, *matches: Match, reason: ClearReason = ClearReason.NOT_LISTED_CONTENT) -> Any:
        case_id = self.held(*matches)
        self.office.reviews.clear(case_id, ANN, Clearing(reason))
        return case_id

    def opinions(self) -> list[Opinion]:
        with self.office.records.read() as transaction:
            return list(transaction.opinions.list())


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    with made.ncmec, made.stopncii, made.meta:
        made.open()
        yield made


def ncmec_item(desk: Desk, own: str = "a b/c") -> str:
    desk.ncmec.put(Item(own, desk.clock.now(), {"pdq": "ab" * 32}))
    return f"12/image/{own}"


def test_a_confirmed_case_and_a_cleared_one_are_told(desk: Desk) -> None:
    near = desk.entry("ncmec-list", ncmec_item(desk))
    desk.confirm(near)
    assert desk.run() == {"queued": 1}
    # The decision may be undone for a day.
    assert desk.run(23) == {}
    assert desk.ncmec.told == []
    assert desk.run(2) == {"sent": 1}
    desk.clear(near)
    desk.run()
    assert desk.run(25) == {"sent": 1}
    assert desk.ncmec.told == [
        ("12", "a b/c", "PDQ", "affirmative"),
        ("12", "a b/c", "PDQ", REASON),
    ]
    assert desk.run(500) == {}
    with desk.office.records.read() as transaction:
        events = [e.draft for e in transaction.audit.events_of("ncmec-list")]
    assert [e.kind for e in events] == ["list.opinion_sent"] * 2


def test_each_exchange_hears_of_its_own_entries(desk: Desk) -> None:
    value = bytes(range(32))
    desk.stopncii.put(value.hex(), {"c": "Active"})
    desk.meta.put("777", "HASH_PDQ", value.hex(), "MALICIOUS", "MALICIOUS", "MALICIOUS")
    desk.confirm(
        desk.entry("stop", "k-one", value),
        desk.entry("meta", "777"),
        match("e", name="another", exact=False),
    )
    desk.run()
    assert desk.run(25) == {"sent": 2}
    assert desk.stopncii.told == [(value.hex(), "Blocked")]
    # The app's own word is left alone: its number is 1.
    assert desk.meta.told == [
        ("7770", "reactions=SAW_THIS_TOO"),
        ("7772", "reactions=SAW_THIS_TOO"),
    ]
    desk.clear(desk.entry("stop", "k-one", value), desk.entry("meta", "777"))
    desk.run()
    desk.run(25)
    assert desk.stopncii.told[1:] == [(value.hex(), "NotBlocked")]
    assert {form for _, form in desk.meta.told[2:]} == {"reactions=DISAGREE_WITH_TAGS"}


def test_what_is_undone_in_time_is_not_told(desk: Desk) -> None:
    near = desk.entry("ncmec-list", ncmec_item(desk))
    case_id = desk.confirm(near)
    desk.run()
    reviews = desk.office.reviews
    proposal = reviews.propose(case_id, ANN, ProposalKind.UNDO, {}, "A mistake.")
    reviews.approve(proposal.proposal_id, CYD)
    assert desk.run(25) == {"dropped": 1}
    assert desk.ncmec.told == []
    # Decided anew, it is told.
    desk.office.look(case_id, ANN)
    reviews.confirm(case_id, ANN, Confirmation())
    desk.run()
    assert desk.run(25) == {"sent": 1}
    assert [word for *_, word in desk.ncmec.told] == ["affirmative"]


def test_no_automatic_step_and_no_clearing_without_a_word_is_told(desk: Desk) -> None:
    near = desk.entry("ncmec-list", ncmec_item(desk))
    desk.clear(near, reason=ClearReason.OTHER)
    desk.held(near)
    # Of a trial service nothing is told.
    trial = desk.held(near, service=FORUM)
    desk.office.reviews.confirm(trial, ANN, Confirmation())
    assert desk.run() == {}
    assert desk.opinions() == []


def test_what_was_decided_before_the_first_look_is_not_told(desk: Desk) -> None:
    late = Desk()
    late.options = desk.options
    near = late.entry("ncmec-list", "12/image/x")
    late.confirm(near)
    assert late.run() == {}
    assert late.run(50) == {}


@pytest.mark.parametrize(
    "fault",
    [Fault(status=429, headers={"retry-after": "7200"}), Fault(status=503), Fault(cut=3)],
)
def test_a_busy_source_is_asked_again(desk: Desk, fault: Fault) -> None:
    desk.clear(desk.entry("ncmec-list", ncmec_item(desk)))
    desk.run()
    desk.ncmec.faults.append(fault)
    assert desk.run(25) == {"pending": 1}
    [waiting] = desk.opinions()
    assert (waiting.attempts, waiting.state) == (1, OpinionState.PENDING)
    wait = 7_200.0 if fault.status == 429 else DELAYS[0]
    assert waiting.due - desk.clock.now() == dt.timedelta(seconds=wait)
    assert desk.run() == {}
    assert desk.run(3) == {"sent": 1}
    assert desk.raised == []


def test_throttling_of_the_graph_api_is_no_refusal(desk: Desk) -> None:
    desk.meta.put("777", "HASH_PDQ", bytes(range(32)).hex(), "MALICIOUS", "MALICIOUS", "MALICIOUS")
    desk.confirm(desk.entry("meta", "777"))
    desk.run()
    throttled = Fault(status=400, body=b'{"error": {"code": 4}}')
    # The first call, and then the first of those that tell.
    for faults in ([throttled], [Fault(), throttled]):
        desk.meta.faults.extend(faults)
        assert desk.run(25) == {"pending": 1}
    assert desk.run(25) == {"sent": 1}
    assert len(desk.meta.told) >= 2
    desk.clear(desk.entry("meta", "777"))
    desk.run()
    desk.meta.faults.append(Fault(status=400, body=b'{"error": {"code": 190}}'))
    assert desk.run(25) == {"dead": 1}


def test_while_a_case_is_open_again_its_opinion_waits(desk: Desk) -> None:
    near = desk.entry("ncmec-list", ncmec_item(desk))
    case_id = desk.clear(near)
    desk.run()
    # The same bytes come again, and match another list exactly.
    content = b"item 0"
    desk.office.hold(picture(content, [near, match("x", name="other")], service=SHOP))
    assert desk.office.case(case_id).state is CaseState.OPEN
    assert desk.run(25) == {"pending": 1}
    assert desk.ncmec.told == []
    desk.office.look(case_id, ANN)
    desk.office.reviews.confirm(case_id, ANN, Confirmation())
    desk.run()
    assert desk.run(23) == {}
    assert desk.run(2) == {"sent": 1}
    assert [word for *_, word in desk.ncmec.told] == ["affirmative"]


def test_a_second_decision_waits_as_long_as_the_first(desk: Desk) -> None:
    near = desk.entry("ncmec-list", ncmec_item(desk))
    case_id = desk.confirm(near)
    desk.run()
    desk.run(22)
    reviews = desk.office.reviews
    proposal = reviews.propose(case_id, ANN, ProposalKind.UNDO, {}, "A mistake.")
    reviews.approve(proposal.proposal_id, CYD)
    desk.office.look(case_id, ANN)
    reviews.confirm(case_id, ANN, Confirmation())
    assert desk.run() == {"queued": 1}
    assert desk.run(23) == {}
    assert desk.run(2) == {"sent": 1}


def test_of_lists_that_hold_nothing_nothing_is_told(desk: Desk) -> None:
    seen = replace(desk.entry("ncmec-list", ncmec_item(desk)), tier="observe")
    desk.confirm(seen, match("x", name="other"))
    assert desk.run() == {}
    assert desk.opinions() == []


def test_a_source_that_stays_away_is_given_up_in_the_end(desk: Desk) -> None:
    desk.confirm(desk.entry("ncmec-list", ncmec_item(desk)))
    desk.run()
    for _ in DELAYS:
        desk.ncmec.faults.append(Fault(status=500))
        assert desk.run(25) == {"pending": 1}
    desk.ncmec.faults.append(Fault(status=500))
    assert desk.run(25) == {"dead": 1}
    assert desk.raised == [("opinion_dead", "ncmec-list")]


def test_what_a_source_refuses_or_has_no_word_for_is_given_up(desk: Desk) -> None:
    gone = desk.entry("ncmec-list", "12/image/nobody-knows")
    odd = desk.entry("ncmec-list", "no-id-of-ncmec")
    desk.confirm(gone)
    desk.confirm(odd)
    desk.run()
    assert desk.run(25) == {"dead": 2}
    assert {(o.entry_id, o.code) for o in desk.opinions()} == {
        ("12/image/nobody-knows", "outbound_status"),
        ("no-id-of-ncmec", "opinion_unfit"),
    }
    assert {code for code, _ in desk.raised} == {"opinion_dead"}
    # A negative opinion needs a reason that NCMEC knows.
    near = desk.entry("ncmec-list", ncmec_item(desk))
    for reason in ("", "another"):
        desk.options["hashes"] = replace(desk.options["hashes"], opinion_reason=reason)
        desk.clear(near)
        desk.run()
        assert desk.run(25) == {"dead": 1}
    assert desk.ncmec.told == []
    # The hash of an entry that is known by exact digests alone cannot be named.
    with desk.lists.importing(ListName("stop")) as session:
        session.stage([EntryDraft(EntryId("md5"), md5=bytes(16))])
        session.apply(ImportPlan(desk.clock.now()))
    desk.confirm(replace(match("md5", name="stop"), signal=SignalType.MD5))
    desk.run()
    assert desk.run(25) == {"dead": 1}


def test_only_kinds_that_take_opinions_may_be_told() -> None:
    with pytest.raises(ExchangeSettingsError):
        registry.opinions("x", ExchangeOptions(kind="feed"))
    kinds: Iterable[str] = ("ncmec", "stopncii", "threatexchange")
    for kind in kinds:
        module = registry.opinions("x", ExchangeOptions(kind=kind))
        with pytest.raises(ExchangeSettingsError):
            module.check(ExchangeOptions(kind=kind), Credentials())
