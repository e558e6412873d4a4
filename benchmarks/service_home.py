"""Homes for benchmarks and soaks of the service: set up, with lists, and a server that runs.

Everything is done by the commands that an operator uses, as processes of their own.
"""

from __future__ import annotations

import contextlib
import csv
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from processes import session
from safehold.testing.postgres import find_binaries, running_server

DATABASES = ("sqlite", "postgresql")

SETTINGS: Mapping[str, str] = {
    **{
        f"SAFEHOLD_BUDGETS__{name}": "0"
        for name in (
            "KEY_PER_MINUTE",
            "USER_PER_MINUTE",
            "DIGESTS_KEY_PER_MINUTE",
            "DIGESTS_USER_PER_MINUTE",
        )
    },
    "SAFEHOLD_SERVER__DIGESTS_PDQ": "true",
}
"""Budgets would refuse what a benchmark sends; and PDQ hashes are taken, as by the peer."""

COLUMNS = ("md5", "sha1", "sha256", "pdq", "id")


@dataclass(slots=True)
class ServiceHome:
    """A home that is set up.

    Attributes:
        folder: the home.
        key: an API key that may screen files and digests.
        passphrase: of the officer's identity.
        settings: environment variables.
    """

    folder: Path
    key: str = field(repr=False, default="")
    passphrase: str = field(repr=False, default="")
    settings: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str) -> tuple[list[str], dict[str, str]]:
        """Command line and environment of `safehold` in this home."""
        environment = {**os.environ, **SETTINGS, **self.settings, "SAFEHOLD_HOME": str(self.folder)}
        return [sys.executable, "-m", "safehold", *arguments], environment

    def run(self, *arguments: str) -> str:
        """Run a command to its end; its output."""
        command, environment = self.command(*arguments)
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        if done.returncode:
            said = (done.stderr or done.stdout).decode(errors="replace")[-1000:]
            raise SystemExit(f"safehold {' '.join(arguments[:2])} failed: {said}")
        return done.stdout.decode()

    def add_list(self, name: str, tier: str, rows: list[list[str]]) -> None:
        """Add a list with the columns `COLUMNS`."""
        source = self.folder / f"{name}.csv"
        with source.open("w", newline="") as lines:
            csv.writer(lines).writerows([COLUMNS, *rows])
        self.run("list", "add", name, str(source), "--tier", tier)
        source.unlink()


@contextlib.contextmanager
def home(folder: Path, database: str) -> Iterator[ServiceHome]:
    """A new home on one of `DATABASES`, set up by `safehold init`."""
    with contextlib.ExitStack() as stack:
        made = ServiceHome(folder)
        if database == "postgresql":
            binaries = find_binaries()
            if binaries is None:
                raise SystemExit("PostgreSQL's initdb and pg_ctl are not installed")
            made.settings["SAFEHOLD_DATABASE"] = stack.enter_context(
                running_server(binaries, durable=True)
            )
        made.passphrase = json.loads(made.run("init", "--json"))["passphrase"]
        scopes = ("--scope", "screen", "--scope", "digests")
        answer = made.run("key", "add", "default", *scopes, "--per-minute", "0", "--json")
        made.key = json.loads(answer)["api_key"]
        yield made


class Server:
    """`safehold serve` as a process with its own session."""

    def __init__(self, where: ServiceHome, **settings: str) -> None:
        self.port = free_port()
        self._log = where.folder.parent / "serve.log"
        command, environment = where.command("serve", "--port", str(self.port))
        with self._log.open("ab") as sink:
            self.process = subprocess.Popen(
                command,
                env={**environment, **settings},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_ready(self, seconds: float = 120.0) -> None:
        """Wait until it says that it is ready."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            if self.get("/health/ready")[0] == 200:
                return
            time.sleep(0.05)
        said = self._log.read_text(errors="replace")[-2000:]
        raise SystemExit(f"the server is not ready: {said}")

    def get(self, path: str, key: str = "", seconds: float = 30.0) -> tuple[int, bytes]:
        """Status and body of a call; status 0 where there is no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def stop(self) -> int:
        """End it as an operator does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    def kill(self) -> None:
        """End it as a fault does."""
        self.process.kill()
        self.process.wait()

    def others(self) -> list[int]:
        """Its living processes but for itself: the zygote and the workers."""
        return [pid for pid, _ in session(self.pid) if pid != self.pid]


@contextlib.contextmanager
def serving(where: ServiceHome, **settings: str) -> Iterator[Server]:
    """A server that is ready, and is ended afterwards."""
    server = Server(where, **settings)
    try:
        server.wait_ready()
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def memory(pid: int) -> dict[str, float]:
    """Memory of a process in MB, from smaps_rollup, proc(5): `private`, `shared`, `pss`, `rss`.

    `private` is what no other process shares: all that would be freed if it ended.
    """
    found = {"private": 0.0, "shared": 0.0, "pss": 0.0, "rss": 0.0}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value, *_ = line.split()
        kind = name.rstrip(":").lower()
        for group in found:
            if kind == group or (
                group in ("private", "shared") and kind in (f"{group}_clean", f"{group}_dirty")
            ):
                found[group] += float(value) * 1024 / 1e6
    return found


def mapped(pid: int, folder: Path) -> float:
    """MB of a process's private pages that are those of files in a folder, unchanged.

    They are the page cache's: a second process that maps the file shares them.
    """
    total, inside = 0.0, False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if line[:1].isdigit() or line[:1] in "abcdef":
            inside = str(folder) in line and ".snapshot" in line
        elif inside and line.startswith("Private_Clean:"):
            total += float(line.split()[1]) * 1024 / 1e6
    return total
