"""Callers that are slow, lie, break off or speak no HTTP: a clear code each, and others go on."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.site import CLEAN, Answer, Site, opened, running, with_options

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with small bounds and little patience."""
    with opened(tmp_path_factory.mktemp("hasty")) as made:
        parts = with_options(
            made.parts,
            max_body_bytes=MIB,
            spool_bytes=3 * MIB,
            body_seconds=2.0,
            header_seconds=2.0,
            max_header_bytes=8192,
            max_connections=40,
            service_share=1.0,
        )
        with running(made, parts) as site:
            yield site


def read_answer(connection: socket.socket) -> Answer:
    """One answer from a bare connection; status 0 where it was closed without one."""
    data = b""
    try:
        while b"\r\n\r\n" not in data:
            if not (chunk := connection.recv(65_536)):
                return Answer(0, {}, data)
            data += chunk
    except ConnectionResetError:
        return Answer(0, {}, data)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65_536)
    return Answer(int(lines[0].split(" ")[1]), headers, body)


def head(site: Site, *more: str, path: str = "/v1/screen", method: str = "POST") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {site.keys['shop']}"]
    return "\r\n".join([*lines, *more, "", ""]).encode("latin-1")


def closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def no_bodies(site: Site, seconds: float = 10.0) -> None:
    """Nothing stays in memory of calls that are over."""
    until = time.monotonic() + seconds
    while b"safehold_spool_bytes 0.0\n" not in site.call("GET", "/metrics", key=None).body:
        assert time.monotonic() < until
        time.sleep(0.05)


def settled(site: Site) -> None:
    """What callers have sent so far is read: memory that bodies take has stopped to grow."""
    until, before = time.monotonic() + 10, ""
    while True:
        lines = site.call("GET", "/metrics", key=None).body.decode().splitlines()
        now = next((line for line in lines if line.startswith("safehold_spool_bytes ")), "")
        if now == before not in ("", "safehold_spool_bytes 0.0"):
            return
        assert time.monotonic() < until, now
        before = now
        time.sleep(0.3)


def test_a_stalled_upload_ends_and_blocks_nobody(hasty: Site) -> None:
    with hasty.raw() as stalled:
        stalled.sendall(head(hasty, "Content-Length: 1000") + b"x" * 10)
        began = time.monotonic()
        for _ in range(5):
            assert hasty.screen(CLEAN).status == 200
        assert time.monotonic() - began < 10
        answer = read_answer(stalled)
        assert (answer.status, answer.json["code"]) == (408, "body_timeout")
        assert 0.5 < time.monotonic() - began < 15
        assert closed(stalled)
    no_bodies(hasty)


def test_headers_must_come_in_time(hasty: Site) -> None:
    for start in (b"", b"POST /v1/screen HTTP/1.1\r\nHost: x\r\n"):
        with hasty.raw() as slow:
            slow.sendall(start)
            answer = read_answer(slow)
            assert (answer.status, answer.json["code"]) == (408, "headers_timeout")
            assert closed(slow)


def test_a_body_that_says_it_is_too_large_is_refused_unread(hasty: Site) -> None:
    with hasty.raw() as connection:
        connection.sendall(head(hasty, f"Content-Length: {10**15}"))
        answer = read_answer(connection)
        assert (answer.status, answer.json["code"]) == (413, "body_too_large")
        assert closed(connection)


def test_a_body_that_becomes_too_large_is_refused(hasty: Site) -> None:
    with hasty.raw() as connection:
        connection.sendall(head(hasty, "Transfer-Encoding: chunked"))
        chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"

        def pour() -> None:
            try:
                for _ in range(40):
                    connection.sendall(chunk)
            except OSError:
                pass

        pouring = threading.Thread(target=pour)
        pouring.start()
        answer = read_answer(connection)
        connection.close()
        pouring.join()
    assert answer.status in (413, 0)  # the reset that follows may overtake it
    no_bodies(hasty)


