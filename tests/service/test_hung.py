"""What hangs, or runs out, while a server runs; and an end that waits for nobody for ever."""

from __future__ import annotations

import contextlib
import http.client
import resource
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.service.breaking import descendants, stopped
from tests.service.house import (
    BLOCKED,
    CLEAN,
    LIKE_BLOCKED,
    SUSPECTED,
    TEXT,
    House,
    Process,
    jpeg,
    serving,
    started,
)

CONFIG = """
[media]
max_seconds = 1.5
[server]
answer_seconds = 4
body_seconds = 30
shutdown_seconds = 1
max_connections = 60
"""


def test_a_worker_hangs(server: Process) -> None:
    [_, *workers] = descendants(server.popen.pid)
    with stopped(workers):
        began = time.monotonic()
        answers = [server.screen(BLOCKED), server.screen(SUSPECTED), server.screen(TEXT)]
        # Exact digests need no worker.
        assert [answer.status for answer in answers[:2]] == [451, 423]
        assert time.monotonic() - began < 12
    server.wait(lambda: server.screen(LIKE_BLOCKED).status == 423, 20)
    assert server.screen(CLEAN).status == 200


def test_all_decoders_hang(server: Process) -> None:
    below = descendants(server.popen.pid)
    with stopped(below):
        with ThreadPoolExecutor(3) as threads:
            answers = list(threads.map(server.screen, (BLOCKED, jpeg(43), CLEAN)))
        for answer in answers:
            assert answer.status in (423, 451, 503), answer.body
        assert server.ready().status in (200, 503)
        assert server.call("GET", "/health/live", key=None).status == 200
    server.wait_ready(30)
    server.wait(lambda: server.screen(jpeg(44)).status == 200, 30)
    assert server.screen(jpeg(43)).status == 200  # what was held for that alone is let go


def _descriptors(pid: int) -> set[int]:
    return {int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir()}


def test_no_descriptor_is_left(server: Process) -> None:
    pid = server.popen.pid
    server.wait_ready()
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = _descriptors(pid)
    lowest = min(set(range(len(used) + 1)) - used)
    found: dict[bytes, set[int]] = {BLOCKED: set(), SUSPECTED: set(), jpeg(40, quality=33): set()}
    try:
        for room in (0, 1, 2, 3):
            limit = (lowest + room, before[1])
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)
            for content, statuses in found.items():
                try:
                    statuses.add(server.screen(content, key="shop").status)
                except (TimeoutError, ConnectionError, http.client.HTTPException):
                    statuses.add(0)
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    assert found[BLOCKED] <= {0, 451, 503}
    assert found[SUSPECTED] | found[jpeg(40, quality=33)] <= {0, 423, 503}
    assert {0, 503} & set[int]().union(*found.values())
    server.wait_ready(20)
    assert server.screen(CLEAN).status == 200
    assert server.screen(jpeg(40, quality=33)).status == 423
    server.wait(lambda: len(_descriptors(pid)) <= len(used) + 3, 10)


def test_more_connections_than_are_taken(server: Process) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(server.raw())
        time.sleep(0.3)
        assert server.screen(CLEAN).status == 200, "those that only wait give way"
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            stalled = stack.enter_context(server.raw())
            with contextlib.suppress(OSError):
                stalled.sendall(server.head(len(CLEAN)) + CLEAN[:10])
        time.sleep(0.3)
        # Nothing is sent: what came unread at the end could take the answer with it.
        assert server.talk().is_problem(503, "overloaded")
    server.wait(lambda: server.screen(CLEAN).status == 200, 10)


def test_a_caller_who_asks_first_whether_to_send(server: Process) -> None:
    with server.raw() as connection:
        connection.sendall(server.head(len(BLOCKED), more="Expect: 100-continue\r\n"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(BLOCKED)
        assert connection.recv(100).startswith(b"HTTP/1.1 451")
    wrong = server.head(len(BLOCKED), more="Expect: 100-continue\r\n").replace(b"sfh_", b"sfx_")
    assert server.talk(wrong).is_problem(401, "unauthorized")


def test_callers_who_leave(house: House, server: Process) -> None:
    before = sum(house.occurrences(case) for case in house.cases())
    for part in (0, 100, len(SUSPECTED) - 1):
        with server.raw() as connection:
            connection.sendall(server.head(len(SUSPECTED)) + SUSPECTED[:part])
    assert sum(house.occurrences(case) for case in house.cases()) == before
    for _ in range(3):
        with server.raw() as connection:
            connection.sendall(server.head(len(SUSPECTED)) + SUSPECTED)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            time.sleep(0.05)

    def idle() -> bool:
        figures = server.call("GET", "/metrics", key=None).body
        return b"safehold_bodies 0.0" in figures and b"safehold_items_under_way 0.0" in figures

    server.wait(idle, 10)
    # What came whole is seen through, whether or not anybody waits.
    assert sum(house.occurrences(case) for case in house.cases()) > before


def test_an_end_waits_for_no_stalled_upload(house: House) -> None:
    with serving(house, log="ending") as server:
        found = []
        stalled = threading.Thread(
            target=lambda: found.append(server.talk(server.head(len(CLEAN)), CLEAN[:5000]))
        )
        stalled.start()
        time.sleep(0.3)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 8
        stalled.join()
        assert found[0].is_problem(503, "closing")
    house.check_whole()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_before_it_is_ready(house: House, number: signal.Signals) -> None:
    with started(house, "serve", "--port", "0", log=f"early-{number}") as process:
        process.wait_listening()
        process.popen.send_signal(number)
        assert process.popen.wait(20) == 0
        assert "Traceback" not in process.err.read_text()
