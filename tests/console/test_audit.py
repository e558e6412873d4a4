"""The pages of the audit log."""

from __future__ import annotations

import datetime as dt
import re
from types import SimpleNamespace

import pytest

from safehold.audit.model import Checkpoint, EventDraft
from safehold.audit.verify import AuditReport, Problem, ProblemKind
from safehold.console.pages import audit
from safehold.users.roles import Role
from tests.console.conftest import NOW, Browser, House

HOUR = dt.timedelta(hours=1)
SMALL = 10


@pytest.fixture
def auditor(house: House, monkeypatch: pytest.MonkeyPatch) -> Browser:
    """An auditor, and a log with some events; small pages."""
    monkeypatch.setattr(audit, "ROWS", SMALL)
    sam = house.user(Role.AUDITOR, name="sam")
    robin = house.user(Role.REVIEWER, name="robin")
    house.replace(
        users=SimpleNamespace(users=lambda: [robin, sam]),
        service_names=lambda: {"s1": "the forum"},
    )
    with house.records.write() as transaction:
        transaction.audit.append(
            [
                EventDraft(
                    ("case.opened", "view.opened")[n % 2],
                    NOW - (30 - n) * HOUR,
                    ("policy", f"user:{robin.user_id}")[n % 2],
                    "s1",
                    f"case{n % 3}",
                    {"n": n, "reasons": ("one", "two"), "good": True},
                )
                for n in range(30)
            ]
        )
    return house.client(user=sam)


def numbers(text: str) -> list[int]:
    return [int(found) for found in re.findall(r'href="/audit/events/(\d+)"', text)]


def last(house: House) -> EventDraft:
    with house.records.read() as transaction:
        seq, _ = transaction.audit.head()
        found = transaction.audit.event(seq)
    assert found is not None
    return found.draft


def test_newest_first_in_pages(auditor: Browser) -> None:
    page = auditor.get("/audit")
    assert numbers(page.text) == list(range(31, 21, -1))
    link = re.search(r'<a href="([^"]+)" rel="next"', page.text)
    assert link
    page = auditor.get(link[1].replace("&amp;", "&"))
    assert numbers(page.text) == list(range(21, 11, -1))
    assert ">robin</td>" in page.text


def test_reading_is_an_event_before_it_is_shown(house: House, auditor: Browser) -> None:
    page = auditor.get("/audit", params={"kind": "view.", "actor": "robin", "subject": "case1"})
    assert numbers(page.text) == [26, 20, 14, 8, 2]
    noted = last(house)
    with house.records.read() as transaction:
        robin = transaction.users.user_named("robin")
        sam = transaction.users.user_named("sam")
    assert robin is not None
    assert sam is not None
    assert (noted.kind, noted.actor) == ("audit.read", f"user:{sam.user_id}")
    assert noted.data == {
        "what": "search",
        "kind": "view.",
        "actor": f"user:{robin.user_id}",
        "subject": "case1",
    }


def test_filters(auditor: Browser) -> None:
    for query, expected in (
        ({"kind": "view.opened"}, list(range(30, 10, -2))),
        ({"actor": "policy", "subject": "case0"}, [25, 19, 13, 7, 1]),
        ({"kind": "nothing"}, []),
        ({"from": "2026-03-02", "kind": "case."}, [29, 27, 25, 23]),
        ({"to": "2026-03-01", "kind": "case."}, [21, 19, 17, 15, 13, 11, 9, 7, 5, 3]),
        (
            {"from": "2026-03-01", "to": "2026-03-01", "kind": "view."},
            [20, 18, 16, 14, 12, 10, 8, 6, 4, 2],
        ),
        ({"before": "4", "kind": "case."}, [3, 1]),
    ):
        found = numbers(auditor.get("/audit", params=query).text)
        assert found == expected, query


def test_what_cannot_be_searched_is_neither_searched_nor_written(
    house: House, auditor: Browser
) -> None:
    before = last(house)
    for query in (
        {"actor": "somebody@mail.example"},
        {"subject": "a b"},
        {"kind": "Case"},
        {"from": "yesterday"},
        {"to": "0001-01-01"},
        {"to": "9999-12-31"},
    ):
        page = auditor.get("/audit", params=query)
        assert "Nothing was searched." in page.text, query
        assert page.text.count('aria-invalid="true"') == 1
        assert numbers(page.text) == []
    assert last(house) == before


def test_one_event(house: House, auditor: Browser) -> None:
    page = auditor.get("/audit/events/2")
    for text in ("view.opened", "robin", "the forum", "case1", "one, two", "true", "not yet"):
        assert text in page.text, text
    assert last(house).data == {"what": "event", "event": 2}
    for number in ("0", "99999", "1e3", "\u0663", "9" * 40):
        assert auditor.get(f"/audit/events/{number}").status_code == 404


def test_verification_in_words(house: House, auditor: Browser) -> None:
    house.replace(verify_audit=lambda: AuditReport(30, 2, 25, ()))
    sam = house.client(Role.AUDITOR)
    page = sam.post("/audit/verify")
    assert "The audit log is whole." in page.text
    assert "up to event 25" in page.text
    assert last(house).data == {"what": "verify", "whole": True, "events": 30}
    problems = tuple(Problem(kind, 7, 0) for kind in ProblemKind)
    house.replace(verify_audit=lambda: AuditReport(6, 0, 0, problems))
    page = house.client(Role.AUDITOR).post("/audit/verify")
    assert "The audit log is not what it was." in page.text
    assert "Event 7 was altered." in page.text
    assert page.text.count("<li>") >= len(ProblemKind)
    assert last(house).data == {"what": "verify", "whole": False, "events": 6}


def test_checkpoints(house: House, auditor: Browser) -> None:
    with house.records.write() as transaction:
        for seq in (10, 20):
            transaction.audit.add_checkpoint(Checkpoint(seq, bytes(32), NOW - HOUR, str(seq)))
    house.replace(is_genuine=lambda checkpoint: checkpoint.seq == 20)
    sam = house.client(Role.AUDITOR)
    page = sam.get("/audit/checkpoints")
    assert numbers(page.text) == [20, 10]
    assert page.text.index(">right<") < page.text.index("wrong, or by an unknown key")
    assert "by the checkpoint at event 20" in sam.get("/audit/events/5").text
    assert last(house).data["what"] == "event"


def test_only_auditors_read_it(house: House) -> None:
    for role in set(Role) - {Role.AUDITOR}:
        somebody = house.client(role)
        for address in ("/audit", "/audit/events/1", "/audit/checkpoints"):
            assert somebody.get(address).status_code == 403
        assert somebody.post("/audit/verify").status_code == 403
    with house.records.read() as transaction:
        assert transaction.audit.head()[0] == 0
