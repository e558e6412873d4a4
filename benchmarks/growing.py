"""A long list that changes under a running server, watched all the time.

A list of random PDQ hashes is written, a server is started, and digests are asked about without
end: hashes of the list with up to so many bits turned over, hashes near to nothing, entries that
came a moment ago, and entries that were withdrawn. What must be answered is told by the linear
reference over the same hashes. Meanwhile a simulated exchange adds or withdraws 1,000 entries at a
time; another process (this one) synchronises, and the time is taken from the beginning of the
synchronisation until the server says so. Prints a table; exit 1 where an answer was wrong or
missing, a change took longer than two seconds, or memory grew.
"""

from __future__ import annotations

import argparse
import datetime as dt
import http.client
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from safehold.config import Settings, load_settings
from safehold.ids import EntryId, ListName
from safehold.lists.interface import ImportPlan
from safehold.lists.model import EntryDraft, Tier
from safehold.matching.linear import LinearIndex
from safehold.runtime.core import Runtime
from safehold.testing.exchanges.threatexchange import GROUP, TOKEN, ThreatExchangeDoor
from service_home import Server, ServiceHome, home, memory

NAME = ListName("big")
SOURCE = "threatexchange"
BATCH = 5_000
CHANGE = 1_000
THRESHOLD = 31
SLOWEST_CHANGE = 2.0
LARGEST_MB = 1_600.0
COMPACT_EVERY = 20
COMPACT = """
import sys
from safehold.config import load_settings
from safehold.runtime.core import Runtime
with Runtime(load_settings(home=sys.argv[1])) as runtime:
    runtime.lists.compact("big")
"""
"""What `safehold work` does once a minute where it is due, in a process of its own."""


@dataclass(slots=True)
class Truth:
    """What the list has: the hashes of its base, which of them are active, and those added.

    Attributes:
        base: uint8, shape (n, 32).
        gone: places in the base that were withdrawn.
        added: hashes that were added and stand.
    """

    base: NDArray[np.uint8]
    gone: set[int] = field(default_factory=set)
    added: list[bytes] = field(default_factory=list)

    def holds(self, query: bytes) -> bool:
        """Whether a hash is within the threshold of an active entry, by comparing all of them."""
        asked = np.frombuffer(query, np.uint8).reshape(1, 32)
        hits = LinearIndex(self.base).search(asked, THRESHOLD)
        if any(row not in self.gone for row in hits.row.tolist()):
            return True
        if not self.added:
            return False
        new = np.frombuffer(b"".join(self.added), np.uint8).reshape(-1, 32)
        return bool(len(LinearIndex(new).search(asked, THRESHOLD).row))


@dataclass(slots=True)
class Figures:
    """What was measured."""

    start: float = 0.0
    changes: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    checked: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    failed: Counter[int] = field(default_factory=Counter)
    resident: list[float] = field(default_factory=list)
    private: list[float] = field(default_factory=list)
    largest: float = 0.0
    compactions: int = 0


class Asker:
    """Asks about hashes over one connection."""

    def __init__(self, port: int, key: str, seed: int) -> None:
        self._port, self._key = port, key
        self._rng = random.Random(seed)
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, pdq: bytes) -> int:
        """The status of a verdict on a hash; 0 where there was no answer."""
        rng = self._rng
        body = json.dumps(
            {
                "sha256": rng.randbytes(32).hex(),
                "sha1": rng.randbytes(20).hex(),
                "md5": rng.randbytes(16).hex(),
                "pdq": {"hash": pdq.hex(), "quality": 90},
                "uploader": f"user-{rng.randrange(9973)}",
            }
        )
        headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
            self._connection.request("POST", "/v1/screen/digests", body, headers)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._connection = None
            return 0
        return answer.status


def write_list(runtime: Runtime, base: NDArray[np.uint8]) -> None:
    """The list as a first import brings it, and its snapshot."""
    with runtime.list_store.importing(NAME) as session:
        for first in range(0, len(base), BATCH):
            rows = base[first : first + BATCH]
            session.stage(
                [
                    EntryDraft(EntryId(f"e{first + n:09d}"), pdq=row.tobytes(), pdq_quality=90)
                    for n, row in enumerate(rows)
                ]
            )
        session.apply(ImportPlan(runtime.clock.now(), Tier.SUSPECTED, SOURCE))
    runtime.lists.build(NAME)


