"""HTTP load over loopback with keep-alive, from one process that costs little itself.

`python benchmarks/load_generator.py PLAN.json` carries out a plan and prints a JSON object of
what came back. Two forms: closed (so many callers, each asks again as soon as it is answered) and
open (calls begin at given moments whatever the server does, and are timed from those moments, so
that a server that stalls is not spared the calls that would have come meanwhile).
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import itertools
import json
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import uvloop

from service_traffic import Message, messages

CONNECT_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send.

    Attributes:
        port: of the server, on 127.0.0.1.
        key: API key.
        traffic: what is asked, a name in `service_traffic`.
        files: folder of the files that are sent.
        callers: calls under way at one time; where `rate` is given, the most connections.
        seconds: how long calls begin.
        calls: ends sooner, after so many calls; 0 for no bound.
        rate: calls a second of an open plan; 0 for a closed one.
        first: number of the first call, so that several plans send different bytes.
        warm_seconds: calls that begin so early are sent and not counted.
    """

    port: int
    key: str
    traffic: str
    files: str
    callers: int
    seconds: float
    calls: int = 0
    rate: float = 0.0
    first: int = 0
    warm_seconds: float = 0.5


@dataclass(slots=True)
class Results:
    """What came back.

    Attributes:
        milliseconds: of each counted call.
        statuses: how often each status was answered; 0 stands for a broken connection.
        retry_after: answers of status 503 or 429 that say when to come again.
        sent: calls that were answered, counted or not.
        seconds: from the first counted call to the last answer.
        cpu_seconds: what this process used meanwhile.
        late: largest delay in milliseconds with which a call of an open plan was sent.
    """

    milliseconds: list[float] = field(default_factory=list)
    statuses: collections.Counter[int] = field(default_factory=collections.Counter)
    retry_after: int = 0
    sent: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    late: float = 0.0


class Caller(asyncio.Protocol):
    """One connection. `ask` sends a call and gives the future of its status."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bool]] | None = None
        self._head = bytearray()
        self._left = -1
        self._status = 0
        self._retry_after = False
        self._close = False

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._finish(0)

    def ask(self, message: Message) -> asyncio.Future[tuple[int, bool]]:
        """Send a call; its status, and whether it says when to come again."""
        assert self._transport is not None and self._answer is None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(message.head)
        if message.tail:
            self._transport.write(message.tail)
        return self._answer

    def data_received(self, data: bytes) -> None:
        if self._left < 0:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            self._read_head(bytes(self._head[:end]).lower())
            self._left -= len(self._head) - end - 4
            self._head.clear()
        else:
            self._left -= len(data)
        if self._left <= 0:
            self._finish(self._status)

    def _read_head(self, head: bytes) -> None:
        self._status = int(head[9:12])
        self._retry_after = b"\r\nretry-after:" in head
        self._close = b"\r\nconnection: close" in head
        begin = head.find(b"\r\ncontent-length:")
        end = head.find(b"\r\n", begin + 2)
        self._left = int(head[begin + 17 : end if end > 0 else len(head)]) if begin >= 0 else 0

    def _finish(self, status: int) -> None:
        answer, self._answer = self._answer, None
        self._left = -1
        if self._close and self._transport is not None:
            self._transport.close()
            self._transport = None
        if answer is not None and not answer.done():
            answer.set_result((status, self._retry_after))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Load:
    """Carries out one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._messages = messages(plan.traffic, Path(plan.files), plan.key, plan.first)
        self._results = Results()
        self._left = plan.calls or sys.maxsize
        self._begin = 0.0
        self._last = 0.0

    async def run(self) -> Results:
        """All calls, and what came back."""
        cpu = time.process_time()
        self._begin = time.perf_counter()
        if self._plan.rate:
            await self._open()
        else:
            await asyncio.gather(*(self._closed() for _ in range(self._plan.callers)))
        results = self._results
        results.cpu_seconds = time.process_time() - cpu
        results.seconds = self._last - self._begin - self._plan.warm_seconds
        return results

    async def _connected(self) -> Caller:
        loop = asyncio.get_running_loop()
        while True:
            try:
                _, caller = await loop.create_connection(Caller, "127.0.0.1", self._plan.port)
            except OSError:
                await asyncio.sleep(CONNECT_PAUSE)
                continue
            return caller

    async def _closed(self) -> None:
        until = self._begin + self._plan.warm_seconds + self._plan.seconds
        caller = await self._connected()
        while self._left > 0 and (now := time.perf_counter()) < until:
            self._left -= 1
            if not caller.open:
                caller = await self._connected()
            await self._call(caller, now)
        caller.close()

    async def _call(self, caller: Caller, began: float) -> None:
        status, retry_after = await caller.ask(next(self._messages))
        self._last = time.perf_counter()
        self._results.sent += 1
        if began - self._begin < self._plan.warm_seconds:
            return
        self._results.statuses[status] += 1
        self._results.retry_after += retry_after and status in (429, 503)
        self._results.milliseconds.append(round((self._last - began) * 1000, 3))

    async def _open(self) -> None:
        idle = collections.deque(
            await asyncio.gather(*(self._connected() for _ in range(self._plan.callers)))
        )
        freed = asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()

        async def one(caller: Caller, moment: float) -> None:
            if not caller.open:
                caller = await self._connected()
            await self._call(caller, moment)
            idle.append(caller)
            freed.set()

        self._begin = time.perf_counter()
        for moment in self._moments():
            if (wait := self._begin + moment - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            self._results.late = max(self._results.late, -1000 * wait)
            while not idle:
                freed.clear()
                await freed.wait()
            task = asyncio.create_task(one(idle.popleft(), self._begin + moment))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
        for caller in idle:
            caller.close()

    def _moments(self) -> Iterator[float]:
        """When calls begin: a Poisson process, from a seed."""
        rng = random.Random(self._plan.first)
        moment = 0.0
        for _ in itertools.count():
            moment += rng.expovariate(self._plan.rate)
            if moment > self._plan.warm_seconds + self._plan.seconds:
                return
            yield moment


def main() -> int:
    """Carry out the plan of the given file."""
    plan = Plan(**json.loads(Path(sys.argv[1]).read_text()))
    results = uvloop.run(Load(plan).run())
    told: dict[str, Any] = dataclasses.asdict(results)
    told["statuses"] = {str(status): count for status, count in results.statuses.items()}
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
