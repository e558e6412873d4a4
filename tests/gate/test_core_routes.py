"""What of a call goes on, and what of an answer comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.gate.interface import Route
from safehold.gate.model import ClosedRouteError, GateSetupError
from safehold.gate.requests import Table, parts_of, path_of
from safehold.gate.sending import leaving
from safehold.gate.upstream import Base
from tests.gate.house import CLEAN, LISTED, OTHER, Gate, gate_before
from tests.gate.simple import Answering, Asked, SimpleAdapter, Upstream, upstream


def answer(asked: Asked) -> Answering:
    if "listed" in asked.target:
        return Answering(LISTED)
    if asked.method == "POST" and asked.target.startswith("/fetch"):
        return Answering(json.dumps({"url": asked.header("X-Result")}).encode())
    headers = (("Set-Cookie", "a=b"), ("X-Picture", "iVBORw0KGgo"), ("Content-Type", "text/html"))
    return Answering(CLEAN, headers=headers)


@pytest.fixture(scope="module")
def behind() -> Iterator[Upstream]:
    with upstream(answer) as made:
        yield made


@pytest.fixture(scope="module")
def gate(behind: Upstream) -> Iterator[Gate]:
    with gate_before(behind.url, "openai", adapter=SimpleAdapter(), max_body_bytes=1 << 20) as made:
        yield made


@pytest.mark.parametrize(
    "target",
    [
        "/nothing",
        "//make",
        "/./make",
        "/view/../make",
        "/view/%2e%2e",
        "/view/a%2fb",
        "/view/a%5cb",
        "/view/a%00b",
        "/view/%2565",
        "/view/%zz",
        "/view/%ff",
        "/files/",
        "/files/a//b",
        "/files/a/%2e%2e/b",
        "/safehold/",
        "/safehold/kept/nothing",
        "/safehold/health/other",
    ],
)
def test_what_stands_in_no_table_never_reaches_the_upstream(
    gate: Gate, behind: Upstream, target: str
) -> None:
    before = len(behind.asked)
    found = gate.call("GET", target)
    assert (found.status, found.json) == (404, {"error": 404})
    assert len(behind.asked) == before


@pytest.mark.parametrize(
    "request_line",
    [
        "GET http://elsewhere.example/view/a HTTP/1.1",
        "CONNECT 127.0.0.1:80 HTTP/1.1",
        "OPTIONS * HTTP/1.1",
    ],
)
def test_an_address_is_a_path(gate: Gate, behind: Upstream, request_line: str) -> None:
    before = len(behind.asked)
    found = gate.wire(f"{request_line}\r\nHost: here\r\nConnection: close\r\n\r\n".encode())
    assert found.startswith(b"HTTP/1.1 400 ")
    assert len(behind.asked) == before


@pytest.mark.parametrize(("method", "path"), [("GET", "/make"), ("DELETE", "/view/a")])
def test_other_methods_of_a_route_are_closed(
    gate: Gate, behind: Upstream, method: str, path: str
) -> None:
    before = len(behind.asked)
    assert gate.call(method, path).status == 405
    assert len(behind.asked) == before


def test_headers_of_one_connection_end_at_the_gate(gate: Gate, behind: Upstream) -> None:
    host = f"127.0.0.1:{gate.port}"
    sent = {
        "Host": "gate.example",
        "Connection": "keep-alive, X-Mine",
        "X-Mine": "1",
        "Range": "bytes=0-9",
        "If-None-Match": '"a"',
        "Accept-Encoding": "gzip",
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Host": "other.example",
        "Forwarded": "for=192.0.2.1",
        "Cookie": "session=1",
        "Origin": "http://gate.example",
        "Authorization": "Bearer token",
        "X-Other": "2",
    }
    found = gate.call("GET", "/view/a%20b?type=x&name=%2e%2e%2f", headers=sent)
    assert found.status == 200
    asked = behind.asked[-1]
    assert asked.target == "/view/a%20b?type=x&name=%2e%2e%2f"
    names = {name.lower() for name, _ in asked.headers}
    assert names == {"host", "accept-encoding", "origin", "authorization", "x-other"}
    assert asked.header("host") == behind.url.removeprefix("http://") != host
    assert asked.header("accept-encoding") == "identity"
    assert asked.header("origin") == behind.url
    gate.call("GET", "/view/a", headers={"Origin": "http://elsewhere.example"})
    assert behind.asked[-1].header("origin") == "http://elsewhere.example"


def test_headers_of_an_answer_leave_by_name(gate: Gate) -> None:
    found = gate.call("POST", "/make", {"prompt": "a lighthouse"})
    assert set(found.headers) == {
        "content-type",
        "content-length",
        "cache-control",
        "x-content-type-options",
        "x-request-id",
    }
    assert found.headers["cache-control"] == "no-store"
    assert found.body == CLEAN


def test_head_is_get_without_its_body(gate: Gate, behind: Upstream) -> None:
    found = gate.call("HEAD", "/view/a")
    assert (found.status, found.body) == (200, b"")
    assert found.headers["content-length"] == str(len(CLEAN))
    assert behind.asked[-1].method == "GET"


def test_what_could_be_read_in_two_ways_is_refused(gate: Gate, behind: Upstream) -> None:
    before = len(behind.asked)
    head = "GET /view/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    for line in ("Authorization: a\r\nAuthorization: b\r\n", "X-Api-Key: a\r\nx-api-key: b\r\n"):
        assert gate.wire(f"{head}{line}\r\n".encode()).startswith(b"HTTP/1.1 400 ")
    coded = gate.call("POST", "/make", b"abc", {"Content-Encoding": "gzip"})
    assert coded.status == 400
    assert len(behind.asked) == before


def test_a_body_that_is_too_large_goes_nowhere(gate: Gate, behind: Upstream) -> None:
    before = len(behind.asked)
    head = f"POST /make HTTP/1.1\r\nHost: a\r\nContent-Length: {(1 << 20) + 1}\r\n\r\n"
    assert gate.wire(head.encode()).startswith(b"HTTP/1.1 413 ")
    chunks = b"%x\r\n" % (1 << 20) + bytes(1 << 20) + b"\r\n1\r\na\r\n"
    head = "POST /make HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert gate.wire(head.encode() + chunks).startswith(b"HTTP/1.1 413 ")
    assert len(behind.asked) == before


def test_a_fault_in_a_handler_tells_nothing(gate: Gate) -> None:
    found = gate.call("GET", "/fail")
    assert (found.status, found.json) == (500, {"error": 500})
    [said] = gate.events("internal")
    assert said["exception"] == "ValueError"
    assert "zorblax" not in gate.log.getvalue()


def test_results_by_address_are_fetched_from_the_upstream_alone(
    gate: Gate, behind: Upstream
) -> None:
    with upstream(lambda asked: Answering(OTHER)) as other:
        inside = gate.call("POST", "/fetch", {}, {"X-Result": f"{behind.url}/out/a.png"})
        assert (inside.status, inside.body) == (200, CLEAN)
        listed = gate.call("POST", "/fetch", {}, {"X-Result": f"{behind.url}/out/listed.jpg"})
        assert listed.json == {"error": "refused"}
        for address in (f"{other.url}/a.png", "file:///etc/passwd", "http://169.254.169.254/", "x"):
            outside = gate.call("POST", "/fetch", {}, {"X-Result": address})
            assert (outside.status, outside.json) == (502, {"error": 502})
        assert other.asked == []


def test_logs_and_figures_tell_nothing_of_anybody(gate: Gate, behind: Upstream) -> None:
    headers = {"Authorization": "Bearer vennimoor-key", "X-Api-Key": "vennimoor-other"}
    gate.call("POST", "/make?quindle=1", {"prompt": "a lighthouse by vennimoor"}, headers)
    gate.call("GET", "/view/listed-vennimoor?quindle=2", headers=headers)
    gate.call("GET", "/view/vennimoor/../x")
    said = gate.log.getvalue() + gate.call("GET", "/safehold/metrics").body.decode()
    for word in ("vennimoor", "quindle", "lighthouse", "127.0.0.1", "Bearer", behind.url[7:]):
        assert word not in said
    assert 'safehold_gate_refused_total{stage="output"}' in said
    assert 'route="/view/{name}"' in said


def test_one_route_is_found_for_one_path() -> None:
    async def handler(*_: object) -> None:
        raise AssertionError

    def route(pattern: str, method: str = "GET") -> Route:
        return Route(method, pattern, handler)  # type: ignore[arg-type]

    table = Table(
        [
            route("/a/{x}"),
            route("/a/b"),
            route("/c/{rest:rest}"),
            route("/"),
            route("/a/b", "POST"),
        ],
        [],
    )

    def find(method: str, path: str) -> tuple[str, dict[str, str]] | None:
        found = table.find(method, parts_of(path.encode()))
        return None if found is None else (found[0].pattern, dict(found[1]))

    assert find("GET", "/a/b") == ("/a/b", {})
    assert find("POST", "/a/b") == ("/a/b", {})
    assert find("HEAD", "/a/%C3%A9") == ("/a/{x}", {"x": "é"})
    assert find("GET", "/c/d/e") == ("/c/{rest:rest}", {"rest": "d/e"})
    assert find("GET", "/") == ("/", {})
    assert find("PUT", "/a/b") is None
    for path in ("/a", "/a/b/c", "/c", "/x"):
        with pytest.raises(ClosedRouteError):
            find("GET", path)


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=5))
def test_a_path_has_one_spelling(parts: list[str]) -> None:
    try:
        raw = path_of(parts).encode("ascii")
    except UnicodeEncodeError:
        return  # half a character
    bad = any(
        p in (".", "..") or set(p) & set("/\\%") or any(ord(c) < 32 or ord(c) == 127 for c in p)
        for p in parts
    )
    if bad:
        with pytest.raises(ClosedRouteError):
            parts_of(raw)
    else:
        assert parts_of(raw) == tuple(parts)
        assert path_of(parts_of(raw)).encode() == raw


def test_no_header_carries_a_picture() -> None:
    headers = ((b"x-request-id", b"A" * 300), (b"retry-after", b"3"), (b"allow", b"a\r\nb: c"))
    found = dict(leaving(headers, b"text/html\r\nx: y", 3))
    assert found[b"content-type"] == b"application/octet-stream"
    assert found[b"retry-after"] == b"3"
    assert not {b"x-request-id", b"allow"} & set(found)


@pytest.mark.parametrize(
    "address",
    ["ftp://a", "http://u:p@a", "http://169.254.169.254", "http://a/?x=1", "a", "http://a:99999"],
)
def test_an_upstream_has_an_address_that_can_be_called(address: str) -> None:
    with pytest.raises(GateSetupError):
        Base.of(address)


def test_a_base_may_have_a_path() -> None:
    base = Base.of("https://models.example:8443/v1/")
    assert (base.host, base.port, base.path) == ("models.example", 8443, "/v1")
    assert (base.netloc, base.origin) == (b"models.example:8443", b"https://models.example:8443")
