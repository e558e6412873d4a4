"""`safehold console --demo`: a filled console on drawn pictures, for a look around."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import json
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safehold.cli.serve import end_when_told
from safehold.cli.up import running, wait_until

if TYPE_CHECKING:
    from safehold.cli.up import House
    from safehold.runtime.listening import Binding
    from safehold.testing.console_house import MadeHome, Person


SEND_SECONDS = 1.0
"""How often it is looked what is to be sent."""


class _Told(Exception):  # noqa: N818 - no error
    """Somebody wants to end the demonstration before it is ready."""


def show(binding: Binding, *, as_json: bool = False) -> None:
    """Make a home, fill it, and show its console until told to end; nothing of it is left.

    Raises:
        ListenError: the address cannot be had.
    """
    from safehold.cli.console import announce_compilation, note
    from safehold.runtime.listening import listen
    from safehold.testing.console_house import make_home
    from safehold.testing.console_reports import simulated

    listen(binding).close()  # said now, and not after everything was made

    def too_early() -> None:
        raise _Told

    end_when_told(too_early)
    try:
        with tempfile.TemporaryDirectory(prefix="safehold-demo-") as name, simulated() as simulator:
            note("Making a home; drawing, listing, uploading and deciding pictures ...")
            folder = Path(name) / "home"
            now = dt.datetime.now(dt.UTC)
            made = make_home(folder, now, announce=announce_compilation, simulator=simulator)
            with running(folder, made.identity, demo=True) as house:
                _await_custodian(made, house)
                with _sending(made):
                    _serve(made, binding, as_json=as_json)
    except _Told:
        note("Interrupted.")


def _serve(made: MadeHome, binding: Binding, *, as_json: bool) -> None:
    from safehold.cli.console import note
    from safehold.console.compose import console_parts
    from safehold.console.serve import ConsoleServer
    from safehold.runtime.log import json_log
    from safehold.runtime.service import ServiceRuntime

    log_file = made.settings.home / "console.log"
    with ServiceRuntime(made.settings) as runtime, log_file.open("w") as lines:
        parts = functools.partial(console_parts, runtime, demo=True)
        log = json_log(lines)
        server = ConsoleServer(parts, binding, runtime.settings.console, log)
        end_when_told(server.end)
        _say(made, server.origin, as_json=as_json)
        if not as_json:
            note("Ctrl-C ends it, and removes everything.")
            _say_codes_again(made.filled.people)
        server.run()


@contextlib.contextmanager
def _sending(made: MadeHome) -> Iterator[None]:
    """Have the custodian send what is approved to the simulator, as `safehold work` does."""
    from safehold.custodian.compose import custodian_client
    from safehold.runtime.service import ServiceRuntime
    from safehold.testing.console_reports import sender

    ended = threading.Event()

    def send() -> None:
        with ServiceRuntime(made.settings) as runtime:
            job = sender(runtime, custodian_client(runtime))
            while not ended.wait(SEND_SECONDS):
                job.run(ended.is_set)

    thread = threading.Thread(target=send, name="reports", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(SEND_SECONDS * 10)


def _await_custodian(made: MadeHome, house: House) -> None:
    """Wait until the custodian answers. Raises `CustodianAwayError` where it never will."""
    from safehold.custodian.compose import custodian_client
    from safehold.custodian.interface import CustodianAwayError, CustodianError
    from safehold.runtime.service import ServiceRuntime

    [custodian] = house.parts
    with ServiceRuntime(made.settings) as runtime:
        client = custodian_client(runtime)

        def answers() -> bool:
            try:
                client.status()
            except CustodianError:
                return custodian.process.poll() is not None
            return True

        if not wait_until(answers) or custodian.process.poll() is not None:
            raise CustodianAwayError(
                "The demonstration's custodian has not started.",
                hint="Has the folder of temporary files a long name? A socket's has 100 bytes.",
            )


def _say(made: MadeHome, origin: str, *, as_json: bool) -> None:
    from rich.table import Table

    from safehold.cli.console import console

    filled = made.filled
    if as_json:
        people = [_row(person) for person in filled.people]
        told = {"address": origin, "cases": filled.cases, "open": filled.open_cases}
        print(json.dumps(told | {"users": people}), flush=True)
        return
    table = Table("Name", "Roles", "Password", "Code now", "Secret of the authenticator app")
    for person in filled.people:
        row = _row(person)
        roles = ", ".join(row["roles"])
        table.add_row(row["name"], roles, row["password"], row["totp_code"], row["totp_secret"])
    shown = console()
    shown.print(table)
    shown.print(f"{filled.cases} cases, of which {filled.open_cases} wait: {origin}")


def _row(person: Person) -> dict[str, Any]:
    return {
        "name": person.user.name,
        "roles": sorted(person.user.roles),
        "password": person.password,
        "totp_secret": person.totp,
        "totp_code": _code(person),
    }


def _code(person: Person) -> str:
    import pyotp

    return pyotp.TOTP(person.totp).now()


def _say_codes_again(people: Sequence[Person]) -> None:
    """A code is taken once, and holds for half a minute."""
    from safehold.cli.console import note

    if not sys.stdin.isatty():
        return

    def on_enter() -> None:
        for _ in sys.stdin:
            note("  ".join(f"{person.user.name}: {_code(person)}" for person in people))

    note("Enter shows the codes of the moment.")
    threading.Thread(target=on_enter, name="codes", daemon=True).start()
