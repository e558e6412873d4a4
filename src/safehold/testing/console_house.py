"""Fills a home with cases on drawn pictures, as if a small team had worked in it for weeks.

Everything goes the way that it goes in earnest: files are examined by locked workers, screened,
recorded, flagged, appealed against, looked at, decided, by the services that doors and console
use. Only the clock is another: it is moved from one happening to the next.

    clock = FixedClock(now - LOOK_BACK)
    with ServiceRuntime(settings, clock) as runtime:
        filled = fill(runtime, clock, House(users=..., sign_in=..., reviews=..., views=...), now)
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyotp

from safehold.cases.model import CaseState
from safehold.clock import FixedClock
from safehold.testing.console_crew import CLIENT, Crew, House, Story
from safehold.testing.console_door import SHOP, Door, add_entries
from safehold.testing.console_pictures import LISTS
from safehold.testing.console_story import DAYS, tell
from safehold.users.model import User
from safehold.users.roles import Role

if TYPE_CHECKING:
    from safehold.runtime.service import ServiceRuntime

LOOK_BACK = dt.timedelta(days=DAYS + 1)
ADDRESS = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of a filled house.

    Attributes:
        user: as it is stored.
        password: what is typed.
        totp: secret of the authenticator app, in base 32.
    """

    user: User
    password: str = field(repr=False)
    totp: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Filled:
    """What a home was filled with.

    Attributes:
        people: reviewer `robin`, approver `ada`, officer `noor`, auditor and admin `sam`.
        cases: how many cases there are.
        open_cases: how many of these wait.
    """

    people: tuple[Person, ...]
    cases: int
    open_cases: int


PEOPLE: tuple[tuple[str, frozenset[Role]], ...] = (
    ("robin", frozenset({Role.REVIEWER})),
    ("ada", frozenset({Role.APPROVER})),
    ("noor", frozenset({Role.OFFICER})),
    ("sam", frozenset({Role.AUDITOR, Role.ADMIN})),
)
"""An officer is somebody else than the approver, since one proposes exports that the other
approves; and those who run the house open no evidence."""


def fill(runtime: ServiceRuntime, clock: FixedClock, house: House, now: dt.datetime) -> Filled:
    """Fill a home that `set_up` has made with the service `forum`.

    Args:
        runtime: of the home, with `clock`.
        clock: stands `LOOK_BACK` before `now`, and at `now` afterwards.
        house: over the same home and clock.
        now: until when things happen.
    """
    people = _add_people(house, clock)
    if SHOP not in {service.name for service in runtime.accounts.services()}:
        runtime.accounts.add_service(SHOP)
    for chosen in LISTS:
        add_entries(runtime, chosen)
    door = Door(runtime, clock)
    crew = Crew(runtime, clock, house, {p.user.name: p.user for p in people})
    story = Story(clock, now)
    tell(story, door, crew)
    door.examine(story.uploads)
    story.run()
    with runtime.records.read() as transaction:
        counts = transaction.cases.counts()
    waiting = sum(n for (state, _), n in counts.items() if state is CaseState.OPEN)
    return Filled(people, sum(counts.values()), waiting)


def _add_people(house: House, clock: FixedClock) -> tuple[Person, ...]:
    """Add everybody, and let them set a password and an authenticator app up."""
    people = []
    for name, roles in PEOPLE:
        user, code = house.users.add(name, roles, "operator")
        password = secrets.token_urlsafe(12)
        token = house.sign_in.setup(code, CLIENT, ADDRESS)
        house.sign_in.set_password(token, CLIENT, password)
        secret = house.sign_in.begin_totp(token, CLIENT).secret
        one_time = pyotp.TOTP(secret).at(clock.now())
        token = house.sign_in.confirm_totp(token, CLIENT, one_time)
        house.sign_in.sign_out(token)
        people.append(Person(house.users.user(user.user_id), password, secret))
    return tuple(people)
