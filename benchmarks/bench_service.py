"""The screening service over loopback, with keep-alive and keys, on SQLite and PostgreSQL.

Run alone with `python benchmarks/bench_service.py`, or by `bench.py`. The load generator is a
process of its own on the same cores. One list has 1 million random PDQ hashes, a second one is
confirmed and has what is held and blocked. The peer that stores nothing, Hasher-Matcher-Actioner
1.1.7, was measured on another two-core machine at its best setting (two gunicorn workers, one
faiss thread, PostgreSQL, no authentication): its figures stand here as they were published.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import itertools
import json
import os
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from threatexchange.signal_type.pdq.pdq_hasher import pdq_from_bytes

from measure import Bar, Neighbours, Row, Spread, timed
from processes import run, session_seconds
from safehold.config import load_settings
from safehold.runtime.service import ServiceRuntime
from safehold.screening import read_examination
from service_files import CALLERS, Size, add_lists, make_files
from service_home import DATABASES, Server, ServiceHome, home, mapped, memory, serving
from service_load import WORKS, Load, Work, percentile, rate

HALF_LOAD_CONNECTIONS = 64
STALLED = 50
OVERLOAD_CALLERS = 400
"""More than `server.max_waiting` items, so that some are refused."""

IDLE_SECONDS = 3.0
HMA_MB = 772.0
PRIVATE_MB = 250.0


@dataclass(slots=True)
class Figures:
    """The figures of one kind of row over some rounds."""

    rates: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def note(self, found: dict[str, Any], others: float = 0.0, cpu_seconds: float = 0.0) -> None:
        """Take in one round: what came back, cores of others, CPU seconds of the server."""
        self.cpu.append(1000 * cpu_seconds / found["sent"])
        self.rates.append(rate(found))
        self.p50.append(percentile(found, 0.5))
        self.p99.append(percentile(found, 0.99))
        self.busy.append(others)

    @property
    def text(self) -> str:
        """Percentiles in words."""
        p50, p99 = statistics.median(self.p50), statistics.median(self.p99)
        cpu = statistics.median(self.cpu)
        used = f", {cpu:.2g} ms of CPU each" if cpu else ""
        return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms{used}"

    @property
    def others(self) -> float:
        """Cores that others used."""
        return round(statistics.median(self.busy), 2)


class ServiceBench:
    """One database: a home with its lists, and a server."""

    def __init__(self, database: str, folder: Path, where: ServiceHome, size: Size) -> None:
        self.database = database
        self.folder = folder
        self.where = where
        self.size = size
        self.errors = folder / "errors.txt"

    def rows(self) -> Iterator[Row]:
        """Everything, one row after the other."""
        with serving(self.where) as server:
            load = Load(self.folder, server, self.where.key)
            load(WORKS[0], 4, 2.0)
            figures, scans = self._rounds(load)
            yield from self._rates(figures)
            web = [figures[WORKS[0], callers] for callers in CALLERS]
            best = max(web, key=lambda one: statistics.median(one.rates))
            yield self._idle(server)
            yield from self._beside_scan(best, scans)
            yield self._half_load(load, statistics.median(best.rates))
            yield self._stalled(load)
            yield from self._overload(load, best)
            yield self._memory(server)

    def _row(self, name: str, ours: Spread, peer: Spread, **more: Any) -> Row:
        at_most = bool(more.get("at_most"))
        low, high = ours.low / peer.high, ours.high / peer.low
        ratio = Spread(ours.median / peer.median, low, high)
        bar = Bar(more.pop("bar", None), at_most)
        more.pop("at_most", None)
        full = f"{name}; {self.database}"
        return Row(
            name=full, ours=ours, peer=peer, ratio=ratio, bar=bar.value, at_most=at_most, **more
        )

    def _rounds(self, load: Load) -> tuple[dict[tuple[Work, int], Figures], list[float]]:
        figures: dict[tuple[Work, int], Figures] = {}
        scans = []
        for _ in range(self.size.rounds):
            for work, callers in itertools.product(WORKS, CALLERS):
                neighbours = Neighbours()
                used = session_seconds(load.server.pid)
                found = load.strictly(work, callers, self.size.seconds)
                used = session_seconds(load.server.pid) - used
                one = figures.setdefault((work, callers), Figures())
                one.note(found, neighbours.busy(), used)
            scans.append(self._scan())
        return figures, scans

    def _rates(self, figures: dict[tuple[Work, int], Figures]) -> Iterator[Row]:
        for work in WORKS:
            best = max(CALLERS, key=lambda n: statistics.median(figures[work, n].rates))
            for callers in CALLERS:
                one = figures[work, callers]
                yield self._row(
                    f"{work.name}, callers: {callers}",
                    Spread.of(one.rates),
                    Spread.of([work.peer]),
                    peer_name=work.peer_name,
                    unit="/s",
                    bar=work.bar if callers == best else None,
                    note=one.text,
                    others_busy=one.others,
                )

    def _idle(self, server: Server) -> Row:
        """What the server uses when nobody asks anything, after all that was asked."""
        used = session_seconds(server.pid)
        time.sleep(IDLE_SECONDS)
        used = session_seconds(server.pid) - used
        return self._row(
            "cores that the server uses when nobody asks",
            Spread.of([used / IDLE_SECONDS]),
            Spread.of([1.0]),
            peer_name="one core",
            unit="cores",
            bar=0.05,
            at_most=True,
        )

    def _scan(self) -> float:
        """Files a second of `scan` without its start: what twice as many files take more."""
        usages = []
        for part in ("scanned", "half"):
            output = self.folder / "rows.jsonl"
            output.unlink(missing_ok=True)
            arguments = ["scan", str(self.folder / part), "--output", str(output)]
            usage = run(self.where.folder, arguments, self.errors, settings=self.where.settings)
            if usage.code not in {0, 1, 2}:
                raise SystemExit(f"the scan failed: {usage.errors}")
            usages.append(usage.seconds)
        more = self.size.scanned - self.size.scanned // 2
        return more / max(usages[0] - usages[1], 1e-6)

    def _beside_scan(self, best: Figures, scans: list[float]) -> Iterator[Row]:
        yield self._row(
            "100 KB JPEG over HTTP beside `scan` of such files",
            Spread.of(best.rates),
            Spread.of(scans),
            peer_name="scan, without its start",
            unit="/s",
            bar=0.6,
            others_busy=best.others,
        )
        files = [path.read_bytes() for path in sorted((self.folder / "web").glob("*.jpg"))]
        milliseconds = [
            statistics.fmean(timed(functools.partial(pdq_from_bytes, data)) for data in files)
            for _ in range(3)
        ]
        yield self._row(
            "100 KB JPEG over HTTP beside a hasher alone, which matches nothing",
            Spread.of(best.rates),
            Spread.of([1000 / each for each in milliseconds]),
            peer_name="threatexchange pdq_from_bytes, one core",
            unit="/s",
            others_busy=best.others,
        )

    def _half_load(self, load: Load, most: float) -> Row:
        bare = self._bare()
        half = Figures()
        for _ in range(self.size.rounds):
            neighbours = Neighbours()
            found = load.strictly(
                WORKS[0], HALF_LOAD_CONNECTIONS, 2 * self.size.seconds, rate=0.5 * most
            )
            half.note(found, neighbours.busy())
        return self._row(
            f"p99 of a 100 KB JPEG at half load ({0.5 * most:.0f} a second, calls at random)",
            Spread.of(half.p99),
            Spread.of(bare),
            peer_name="worker and judge alone, one at a time",
            bar=5.0,
            at_most=True,
            note=half.text,
            others_busy=half.others,
        )

    def _bare(self) -> list[float]:
        """Median milliseconds to check one file with no service around, three times."""
        files = [path.read_bytes() for path in sorted((self.folder / "web").glob("*.jpg"))]
        settings = load_settings(
            home=self.where.folder, database=self.where.settings.get("SAFEHOLD_DATABASE")
        )
        with ServiceRuntime(settings) as runtime, contextlib.ExitStack() as stack:
            screening = runtime.screening(runtime.snapshots(None))
            request = runtime.examine_options.as_request()
            descriptors = []
            for data in files:
                descriptors.append(os.memfd_create("picture"))
                stack.callback(os.close, descriptors[-1])
                os.write(descriptors[-1], data)

            def check(descriptor: int) -> None:
                runtime.workers.submit(descriptor, request)
                (outcome,) = runtime.workers.completed()
                screening.judge([read_examination(outcome.messages, outcome.fault)])

            for descriptor in descriptors * 4:
                check(descriptor)
            return [
                statistics.median(
                    timed(functools.partial(check, descriptor)) for descriptor in descriptors * 10
                )
                for _ in range(3)
            ]

    def _stalled(self, load: Load) -> Row:
        with_p99, without = Figures(), Figures()
        neighbours = Neighbours()
        # A body that does not come is refused after some five seconds.
        seconds = min(3.0, self.size.seconds)
        for _ in range(self.size.rounds):
            without.note(load.strictly(WORKS[0], 4, seconds))
            with contextlib.ExitStack() as stack:
                for _ in range(STALLED):
                    stack.enter_context(contextlib.closing(self._stall(load.server)))
                with_p99.note(load.strictly(WORKS[0], 4, seconds))
        return self._row(
            f"p99 of a 100 KB JPEG beside {STALLED} stalled uploads, callers: 4",
            Spread.of(with_p99.p99),
            Spread.of(without.p99),
            peer_name="without them",
            bar=2.0,
            at_most=True,
            note=with_p99.text,
            others_busy=round(neighbours.busy(), 2),
        )

    def _stall(self, server: Server) -> socket.socket:
        """An upload whose body stops after some bytes."""
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(
            b"POST /v1/screen HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n"
            b"Authorization: Bearer " + self.where.key.encode("ascii") + b"\r\n\r\n" + bytes(100)
        )
        return connection

    def _overload(self, load: Load, best: Figures) -> Iterator[Row]:
        before = memory(load.server.pid)["private"]
        found = [load(WORKS[0], OVERLOAD_CALLERS, self.size.seconds) for _ in range(2)]
        after = memory(load.server.pid)["private"]
        answered = [one["statuses"].get("200", 0) / one["seconds"] for one in found]
        refused = sum(one["statuses"].get("503", 0) for one in found)
        said = sum(one["retry_after"] for one in found)
        other = sum(len(one["milliseconds"]) for one in found) - refused
        other -= sum(one["statuses"].get("200", 0) for one in found)
        if other or said < refused:
            raise SystemExit(f"under overload, answers were {[one['statuses'] for one in found]}")
        yield self._row(
            f"100 KB JPEG under overload, callers: {OVERLOAD_CALLERS}; answers with a verdict",
            Spread.of(answered),
            Spread.of(best.rates),
            peer_name="the best of the rows above",
            unit="/s",
            note=f"beside them {refused} refusals, all 503 with Retry-After",
        )
        yield self._row(
            "private memory after that overload",
            Spread.of([after]),
            Spread.of([before]),
            peer_name="before it",
            unit="MB",
        )

    def _memory(self, server: Server) -> Row:
        whole = memory(server.pid)["private"]
        workers = [memory(pid)["private"] for pid in server.others()]
        shown = ", ".join(f"{each:.0f}" for each in workers)
        return self._row(
            "private memory of the server without the mapped index",
            Spread.of([whole - mapped(server.pid, self.where.folder)]),
            Spread.of([HMA_MB]),
            peer_name="HMA 1.1.7, each worker",
            unit="MB",
            bar=round(PRIVATE_MB / HMA_MB, 3),
            at_most=True,
            note=f"with the index, while no other maps it: {whole:.0f} MB; workers: {shown} MB",
        )


def rows(size: Size, databases: tuple[str, ...]) -> Iterator[Row]:
    """All rows, one database after the other."""
    for database in databases:
        folder = Path(tempfile.mkdtemp(prefix="safehold-bench-"))
        try:
            make_files(folder, size.scanned)
            with home(folder / "home", database) as where:
                add_lists(where, folder, size)
                yield from ServiceBench(database, folder, where, size).rows()
        finally:
            shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each figure")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=2000, help="files of the scan beside it")
    parser.add_argument("--database", action="append", choices=DATABASES)
    chosen = parser.parse_args()
    size = Size(chosen.seconds, chosen.rounds, chosen.entries, chosen.files)
    for row in rows(size, tuple(chosen.database or DATABASES)):
        print(json.dumps(row.as_dict()), flush=True)


if __name__ == "__main__":
    main()
