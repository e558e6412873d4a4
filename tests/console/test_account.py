"""One's own page: preferences that are never laxer than the house, factors, sessions, views."""

from __future__ import annotations

import dataclasses
import datetime as dt
import html
import re
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.cases.review.model import ReviewOptions, View
from safehold.console.pages.preferences import bounds, is_laxer, preferences_of
from safehold.ids import EvidenceId, ViewId
from safehold.users.model import Preferences
from safehold.users.roles import Role
from tests.console.conftest import House
from tests.console.people import (
    OTHER_PASSWORD,
    PASSWORD,
    Member,
    People,
    error_of,
    field,
    security_key,
    shown_secret,
)
from tests.storage.held import case

HOUSE = ReviewOptions()


@pytest.fixture
def people(house: House) -> People:
    return People(house)


@pytest.fixture
def member(people: People) -> Member:
    member = people.member("amira", Role.REVIEWER)
    member.person.get("/account")
    return member


def preferences(people: People) -> Preferences:
    return people.users.named("amira").preferences


STRICT = {
    "language": "fr",
    "grey": "1",
    "never_sharpen": "1",
    "side": "300",
    "views_per_day": "40",
    "view_seconds": "8",
    "pause_after": "5",
    "pause_minutes": "30",
}


def test_stricter_preferences_are_kept(people: People, member: Member) -> None:
    done = member.person.post("/account/preferences", STRICT)
    assert done.headers["location"] == "/account?done=saved"
    assert preferences(people) == Preferences("fr", False, False, 300, 40, 8, 5, 30)
    page = member.person.get("/account")
    assert '<html lang="fr">' in page.text
    assert field(page, "side")["value"] == "300"
    assert "checked" in field(page, "grey") and "checked" in field(page, "never_sharpen")

    member.person.post("/account/preferences", {"language": ""})
    assert preferences(people) == Preferences()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("side", "721", "at most 720"),
        ("views_per_day", "201", "at most 200"),
        ("view_seconds", "21", "at most 20"),
        ("pause_after", "26", "at most 25"),
        ("pause_minutes", "9", "at least 10"),
        ("pause_minutes", "0", "at least 10"),
        ("pause_minutes", "2000", "At most 1,440"),
        ("side", "3", "At least 64"),
        ("views_per_day", "0", "At least 1"),
        ("views_per_day", "-5", "whole number"),
        ("views_per_day", "1.5", "whole number"),
        ("views_per_day", "٣", "whole number"),
        ("views_per_day", "9" * 400, "whole number"),
    ],
)
def test_laxer_preferences_are_refused(
    people: People, member: Member, name: str, value: str, said: str
) -> None:
    page = member.person.post("/account/preferences", STRICT | {"language": "en", name: value})
    assert page.status_code == 422
    assert said in error_of(page, name)
    assert field(page, name)["value"] == value[:16]
    assert "autofocus" in field(page, name)
    others = {"side", "views_per_day", "view_seconds", "pause_after", "pause_minutes"} - {name}
    assert all(field(page, other)["value"] == STRICT[other] for other in others)
    assert preferences(people) == Preferences()


@given(
    st.builds(
        ReviewOptions,
        side=st.integers(1, 2_000),
        views_per_day=st.integers(1, 500),
        view_seconds=st.integers(1, 60),
        pause_after=st.integers(1, 100),
        pause_minutes=st.floats(0, 3_000),
    ),
    st.fixed_dictionaries(
        {
            name: st.one_of(st.integers(0, 4_000).map(str), st.text(max_size=5), st.just(""))
            for name in bounds(HOUSE)
        }
    ),
)
def test_what_is_taken_is_never_laxer(house: ReviewOptions, form: dict[str, str]) -> None:
    chosen, refused = preferences_of(form, house, Preferences())
    for name, value in dataclasses.asdict(chosen).items():
        if name in bounds(house) and name not in refused and value:
            own: float = getattr(house, name)
            assert value >= own if name == "pause_minutes" else value <= own
    assert all(getattr(chosen, name) == 0 for name in refused)


