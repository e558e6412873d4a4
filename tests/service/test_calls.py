"""Slow, lying and damaged calls, and callers who may not ask: a clear code each, never a 2xx."""

from __future__ import annotations

import threading
import time

import pytest

from safehold.accounts.model import Scope
from tests.service.house import BLOCKED, CLEAN, LIKE_BLOCKED, TEXT, House, Process

CONFIG = """
[server]
max_body_bytes = 300000
body_seconds = 1.5
header_seconds = 1.5
"""


def test_the_three_verdicts(server: Process) -> None:
    assert (server.screen(CLEAN).status, server.screen(TEXT).status) == (200, 200)
    held, blocked = server.screen(LIKE_BLOCKED), server.screen(BLOCKED)
    assert (held.status, held.verdict) == (423, "hold")
    assert (blocked.status, blocked.verdict) == (451, "block")
    assert set(held.json) == set(blocked.json) == {"verdict", "receipt"}


def test_a_stalled_upload_blocks_nobody_and_ends(server: Process) -> None:
    found = []
    stalled = threading.Thread(
        target=lambda: found.append(server.talk(server.head(len(CLEAN)), CLEAN[:5000]))
    )
    stalled.start()
    began = time.monotonic()
    asked = 0
    while stalled.is_alive():
        before = time.monotonic()
        assert server.screen(CLEAN).status == 200
        assert time.monotonic() - before < 5.0
        asked += 1
    assert asked >= 2
    assert 1.0 < time.monotonic() - began < 15.0
    assert found[0].is_problem(408, "body_timeout")


def test_slow_headers_end(server: Process) -> None:
    answer = server.talk(b"POST /v1/screen HTTP/1.1\r\nHost: ", 2.0, b"here\r\n\r\n")
    assert answer.is_problem(408, "headers_timeout")


def test_a_slow_upload_that_is_in_time_is_answered(server: Process) -> None:
    pieces: list[bytes | float] = [server.head(len(BLOCKED))]
    for start in range(0, len(BLOCKED), 8000):
        pieces += [BLOCKED[start : start + 8000], 0.1]
    assert server.talk(*pieces).status == 451


def test_an_oversized_body_is_refused_before_it_is_read(server: Process) -> None:
    answer = server.talk(server.head(10**9))
    assert answer.is_problem(413, "body_too_large")
    assert answer.headers["connection"] == "close"


def test_an_oversized_chunked_body_is_refused_on_the_way(server: Process) -> None:
    head = server.head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    chunk = b"%x\r\n%s\r\n" % (100_000, bytes(100_000))
    assert server.talk(head, *[chunk] * 8, b"0\r\n\r\n").is_problem(413, "body_too_large")


def test_a_body_shorter_than_it_says_is_no_upload(server: Process, house: House) -> None:
    before = len(house.cases())
    with server.raw() as connection:
        connection.sendall(server.head(len(BLOCKED) + 100) + BLOCKED)
        connection.shutdown(1)
        assert not connection.recv(100).startswith(b"HTTP/1.1 2")
    assert len(house.cases()) in (before, before + 1)
    assert server.talk(server.head(len(BLOCKED) + 100), BLOCKED).is_problem(408, "body_timeout")


def test_a_body_longer_than_it_says_is_not_screened_as_if_it_were_whole(server: Process) -> None:
    # What lies beyond the said length is the next call by HTTP's rules, and here none.
    assert server.talk(server.head(100) + BLOCKED).is_problem(400, "http_invalid")


@pytest.mark.parametrize("length", ["-1", "+5", "5, 5", "1e3", "9" * 30])
def test_a_length_that_is_none(server: Process, length: str) -> None:
    answer = server.talk(server.head(length), b"12345")
    assert answer.status in (400, 413)


def test_two_lengths_and_a_length_beside_chunks(server: Process) -> None:
    two = server.head(5, more="Content-Length: 6\r\n")
    assert server.talk(two, b"123456").is_problem(400, "http_invalid")
    both = server.head(5, more="Transfer-Encoding: chunked\r\n")
    assert server.talk(both, b"0\r\n\r\n").status == 400


def _form(*parts: bytes, boundary: bytes = b"xyz") -> bytes:
    return b"".join(b"--" + boundary + b"\r\n" + p + b"\r\n" for p in parts) + b"--xyz--\r\n"


_FILE = b'Content-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
_TYPE = {"Content-Type": "multipart/form-data; boundary=xyz"}


