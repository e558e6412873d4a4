"""The queue: rows in words, filters, pages, and taking the next."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from safehold.cases.model import Attention, CaseState, Queue
from safehold.console.pages.queue import fields_of
from safehold.ids import CaseId, EntryId, ListName
from safehold.lists.trust.floods import Hit, SetAside
from safehold.users.roles import Role
from tests.console.conftest import House
from tests.console.deciding import Office, alike, exact, text_of


@pytest.fixture
def office(house: House) -> Office:
    return Office(house)


def test_rows_say_in_words_what_waits(office: Office) -> None:
    case_id = office.case(exact(), urgency=90, attention=Attention.ESCALATED)
    office.house.clock.advance(dt.timedelta(hours=3))
    _, browser = office.reviewer()
    page = browser.get("/queue")
    said = text_of(page)
    assert page.status_code == 200
    for words in (
        case_id[-10:],
        "highest",
        "3 hours ago",
        "exact match, blocked",
        "confirmed list",
        "photos",
        "public",
        "escalated",
        "nobody",
    ):
        assert words in said
    assert "<img" not in page.text
    assert office.custodian.shown == []
    assert office.kinds(case_id) == ["case.opened"]


def test_tabs_count_each_queue(office: Office) -> None:
    office.case(exact())
    office.case(alike())
    office.case(reasons=("decode_failed",))
    _, browser = office.reviewer()
    said = text_of(browser.get("/queue"))
    assert "Matches 2 " in said
    assert "Faults 1 " in said
    assert "Flags 0 " in said


def test_filters_and_order_come_from_the_address(office: Office) -> None:
    first = office.case(exact(), surface="storage", urgency=10)
    office.house.clock.advance(dt.timedelta(minutes=1))
    second = office.case(alike(), surface="public", urgency=20)
    _, browser = office.reviewer()

    def shown(address: str) -> list[str]:
        page = browser.get(address).text
        places = sorted((page.find(case[-10:]), case) for case in (first, second))
        return [case for place, case in places if place >= 0]

    assert shown("/queue") == [second, first]
    assert shown("/queue?order=oldest") == [first, second]
    assert shown("/queue?surface=storage") == [first]
    assert shown("/queue?queue=faults") == []
    assert shown("/queue?service=other") == []
    assert shown("/queue?order=nonsense&tier=nonsense") == [second, first]


def test_what_an_entry_held_that_was_set_aside_is_one_group(office: Office) -> None:
    held, other = office.case(alike()), office.case(exact())
    records, now = office.house.records, office.house.clock.now()
    with records.write() as transaction:
        case = transaction.cases.find(CaseId(held))
        assert case is not None
        hit = Hit(
            ListName("partner"),
            EntryId("e<1>"),
            case.service_id,
            case.case_id,
            case.content,
            bytes(32),
            None,
            now,
        )
        transaction.hits.add([hit])
        name, entry = hit.list_name, hit.entry_id
        aside = SetAside("0aside00000000000000000000", name, entry, now, 51, 50, bytes(32))
        transaction.hits.set_aside(aside)
    _, browser = office.reviewer()
    page = browser.get("/queue")
    assert "1 entry of a list was set aside" in text_of(page)
    assert "1 open case," in text_of(page)
    # The entry itself is shown nowhere.
    assert "e&lt;1" not in page.text
    group = browser.get("/queue?aside=0aside00000000000000000000").text
    assert (held[-10:] in group, other[-10:] in group) == (True, False)
    assert 'aria-current="true"' in group
    unknown = browser.get("/queue?aside=nothing").text
    assert "No case is waiting here." in unknown


def test_pages_go_on_where_the_last_ended(office: Office) -> None:
    office.house.replace(options=dataclasses.replace(office.house.parts.options, page_rows=2))
    cases = [office.case(exact(), urgency=50 - number) for number in range(5)]
    _, browser = office.reviewer()
    seen: list[str] = []
    address = "/queue"
    for _ in range(3):
        page = browser.get(address).text
        seen += [case for case in cases if case[-10:] in page]
        found = page.partition('rel="next" href="')[2].partition('"')[0]
        address = found.replace("&amp;", "&")
        if not address:
            break
    assert seen == cases
    assert "5 cases" in text_of(browser.get("/queue"))


def test_the_next_is_taken_and_opened(office: Office) -> None:
    low = office.case(exact(), urgency=10)
    high = office.case(exact(), urgency=90)
    user, browser = office.reviewer()
    answer = browser.post("/queue/next", data={"queue": "matches"})
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(f"/cases/{high}?")
    with office.records.read() as transaction:
        lock = transaction.reviews.lock_of(high, office.house.clock.now())
    assert lock is not None
    assert lock.user_id == user.user_id
    _, other = office.reviewer()
    answer = other.post("/queue/next", data={"queue": "matches"})
    assert answer.headers["Location"].startswith(f"/cases/{low}?")


def test_an_empty_queue_is_said(office: Office) -> None:
    _, browser = office.reviewer()
    answer = browser.post("/queue/next", data={"queue": "flags"})
    assert answer.headers["Location"].startswith("/queue?done=queue_empty&queue=flags&")
    assert "No case is waiting for you." in text_of(browser.get(answer.headers["Location"]))


def test_what_is_passed_on_does_not_come_back_to_who_passed_it(office: Office) -> None:
    case_id = office.case(exact())
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    answer = browser.post(f"/cases/{case_id}/pass", data={"from": "matches"})
    assert answer.headers["Location"].startswith("/queue?")
    again = browser.post("/queue/next", data={"queue": "matches"})
    assert "queue_empty" in again.headers["Location"]
    _, other = office.reviewer()
    taken = other.post("/queue/next", data={"queue": "matches"})
    assert taken.headers["Location"].startswith(f"/cases/{case_id}?")
    assert "case.passed" in office.kinds(case_id)


def test_officers_read_the_queue_and_take_nothing(office: Office) -> None:
    office.case(exact())
    _, browser = office.person(Role.OFFICER)
    page = browser.get("/queue")
    assert page.status_code == 200
    assert "Take the next case" not in page.text
    assert browser.post("/queue/next").status_code == 403


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ADMIN])
def test_others_do_not_reach_the_queue(office: Office, role: Role) -> None:
    _, browser = office.person(role)
    assert browser.get("/queue").status_code == 403


def test_fields_of_an_address_are_checked() -> None:
    given = {"queue": "x", "state": "y", "order": "z", "tier": "w", "surface": "s" * 900}
    fields = fields_of(given | {"attention": "v"})
    assert fields["queue"] == Queue.MATCHES
    assert fields["state"] == CaseState.OPEN
    assert "tier" not in fields
    assert "attention" not in fields
    assert len(fields["surface"]) <= 128
