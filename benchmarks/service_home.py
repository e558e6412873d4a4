"""Homes for benchmarks and soaks of the service: set up, with lists, and a server that runs.

Everything is done by the commands that an operator uses, as processes of their own.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from safehold.testing.postgres import find_binaries, running_server
from safehold.testing.serve_process import ServeProcess

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


class Server(ServeProcess):
    """`safehold serve` in such a home."""

    def __init__(self, where: ServiceHome, **settings: str) -> None:
        log = where.folder.parent / "serve.log"
        super().__init__(where.folder, log, {**SETTINGS, **where.settings, **settings})


@contextlib.contextmanager
def serving(where: ServiceHome, **settings: str) -> Iterator[Server]:
    """A server that is ready, and is ended afterwards."""
    server = Server(where, **settings)
    try:
        server.wait_ready()
        yield server
    finally:
        server.stop()


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