def test_the_house_without_colour_has_none(people: People, member: Member) -> None:
    people.house.replace(review=dataclasses.replace(HOUSE, colour=False))
    person = people.signed_in(member)
    page = person.get("/account")
    assert "disabled" in field(page, "grey") and "no colour to anybody" in page.text


def test_who_never_looks_chooses_a_language_alone(people: People) -> None:
    officer = people.member("otto", Role.OFFICER)
    page = officer.person.get("/account")
    assert 'name="views_per_day"' not in page.text and "views" not in page.text
    form = {"language": "fr", "views_per_day": "5", "grey": "1"}
    assert officer.person.post("/account/preferences", form).status_code == 303
    assert people.users.named("otto").preferences == Preferences(language="fr")
    officer.person.post("/account/preferences", {"language": "xx"})
    assert people.users.named("otto").preferences == Preferences()


def test_ones_views_and_budget_are_told(people: People, member: Member) -> None:
    now = people.house.clock.now()
    people.views.used = 7
    people.views.pause_until = now + dt.timedelta(minutes=9)
    held = case(1)
    view = View(
        ViewId("v" * 26),
        held.case_id,
        EvidenceId("e" * 26),
        member.user.user_id,
        b"s" * 16,
        now - dt.timedelta(hours=1),
        now,
        ended=now,
        sharp=frozenset({0}),
        sharp_seconds=4.25,
    )
    older = dataclasses.replace(view, view_id=ViewId("w" * 26), opened=now - dt.timedelta(hours=25))
    with people.house.records.write() as transaction:
        transaction.cases.add(held)
        transaction.reviews.add_view(older)
        transaction.reviews.add_view(view)
    page = member.person.get("/account").text
    assert "7 views within the last 24 hours" in page and "budget is 200 views" in page
    assert page.count("sharp, grey") == 1 and "4.2" in page
    assert "A pause is due until" in page


def test_changing_the_password_ends_other_sessions(people: People, member: Member) -> None:
    other = people.signed_in(member)
    token = member.person.token
    new = {"old": PASSWORD, "password": OTHER_PASSWORD, "again": OTHER_PASSWORD}
    page = member.person.post("/account/password", new | {"old": "not the right one"})
    assert page.status_code == 422 and "present password" in error_of(page, "old")
    page = member.person.post("/account/password", new | {"again": PASSWORD})
    assert page.status_code == 422 and "not the same" in error_of(page, "again")
    page = member.person.post("/account/password", new | {"password": "amira", "again": "amira"})
    assert page.status_code == 422 and "12 characters" in error_of(page, "password")
    assert PASSWORD not in page.text and member.person.token == token

    done = member.person.post("/account/password", new)
    assert done.headers["location"] == "/account?done=password_changed"
    assert member.person.token not in ("", token)
    assert "password is changed" in member.person.follow(done).text
    assert other.get("/account").status_code == 303
    stranger = people.person()
    stranger.get("/sign-in")
    assert stranger.post("/sign-in", {"name": "amira", "password": PASSWORD}).status_code == 422
    again = stranger.post("/sign-in", {"name": "amira", "password": OTHER_PASSWORD})
    assert again.status_code == 303


def test_guessing_the_present_password_waits(people: People, member: Member) -> None:
    form = {"old": "not the right one", "password": OTHER_PASSWORD, "again": OTHER_PASSWORD}
    pages = [member.person.post("/account/password", form) for _ in range(12)]
    assert pages[-1].status_code == 429 and int(pages[-1].headers["retry-after"]) > 0
    assert "Too many tries" in pages[-1].text


