"""The Django middleware, in a site of its own, by Django's test client and over real HTTP."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import httpx
import pytest

from safehold.client import ClientOptions
from tests.client import django_site
from tests.client.forms import BOUNDARY, CONTENT_TYPE, Field, form
from tests.client.stand_in import BLOCK, HOLD, KEY, StandIn, problem, scripted

django_site.configure()

from django.core.exceptions import ImproperlyConfigured  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.test import Client as Browser  # noqa: E402
from django.test import RequestFactory, override_settings  # noqa: E402

from safehold.client.django import ScreenUploads, checked  # noqa: E402

QUICK = ClientOptions(attempts=2, total_seconds=2, attempt_seconds=1, backoff_seconds=0.01)


def site(stand_in: StandIn, **more: Any) -> Any:
    """The setting of the middleware."""
    given = {
        "url": stand_in.address,
        "key": KEY,
        "surface": "public",
        "uploader": "tests.client.django_site.who",
        "client_options": QUICK,
        "raw_routes": ("/raw",),
    }
    return override_settings(SAFEHOLD={**given, **more})


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    django_site.STORED.clear()
    django_site.RECEIPTS.clear()
    yield


def post(fields: list[Field], path: str = "/upload", **more: Any) -> Any:
    return Browser().post(path, form(fields), content_type=CONTENT_TYPE, **more)


def shape(answer: Any) -> tuple[int, bytes, list[tuple[str, str]]]:
    return answer.status_code, answer.content, sorted(answer.headers.items())


def test_files_are_checked_and_reach_the_view(stand_in: StandIn, tmp_path: Path) -> None:
    big = os.urandom(3_000_000)
    fields = [
        Field("title", b"words"),
        Field("one", b"\xff\r\n--", "1 ä.jpg"),
        Field("two", big, "../2.jpg"),
        Field("none", b"", ""),
        Field("empty", b"", "empty.txt"),
    ]
    with site(stand_in), override_settings(FILE_UPLOAD_TEMP_DIR=str(tmp_path)):
        answer = post(fields, HTTP_X_USER="7", REMOTE_PORT="4711")
    assert answer.status_code == 200
    assert answer.json() == {
        "post": {"title": "words", "none": ""},
        "receipts": ["r0000", "r0001", None],
    }
    assert [("one", b"\xff\r\n--"), ("two", big), ("empty", b"")] == django_site.STORED
    assert django_site.RECEIPTS == [("one", "r0000"), ("two", "r0001")]
    assert [seen.body for seen in stand_in.seen] == [b"\xff\r\n--", big]
    seen = stand_in.seen[1]
    assert [seen.context(n) for n in ("surface", "uploader", "ip", "port", "file-name")] == [
        "public",
        "7",
        "127.0.0.1",
        "4711",
        "2.jpg",
    ]
    assert not list(tmp_path.iterdir())


def test_one_and_the_same_answer(stand_in: StandIn) -> None:
    good, held, blocked = Field("a", b"x", "a"), Field("b", HOLD, "b"), Field("c", BLOCK, "c")
    forms = [[held], [blocked], [good, held], [blocked, good], [held, blocked, good]]
    with site(stand_in):
        answers = {repr(shape(post(fields))) for fields in forms}
        raw = Browser().post("/raw", BLOCK, content_type="image/jpeg")
        answers.add(repr(shape(raw)))
    assert len(answers) == 1
    assert raw.status_code == 422
    assert not django_site.STORED
    assert len(stand_in.seen) == 1 + 1 + 2 + 2 + 3 + 1


def test_raw_bodies(stand_in: StandIn) -> None:
    with site(stand_in):
        for _ in range(2):
            assert Browser().post("/raw", b"x" * 9, content_type="image/png").content == b"stored"
        assert Browser().get("/raw").content == b"stored"
        large = Browser().post("/raw", b"x" * 600_000, content_type="image/png")
    assert large.status_code == 413
    assert [data for _, data in django_site.STORED] == [b"x" * 9, b"x" * 9, b""]
    assert len(stand_in.seen) == 2


def test_without_a_verdict_nothing_passes(
    stand_in: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    with scripted(None) as dead, site(stand_in, url=dead), caplog.at_level(logging.WARNING):
        answer = post([Field("a", b"x", "confidential.jpg")])
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert not django_site.STORED
    assert "connection_broken" in caplog.text and "confidential" not in caplog.text
    with scripted(None) as dead, site(stand_in, url=dead, fail_open=True):
        assert post([Field("a", b"x", "a.jpg")]).status_code == 200
    assert django_site.RECEIPTS == [("a", None)]
    stand_in.faults.append(problem(401, "unauthorized"))
    with site(stand_in, fail_open=True):
        assert post([Field("a", b"x", "a.jpg")]).status_code == 503


def test_bounds(stand_in: StandIn) -> None:
    with site(stand_in, max_body_bytes=1000, max_files=2, max_spooled_bytes=1500):
        assert post([Field("a", b"x" * 1001, "a")]).status_code == 413
        assert post([Field("a", b"x", "a")] * 3).status_code == 413
        for _ in range(4):  # what was kept is given back
            assert post([Field("a", b"x" * 900, "a")]).status_code == 200
    with site(stand_in, max_spooled_bytes=500):
        assert post([Field("a", b"x" * 900, "a")]).status_code == 503


@pytest.mark.parametrize("method", ["put", "patch"])
def test_forms_that_django_does_not_read(stand_in: StandIn, method: str) -> None:
    with site(stand_in):
        call = getattr(Browser(), method)
        body = form([Field("a", HOLD, "a")])
        assert call("/upload", body, content_type=CONTENT_TYPE).status_code == 415
        assert post([Field("a", HOLD, "a")], HTTP_CONTENT_ENCODING="gzip").status_code == 415
    assert not stand_in.seen


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", f"multipart/mixed; boundary={BOUNDARY}", "multipart/form-data; x"],
)
def test_malformed_forms(stand_in: StandIn, content_type: str) -> None:
    with site(stand_in):
        body = form([Field("a", HOLD, "a")])
        answer = Browser(raise_request_exception=False).post(
            "/upload", body, content_type=content_type
        )
    assert answer.status_code in (400, 200)
    assert not django_site.STORED


@pytest.mark.parametrize(
    "line",
    [
        b"; filename*=UTF-8''a.jpg",
        b"; FILENAME=a",
        b'; filename="a"\r\nContent-Transfer-Encoding: binary',
    ],
)
def test_every_way_to_name_a_file(stand_in: StandIn, line: bytes) -> None:
    header = b'Content-Disposition: form-data; name="a"' + line
    with site(stand_in):
        assert post([Field("a", HOLD, header=header)]).status_code == 422
    assert not django_site.STORED


def test_what_django_decodes_is_what_is_checked(stand_in: StandIn) -> None:
    header = b'Content-Disposition: form-data; name="a"; filename="a"'
    header += b"\r\nContent-Transfer-Encoding: base64"
    with site(stand_in):
        assert post([Field("a", b"SE9MRC1NRQ==", header=header)]).status_code == 422
    assert stand_in.seen[0].body == HOLD


def test_before_the_csrf_check_but_after_the_middleware_above(stand_in: StandIn) -> None:
    """The check comes first: a form without a token is refused by Django afterwards."""
    with site(stand_in):
        browser = Browser(enforce_csrf_checks=True)
        body = form([Field("a", b"x", "a")])
        assert browser.post("/csrf", body, content_type=CONTENT_TYPE).status_code == 403
    assert not django_site.STORED


def test_by_hand(stand_in: StandIn) -> None:
    request = RequestFactory().post(
        "/upload", form([Field("a", b"x", "a")]), content_type=CONTENT_TYPE
    )
    with site(stand_in, uploader=lambda request: "räv"):
        middleware = ScreenUploads(lambda request: HttpResponse(checked(request)[0].receipt))
    assert middleware(request).content == b"r0000"
    assert stand_in.seen[0].context("uploader") == "räv"
    del request
    request = RequestFactory().post("/upload", {"a": "1"})
    assert request.POST  # read before the middleware: it cannot check any more, and says so
    with pytest.raises(AttributeError):
        middleware(request)


@pytest.mark.parametrize(
    "change",
    [
        {"surface": ""},
        {"key": "sfh confidential"},
        {"url": "http://confidential.example"},
        {"unknown": 1},
        {"uploader": "no.such.thing"},
        {"refused_status": 200},
    ],
)
def test_settings_that_cannot_be(stand_in: StandIn, change: dict[str, Any]) -> None:
    with site(stand_in, **change), pytest.raises(ImproperlyConfigured) as caught:
        ScreenUploads(lambda request: HttpResponse())
    assert "confidential" not in str(caught.value)
    with override_settings(SAFEHOLD={}), pytest.raises(ImproperlyConfigured):
        ScreenUploads(lambda request: HttpResponse())


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        pass


@contextlib.contextmanager
def live() -> Iterator[int]:
    """The site over HTTP; its port."""
    with WSGIServer(("127.0.0.1", 0), Quiet) as server:
        server.set_app(WSGIHandler())
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(10)


def test_over_http(stand_in: StandIn) -> None:
    with site(stand_in), live() as port:
        address = f"http://127.0.0.1:{port}/upload"
        data = [HOLD if n % 3 == 0 else b"%d" % n * 999 for n in range(9)]
        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(lambda d: httpx.post(address, files={"f": ("a.jpg", d)}), data))
        assert [a.status_code for a in answers] == [422 if d == HOLD else 200 for d in data]
        body = form([Field("a", b"x" * 9000, "a")])
        head = f"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: {CONTENT_TYPE}\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:5000])
            connection.shutdown(socket.SHUT_WR)
            connection.recv(99)  # Django calls the view without the file that broke off
    assert sorted(d for _, d in django_site.STORED) == sorted(d for d in data if d != HOLD)
