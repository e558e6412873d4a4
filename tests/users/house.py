"""A house with people, in memory, whose time and passwords a test decides."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import itertools
from collections.abc import Mapping
from typing import Any

from safehold.cases.records import Records
from safehold.clock import FixedClock
from safehold.config.house import ConsoleOptions
from safehold.hashing.keyed import DigestKey
from safehold.ids import IdMaker, UserId
from safehold.outbound.model import OutboundOptions
from safehold.testing.records import MemoryRecords
from safehold.users.keys import SignInKeys
from safehold.users.model import Session, User
from safehold.users.passwords import PasswordOptions, Passwords
from safehold.users.roles import Role
from safehold.users.service import UserService
from safehold.users.sign_in import SignIn, SignInParts
from safehold.users.totp import code_at, step_at

T0 = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)
CHEAP = PasswordOptions(passes=1, memory_kib=64, lanes=1)
HERE, THERE = b"a browser here..", b"another browser."
ADDRESS = "192.0.2.7"
PASSWORD = "a kettle beside the window"
REVIEWER = frozenset({Role.REVIEWER})
OPTIONS = ConsoleOptions(origin="https://review.example")


class House:
    """Users, and signing in as them."""

    def __init__(
        self, options: ConsoleOptions = OPTIONS, records: Records | None = None, **parts: Any
    ) -> None:
        self.records: Records = MemoryRecords() if records is None else records
        self.clock = FixedClock(T0)
        self.options = options
        self.ids = IdMaker(self.clock)
        self.users = UserService(self.records, self.ids, self.clock, options)
        given: dict[str, Any] = {
            "records": self.records,
            "clock": self.clock,
            "options": options,
            "keys": SignInKeys.of(DigestKey(bytes(range(32)))),
            "passwords": Passwords(CHEAP),
            "outbound": OutboundOptions(),
        }
        self.parts = SignInParts(**given | parts)
        self.sign_in = SignIn(self.parts)
        self.secrets: dict[UserId, bytes] = {}
        self._names = (f"user-{number}" for number in itertools.count())

    def wait(self, **span: float) -> None:
        """Let time go by."""
        self.clock.advance(dt.timedelta(**span))

    def add(self, name: str = "alex", roles: frozenset[Role] = REVIEWER) -> User:
        """A user who has set up a password and an authenticator app, and signed out."""
        user, code = self.users.add(name, roles, "operator")
        self.sign_in.sign_out(self.set_up(user, code))
        # The code that set it up is spent; the next one is another.
        self.wait(seconds=30)
        return self.users.user(user.user_id)

    def set_up(self, user: User, code: str, password: str = PASSWORD) -> str:
        """Go through setting up; the token of a full session."""
        token = self.sign_in.setup(code, HERE, ADDRESS)
        self.sign_in.set_password(token, HERE, password)
        return self.enrol(token, user)

    def enrol(self, token: str, user: User) -> str:
        """Enrol an authenticator app; the new token."""
        enrolment = self.sign_in.begin_totp(token, HERE)
        self.secrets[user.user_id] = base64.b32decode(enrolment.secret)
        return self.sign_in.confirm_totp(token, HERE, self.code(user))

    def code(self, user: User, steps: int = 0) -> str:
        """What the authenticator app shows, some steps away from now."""
        return code_at(self.secrets[user.user_id], step_at(self.clock.now()) + steps)

    def first(self, user: User, password: str = PASSWORD, address: str = ADDRESS) -> str:
        """The first step of signing in."""
        return self.sign_in.password(user.name, password, HERE, address)

    def enter(self, user: User) -> str:
        """Sign in; the token of a full session."""
        return self.sign_in.totp(self.first(user), HERE, self.code(user))

    def changed(self, user: User) -> User:
        """A user as it is now."""
        return self.users.user(user.user_id)

    def change(self, user: User, **values: Any) -> None:
        """Write something of a user past the service."""
        with self.records.write() as transaction:
            transaction.users.update(dataclasses.replace(self.changed(user), **values))

    def sessions(self, user: User) -> list[Session]:
        """All of a user's sessions that are stored."""
        with self.records.read() as transaction:
            return list(transaction.users.sessions(user.user_id))

    def told(self, user: User | None = None) -> list[tuple[str, str, Mapping[str, Any]]]:
        """Kind, actor and data of all events, or those of a user."""
        with self.records.read() as transaction:
            drafts = [event.draft for event in transaction.audit.events()]
        return [
            (draft.kind, draft.actor, draft.data)
            for draft in drafts
            if user is None or draft.subject == user.user_id
        ]

    def kinds(self, user: User) -> list[str]:
        """Kinds of a user's events, without `user.`."""
        return [kind.removeprefix("user.") for kind, _, _ in self.told(user)]