def test_the_last_second_factor_stays(people: People, member: Member) -> None:
    key = security_key()
    page = member.person.get("/account")
    assert "cannot be removed" in page.text and "/remove" not in page.text
    page = member.person.post("/account/totp/remove")
    assert page.status_code == 422 and "last second factor" in page.text
    assert people.users.user(member.user.user_id).totp is not None
    member.person.get("/account/passkey")
    options = member.person.script("/account/passkey/options").text
    made = key.create(options)
    token = member.person.token
    done = member.person.post("/account/passkey", {"response": made, "label": " blue  <key> "})
    assert done.headers["location"] == "/account?done=passkey_added"
    page = member.person.follow(done)
    assert "blue &lt;key&gt;" in page.text and "/account/passkey/remove" in page.text
    assert member.person.token == token

    named = field(page, "passkey")["value"]
    done = member.person.post("/account/passkey/remove", {"passkey": named})
    assert done.headers["location"] == "/account?done=passkey_removed"
    assert not people.users.passkeys(member.user.user_id)

    options = member.person.script("/account/passkey/options").text
    made = key.create(options)
    member.person.post("/account/passkey", {"response": made, "label": "blue"})
    assert 'action="/account/totp/remove"' in member.person.get("/account").text
    done = member.person.post("/account/totp/remove")
    assert done.headers["location"] == "/account?done=totp_removed"
    assert people.users.user(member.user.user_id).totp is None
    assert ("user.factor_removed", f"user:{member.user.user_id}") in people.audit()
    page = member.person.post("/account/passkey/remove", {"passkey": named})
    assert page.status_code == 422 and "last second factor" in page.text
    assert len(people.users.passkeys(member.user.user_id)) == 1
    assert member.person.post("/account/passkey/remove", {"passkey": "é"}).status_code == 400


def test_nobody_removes_anothers_passkey(people: People, member: Member) -> None:
    member.person.get("/account/passkey")
    options = member.person.script("/account/passkey/options").text
    made = security_key().create(options)
    page = member.person.follow(
        member.person.post("/account/passkey", {"response": made, "label": "blue"})
    )
    other = people.member("basil", Role.OFFICER)
    other.person.get("/account")
    other.person.post("/account/passkey/remove", {"passkey": field(page, "passkey")["value"]})
    assert len(people.users.passkeys(member.user.user_id)) == 1


def test_the_authenticator_app_is_replaced(people: People, member: Member) -> None:
    page = member.person.post("/account/totp")
    secret = shown_secret(page)
    assert secret != member.secret and "takes the place" in page.text
    assert member.person.post("/account/totp/confirm", {"code": "000000"}).status_code == 422
    token = member.person.token
    done = member.person.post("/account/totp/confirm", {"code": people.code(secret)})
    assert done.headers["location"] == "/account?done=totp_added"
    assert member.person.token != token
    assert member.person.follow(done).status_code == 200


def test_sessions_are_listed_and_ended(people: People, member: Member) -> None:
    first, second = people.signed_in(member), people.signed_in(member)
    page = member.person.get("/account")
    assert page.text.count("Begun") == 3 and page.text.count("(this one)") == 1
    for person in (member.person, first, second):
        assert person.token not in page.text
    named = field(page, "session")["value"]
    done = member.person.post("/account/sessions/end", {"session": named})
    assert done.headers["location"] == "/account?done=session_ended"
    live = [person.get("/account").status_code for person in (member.person, first, second)]
    assert sorted(live) == [200, 200, 303] and live[0] == 200

    other = people.member("basil", Role.OFFICER)
    other.person.get("/account")
    named = field(member.person.get("/account"), "session")["value"]
    other.person.post("/account/sessions/end", {"session": named})
    assert len(people.users.sessions(member.user.user_id)) == 2
    done = member.person.post("/account/sessions/end-others")
    assert done.headers["location"] == "/account?done=sessions_ended"
    assert "/account/sessions/end" not in member.person.follow(done).text
    assert len(people.users.sessions(member.user.user_id)) == 1


def test_every_role_has_its_account(people: People) -> None:
    for role in Role:
        page = people.member(f"a-{role}", role).person.get("/account")
        assert page.status_code == 200 and page.text.count("<h1>") == 1