def test_a_form_is_screened(server: Process) -> None:
    answer = server.call("POST", "/v1/screen", _form(_FILE + BLOCKED), _TYPE)
    assert answer.status == 451


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--xyz",
        _form(_FILE + BLOCKED)[:-9],
        _form(_FILE + BLOCKED)[:2000],
        _form(_FILE + BLOCKED, boundary=b"zyx"),
        _form(_FILE + CLEAN, _FILE + BLOCKED),
        _form(b'Content-Disposition: form-data; name="uploader"\r\n\r\nme'),
        _form(b'Content-Disposition: form-data; name="other"\r\n\r\nme', _FILE + CLEAN),
        _form(b"\r\n" + CLEAN),
        BLOCKED,
    ],
)
def test_a_damaged_form_is_refused(server: Process, body: bytes) -> None:
    answer = server.call("POST", "/v1/screen", body, _TYPE)
    # Not 408: nobody waits for more of a body that is all there.
    assert answer.status in (400, 422)
    assert answer.code in ("multipart_invalid", "empty_body", "invalid_request")


def test_a_form_without_its_boundary(server: Process) -> None:
    headers = {"Content-Type": "multipart/form-data"}
    answer = server.call("POST", "/v1/screen", _form(_FILE + BLOCKED), headers)
    assert answer.is_problem(400, "multipart_invalid")


def test_an_empty_body(server: Process) -> None:
    assert server.screen(b"").is_problem(422, "empty_body")


def test_keys_that_are_none(server: Process, house: House) -> None:
    good = house.keys["shop"]
    wrong = [None, "", "x", good[:-1], good[:-1] + ("0" if good[-1] != "0" else "1"), good * 2]
    answers = [server.screen(BLOCKED, key=key) for key in wrong]
    assert all(answer.is_problem(401, "unauthorized") for answer in answers)
    assert len({answer.body for answer in answers}) == 1
    assert all(answer.headers["www-authenticate"] == "Bearer" for answer in answers)
    basic = server.call("POST", "/v1/screen", CLEAN, {"Authorization": f"Basic {good}"}, key=None)
    assert basic.is_problem(401, "unauthorized")


@pytest.mark.parametrize("scope", list(Scope))
def test_each_call_needs_its_scope(server: Process, house: House, scope: Scope) -> None:
    name = f"only-{scope}"
    house.add_key(name, scopes=frozenset({scope}))
    calls = {
        Scope.SCREEN: server.screen(CLEAN, key=name),
        Scope.DIGESTS: server.digests(CLEAN, key=name),
        Scope.FLAGS: server.send_json("/v1/flags", {}, key=name),
        Scope.APPEALS: server.send_json("/v1/appeals", {}, key=name),
    }
    for asked, answer in calls.items():
        assert answer.is_problem(403, "forbidden") is (asked is not scope)
    others = [
        server.receipt("abc", key=name),
        server.send_json("/v1/receipts/abc/confirm", {"sha256": "0" * 64}, key=name),
        server.call("PUT", "/v1/receipts/abc/bytes", CLEAN, key=name),
    ]
    for answer in others:
        assert answer.code == ("receipt_unknown" if scope is Scope.SCREEN else "forbidden")


def test_a_revoked_key_and_a_disabled_service_are_refused_within_seconds(
    server: Process, house: House
) -> None:
    house.runtime.accounts.add_service("closing")
    house.add_key("closing", "closing")
    house.add_key("revoked")
    gone = ("closing", "revoked")
    assert [server.screen(CLEAN, key=key).status for key in gone] == [200, 200]
    house.runtime.accounts.revoke(house.key_rows["revoked"].key_id)
    house.runtime.accounts.disable("closing")
    server.wait(lambda: {server.screen(CLEAN, key=key).status for key in gone} == {401}, 7.0)
    for key in gone:
        assert server.screen(BLOCKED, key=key).is_problem(401, "unauthorized")
    assert server.screen(CLEAN).status == 200


def test_nothing_is_left_of_all_that(server: Process, house: House) -> None:
    server.wait(lambda: b"safehold_bodies 0.0" in server.call("GET", "/metrics", key=None).body)
    figures = server.call("GET", "/metrics", key=None).body
    assert b"safehold_spool_bytes 0.0" in figures
    assert b"safehold_items_under_way 0.0" in figures
    assert not server.events("internal")
    assert {line["exception"] for line in server.events("library")} <= {""}
    house.check_whole()
