"""A console in this process, and people who are signed in to it.

    def test_page(house: House) -> None:
        with house.client(Role.REVIEWER) as client:
            page = client.get("/queue")
            client.post("/cases/x/take", data={...})    # the CSRF token is added

`house.records` are `MemoryRecords`; `house.parts` can be given other parts with
`house.replace(reviews=...)`. Signing in itself is replaced by `StandInSignIn`: who is signed in
is decided by the test.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import hashlib
import hmac
import io
import json
from collections.abc import AsyncIterable, Iterable, Iterator
from typing import Any, cast

import httpx
import pytest

from safehold.audit.verify import AuditReport
from safehold.cases.review.model import ReviewOptions
from safehold.clock import FixedClock
from safehold.config.house import ConsoleOptions
from safehold.console.app import ConsoleApp
from safehold.console.dispatch import CSRF_FIELD
from safehold.console.ports import ConsoleParts
from safehold.console.security import SESSION_COOKIE, Origins, client_digest
from safehold.console.templates_env import Environment
from safehold.console.visit import Route
from safehold.ids import IdMaker, UserId
from safehold.runtime.log import json_log
from safehold.testing.records import MemoryRecords
from safehold.users.model import Preferences, Session, SessionError, Stage, User
from safehold.users.roles import Role

ORIGIN = "http://localhost:8460"
BROWSER = "a test"
ADDRESS = "127.0.0.1"
NOW = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)
KEY = bytes(range(32))


class StandInSignIn:
    """Sessions that a test has made; the part of `SignIn` that the console's core uses."""

    has_oidc = False

    def __init__(self) -> None:
        self.found: dict[str, tuple[User, Session]] = {}

    def session(self, token: str, client: bytes) -> tuple[User, Session]:
        user, session = self.found.get(token, (None, None))
        if user is None or session is None or session.client != client:
            raise SessionError
        return user, session

    def csrf(self, token: str) -> str:
        return hmac.new(KEY, token.encode(), hashlib.sha256).hexdigest()

    def check_csrf(self, token: str, given: str) -> bool:
        return hmac.compare_digest(self.csrf(token).encode(), given.encode())

    def sign_out(self, token: str) -> None:
        self.found.pop(token, None)


class NoReports:
    """A house that has reported nothing, and whose evidence has no clocks."""

    def counts(self) -> dict[Any, int]:
        return {}

    def people(self, case_id: str) -> tuple[Any, ...]:
        return ()

    def clock_of(self, case_id: str) -> None:
        return None


class InProcess(httpx.BaseTransport):
    """Asks an ASGI app in this process, as if from an address."""

    def __init__(self, app: ConsoleApp, address: str) -> None:
        self._transport = httpx.ASGITransport(cast(Any, app), client=(address, 50_000))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = await self._transport.handle_async_request(request)
        stream = cast(AsyncIterable[bytes], answer.stream)
        body = b"".join([piece async for piece in stream])
        return httpx.Response(answer.status_code, headers=answer.headers, content=body)


class Browser(httpx.Client):
    """A browser at the console: it sends what browsers send, and forms with their token."""

    csrf = ""

    def post(self, url: Any, **keys: Any) -> httpx.Response:
        """Send a form (`data`) or a script's JSON (`json`)."""
        if "json" in keys:
            keys["headers"] = {"X-CSRF": self.csrf, **keys.get("headers", {})}
        else:
            keys["data"] = {CSRF_FIELD: self.csrf, **keys.get("data", {})}
        return super().post(url, **keys)


@dataclasses.dataclass
class House:
    """A console, its stores and its people."""

    parts: ConsoleParts
    sign_in: StandInSignIn
    clock: FixedClock
    ids: IdMaker
    records: MemoryRecords
    environment: Environment
    log: io.StringIO
    routes: tuple[Route, ...]

    def replace(self, **parts: Any) -> None:
        """Give the console other parts; for clients that are made afterwards."""
        self.parts = dataclasses.replace(self.parts, **parts)

    def use(self, *routes: Route) -> None:
        """Give the console other pages; for clients that are made afterwards."""
        self.routes = routes
        self.environment = Environment(routes)
        self.replace(templates=self.environment)

    def user(self, *roles: Role, name: str = "", **preferences: Any) -> User:
        """A user, who is in `records` too where these keep users."""
        user = User(
            user_id=UserId(self.ids()),
            name=name or f"user{len(self.sign_in.found)}",
            roles=frozenset(roles),
            created=NOW,
            preferences=Preferences(**preferences),
        )
        with self.records.write() as transaction:
            if hasattr(transaction, "users"):
                transaction.users.add(user)
        return user

    def session(self, user: User, stage: Stage = Stage.FULL) -> str:
        """A token of a session."""
        token = f"token-{len(self.sign_in.found)}"
        session = Session(
            token_hash=hashlib.sha256(token.encode()).digest(),
            user_id=user.user_id,
            stage=stage,
            created=self.clock.now(),
            seen=self.clock.now(),
            expires=self.clock.now() + dt.timedelta(hours=8),
            client=client_digest(KEY, BROWSER, ADDRESS),
        )
        self.sign_in.found[token] = user, session
        return token

    def app(self) -> ConsoleApp:
        """The console."""
        return ConsoleApp(
            self.parts,
            Origins.of([ORIGIN]),
            json_log(self.log),
            self.routes,
            static=self.environment.static,
        )

    def browser(self, token: str = "", *, origin: str = ORIGIN) -> Browser:
        """A browser, with a session's cookie or without."""
        browser = Browser(
            transport=InProcess(self.app(), ADDRESS),
            base_url=ORIGIN,
            headers={"User-Agent": BROWSER, "Origin": origin, "Sec-Fetch-Site": "same-origin"},
        )
        if token:
            browser.cookies.set(SESSION_COOKIE, token)
            browser.csrf = self.sign_in.csrf(token)
        return browser

    def client(
        self, *roles: Role, stage: Stage = Stage.FULL, user: User | None = None, **preferences: Any
    ) -> Browser:
        """The browser of somebody with these roles, or of a user, who is signed in."""
        who = user or self.user(*roles, **preferences)
        return self.browser(self.session(who, stage))

    def lines(self) -> list[dict[str, Any]]:
        """What the log says."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


def make_house(routes: Iterable[Route]) -> House:
    """A console with some pages, on stores in memory."""
    clock = FixedClock(NOW)
    records = MemoryRecords()
    sign_in = StandInSignIn()
    environment = Environment(routes)
    missing = cast(Any, None)
    parts = ConsoleParts(
        records=cast(Any, records),
        users=missing,
        sign_in=cast(Any, sign_in),
        reviews=missing,
        views=missing,
        reports=cast(Any, NoReports()),
        retention=cast(Any, NoReports()),
        transparency=missing,
        custodian=missing,
        lists=lambda: (),
        service_names=dict,
        verify_audit=lambda: AuditReport(0, 0, 0, ()),
        templates=environment,
        clock=clock,
        options=ConsoleOptions(),
        review=ReviewOptions(),
        client_key=KEY,
    )
    ids = IdMaker(clock)
    return House(parts, sign_in, clock, ids, records, environment, io.StringIO(), tuple(routes))


@pytest.fixture
def house() -> Iterator[House]:
    """A console with all its pages."""
    from safehold.console.routes import ROUTES

    yield make_house(ROUTES)
