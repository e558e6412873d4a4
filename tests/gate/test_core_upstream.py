"""Upstreams that fail, callers that leave, and who asks."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safehold.cli.main import main
from safehold.policy.surfaces import SurfaceOptions
from tests.conftest import KERNEL_CACHE
from tests.gate.house import CLEAN, SERVICE, Gate, Home, gate_before, home, picture
from tests.gate.simple import Answering, Asked, SimpleAdapter, Upstream, upstream
from tests.service.house import built, started

OPTIONS: dict[str, Any] = {
    "upstream_seconds": 1.0,
    "max_answer_bytes": 200_000,
    "max_calls": 4,
    "body_seconds": 0.5,
}


@pytest.fixture(scope="module")
def behind() -> Iterator[Upstream]:
    with upstream() as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home(tmp_path_factory.mktemp("gate-home")) as made:
        yield made


@pytest.fixture(scope="module")
def gate(behind: Upstream, shared: Home) -> Iterator[Gate]:
    with gate_before(
        behind.url, "openai", adapter=SimpleAdapter(), within=shared, **OPTIONS
    ) as made:
        yield made


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (Answering(CLEAN, seconds=1.5), 504),
        (Answering(bytes(200_001)), 502),
        (Answering(bytes(200_001), length=False), 502),
        (Answering(CLEAN, headers=(("Content-Length", "999999"),), length=False), 502),
        (Answering(CLEAN, headers=(("Content-Encoding", "gzip"),)), 502),
        (Answering(CLEAN, 302, (("Location", "http://127.0.0.1:1/"),)), 502),
        (Answering(CLEAN, headers=(("X-Long", "a" * 70_000),)), 502),
    ],
)
def test_an_answer_that_cannot_be_taken(
    gate: Gate, behind: Upstream, said: Answering, status: int
) -> None:
    behind.answer = lambda asked: said
    found = gate.call("GET", "/view/a")
    assert (found.status, found.json) == (status, {"error": status})


@pytest.mark.parametrize(
    "said",
    [
        Answering(CLEAN),
        Answering(CLEAN, length=False),
        Answering(parts=[CLEAN[:1000], CLEAN[1000:1001], CLEAN[1001:]]),
    ],
)
def test_answers_of_every_framing_come_whole(gate: Gate, behind: Upstream, said: Answering) -> None:
    behind.answer = lambda asked: said
    for _ in range(2):
        assert gate.call("GET", "/view/a").body == CLEAN


def test_chunks_and_a_connection_that_is_used_again(shared: Home) -> None:
    """An upstream that writes chunks, announces, and keeps its connection."""
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (CLEAN[:7], CLEAN[7:])) + b"0\r\n\r\n"
    answers = [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunked,
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(CLEAN) + CLEAN,
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n",
    ]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken: list[int] = []

        def serve() -> None:
            while len(taken) < len(answers) + 1:
                connection, _ = listener.accept()
                with connection:
                    while connection.recv(65_536):
                        taken.append(len(taken))
                        if len(taken) > len(answers):
                            return
                        connection.sendall(answers[len(taken) - 1])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with gate_before(url, "openai", adapter=SimpleAdapter(), within=shared) as gate:
            assert gate.call("GET", "/view/a").body == CLEAN
            assert gate.call("GET", "/view/a").body == CLEAN
            # Three bytes are no picture, and what follows them is nobody's answer.
            assert gate.call("GET", "/view/a").status in (400, 502)


def test_an_upstream_that_is_not_there(shared: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with gate_before(
        f"http://127.0.0.1:{port}", "openai", adapter=SimpleAdapter(), within=shared
    ) as gate:
        assert gate.call("GET", "/view/a").status == 502
        found = gate.ready()
        assert (found.status, "upstream_away" in found.json["notes"]) == (200, True)


def test_streams_leave_piece_by_piece_and_are_cut_where_something_is_refused(
    gate: Gate, behind: Upstream
) -> None:
    behind.answer = lambda asked: Answering(parts=[b"one", b"two", b"three"])
    found = gate.call("POST", "/stream", {})
    assert (found.status, found.body) == (200, b"onetwothree")
    assert found.headers["content-type"] == "text/event-stream"
    behind.answer = lambda asked: Answering(parts=[b"refuse", b"two"])
    found = gate.call("POST", "/stream", {})
    assert (found.status, found.json) == (400, {"error": "refused"})
    behind.answer = lambda asked: Answering(parts=[b"one", b"refuse", b"three"])
    head = b"POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    said = gate.wire(head)
    assert b"one" in said and b"three" not in said and not said.endswith(b"0\r\n\r\n")
    behind.answer = lambda asked: Answering(status=500)
    assert gate.call("POST", "/stream", {}).status == 502


def test_a_caller_who_leaves_holds_no_place(gate: Gate, behind: Upstream) -> None:
    behind.answer = lambda asked: Answering(CLEAN, seconds=0.6)
    for _ in range(3):
        with gate.raw() as connection:
            connection.sendall(b"GET /view/a HTTP/1.1\r\nHost: a\r\n\r\n")
            time.sleep(0.05)
    gate.wait(lambda: len([e for e in gate.events("call") if e["status"] == 499]) == 3)
    behind.answer = lambda asked: Answering(CLEAN)
    assert gate.call("GET", "/view/a").status == 200


def test_one_account_has_its_share_of_places(gate: Gate, behind: Upstream) -> None:
    came = threading.Semaphore(0)

    def answer(asked: Asked) -> Answering:
        came.release()
        return Answering(CLEAN, seconds=0.4)

    behind.answer = answer

    def ask(name: str) -> int:
        return gate.call("GET", "/view/a", headers={"Authorization": f"Bearer {name}"}).status

    found: list[int] = []
    threads = [
        threading.Thread(target=lambda n=name: found.append(ask(n)))
        for name in ("a", "a", "b", "b")
    ]
    for thread in threads:
        thread.start()
        assert came.acquire(timeout=10)
    assert (ask("a"), ask("c")) == (429, 503)
    for thread in threads:
        thread.join()
    assert found == [200] * 4


def test_a_body_that_does_not_come(gate: Gate) -> None:
    said = gate.wire(b"POST /make HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
    assert said.startswith(b"HTTP/1.1 408 ")


def test_accounts_are_told_apart(gate: Gate, behind: Upstream) -> None:
    made = iter(range(70, 90))
    behind.answer = lambda asked: Answering(picture(next(made)))

    def who(**headers: str) -> Any:
        gate.book.added.clear()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        assert gate.call("POST", "/make", {"prompt": "a teapot"}, named).status == 200
        return gate.releases()[0][0]

    one, two = who(Authorization="Bearer one-1"), who(Authorization="Bearer two-1")
    key, address = who(X_Api_Key="one-1"), who(X_Other="fresh")
    assert len({one.pseudonym, two.pseudonym, key.pseudonym, address.pseudonym}) == 4
    assert address.name == "127.0.0.1"
    assert "one" not in one.name and one.address == "127.0.0.1"
    service = gate.runtime.service_id(SERVICE)
    assert one.pseudonym == gate.runtime.names.person(service, one.name)


def test_the_operators_front_names_accounts_and_addresses(behind: Upstream, shared: Home) -> None:
    behind.answer = lambda asked: Answering(CLEAN)
    with gate_before(
        behind.url,
        "openai",
        adapter=SimpleAdapter(),
        within=shared,
        behind_proxy=True,
        account_header="X-Account",
    ) as gate:
        assert gate.call("POST", "/make", {}).status == 401
        said = {"X-Account": "ada", "X-Forwarded-For": "192.0.2.9, 198.51.100.7"}
        assert gate.call("POST", "/make", {}, said).status == 200
        [(account, _, _)] = gate.releases()
        assert (account.name, account.address) == ("ada", "198.51.100.7")
        assert behind.asked[-1].header("X-Account") is None
        twice = b"X-Account: a\r\nX-account: b\r\nConnection: close\r\n\r\n"
        assert gate.wire(b"GET /view/a HTTP/1.1\r\nHost: a\r\n" + twice).startswith(
            b"HTTP/1.1 400 "
        )
        more = said | {"X-Forwarded-Proto": "https", "Host": "gate.example"}
        url = gate.call("POST", "/link", {}, more).json["url"]
        assert url.startswith("https://gate.example/safehold/kept/")
        path = url.removeprefix("https://gate.example")
        assert gate.call("GET", path, headers={"X-Account": "ada"}).status == 200
        assert gate.call("GET", path, headers={"X-Account": "bo"}).status == 404
        assert gate.call("GET", path).status == 401
        # Whoever comes through the proxy is not this machine, and is told nothing.
        assert gate.ready().status == 200
        for own in ("health/live", "health/ready", "metrics"):
            away = gate.call("GET", f"/safehold/{own}", headers={"X-Forwarded-For": "192.0.2.9"})
            assert away.status == 404


def test_a_gate_that_cannot_check_is_not_started(tmp_path: Path) -> None:
    def start(*arguments: str) -> tuple[int, str]:
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            code = main(["--home", str(tmp_path), "gate", "--port", "0", *arguments])
        return code, said.getvalue()

    there = ("--upstream", "http://127.0.0.1:9", "--api", "openai")
    code, said = start(*there, "--service", SERVICE)
    assert (code, "[not_initialised]" in said) == (64, True)
    settings: dict[str, Any] = {"surfaces": {"off": SurfaceOptions(enabled=False)}}
    (tmp_path / "config.toml").write_text("[surfaces.off]\nenabled = false\n")
    with home(tmp_path, **settings):
        for more, word in (
            ((), "gate_setup"),
            (("--service", "other"), "service_unknown"),
            (("--service", SERVICE, "--surface", "other"), "gate_setup"),
            (("--service", SERVICE, "--surface", "off"), "gate_setup"),
            (("--service", SERVICE, "--account-header", "X Y"), "gate_setup"),
            (("--service", SERVICE, "--host", "0.0.0.0"), "listen"),
            (("--service", SERVICE, "--upstream", "ftp://a"), "gate_setup"),
            (("--service", SERVICE, "--api", "other"), "gate_setup"),
        ):
            code, said = start(*there, *more)
            assert (code, f"[{word}]" in said) == (64, True), (more, said)
    assert KERNEL_CACHE.name not in said


def test_the_command_serves_and_ends(behind: Upstream, tmp_path: Path) -> None:
    with built(tmp_path / "home") as house:
        more = ("gate", "--upstream", behind.url, "--api", "openai", "--service", "shop")
        with started(house, *more, "--port", "0", "--workers", "1", log="gate") as process:
            process.port = process.wait_listening()
            process.wait(
                lambda: process.call("GET", "/safehold/health/ready", key=None).status == 200
            )
            assert process.call("GET", "/nothing", key=None).status == 404
            assert process.stop() == 0
        assert {line["event"] for line in process.log()} >= {"call", "decoder_started"}
        assert process.err.read_text().startswith("Listening on http://127.0.0.1:")