def test_a_stranger_has_none(people: People) -> None:
    person = people.person()
    person.get("/sign-in")
    form: dict[str, Any] = {"language": "fr"}
    assert person.get("/account").headers["location"] == "/sign-in?next=%2Faccount"
    assert person.post("/account/preferences", form).headers["location"] == "/sign-in"


def hidden(page: httpx.Response) -> dict[str, str]:
    """The fields that are sent again, without the token."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text)
    return {name: html.unescape(value) for name, value in found if name != "csrf"}


def test_laxer_bounds_ask_who_is_there(people: People, member: Member) -> None:
    person = member.person
    person.post("/account/preferences", STRICT)
    people.house.clock.advance(dt.timedelta(minutes=11))
    stricter = STRICT | {"language": "en", "side": "200", "pause_minutes": "60"}
    assert person.post("/account/preferences", stricter).status_code == 303
    token = person.token
    wanted = stricter | {"side": "", "language": "fr"}
    page = person.post("/account/preferences", wanted)
    assert page.status_code == 403 and 'action="/account/preferences"' in page.text
    assert hidden(page) == wanted
    assert preferences(people).side == 200 and person.token == token
    page = person.post("/account/preferences", hidden(page) | {"present": "a guess"})
    assert page.status_code == 422 and "present password" in error_of(page, "present")
    assert hidden(page) == wanted and "a guess" not in page.text
    done = person.post("/account/preferences", hidden(page) | {"present": PASSWORD})
    assert done.headers["location"] == "/account?done=saved"
    assert person.token not in ("", token)
    assert person.follow(done).status_code == 200
    assert preferences(people) == Preferences("fr", False, False, 0, 40, 8, 5, 60)


def test_a_session_that_was_left_open_changes_no_factor(people: People, member: Member) -> None:
    person = member.person
    person.get("/account/passkey")
    made = security_key().create(person.script("/account/passkey/options").text)
    person.post("/account/passkey", {"response": made, "label": "blue"})
    named = field(person.get("/account"), "passkey")["value"]
    people.house.clock.advance(dt.timedelta(minutes=11))

    forms: tuple[tuple[str, dict[str, str]], ...] = (
        ("/account/totp", {}),
        ("/account/totp/remove", {}),
        ("/account/passkey/remove", {"passkey": named}),
    )
    for address, form in forms:
        page = person.post(address, form)
        assert page.status_code == 403 and f'action="{address}"' in page.text, address
        assert hidden(page) == form and "A2" not in page.text
    page = person.get("/account/passkey")
    assert page.status_code == 403 and "data-passkey" not in page.text
    refused = person.script("/account/passkey/options")
    assert refused.status_code == 403 and refused.json()["code"] == "confirm"
    user = people.users.named("amira")
    assert user.totp is not None and len(people.users.passkeys(user.user_id)) == 1

    done = person.post("/account/confirm", hidden(page) | {"present": PASSWORD})
    assert done.headers["location"] == "/account/passkey"
    assert "data-passkey" in person.follow(done).text
    assert person.post("/account/passkey/remove", {"passkey": named}).status_code == 303
    assert not people.users.passkeys(user.user_id)
    outside = {"next": "//elsewhere.example", "present": PASSWORD}
    assert person.post("/account/confirm", outside).headers["location"] == "/account"


@given(
    st.builds(Preferences, colour=st.booleans(), sharpen=st.booleans(), side=st.integers(0, 900)),
    st.builds(Preferences, colour=st.booleans(), sharpen=st.booleans(), side=st.integers(0, 900)),
)
def test_one_of_two_that_differ_is_laxer(one: Preferences, other: Preferences) -> None:
    def seen(own: Preferences) -> tuple[bool, bool, int]:
        return own.colour, own.sharpen, min(own.side or HOUSE.side, HOUSE.side)

    laxer = is_laxer(one, other, HOUSE)
    assert laxer == any(a > b for a, b in zip(seen(one), seen(other), strict=True))
