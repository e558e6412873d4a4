"""People at a console with real sign-in and real users, and what their browsers keep."""

from __future__ import annotations

import dataclasses
import datetime as dt
import html
import re
from collections.abc import Mapping
from typing import Any

import httpx
import pyotp

from safehold.cases.review.views import Budget, ViewLimits
from safehold.config.house import ConsoleOptions
from safehold.console.security import SESSION_COOKIE
from safehold.hashing.keyed import DigestKey
from safehold.outbound.model import OutboundOptions
from safehold.users.keys import SignInKeys
from safehold.users.model import User
from safehold.users.passwords import PasswordOptions, Passwords
from safehold.users.roles import Role
from safehold.users.service import UserService
from safehold.users.sign_in import SignIn, SignInParts
from tests.console.conftest import KEY, ORIGIN, Browser, House
from tests.users.authenticator import Authenticator

PASSWORD = "a plum tree beside the wall"
OTHER_PASSWORD = "a pear tree behind the barn"
QUICK = PasswordOptions(passes=1, memory_kib=64, lanes=1)
OPTIONS = ConsoleOptions(origin=ORIGIN)
STEP = dt.timedelta(seconds=30)

_CSRF = re.compile(r'<meta name="csrf" content="([^"]*)">')
_SECRET = re.compile(r'<code translate="no">([A-Z2-7 ]+)</code>')
_CODE = re.compile(r'<code translate="no">([0-9a-z-]+)</code>')
_INPUT = re.compile(r"<input[^>]*>")
_ATTRIBUTE = re.compile(r'([a-z-]+)(?:="([^"]*)")?')


class StandInViews:
    """How much people have looked: as a test says."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.used = 0
        self.pause_until: dt.datetime | None = None

    def limits(self, user: User) -> ViewLimits:
        review, own = self._house.parts.review, user.preferences
        return ViewLimits(
            side=own.side or review.side,
            small_side=review.small_side,
            colour=own.colour and review.colour,
            sharpen=own.sharpen,
            views_per_day=own.views_per_day or review.views_per_day,
            view_seconds=own.view_seconds or review.view_seconds,
            pause_after=own.pause_after or review.pause_after,
            pause_minutes=own.pause_minutes or review.pause_minutes,
            stills=review.stills,
        )

    def budget(self, user: User) -> Budget:
        return Budget(self.used, self.limits(user).views_per_day, self.pause_until)


@dataclasses.dataclass
class Person:
    """Somebody at a browser: the token of forms is the one of the page that was last seen."""

    browser: Browser

    def get(self, address: str) -> httpx.Response:
        """A page."""
        return self._seen(self.browser.get(address))

    def post(self, address: str, data: Mapping[str, Any] | None = None) -> httpx.Response:
        """Send a form."""
        return self._seen(self.browser.post(address, data=dict(data or {})))

    def script(self, address: str) -> httpx.Response:
        """Ask as the console's own script does."""
        return self.browser.post(address, json={})

    def follow(self, response: httpx.Response) -> httpx.Response:
        """The page that a form leads to."""
        assert response.status_code == 303, response.text
        return self.get(response.headers["location"])

    @property
    def token(self) -> str:
        """The cookie of the session."""
        return self.browser.cookies.get(SESSION_COOKIE) or ""

    def _seen(self, response: httpx.Response) -> httpx.Response:
        if found := _CSRF.search(response.text):
            self.browser.csrf = found[1]
        return response


class People:
    """A console with real users and real sign-in over the house's records."""

    def __init__(self, house: House, options: ConsoleOptions = OPTIONS) -> None:
        self.house = house
        self.views = StandInViews(house)
        self.users = UserService(house.records, house.ids, house.clock, options)
        keys = SignInKeys.of(DigestKey(KEY))
        self.sign_in = SignIn(
            SignInParts(
                house.records, house.clock, options, keys, Passwords(QUICK), OutboundOptions()
            )
        )
        house.replace(users=self.users, sign_in=self.sign_in, options=options, views=self.views)

    def person(self) -> Person:
        """Somebody who is not signed in."""
        return Person(self.house.browser())

    def member(self, name: str, *roles: Role) -> Member:
        """A user who has set up password and authenticator app, by the pages themselves."""
        user, code = self.users.add(name, frozenset(roles), "operator")
        person = self.person()
        person.get("/set-up")
        person.follow(person.post("/set-up", {"code": code}))
        both = {"password": PASSWORD, "again": PASSWORD}
        person.follow(person.post("/set-up/password", both))
        secret = shown_secret(person.post("/set-up/totp"))
        done = person.post("/set-up/totp/confirm", {"code": self.code(secret)})
        assert done.status_code == 303, done.text
        self.house.clock.advance(STEP)
        return Member(user, secret, person)

    def code(self, secret: str) -> str:
        """What an authenticator app shows now."""
        return pyotp.TOTP(secret).at(self.house.clock.now())

    def signed_in(self, member: Member) -> Person:
        """A member at another browser."""
        person = self.person()
        person.get("/sign-in")
        form = {"name": member.user.name, "password": PASSWORD}
        person.follow(person.post("/sign-in", form))
        done = person.post("/sign-in/factor", {"code": self.code(member.secret)})
        assert done.status_code == 303, done.text
        self.house.clock.advance(STEP)
        person.get("/account")
        return person

    def audit(self) -> list[tuple[str, str]]:
        """Kinds and actors in the audit log."""
        with self.house.records.read() as transaction:
            return [(event.draft.kind, event.draft.actor) for event in transaction.audit.events()]


@dataclasses.dataclass
class Member:
    """A user who has set up.

    Attributes:
        user: as it was added.
        secret: of the authenticator app, in base 32.
        person: the browser at which it was set up, which is signed in.
    """

    user: User
    secret: str
    person: Person


def security_key(number: int = 1) -> Authenticator:
    """A passkey's authenticator, in a browser at the console."""
    key = Authenticator(number, ORIGIN)
    key.rp_id = "localhost"
    return key


def shown_secret(page: httpx.Response) -> str:
    """The secret that a page of enrolment shows."""
    found = _SECRET.search(page.text)
    assert found, page.text
    return found[1].replace(" ", "")


def shown_code(page: httpx.Response) -> str:
    """The set-up code that a page shows."""
    found = _CODE.search(page.text)
    assert found, page.text
    return found[1]


def field(page: httpx.Response, name: str) -> dict[str, str]:
    """The attributes of a form's field."""
    for tag in _INPUT.findall(page.text):
        found = dict(_ATTRIBUTE.findall(tag.removeprefix("<input")))
        if found.get("name") == name:
            return found
    raise AssertionError(f"no field {name}")


def error_of(page: httpx.Response, name: str) -> str:
    """What stands beside a field as wrong, which the field itself must point to."""
    identifier = f"{name}-error"
    assert identifier in field(page, name)["aria-describedby"].split()
    found = re.search(rf'<p class="error" id="{identifier}">(.*?)</p>', page.text)
    assert found, page.text
    return html.unescape(found[1])
