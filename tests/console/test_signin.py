"""Signing in by password and second factor, and setting up by a one-time code."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.console.pages.addresses import local_address
from safehold.users.model import Stage
from safehold.users.roles import Role
from tests.console.conftest import House
from tests.console.people import (
    OPTIONS,
    OTHER_PASSWORD,
    PASSWORD,
    STEP,
    People,
    error_of,
    field,
    security_key,
    shown_secret,
)


@pytest.fixture
def people(house: House) -> People:
    return People(house)


def test_a_user_sets_up_and_is_signed_in(people: People) -> None:
    _, code = people.users.add("amira", frozenset({Role.OFFICER}), "operator")
    person = people.person()
    page = person.get("/set-up")
    assert field(page, "code")["autocomplete"] == "off"
    step = person.post("/set-up", {"code": code.upper().replace("-", " ")})
    first = person.token
    page = person.follow(step)
    assert field(page, "password")["autocomplete"] == "new-password"
    assert 'autocomplete="username"' in page.text and 'value="amira"' in page.text
    assert "At least 12 characters" in page.text

    page = person.follow(person.post("/set-up/password", {"password": PASSWORD, "again": PASSWORD}))
    assert "Choose a second factor" in page.text
    page = person.post("/set-up/totp")
    assert "<svg" in page.text and "style=" not in page.text and "<style" not in page.text
    assert field(page, "code")["inputmode"] == "numeric"
    assert field(page, "code")["autocomplete"] == "one-time-code"
    secret = shown_secret(page)
    done = person.post("/set-up/totp/confirm", {"code": people.code(secret)})
    assert done.headers["location"] == "/account?done=set_up"
    assert person.token not in ("", first)
    assert "amira" in person.follow(done).text

    stranger = people.person()
    stranger.get("/set-up")
    again = stranger.post("/set-up", {"code": code})
    assert again.status_code == 422
    assert error_of(again, "code")


def test_signing_in_takes_two_steps_with_a_new_token_each(people: People) -> None:
    member = people.member("amira", Role.OFFICER)
    person = people.person()
    page = person.get("/sign-in")
    assert field(page, "name")["autocomplete"] == "username"
    assert field(page, "password")["autocomplete"] == "current-password"
    step = person.post("/sign-in", {"name": " Amira ", "password": PASSWORD})
    first = person.token
    assert person.get("/account").headers["location"] == "/sign-in/factor?next=%2Faccount"
    page = person.follow(step)
    assert field(page, "code")["inputmode"] == "numeric"
    assert "data-passkey=" not in page.text
    done = person.post("/sign-in/factor", {"code": people.code(member.secret)})
    assert done.status_code == 303 and done.headers["location"] == "/"
    assert person.token not in ("", first)
    assert person.get("/account").status_code == 200
    assert person.get("/sign-in").headers["location"] == "/"
    assert person.get("/sign-in/factor").headers["location"] == "/"

    thief = people.person()
    thief.browser.cookies.set("safehold", first)
    assert thief.get("/account").status_code == 303


def test_where_somebody_wanted_to_go_comes_along(people: People) -> None:
    member = people.member("amira", Role.OFFICER)
    person = people.person()
    wanted = "/cases/01j?still=2"
    page = person.get("/sign-in?next=/cases/01j%3Fstill%3D2")
    assert field(page, "next")["value"] == wanted
    wrong = person.post("/sign-in", {"name": "amira", "password": "wrong", "next": wanted})
    assert field(wrong, "next")["value"] == wanted
    page = person.follow(
        person.post("/sign-in", {"name": "amira", "password": PASSWORD, "next": wanted})
    )
    assert field(page, "next")["value"] == wanted
    done = person.post("/sign-in/factor", {"code": people.code(member.secret), "next": wanted})
    assert done.headers["location"] == wanted


@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.example/",
        "//elsewhere.example",
        "/\\elsewhere.example",
        "/a\nb",
        "/a\tb",
        "javascript:alert(1)",
        "queue",
        "",
        "/sign-in",
        "/sign-out",
        "/set-up/totp",
        "/" + "a" * 600,
    ],
)
def test_nobody_is_sent_elsewhere(people: People, address: str) -> None:
    assert local_address(address) == ""


@given(st.text(max_size=40))
def test_only_paths_of_the_console_are_gone_to(text: str) -> None:
    found = local_address(text)
    assert found in ("", text)
    assert not found or (found[0] == "/" and found[1:2] not in ("/", "\\"))


def test_whether_a_name_exists_is_not_told(people: People) -> None:
    people.member("amira", Role.OFFICER)
    people.users.add("basil", frozenset({Role.OFFICER}), "operator")
    answers = []
    for name in ("amira", "basil", "nobody", ""):
        person = people.person()
        person.get("/sign-in")
        page = person.post("/sign-in", {"name": name, "password": "not the right one"})
        assert page.status_code == 422
        assert "autofocus" in field(page, "password")
        assert field(page, "name")["aria-describedby"] == "password-error"
        assert "not the right one" not in page.text
        answers.append(error_of(page, "password"))
        assert person.token == ""
    assert len(set(answers)) == 1


def test_after_failures_the_next_try_waits(people: People) -> None:
    people.member("amira", Role.OFFICER)
    for name in ("amira", "nobody"):
        person = people.person()
        person.get("/sign-in")
        form = {"name": name, "password": "not the right one"}
        statuses = [person.post("/sign-in", form).status_code for _ in range(12)]
        assert statuses[0] == 422 and 429 in statuses
        page = person.post("/sign-in", form)
        seconds = int(page.headers["retry-after"])
        assert seconds > 0
        assert f"Wait {seconds} second" in page.text
        assert 'role="alert"' in page.text
    right = {"name": "amira", "password": PASSWORD}
    assert person.post("/sign-in", right).status_code == 429
    people.house.clock.advance(dt.timedelta(hours=2))
    assert person.post("/sign-in", right).status_code == 303


def test_a_wrong_or_used_code_is_not_taken(people: People) -> None:
    member = people.member("amira", Role.OFFICER)
    person = people.person()
    person.get("/sign-in")
    person.follow(person.post("/sign-in", {"name": "amira", "password": PASSWORD}))
    right = people.code(member.secret)
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    page = person.post("/sign-in/factor", {"code": wrong})
    assert page.status_code == 422 and "not taken" in error_of(page, "code")
    assert field(page, "code")["value"] == ""
    done = person.post("/sign-in/factor", {"code": f"{right[:3]} {right[3:]}"})
    assert done.status_code == 303

    other = people.person()
    other.get("/sign-in")
    other.follow(other.post("/sign-in", {"name": "amira", "password": PASSWORD}))
    assert other.post("/sign-in/factor", {"code": right}).status_code == 422


def test_many_wrong_codes_wait_too(people: People) -> None:
    people.member("amira", Role.OFFICER)
    person = people.person()
    person.get("/sign-in")
    person.follow(person.post("/sign-in", {"name": "amira", "password": PASSWORD}))
    pages = [person.post("/sign-in/factor", {"code": "000000"}) for _ in range(12)]
    waited = [page for page in pages if page.status_code == 429]
    assert waited and int(waited[-1].headers["retry-after"]) > 0
    assert "Too many tries" in waited[-1].text


def test_a_sign_in_that_takes_too_long_starts_again(people: People) -> None:
    member = people.member("amira", Role.OFFICER)
    person = people.person()
    person.get("/sign-in")
    person.follow(person.post("/sign-in", {"name": "amira", "password": PASSWORD, "next": "/rest"}))
    people.house.clock.advance(dt.timedelta(minutes=OPTIONS.sign_in_minutes + 1))
    form = {"code": people.code(member.secret), "next": "/rest"}
    late = person.post("/sign-in/factor", form)
    assert late.headers["location"] == "/sign-in?done=too_late&next=%2Frest"
    assert "open too long" in person.follow(late).text
    assert person.get("/sign-in/factor").headers["location"] == "/sign-in"
    assert person.script("/sign-in/passkey/options").status_code in (401, 403)


def test_signing_out_ends_the_session(people: People) -> None:
    member = people.member("amira", Role.OFFICER)
    person = member.person
    token = person.token
    person.get("/account")
    page = person.follow(person.post("/sign-out"))
    assert "You are signed out." in page.text
    assert person.token == ""
    thief = people.person()
    thief.browser.cookies.set("safehold", token)
    assert thief.get("/account").status_code == 303


def test_passwords_that_cannot_be_taken_are_refused_beside_the_field(people: People) -> None:
    _, code = people.users.add("amira", frozenset({Role.OFFICER}), "operator")
    person = people.person()
    person.get("/set-up")
    person.follow(person.post("/set-up", {"code": code}))
    page = person.post("/set-up/password", {"password": PASSWORD, "again": OTHER_PASSWORD})
    assert page.status_code == 422 and "not the same" in error_of(page, "again")
    assert PASSWORD not in page.text
    page = person.post("/set-up/password", {"password": "short", "again": "short"})
    assert page.status_code == 422 and "12 characters" in error_of(page, "password")
    assert "autofocus" in field(page, "password")
    assert person.get("/set-up/factor").headers["location"] == "/set-up"
    assert person.post("/set-up/totp").headers["location"] == "/set-up"
    assert person.get("/set-up").headers["location"] == "/set-up/password"


def test_a_wrong_first_code_leaves_the_enrolment_and_shows_no_secret_again(
    people: People,
) -> None:
    _, code = people.users.add("amira", frozenset({Role.OFFICER}), "operator")
    person = people.person()
    person.get("/set-up")
    person.follow(person.post("/set-up", {"code": code}))
    person.follow(person.post("/set-up/password", {"password": PASSWORD, "again": PASSWORD}))
    secret = shown_secret(person.post("/set-up/totp"))
    page = person.post("/set-up/totp/confirm", {"code": "000000"})
    assert page.status_code == 422 and error_of(page, "code")
    assert (
        secret[:4] not in page.text and "<dt>" not in page.text.split("<main")[1].split("</main")[0]
    )
    people.house.clock.advance(STEP)
    done = person.post("/set-up/totp/confirm", {"code": people.code(secret)})
    assert done.status_code == 303


def test_pages_of_signing_in_before_their_step_lead_to_the_first(people: People) -> None:
    person = people.person()
    person.get("/sign-in")
    assert person.get("/sign-in/factor").headers["location"] == "/sign-in"
    assert person.post("/sign-in/factor", {"code": "123456"}).headers["location"] == "/sign-in"
    for address in ("/set-up/password", "/set-up/factor", "/set-up/passkey"):
        assert person.get(address).headers["location"] == "/set-up"
    for address in ("/set-up/password", "/set-up/totp", "/set-up/totp/confirm", "/set-up/passkey"):
        assert person.post(address).headers["location"] == "/set-up"
    assert person.script("/set-up/passkey/options").status_code == 401
    assert person.get("/sign-in/provider").headers["location"] == "/sign-in"
    assert person.get("/sign-in/provider/back").headers["location"] == "/sign-in"


def test_a_half_signed_in_session_enrols_nothing(people: People) -> None:
    people.member("amira", Role.OFFICER)
    person = people.person()
    person.get("/sign-in")
    person.follow(person.post("/sign-in", {"name": "amira", "password": PASSWORD}))
    assert person.post("/set-up/totp").headers["location"] == "/set-up"
    assert person.script("/set-up/passkey/options").status_code == 401
    assert person.post("/account/totp").headers["location"].startswith("/sign-in")


def test_a_passkey_is_set_up_and_signs_in(people: People) -> None:
    _, code = people.users.add("amira", frozenset({Role.OFFICER}), "operator")
    key = security_key()
    person = people.person()
    person.get("/set-up")
    person.follow(person.post("/set-up", {"code": code}))
    person.follow(person.post("/set-up/password", {"password": PASSWORD, "again": PASSWORD}))
    page = person.get("/set-up/passkey")
    assert 'data-passkey="create"' in page.text
    options = person.script("/set-up/passkey/options")
    assert options.headers["content-type"] == "application/json"
    made = key.create(options.text)
    done = person.post("/set-up/passkey", {"response": made, "label": "green key"})
    page = person.follow(done)
    assert "green key" in page.text

    other = people.person()
    other.get("/sign-in")
    page = other.follow(other.post("/sign-in", {"name": "amira", "password": PASSWORD}))
    assert 'data-passkey="get"' in page.text and 'name="code"' not in page.text
    asked = other.script("/sign-in/passkey/options").text
    first = other.token
    forger = security_key(2)
    forger.credential_id = key.credential_id
    refused = other.post("/sign-in/passkey", {"response": forger.get(asked)})
    assert refused.status_code == 422 and "passkey was not taken" in refused.text
    stale = other.post("/sign-in/passkey", {"response": key.get(asked)})
    assert stale.status_code == 422
    asked = other.script("/sign-in/passkey/options").text
    elsewhere = key.get(asked, origin="https://elsewhere.example")
    assert other.post("/sign-in/passkey", {"response": elsewhere}).status_code == 422
    asked = other.script("/sign-in/passkey/options").text
    done = other.post("/sign-in/passkey", {"response": key.get(asked)})
    assert done.status_code == 303, done.text
    assert other.token not in ("", first)
    assert other.get("/account").status_code == 200


def test_a_passkey_that_is_no_answer_is_refused(people: People) -> None:
    member = people.member("amira", Role.OFFICER)
    member.person.get("/account/passkey")
    member.person.script("/account/passkey/options")
    for response in ("", "{}", "[]", "null", "no json", '{"id": 3}'):
        page = member.person.post("/account/passkey", {"response": response, "label": "x"})
        assert page.status_code == 422
        assert field(page, "label")["value"] == "x"


def test_no_page_or_log_line_holds_a_secret(people: People) -> None:
    member = people.member("amira", Role.OFFICER)
    people.signed_in(member)
    log = people.house.log.getvalue()
    for secret in (PASSWORD, member.secret, member.person.token, "amira"):
        assert secret not in log


def test_pages_are_in_the_language_that_is_asked_for(people: People) -> None:
    person = people.person()
    person.browser.headers["Accept-Language"] = "fr"
    assert '<html lang="fr">' in person.get("/sign-in").text


def test_the_provider_stands_in_for_the_password_alone(people: People) -> None:
    member = people.member("amira", Role.OFFICER)
    real = people.sign_in

    class WithProvider:
        has_oidc = True

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

        def oidc_begin(self, client: bytes) -> tuple[str, str]:
            return "https://provider.example/authorize?state=s", "kept-by-the-browser"

        def oidc_finish(self, kept: str, query: dict[str, str], client: bytes, address: str) -> str:
            assert kept == "kept-by-the-browser" and query["state"] == "s"
            with people.house.records.write() as transaction:
                return real._desk.begin(
                    transaction.users,
                    member.user.user_id,
                    Stage.FACTOR,
                    client,
                    people.house.clock.now(),
                )

    people.house.parts = dataclasses.replace(people.house.parts, sign_in=WithProvider())  # type: ignore[arg-type]
    person = people.person()
    assert "/sign-in/provider" in person.get("/sign-in").text
    away = person.get("/sign-in/provider")
    assert away.headers["location"].startswith("https://provider.example/")
    assert person.browser.cookies.get("safehold-kept") == "kept-by-the-browser"
    back = person.get("/sign-in/provider/back?state=s&code=c")
    assert back.status_code == 200 and back.headers["refresh"] == "0;url=/sign-in/factor"
    assert not person.browser.cookies.get("safehold-kept")
    person.get("/sign-in/factor")
    assert person.get("/account").status_code == 303
    done = person.post("/sign-in/factor", {"code": people.code(member.secret)})
    assert done.status_code == 303
    assert person.get("/rest").status_code == 200
