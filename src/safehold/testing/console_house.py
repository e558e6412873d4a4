"""Fills a home with cases on drawn pictures, as if a small team had worked in it for weeks.

Everything goes the way that it goes in earnest: files are examined by locked workers, screened,
recorded, flagged, appealed against, looked at, decided, by the services that doors and console
use. Only the clock is another: it is moved from one happening to the next.

    made = make_home(folder, dt.datetime.now(dt.UTC))
    made.filled.people[0].password
"""

from __future__ import annotations

import datetime as dt
import functools
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyotp

from safehold.cases.model import CaseState
from safehold.clock import FixedClock
from safehold.config import CONFIG_FILE, Settings, load_settings
from safehold.console.compose import console_parts
from safehold.custodian.compose import local_custodian
from safehold.custodian.interface import Custodian
from safehold.custodian.setting_up import Plan, set_up
from safehold.kernels.accelerate import KernelCache
from safehold.runtime.service import ServiceRuntime
from safehold.testing.console_crew import CLIENT, Crew, House, Story
from safehold.testing.console_door import FORUM, SHOP, Door, add_entries
from safehold.testing.console_pictures import LISTS
from safehold.testing.console_reports import Reporters, settings_of
from safehold.testing.console_story import DAYS, tell
from safehold.testing.cybertip_simulator import Simulator
from safehold.users.model import User
from safehold.users.roles import Role
from safehold.vault.officers import identity_file, read_identity
from safehold.work.alarms import Alarms
from safehold.work.jobs.checkpoint import LogIdentity, SignCheckpoint
from safehold.work.schedule import Timing

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


@dataclass(frozen=True, slots=True)
class MadeHome:
    """A home that was made and filled.

    Attributes:
        settings: its settings, to open it with.
        identity: the officer's identity, as a file; for the custodian alone.
        filled: who works in it, and on how much.
        simulator: where its reports go; None where it makes none.
    """

    settings: Settings
    identity: bytes = field(repr=False)
    filled: Filled
    simulator: Simulator | None = None


CONFIG = """\
[work]
servers = 0

[intake]
min_free_bytes = 67108864

[surfaces.public]
required_lists = ["partner"]
max_list_age_hours = 1000
"""
"""No server runs in such a house, and little space is enough."""


def make_home(
    folder: Path,
    now: dt.datetime,
    *,
    workers: int | None = None,
    announce: Callable[[], None] | None = None,
    simulator: Simulator | None = None,
) -> MadeHome:
    """Make a home with everything that a console needs, and fill it.

    Args:
        folder: the home; a folder that is not there yet.
        now: until when things happen.
        workers: processes that examine files.
        announce: called where kernels must be compiled first, which takes half a minute.
        simulator: of the CyberTipline, to which some cases are reported; None to report none.
    """
    folder.mkdir(mode=0o700)
    config = CONFIG if simulator is None else CONFIG + settings_of(simulator)
    (folder / CONFIG_FILE).write_text(config)
    settings = load_settings(home=folder, database="", workers=workers)
    clock = FixedClock(now - LOOK_BACK)
    with ServiceRuntime(settings, clock) as runtime:
        KernelCache.configure(runtime.kernel_folder, announce)
        key = folder / "officer.key"
        set_up(runtime, Plan("officer", key, None, FORUM, demo=simulator is not None))
        identity = read_identity(key, None)
        key.unlink()  # it goes to the custodian by hand
        parts = console_parts(runtime, demo=True)
        house = House(parts.users, parts.sign_in, parts.reviews, parts.views)
        custodian = local_custodian(runtime, [identity])
        report = (
            functools.partial(_report, runtime, custodian, simulator) if simulator else _nothing
        )
        try:
            filled = fill(runtime, clock, house, now, Chores(signer(runtime, custodian), report))
        finally:
            custodian.close()
    return MadeHome(settings, identity_file(identity), filled, simulator)


def _report(
    runtime: ServiceRuntime, custodian: Custodian, simulator: Simulator, story: Story, crew: Crew
) -> None:
    Reporters(runtime, custodian, simulator, crew.user("noor"), crew.user("ada")).tell(story)


def _nothing(story: Story, crew: Crew) -> None:
    """A house that reports nothing."""


@dataclass(frozen=True, slots=True)
class Chores:
    """What happens in a house beside people's reviewing.

    Attributes:
        sign: has the audit log signed; it is called each week.
        report: puts reports to an authority into the story.
    """

    sign: Callable[[], object] = lambda: None
    report: Callable[[Story, Crew], None] = _nothing


def signer(runtime: ServiceRuntime, custodian: Custodian) -> Callable[[], object]:
    """What has the audit log signed, as `safehold work` does."""
    job = SignCheckpoint(
        runtime.records,
        custodian,
        LogIdentity(runtime.log_id),
        runtime.clock,
        Alarms(runtime.records, runtime.alarm_messages, runtime.clock),
        Timing(3600.0, 0.0, 5.0),
    )
    return lambda: job.run(lambda: False)


def fill(
    runtime: ServiceRuntime,
    clock: FixedClock,
    house: House,
    now: dt.datetime,
    chores: Chores | None = None,
) -> Filled:
    """Fill a home that `set_up` has made with the service `forum`.

    Args:
        runtime: of the home, with `clock`.
        clock: stands `LOOK_BACK` before `now`, and at `now` afterwards.
        house: over the same home and clock.
        now: until when things happen.
        chores: what happens beside; nothing by default.
    """
    chores = chores or Chores()
    people = _add_people(house, clock)
    if SHOP not in {service.name for service in runtime.accounts.services()}:
        runtime.accounts.add_service(SHOP, demo=bool(runtime.settings.cybertip.simulator))
    for chosen in LISTS:
        add_entries(runtime, chosen)
    door = Door(runtime, clock)
    crew = Crew(runtime, clock, house, {p.user.name: p.user for p in people})
    story = Story(clock, now)
    tell(story, door, crew)
    chores.report(story, crew)
    for weeks in range(DAYS // 7):
        story.at(7 * weeks, chores.sign)
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
