"""A filled house's console and custodian, which run in this process by a clock that is moved.

    with running_site(folder) as site:
        site.origin, site.person("robin").password, site.code("robin")

Both are the real ones, over their sockets, with the real workers that make previews.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import io
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyotp

from safehold.audit.model import Event
from safehold.clock import FixedClock
from safehold.config import Settings
from safehold.console.compose import console_parts
from safehold.console.serve import ConsoleServer
from safehold.custodian.compose import addresses, local_custodian
from safehold.custodian.server import run as serve_custodian
from safehold.runtime.listening import Binding
from safehold.runtime.log import json_log
from safehold.runtime.service import ServiceRuntime
from safehold.testing.console_house import MadeHome, Person, make_home
from safehold.testing.cybertip_simulator import Simulator
from safehold.vault.sealing import Identity

IDLE_MINUTES = 24 * 60.0
"""Sessions outlast it that the clock is moved."""

TOTP_STEP = dt.timedelta(seconds=30)
READY_SECONDS = 60.0


@dataclass
class Site:
    """A console that runs.

    Attributes:
        origin: its address.
        runtime: the home, by the same clock.
        clock: the clock of console and custodian; it stands still until it is moved.
        made: the home and its people.
        log: what the console logs.
    """

    origin: str
    runtime: ServiceRuntime
    clock: FixedClock
    made: MadeHome
    log: io.StringIO

    def person(self, name: str) -> Person:
        """Somebody of the house."""
        return next(p for p in self.made.filled.people if p.user.name == name)

    def code(self, name: str) -> str:
        """A code that was not taken before: the clock moves on to the app's next one."""
        return self.code_of(self.person(name).totp)

    def code_of(self, secret: str) -> str:
        """The same for the secret of an authenticator app, in base 32."""
        self.clock.advance(TOTP_STEP)
        return pyotp.TOTP(secret).at(self.clock.now())

    def events(self) -> list[Event]:
        """What the audit log holds, the oldest first."""
        with self.runtime.records.read() as transaction:
            return list(transaction.audit.events())

    def errors(self) -> list[dict[str, Any]]:
        """What the console has logged as failed."""
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [line for line in lines if line.get("event") == "page_failed"]


@contextlib.contextmanager
def running_site(
    folder: Path, now: dt.datetime, *, demo: bool = False, simulator: Simulator | None = None
) -> Iterator[Site]:
    """Make a home in a folder that is not there yet, and run its console and custodian.

    The folder's name must be short: a socket's has 100 bytes. With a simulator some of its cases
    are reported.
    """
    made = make_home(folder, now, simulator=simulator)
    settings = _with_long_sessions(made.settings)
    clock = FixedClock(now)
    log = io.StringIO()
    with ServiceRuntime(settings, clock) as runtime:
        identity = Identity.parse(made.identity.decode().split()[-1])
        with _custodian(settings, clock, identity):
            parts = functools.partial(console_parts, runtime, demo=demo)
            server = ConsoleServer(parts, Binding(port=0), settings.console, json_log(log))
            with _thread(server.run, server.end):
                yield Site(server.origin, runtime, clock, made, log)


def _with_long_sessions(settings: Settings) -> Settings:
    console = dataclasses.replace(
        settings.console, idle_minutes=IDLE_MINUTES, session_hours=IDLE_MINUTES
    )
    return settings.model_copy(update={"console": console})


@contextlib.contextmanager
def _custodian(settings: Settings, clock: FixedClock, identity: Identity) -> Iterator[None]:
    stop, ready = threading.Event(), threading.Event()
    with ServiceRuntime(settings, clock) as runtime:
        custodian = local_custodian(runtime, [identity])
        where = addresses(runtime)

        def serve() -> None:
            serve_custodian(custodian, where, stop, ready=lambda _: ready.set())

        try:
            with _thread(serve, stop.set):
                if not ready.wait(READY_SECONDS):
                    raise TimeoutError("the custodian does not start")
                yield
        finally:
            custodian.close()


@contextlib.contextmanager
def _thread(run: Any, end: Any) -> Iterator[None]:
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end()
        thread.join(READY_SECONDS)