def turned(rng: random.Random, pdq: bytes, bits: int) -> bytes:
    """A hash with so many bits turned over."""
    value = int.from_bytes(pdq, "big")
    for place in rng.sample(range(256), bits):
        value ^= 1 << place
    return value.to_bytes(32, "big")


class Changer:
    """Adds and withdraws entries, and waits until the server knows."""

    def __init__(
        self,
        runtime: Runtime,
        door: ThreatExchangeDoor,
        truth: Truth,
        asker: Asker,
        figures: Figures,
    ) -> None:
        self._runtime = runtime
        self._door = door
        self.truth, self._asker, self._figures = truth, asker, figures
        self._rng = random.Random(9)
        self._named: list[EntryId] = []
        self.lock = threading.Lock()

    def change(self, number: int) -> None:
        """One change: two that add, then one that withdraws of both kinds."""
        rng, truth = self._rng, self.truth
        if number % 3 < 2:
            new = [rng.randbytes(32) for _ in range(CHANGE)]
            ids = [EntryId(f"n{number:06d}x{n:04d}") for n in range(CHANGE)]
            said = [(i, p, False) for i, p in zip(ids, new, strict=True)]
            probe, expected = new[-1], 423
        else:
            places = rng.sample(range(len(truth.base)), CHANGE // 2)
            old = self._named[: CHANGE // 2]
            said = [(i, bytes(32), True) for i in [EntryId(f"e{p:09d}") for p in places] + old]
            probe, expected = truth.base[places[-1]].tobytes(), 200
        with self.lock:
            for own, pdq, gone in said:
                self._door.put(own, "HASH_PDQ", pdq.hex(), "MALICIOUS", gone=gone)
            began = time.monotonic()
            state = self._runtime.sync.run(str(NAME))
            assert state.code == "ok", state.code
            while self._asker.ask(probe) != expected and time.monotonic() - began < 60:
                time.sleep(0.02)
            self._figures.changes.append(time.monotonic() - began)
            if number % 3 < 2:
                truth.added += new
                self._named += ids
            else:
                truth.gone.update(places)
                del truth.added[: CHANGE // 2], self._named[: CHANGE // 2]


def watch(
    truth: Truth, asker: Asker, figures: Figures, changer: Changer, stop: threading.Event
) -> None:
    """Ask without end; what is near to entries that change just now is left to the changer."""
    rng = random.Random(4)
    while not stop.is_set():
        kind = rng.choices(("miss", "near", "new", "gone"), (90, 4, 3, 3))[0]
        with changer.lock if kind != "miss" else threading.Lock():
            pdq = rng.randbytes(32)
            if kind == "near":
                pdq = turned(rng, truth.base[rng.randrange(len(truth.base))].tobytes(), 30)
            elif kind == "new" and truth.added:
                pdq = turned(rng, rng.choice(truth.added), rng.randrange(0, 40))
            elif kind == "gone" and truth.gone:
                pdq = truth.base[rng.choice(list(truth.gone))].tobytes()
            began = time.monotonic()
            status = asker.ask(pdq)
            figures.seconds.append(time.monotonic() - began)
            if status not in (200, 423):
                figures.failed[status] += 1
                continue
            # Every hundredth of the misses is compared with all, and all of the others.
            if kind != "miss" or rng.random() < 0.01:
                figures.checked[kind] += 1
                if truth.holds(pdq) != (status == 423):
                    figures.wrong[kind] += 1
        if kind != "miss":
            time.sleep(0.01)


def look_at(server: Server, figures: Figures, stop: threading.Event) -> None:
    """Read what the server has resident ten times a second: a moment counts as well."""
    page = resource.getpagesize() / 1e6
    statm = Path(f"/proc/{server.pid}/statm")
    while not stop.wait(0.1):
        figures.largest = max(figures.largest, int(statm.read_text().split()[1]) * page)


def run(folder: Path, count: int, seconds: float, every: float) -> Figures:
    """The whole of it."""
    figures = Figures()
    base = np.random.default_rng(1).integers(0, 256, (count, 32), dtype=np.uint8)
    with (
        ThreatExchangeDoor(lambda: dt.datetime.now(dt.UTC)) as door,
        home(folder / "home", "sqlite") as where,
        Runtime(_settings(where, door)) as runtime,
    ):
        # Before the list is there: so it is the exchange's.
        assert runtime.sync.run(str(NAME)).code == "ok"
        began = time.monotonic()
        write_list(runtime, base)
        print(f"{count:,} entries written in {time.monotonic() - began:.0f} s", flush=True)
        began = time.monotonic()
        server = Server(where)
        try:
            asker = Asker(server.port, where.key, 1)
            while asker.ask(base[0].tobytes()) != 423:
                time.sleep(0.01)
            figures.start = time.monotonic() - began
            print(f"start to first answer {figures.start:.2f} s", flush=True)
            changer = Changer(runtime, door, Truth(base), Asker(server.port, where.key, 2), figures)
            _go(changer, where, server, figures, (seconds, every))
        finally:
            server.stop()
    return figures


def _go(
    changer: Changer,
    where: ServiceHome,
    server: Server,
    figures: Figures,
    pace: tuple[float, float],
) -> None:
    stop = threading.Event()
    asker = Asker(server.port, where.key, 3)
    watcher = threading.Thread(target=watch, args=(changer.truth, asker, figures, changer, stop))
    looker = threading.Thread(target=look_at, args=(server, figures, stop))
    watcher.start()
    looker.start()
    compactions: list[subprocess.Popen[bytes]] = []
    try:
        until, number = time.monotonic() + pace[0], 0
        while time.monotonic() < until:
            changer.change(number)
            number += 1
            found = memory(server.pid)
            figures.resident.append(found["rss"])
            figures.private.append(found["private"])
            time.sleep(pace[1])
            if number % COMPACT_EVERY == 0:
                compactions.append(
                    subprocess.Popen([sys.executable, "-c", COMPACT, str(where.folder)])
                )
            if number % 20 == 0:
                print(
                    f"{number} changes, slowest {max(figures.changes):.2f} s, "
                    f"resident {figures.resident[-1]:.0f} MB",
                    flush=True,
                )
    finally:
        stop.set()
        watcher.join()
        looker.join()
        # None outlives the home it writes to.
        figures.compactions = [compaction.wait() for compaction in compactions].count(0)


def _settings(where: ServiceHome, door: ThreatExchangeDoor) -> Settings:
    key = where.folder / "meta.toml"
    key.write_text(f'key = "{TOKEN}"\n')
    key.chmod(0o600)
    with (where.folder / "config.toml").open("a") as file:
        file.write(
            f'''
[outbound]
allow_private = true
allow_http = true
[exchanges.{NAME}]
kind = "{SOURCE}"
url = "{door.url}/v19.0"
environment = "{GROUP}"
credentials_file = "{key}"
page_rows = {CHANGE}
'''
        )
    return load_settings(home=where.folder)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--entries", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--every", type=float, default=5.0, help="seconds between changes")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="safehold-growing-"))
    try:
        figures = run(folder, chosen.entries, chosen.seconds, chosen.every)
    finally:
        shutil.rmtree(folder)
    asked = np.array(figures.seconds) * 1000
    half = len(figures.private) // 2
    growth = float(np.median(figures.private[half:]) - np.median(figures.private[:half] or [0.0]))
    rows = {
        "entries": f"{chosen.entries:,}",
        "start to first answer": f"{figures.start:.2f} s",
        "changes of 1,000 entries": f"{len(figures.changes)}",
        "until effective, median and slowest": (
            f"{np.median(figures.changes):.2f} s, {max(figures.changes):.2f} s"
        ),
        "requests": f"{len(asked):,}",
        "failed": f"{sum(figures.failed.values())}",
        "compared with the linear reference": f"{sum(figures.checked.values()):,}",
        "wrong": f"{sum(figures.wrong.values())}",
        "p50, p99": f"{np.percentile(asked, 50):.1f} ms, {np.percentile(asked, 99):.1f} ms",
        "compactions in the background": f"{figures.compactions}",
        "resident: at first, at the end, most": (
            f"{figures.resident[0]:.0f} MB, {figures.resident[-1]:.0f} MB, {figures.largest:.0f} MB"
        ),
        "private, most; growth": f"{max(figures.private):.0f} MB; {growth:+.1f} MB",
    }
    print(f"\n{dt.datetime.now(dt.UTC):%Y-%m-%d}\n\n| what | figure |\n|---|---|")
    for name, value in rows.items():
        print(f"| {name} | {value} |")
    bad = (
        figures.failed
        or figures.wrong
        or max(figures.changes) > SLOWEST_CHANGE
        or figures.largest > LARGEST_MB
    )
    print("failed" if bad else "passed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