def test_a_length_that_is_too_small_is_found_out(hasty: Site) -> None:
    with hasty.raw() as connection:
        connection.sendall(head(hasty, "Content-Length: 5") + b"12345 and more that is no call\r\n")
        answer = read_answer(connection)
        assert (answer.status, answer.json["code"]) == (400, "http_invalid")
        assert closed(connection)


def test_a_length_that_is_too_large_is_found_out(hasty: Site) -> None:
    before = hasty.log.getvalue().count('"status": 499')
    with hasty.raw() as connection:
        connection.sendall(head(hasty, f"Content-Length: {len(CLEAN) + 1}") + CLEAN)
        connection.shutdown(socket.SHUT_WR)
        assert read_answer(connection).status in (0, 408)
    no_bodies(hasty)
    assert hasty.log.getvalue().count('"status": 499') >= before


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: -1"],
        ["Content-Length: 0x10"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: gzip, identity"],
        ["Broken header"],
        ["Na me: x"],
    ],
)
def test_what_is_no_http_gets_a_400(hasty: Site, lines: list[str]) -> None:
    with hasty.raw() as connection:
        connection.sendall(head(hasty, *lines) + b"12345")
        answer = read_answer(connection)
        assert answer.status in (400, 408), answer
        assert answer.headers["content-type"] == "application/problem+json"


def test_lone_line_feeds_inject_nothing(hasty: Site) -> None:
    value = "Safehold-Reference: x\nSafehold-Surface: moon"
    with hasty.raw() as connection:
        connection.sendall(head(hasty, value, "Content-Length: 1") + b"1")
        assert read_answer(connection).status in (400, 422)
    for encoded in ("%0d%0aX-Evil:%201", "%0A"):
        answer = hasty.screen(CLEAN, Safehold_Reference=encoded)
        assert answer.status == 422
        assert "x-evil" not in answer.headers


