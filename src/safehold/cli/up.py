"""`safehold up`: all processes of the service on one machine."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from safehold.cli.options import HomeOption, WorkersOption, open_service
from safehold.cli.passphrases import PassphraseOption
from safehold.cli.serve import OfficerKeyOption, until_told

EXAMPLE = (
    "Examples: safehold up --officer-key /media/stick/officer.key --passphrase-file /run/pass\n\n"
    "safehold up --demo"
)

READY_SECONDS = 120.0
END_SECONDS = 30.0
LONGEST_REST = 30.0
"""Seconds before a process that keeps failing is started again."""


def up(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Of the server.")] = 8450,
    console_port: Annotated[
        int, typer.Option("--console-port", min=0, max=65535, help="Of the review console.")
    ] = 8460,
    officer_key: OfficerKeyOption = None,
    passphrase_file: PassphraseOption = None,
    demo: Annotated[
        bool,
        typer.Option("--demo", help="Show everything on drawn pictures, in a folder that goes."),
    ] = False,
    workers: WorkersOption = None,
    home: HomeOption = None,
) -> int:
    """Run server, console, custodian and work together until Ctrl-C or SIGTERM.

    A process that ends by itself is started again. With --demo a home of its own is made, drawn
    pictures are listed, edited and uploaded, and what the service does with them is shown.
    """
    if demo:
        from safehold.cli.up_demo import show

        return show(workers)
    from safehold.cli.console import note
    from safehold.cli.serve import officer_identity
    from safehold.vault.officers import identity_file

    with open_service(context, home) as runtime:
        file = officer_key or runtime.home.folder / "officer.key"
        identity = officer_identity(file, passphrase_file)
        folder = runtime.home.folder
    stop = until_told()
    serve = ["serve", "--port", str(port)]
    if workers is not None:
        serve += ["--workers", str(workers)]
    console = ["console", "--port", str(console_port)]
    with running(folder, identity_file(identity), serve, console) as house:
        note(f"Running: {', '.join(part.name for part in house.parts)}. Ctrl-C ends all.")
        while not stop.wait(0.5):
            house.look()
    return 0


@dataclass
class Part:
    """One of the processes."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    process: subprocess.Popen[bytes]
    rest: float = 1.0
    due: float = 0.0


class House:
    """The processes, and what becomes of one that ends."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.parts: list[Part] = []
        self._monotonic = monotonic

    def add(self, name: str, start: Callable[[], subprocess.Popen[bytes]]) -> None:
        """Start a process."""
        self.parts.append(Part(name, start, start()))

    def look(self) -> None:
        """Start anew what has ended, after a rest that doubles each time."""
        from safehold.cli.console import note

        now = self._monotonic()
        for part in self.parts:
            if part.process.poll() is None:
                continue
            if not part.due:
                note(f"{part.name} ended with code {part.process.returncode}; it starts again.")
                part.due = now + part.rest
                part.rest = min(2 * part.rest, LONGEST_REST)
            elif now >= part.due:
                part.due = 0.0
                part.process = part.start()

    def end(self) -> None:
        """End all, the last that was started first, so that none misses another."""
        for part in reversed(self.parts):
            if part.process.poll() is None:
                part.process.terminate()
                try:
                    part.process.wait(END_SECONDS)
                except subprocess.TimeoutExpired:
                    part.process.kill()
                    part.process.wait()


@contextlib.contextmanager
def running(
    folder: Path,
    identity: bytes,
    serve: Sequence[str] = (),
    console: Sequence[str] = (),
    *,
    demo: bool = False,
) -> Iterator[House]:
    """Custodian, server with work, and console over a home; all have ended when this is left.

    The officer's identity goes to the custodian by a pipe, and to nobody else. Of server and
    console only those run whose command lines are given. For a demonstration nothing of what
    they say is shown, and the home's own database is used whatever the environment says.
    """
    command = [sys.executable, "-m", "safehold", "--home", str(folder)]
    if demo:
        command = ["env", "SAFEHOLD_DATABASE=", *command]
    house = House()

    def plain(*arguments: str) -> Callable[[], subprocess.Popen[bytes]]:
        return lambda: _started([*command, *arguments], quiet=demo)

    def custodian() -> subprocess.Popen[bytes]:
        readable, writable = os.pipe()
        os.write(writable, identity)  # a few hundred bytes: they fit into the pipe
        os.close(writable)
        try:
            listening = [*command, "custodian", "--officer-key", f"/dev/fd/{readable}"]
            return _started(listening, readable, quiet=demo)
        finally:
            os.close(readable)

    try:
        house.add("custodian", custodian)
        if serve:
            house.add("serve", plain(*serve))
            house.add("work", plain("work"))
        if console:
            house.add("console", plain(*console))
        yield house
    finally:
        house.end()


def _started(command: Sequence[str], *kept: int, quiet: bool) -> subprocess.Popen[bytes]:
    # A group of its own: Ctrl-C at the terminal reaches this process, which ends them in order.
    out = subprocess.DEVNULL if quiet else None
    return subprocess.Popen(  # noqa: S603 - this program itself
        command,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=out,
        pass_fds=kept,
        start_new_session=True,
    )


def wait_until(true: Callable[[], bool], stop: threading.Event | None = None) -> bool:
    """Wait until something is true, at most `READY_SECONDS`."""
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and not (stop and stop.is_set()):
        if true():
            return True
        time.sleep(0.1)
    return False
