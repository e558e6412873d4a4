"""The service is killed at random moments under load, and loses nothing that it answered.

Callers send pictures that are allowed, held and blocked. At seeded moments the server is ended
by SIGKILL, sometimes while it starts, and before some of these kills one of its workers or the
process that forks them is killed too. After each restart every hold and block that a caller
received since the last one is looked for: the receipt says the same over HTTP, the case is there,
its evidence decrypts with the officer's key to those very bytes. What was sent and not answered
is sent again. At the end all of it is looked for once more, with the audit log and the vault as a
whole. No process of a killed server lives on. Exit 1 when anything of that fails.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from safehold.config import load_settings
from safehold.runtime.service import ServiceRuntime
from safehold.testing.kills import (
    VERDICTS,
    Callers,
    Given,
    Heard,
    House,
    Items,
    check,
    prepare,
    wrong_answers,
)
from safehold.testing.postgres import find_binaries, running_server
from safehold.testing.serve_process import ServeProcess

ORPHAN_SECONDS = 10.0
"""How long workers may take to notice that their server is gone."""

LISTED = 30_000
"""Numbers of items that lists know; no soak sends more."""

BUDGETS: Mapping[str, str] = {
    "SAFEHOLD_BUDGETS__KEY_PER_MINUTE": "0",
    "SAFEHOLD_BUDGETS__USER_PER_MINUTE": "0",
}


@dataclass
class Soak:
    """One home on one database, and what happened to it."""

    runtime: ServiceRuntime
    house: House
    items: Items
    log: Path
    settings: Mapping[str, str]
    rng: random.Random
    next_number: int = 0
    again: list[int] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    kills: int = 0
    kills_in_start: int = 0
    worker_kills: int = 0
    refused: int = 0
    silent: int = 0
    orphans: int = 0
    opened: int = 0

    def start(self) -> ServeProcess:
        return ServeProcess(self.runtime.home.folder, self.log, self.settings)

    def kill_once(self, callers: int, longest: float) -> None:
        """One life of a server, from its start to its kill; then look for what it answered."""
        server = self.start()
        heard = Heard()
        if self.rng.random() < 0.1:
            time.sleep(self.rng.uniform(0.0, 2.0))
            self.kills_in_start += 1
        else:
            server.wait_ready()
            self._receipts(server)
            load = Callers(server.port, self.house.key, self.items, self.next_number, self.again)
            load.start(callers)
            time.sleep(self.rng.uniform(0.0, longest))
            if self.rng.random() < 0.3:
                self._kill_worker(server)
                time.sleep(self.rng.uniform(0.0, longest))
            server.kill()
            heard = load.end()
            self.next_number, self.again = load.next_number, []
        if server.lives:
            server.kill()
        self.kills += 1
        self._no_orphans(server)
        self._take_in(heard)
        self._check(heard.given)

    def _kill_worker(self, server: ServeProcess) -> None:
        """Kill one process of the server's, be it a worker or the one that forks them."""
        others = sorted(server.others())
        if others:
            self.worker_kills += 1
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.rng.choice(others), signal.SIGKILL)

    def _no_orphans(self, server: ServeProcess) -> None:
        until = time.monotonic() + ORPHAN_SECONDS
        while server.others() and time.monotonic() < until:
            time.sleep(0.05)
        if server.others():
            self.wrong.append("processes outlived a killed server")

    def _take_in(self, heard: Heard) -> None:
        self.given += heard.given
        self.refused += len(heard.problems)
        self.silent += len(heard.silent)
        self.again = [*heard.silent, *(number for number, _ in heard.problems)]
        self.wrong += wrong_answers(heard)
        self.wrong += [
            f"item {number} was answered with status {status}"
            for number, status in heard.problems
            if status != 503
        ]

    def _receipts(self, server: ServeProcess) -> None:
        """What some callers were told last, asked for over HTTP."""
        for one in self.given[-40:]:
            status, body = server.get(f"/v1/receipts/{one.receipt}", self.house.key)
            if status != 200 or json.loads(body)["verdict"] != VERDICTS[one.status].value:
                self.wrong.append(f"the receipt of item {one.number} was answered with {status}")

    def _check(self, given: list[Given]) -> None:
        report = check(self.runtime, self.house, self.items, given)
        self.wrong += report.wrong
        self.orphans = report.orphans
        self.opened += report.opened

    def finish(self, callers: int) -> None:
        """A last life that is not killed: all that has no verdict yet gets it. Then everything."""
        server = self.start()
        server.wait_ready()
        left = len(self.again)
        load = Callers(server.port, self.house.key, self.items, self.next_number, self.again)
        load.start(callers)
        until = time.monotonic() + 60
        while len(load.heard.given) < left and time.monotonic() < until:
            time.sleep(0.05)
        heard = load.end()
        self._take_in(heard)
        if heard.silent or heard.problems:
            self.wrong.append("a server that nobody killed left items without a verdict")
        if code := server.stop():
            self.wrong.append(f"a server that was told to end had exit code {code}")
        self.opened = 0
        self._check(self.given)


@contextlib.contextmanager
def soak_on(database: str, folder: Path, seed: int) -> Iterator[Soak]:
    """A home with lists on SQLite or PostgreSQL."""
    with contextlib.ExitStack() as stack:
        settings = dict(BUDGETS)
        address = None
        if database == "postgresql":
            binaries = find_binaries()
            if binaries is None:
                raise SystemExit("PostgreSQL's initdb and pg_ctl are not installed")
            address = stack.enter_context(running_server(binaries, durable=True))
            settings["SAFEHOLD_DATABASE"] = address
        runtime = stack.enter_context(
            ServiceRuntime(load_settings(home=folder / "home", database=address))
        )
        items = Items()
        house = prepare(runtime, items, folder, LISTED)
        yield Soak(runtime, house, items, folder / "serve.log", settings, random.Random(seed))


def main() -> int:
    """Kill, restart and look, on one database after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=50, help="on each database")
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=2.0, help="longest load before a kill")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", action="append", choices=("sqlite", "postgresql"))
    chosen = parser.parse_args()
    failed = False
    for database in chosen.database or ("sqlite", "postgresql"):
        folder = Path(tempfile.mkdtemp(prefix="safehold-soak-"))
        begin = time.monotonic()
        with soak_on(database, folder, chosen.seed) as soak:
            while soak.kills < chosen.kills:
                soak.kill_once(chosen.callers, chosen.seconds)
                print(f"\r{database}: {soak.kills} kills", end="", file=sys.stderr, flush=True)
            soak.finish(chosen.callers)
        counts = dict.fromkeys(VERDICTS.values(), 0)
        for one in soak.given:
            counts[VERDICTS[one.status]] += 1
        shown = ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items())
        print(
            f"\r{database}: {soak.kills} kills, {soak.kills_in_start} of them during the start, "
            f"and {soak.worker_kills} of workers; {time.monotonic() - begin:.0f} s"
        )
        print(f"  answers: {shown}; {soak.refused} refused, {soak.silent} cut off and sent again")
        print(f"  {soak.opened} pieces of evidence opened; {soak.orphans} orphans in the vault")
        for line in soak.wrong:
            print(f"FAILED: {line}")
        failed = failed or bool(soak.wrong)
        shutil.rmtree(folder)
    print("failed" if failed else "passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