def test_bytes_that_are_no_text_in_headers(hasty: Site) -> None:
    for line in ("Safehold-Uploader: \xff\xfe", "Authorization: \xff", "Content-Type: \xff"):
        with hasty.raw() as connection:
            connection.sendall(head(hasty, line, "Content-Length: 1") + b"1")
            assert read_answer(connection).status in (200, 401, 422)
    with hasty.raw() as connection:
        connection.sendall(b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_answer(connection).status in (400, 404)


def test_headers_have_a_size(hasty: Site) -> None:
    many = [f"X-{i}: {'y' * 100}" for i in range(200)]
    with hasty.raw() as connection:
        connection.sendall(head(hasty, *many, "Content-Length: 1") + b"1")
        answer = read_answer(connection)
        assert (answer.status, answer.json["code"]) == (431, "headers_too_large")
    with hasty.raw() as connection:
        with contextlib.suppress(OSError):
            connection.sendall(b"POST /v1/screen HTTP/1.1\r\nX: " + b"y" * MIB)
        assert read_answer(connection).status in (431, 0)


def test_a_header_of_ours_stands_once(hasty: Site) -> None:
    for lines in (
        ["Safehold-Uploader: a", "Safehold-Uploader: b"],
        ["Idempotency-Key: a", "Idempotency-Key: b"],
    ):
        with hasty.raw() as connection:
            connection.sendall(head(hasty, *lines, "Content-Length: 1") + b"1")
            assert read_answer(connection).status == 422
    key = f"Authorization: Bearer {hasty.keys['shop']}"
    with hasty.raw() as connection:
        connection.sendall(head(hasty, key, "Content-Length: 1") + b"1")
        assert read_answer(connection).status == 401


def test_callers_that_leave_free_everything(hasty: Site) -> None:
    for _ in range(20):
        with hasty.raw() as connection:
            connection.sendall(head(hasty, "Content-Length: 900000") + b"x" * 100_000)
    no_bodies(hasty)
    assert hasty.screen(CLEAN).status == 200


def test_bodies_together_are_bounded(hasty: Site) -> None:
    filling = []
    try:
        for _ in range(3):
            connection = socket.create_connection(("127.0.0.1", hasty.port), timeout=30)
            filling.append(connection)
            connection.sendall(head(hasty, f"Content-Length: {MIB}") + b"x" * (MIB - 1000))
        settled(hasty)
        answer = hasty.screen(b"y" * 100_000)
        assert (answer.status, answer.json["code"]) == (503, "overloaded")
        assert int(answer.headers["retry-after"]) >= 1
    finally:
        for connection in filling:
            connection.close()
    no_bodies(hasty)
    assert hasty.screen(CLEAN).status == 200


def connections(site: Site, count: int, start: bytes = b"") -> list[socket.socket]:
    made = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", site.port), timeout=30)
        connection.sendall(start)
        made.append(connection)
    return made


def test_calls_under_way_are_bounded(hasty: Site) -> None:
    busy = connections(hasty, 40, head(hasty, "Content-Length: 1000") + b"x")
    try:
        time.sleep(0.5)
        with hasty.raw() as connection:
            answer = read_answer(connection)
            assert (answer.status, answer.json["code"]) == (503, "overloaded")
    finally:
        for connection in busy:
            connection.close()
    time.sleep(0.5)
    assert hasty.screen(CLEAN).status == 200


def test_keep_alive_and_pipelining(hasty: Site) -> None:
    call = head(hasty, f"Content-Length: {len(CLEAN)}") + CLEAN
    with hasty.raw() as connection:
        for _ in range(3):
            connection.sendall(call)
            assert read_answer(connection).status == 200
        connection.sendall(head(hasty, path="/nowhere", method="GET"))
        assert read_answer(connection).status == 404
        connection.sendall(head(hasty, "Content-Length: 5", path="/nowhere") + b"12345")
        assert read_answer(connection).status == 404
        live = head(hasty, path="/health/live", method="GET")
        connection.sendall(live * 3)
        data = b""
        while data.count(b"HTTP/1.1 200") < 3 or not data.endswith(b"}"):
            data += connection.recv(65_536)
        connection.sendall(call)
        assert read_answer(connection).status == 200


def test_a_refused_call_is_not_told_to_go_on(hasty: Site) -> None:
    lines = ["POST /v1/screen HTTP/1.1", "Host: x", "Expect: 100-continue", "Content-Length: 9"]
    with hasty.raw() as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        assert read_answer(connection).status == 401
        assert closed(connection)
    with hasty.raw() as connection:
        connection.sendall(head(hasty, "Expect: 100-continue", "Content-Length: 1"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"1")
        assert read_answer(connection).status == 200


def test_other_kinds_of_call(hasty: Site) -> None:
    live = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
    for call, status in (
        (live + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 200),
        (b"GET /health/live HTTP/1.0\r\n\r\n", 200),
        (b"GET http://elsewhere.example/health/live HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        (b"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"GET //health/live HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"GET /health/../health/live HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"GET /health%2Flive HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"BREW /health/live HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ):
        with hasty.raw() as connection:
            connection.sendall(call)
            assert (read_answer(connection).status, call) == (status, call)
    with hasty.raw() as connection:
        connection.sendall(
            head(hasty, "Connection: Upgrade", "Upgrade: h2c", "Content-Length: 1") + b"1"
        )
        answer = read_answer(connection)
        assert (answer.status, answer.json["code"]) == (400, "http_invalid")
        assert "Upgrade" in answer.json["detail"]
        assert closed(connection)


def test_nothing_stays_open(hasty: Site) -> None:
    no_bodies(hasty)
    until = time.monotonic() + 10
    while memory_files():
        assert time.monotonic() < until
        time.sleep(0.05)


def memory_files() -> list[str]:
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # closed since it was listed
            found.append(str(link.readlink()))
    return [name for name in found if "memfd:item" in name]
