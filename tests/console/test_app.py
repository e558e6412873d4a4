"""The console's core: what surrounds every page."""

from __future__ import annotations

import pytest

from safehold.console.pages import home
from safehold.console.visit import Reply, Route, Visit
from safehold.users.roles import Permission, Role
from tests.console.conftest import House, make_house


def hello(visit: Visit) -> Reply:
    return Reply(f"hello {visit.me.name} {visit.path['name']}".encode())


def sign_in(visit: Visit) -> Reply:
    return Reply(b"sign in", cookie=None)


def changed(visit: Visit) -> Reply:
    return visit.redirect(visit.url("hello", name=visit.form["name"], done="saved"))


SOME = (
    *home.ROUTES,
    Route("GET", "/sign-in", "sign_in", None, sign_in),
    Route("GET", "/hello/{name}", "hello", Permission.CASES_READ, hello),
    Route("POST", "/change", "change", Permission.CASES_DECIDE, changed),
)


@pytest.fixture
def core() -> House:
    return make_house(SOME)


def test_a_page_for_somebody_signed_in(core: House) -> None:
    answer = core.client(Role.REVIEWER, name="ada").get("/hello/you")
    assert answer.status_code == 200
    assert answer.text == "hello ada you"


def test_no_such_page(core: House) -> None:
    answer = core.browser().get("/nothing/here")
    assert answer.status_code == 404
    assert "There is no such page." in answer.text
    assert answer.headers["cache-control"] == "no-store"
