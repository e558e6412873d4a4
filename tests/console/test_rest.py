"""The quiet page."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from importlib import resources

import pytest

from safehold.users.roles import Role
from tests.console.conftest import House
from tests.console.people import OPTIONS, People


@pytest.fixture
def people(house: House) -> People:
    return People(house)


def test_it_is_there_for_everybody_at_any_time(people: People) -> None:
    for role in Role:
        person = people.member(f"a-{role}", role).person
        page = person.get("/rest")
        assert page.status_code == 200
        assert '<a href="/rest" aria-current="page">' in page.text
        assert "data-rest=" not in page.text
        assert ("Your budget is" in page.text) is (role in (Role.REVIEWER, Role.APPROVER))
    assert people.person().get("/rest").status_code == 303


def test_it_says_when_the_pause_ends(people: People) -> None:
    people.views.used = 25
    people.views.pause_until = people.house.clock.now() + dt.timedelta(minutes=9, seconds=0.5)
    person = people.member("amira", Role.REVIEWER).person
    page = person.get("/rest").text
    ends = people.views.pause_until
    assert f'datetime="{ends:%Y-%m-%dT%H:%M:%SZ}"' in page and "time for a pause" in page
    left = (ends - people.house.clock.now()).total_seconds()
    assert f'data-rest="{int(left) + 1}"' in page
    assert 'role="timer"' in page and 'role="status" aria-live="polite"' in page
    assert "25 views within the last 24 hours" in page

    people.house.clock.advance(dt.timedelta(minutes=10))
    assert "data-rest=" not in person.get("/rest").text


def test_it_says_that_the_budget_is_used_up(people: People) -> None:
    people.views.used = 200
    person = people.member("amira", Role.REVIEWER).person
    assert "looked at enough" in person.get("/rest").text
    people.views.pause_until = people.house.clock.now() + dt.timedelta(hours=3)
    page = person.get("/rest").text
    assert "The next view can be opened after" in page


def test_help_is_told_in_the_words_of_the_house(people: People) -> None:
    person = people.member("amira", Role.OFFICER).person
    assert "somebody you trust" in person.get("/rest").text
    words = "Ring <Mina>, extension 12.\n\nEvery Monday at ten."
    people.house.replace(options=dataclasses.replace(OPTIONS, help_words=words))
    page = people.member("basil", Role.OFFICER).person.get("/rest").text
    assert "<p>Ring &lt;Mina&gt;, extension 12.</p>" in page
    assert "<p>Every Monday at ten.</p>" in page and "somebody you trust" not in page


def test_motion_is_for_those_alone_who_want_it() -> None:
    css = (resources.files("safehold.console") / "static" / "console.css").read_text("utf-8")
    moving = re.findall(r"@media \(prefers-reduced-motion: no-preference\) \{(.*?)\n\}", css, re.S)
    assert any("animation: breath" in block for block in moving)
    outside = re.sub(
        r"@media \(prefers-reduced-motion: no-preference\) \{.*?\n\}", "", css, flags=re.S
    )
    assert "animation" not in outside


def test_nothing_in_it_needs_what_the_policy_forbids(people: People) -> None:
    page = people.member("amira", Role.OFFICER).person.get("/rest").text
    assert (
        "<style" not in page
        and " style=" not in page
        and " on" not in re.findall(r"<svg class=\"rest-land\".*?</svg>", page, re.S)[0]
    )
