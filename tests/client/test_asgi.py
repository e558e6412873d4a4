"""The ASGI middleware, in real applications over real HTTP, and by hand."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, UploadFile
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from safehold.client import Answer, AsyncClient, ClientError, ClientOptions, Unavailable, Verdict
from safehold.client.asgi import ScreenUploads, checked
from safehold.client.uploads import UploadOptions
from tests.client.forms import BOUNDARY, CONTENT_TYPE, Field, form
from tests.client.stand_in import BLOCK, HOLD, KEY, StandIn, problem, scripted, served

OPTIONS = UploadOptions(surface="public", raw_routes=("/raw",), max_body_bytes=1_000_000)
QUICK = ClientOptions(attempts=2, total_seconds=2, attempt_seconds=1, backoff_seconds=0.01)


def closing(client: AsyncClient) -> Any:
    """A lifespan that closes the client in the loop that used it."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        async with client:
            yield

    return lifespan


class Application:
    """What an application got: it counts as stored what reaches it."""

    def __init__(self) -> None:
        self.stored: list[tuple[str, bytes]] = []
        self.receipts: list[tuple[str, str | None]] = []
        self.calls = 0

    async def upload(self, request: Request) -> Response:
        self.calls += 1
        self.receipts = [(c.name, c.receipt) for c in checked(request.scope)]
        async with request.form() as found:
            for name, value in found.multi_items():
                data = value.encode() if isinstance(value, str) else await value.read()
                self.stored.append((name, data))
        return PlainTextResponse("stored")

    async def raw(self, request: Request) -> Response:
        self.calls += 1
        self.stored.append(("", await request.body()))
        return JSONResponse([c.receipt for c in checked(request.scope)])

    def app(self, client: AsyncClient) -> Starlette:
        return Starlette(
            lifespan=closing(client),
            routes=[
                Route("/upload", self.upload, methods=["POST", "PUT"]),
                Route("/raw", self.raw, methods=["POST", "PUT"]),
                Route("/plain", self.raw, methods=["POST", "GET"]),
            ],
        )


@pytest.fixture
def application() -> Application:
    return Application()


Serve = Callable[..., str]


@pytest.fixture
def serve(stand_in: StandIn, application: Application) -> Iterator[Serve]:
    """Runs the application behind the middleware; gives its address."""
    with contextlib.ExitStack() as stack:

        def start(options: UploadOptions = OPTIONS, screening: str = "") -> str:
            client = AsyncClient(screening or stand_in.address, KEY, QUICK)
            app = application.app(client)
            app.add_middleware(
                ScreenUploads,
                client=client,
                options=options,
                uploader=lambda scope: "user-7",
            )
            return stack.enter_context(served(app))

        yield start


def post(address: str, fields: Sequence[Field], path: str = "/upload", **more: Any) -> Any:
    return httpx.post(
        address + path, content=form(fields), headers={"Content-Type": CONTENT_TYPE}, **more
    )


def shape(response: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """All of an answer but the moment."""
    headers = [(k, v) for k, v in response.headers.multi_items() if k != "date"]
    return response.status_code, response.content, headers


def test_files_are_checked_and_reach_the_application(
    serve: Serve, stand_in: StandIn, application: Application
) -> None:
    fields = [
        Field("title", b"words"),
        Field("one", b"\xff\r\n--", "1 ä.jpg"),
        Field("two", os.urandom(300_000), "2.jpg"),
        Field("none", b"", ""),
    ]
    answer = post(serve(), fields)
    assert (answer.status_code, answer.text) == (200, "stored")
    assert application.stored == [(field.name, field.data) for field in fields]
    assert sorted(seen.body for seen in stand_in.seen) == sorted(f.data for f in fields[1:3])
    first = next(seen for seen in stand_in.seen if len(seen.body) < 10)
    assert first.context("surface") == "public"
    assert first.context("uploader") == "user-7"
    assert first.context("ip") == "127.0.0.1"
    assert int(first.context("port") or 0) > 1023
    assert first.context("file-name") == "1 ä.jpg"
    assert [name for name, _ in application.receipts] == ["one", "two"]
    for (_, receipt), field in zip(application.receipts, fields[1:3], strict=True):
        assert stand_in.receipts[receipt or ""] == (
            "allow",
            hashlib.sha256(field.data).hexdigest(),
        )


def test_one_and_the_same_answer(serve: Serve, stand_in: StandIn, application: Application) -> None:
    address = serve()
    good, held, blocked = Field("a", b"x", "a"), Field("b", HOLD, "b"), Field("c", BLOCK, "c")
    forms = [[held], [blocked], [good, held], [blocked, good], [held, blocked, good]]
    answers = {repr(shape(post(address, fields))) for fields in forms}
    stand_in.hold_status = 403
    answers.add(repr(shape(post(address, [held]))))
    assert len(answers) == 1
    assert shape(post(address, [held]))[0] == 422
    assert application.calls == 0
    # Every file of each form was checked, also beside one that was refused.
    assert len(stand_in.seen) == 1 + 1 + 2 + 2 + 3 + 1 + 1


def test_what_the_operator_chose_to_say(serve: Serve) -> None:
    options = UploadOptions(surface="public", refused_status=400, refused_text="Nej.")
    answer = post(serve(options), [Field("a", HOLD, "a")])
    assert (answer.status_code, answer.text) == (400, "Nej.")
    for status in (200, 302, 399, 500):
        with pytest.raises(ValueError, match="4xx"):
            UploadOptions(surface="public", refused_status=status)


@pytest.mark.parametrize("line", [b"; filename*=UTF-8''a.jpg", b"; FILENAME=a", b"; filename*0=a"])
def test_every_way_to_name_a_file(serve: Serve, application: Application, line: bytes) -> None:
    header = b'Content-Disposition: form-data; name="a"' + line
    assert post(serve(), [Field("a", HOLD, header=header)]).status_code == 422
    assert application.calls == 0


def test_raw_bodies(serve: Serve, stand_in: StandIn, application: Application) -> None:
    address = serve()
    allowed = httpx.put(address + "/raw", content=b"picture")
    assert allowed.json() == ["r0000"]
    assert application.stored == [("", b"picture")]
    assert httpx.put(address + "/raw", content=BLOCK).status_code == 422
    assert post(address, [Field("a", BLOCK, "a")], "/raw").status_code == 422
    assert httpx.put(address + "/raw", content=b"").json() == []
    assert httpx.post(address + "/plain", content=BLOCK).json() == []
    assert application.calls == 3


def test_a_form_on_a_route_of_bodies_is_one_item(
    serve: Serve, stand_in: StandIn, application: Application
) -> None:
    """What calls itself a form is checked whole where the application reads it whole."""
    address = serve(UploadOptions(surface="public", routes=("/upload",), raw_routes=("/raw",)))
    body = b"no form at all " + HOLD
    answer = httpx.post(address + "/raw", content=body, headers={"Content-Type": CONTENT_TYPE})
    assert answer.status_code == 422
    assert stand_in.seen[0].body == body
    assert application.calls == 0


def test_other_routes_are_not_touched(serve: Serve, stand_in: StandIn) -> None:
    address = serve(UploadOptions(surface="public", routes=("/elsewhere",)))
    assert post(address, [Field("a", HOLD, "a")]).text == "stored"
    assert httpx.get(address + "/plain").json() == []
    assert not stand_in.seen


@pytest.mark.parametrize(
    ("status", "shown"), [(503, 503), (429, 503), (500, 503), (401, 503), (413, 413), (422, 503)]
)
def test_without_a_verdict_nothing_passes(
    serve: Serve, stand_in: StandIn, application: Application, status: int, shown: int
) -> None:
    code = "body_too_large" if status == 413 else "overloaded"
    stand_in.faults.extend(problem(status, code) for _ in range(2))
    answer = post(serve(), [Field("a", b"x", "a")])
    assert answer.status_code == shown
    assert ("retry-after" in answer.headers) is (shown == 503)
    assert application.calls == 0


def test_fail_open_is_for_what_was_not_reached(
    serve: Serve, stand_in: StandIn, application: Application, caplog: pytest.LogCaptureFixture
) -> None:
    options = UploadOptions(surface="public", fail_open=True)
    with scripted(None) as dead, caplog.at_level(logging.DEBUG):
        address = serve(options, dead)
        assert post(address, [Field("a", b"x", "confidential.jpg")]).text == "stored"
    assert application.receipts == [("a", None)]
    assert "connection_broken" in caplog.text
    assert "confidential" not in caplog.text and KEY not in caplog.text
    address = serve(options)
    stand_in.faults.append(problem(401, "unauthorized"))
    assert post(address, [Field("a", b"x", "a")]).status_code == 503
    lie = b'{"verdict":"hold","receipt":"r"}'
    stand_in.faults.append(Response(lie, 200, media_type="application/json"))
    assert post(address, [Field("a", b"x", "a")]).status_code == 503
    stand_in.faults.extend(problem(503, "overloaded") for _ in range(2))
    both = [Field("a", HOLD, "a")] * 4
    assert post(address, both).status_code == 422
    assert application.calls == 1


def test_bodies_that_are_too_large(serve: Serve, stand_in: StandIn) -> None:
    address = serve(UploadOptions(surface="public", max_body_bytes=10_000, max_files=2))
    assert post(address, [Field("a", b"x" * 10_000, "a")]).status_code == 413

    def chunks() -> Iterator[bytes]:
        yield from [form([Field("a", b"x" * 20_000, "a")])]

    headers = {"Content-Type": CONTENT_TYPE}
    assert httpx.post(address + "/upload", content=chunks(), headers=headers).status_code == 413
    assert post(address, [Field("a", b"x", "a")] * 3).status_code == 413
    assert not stand_in.seen
    assert post(address, [Field("a", b"x", "a")] * 2).status_code == 200


def test_all_bodies_together_have_a_bound(serve: Serve, application: Application) -> None:
    address = serve(UploadOptions(surface="public", max_spooled_bytes=50_000))
    for _ in range(5):  # what was kept is given back
        assert post(address, [Field("a", b"x" * 40_000, "a")]).status_code == 200
        assert post(address, [Field("a", b"x" * 60_000, "a")]).status_code == 503
    assert application.calls == 5


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "multipart/mixed; boundary=" + BOUNDARY},
        {"Content-Type": "multipart/form-data"},
        {"Content-Type": "multipart/form-data; boundary=other"},
        {"Content-Type": CONTENT_TYPE + "; boundary=other"},
        {"Content-Type": "Multipart/Form-Data;x=y;boundary=" + BOUNDARY},
        [("Content-Type", CONTENT_TYPE), ("Content-Type", "multipart/form-data; boundary=b")],
        [("Content-Type", "text/plain"), ("Content-Type", CONTENT_TYPE)],
        {"Content-Type": CONTENT_TYPE, "Content-Encoding": "gzip"},
    ],
)
def test_forms_that_could_be_read_in_two_ways(
    serve: Serve, stand_in: StandIn, application: Application, headers: Any
) -> None:
    body = form([Field("a", HOLD, "a")])
    answer = httpx.post(serve() + "/upload", content=body, headers=headers)
    assert answer.status_code in (400, 415)
    assert application.calls == 0 and not stand_in.seen


def test_uploads_in_chunks_and_uploads_that_break_off(
    serve: Serve, stand_in: StandIn, application: Application
) -> None:
    address = serve()
    body = form([Field("a", b"x" * 9000, "a")])
    pieces = (body[place : place + 700] for place in range(0, len(body), 700))
    headers = {"Content-Type": CONTENT_TYPE}
    assert httpx.post(address + "/upload", content=pieces, headers=headers).text == "stored"
    head = (
        f"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: {CONTENT_TYPE}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    port = int(address.rpartition(":")[2])
    for cut in (0, 50, len(body) - 1):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(head + body[:cut])
    assert post(address, [Field("a", b"last", "a")]).text == "stored"
    assert application.calls == 2
    assert len(stand_in.seen) == 2


def test_an_upload_that_stalls_ends(serve: Serve, application: Application) -> None:
    address = serve(UploadOptions(surface="public", max_body_seconds=0.2))
    port = int(address.rpartition(":")[2])
    head = f"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: {CONTENT_TYPE}\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"{head}Content-Length: 99\r\n\r\n".encode())
        assert connection.recv(99).startswith(b"HTTP/1.1 408")
    assert application.calls == 0


def test_many_uploads_at_a_time(serve: Serve, stand_in: StandIn, application: Application) -> None:
    from concurrent.futures import ThreadPoolExecutor

    address = serve()
    stand_in.seconds = 0.05
    data = [HOLD if n % 3 == 0 else b"%d" % n for n in range(24)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda d: post(address, [Field("a", d, "a")]).status_code, data))
    assert answers == [422 if d == HOLD else 200 for d in data]
    assert sorted(d for _, d in application.stored) == sorted(d for d in data if d != HOLD)
    assert stand_in.most_at_once > 1


def test_nothing_is_written_to_a_file(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    options = UploadOptions(surface="public", memory_bytes=10, raw_routes=("/raw",))
    gc.collect()  # what earlier tests left behind is none of this
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert httpx.post(serve(options) + "/raw", content=b"x" * 200_000).status_code == 200
    assert not list(tmp_path.iterdir())
    assert len(list(Path("/proc/self/fd").iterdir())) < before + 12


def test_in_fastapi(stand_in: StandIn) -> None:
    client = AsyncClient(stand_in.address, KEY)
    app = FastAPI(lifespan=closing(client))
    app.add_middleware(
        ScreenUploads,
        client=client,
        options=OPTIONS,
        uploader=lambda scope: None,
    )

    @app.post("/pictures")
    async def picture(file: UploadFile, request: Request) -> dict[str, Any]:
        receipt = checked(request.scope)[0].receipt
        return {"bytes": len(await file.read()), "receipt": receipt}

    with served(app) as address:
        good = httpx.post(address + "/pictures", files={"file": ("a.jpg", b"x" * 70_000)})
        assert good.json() == {"bytes": 70_000, "receipt": "r0000"}
        bad = httpx.post(address + "/pictures", files={"file": ("a.jpg", HOLD)})
        assert bad.status_code == 422
        assert bad.text == OPTIONS.refused_text
    assert "safehold-uploader" not in stand_in.seen[0].headers


class Asked(AsyncClient):
    """A client that answers by itself."""

    def __init__(self, outcome: Answer | ClientError) -> None:
        super().__init__("http://localhost", KEY)
        self.outcome = outcome
        self.bodies: list[bytes] = []

    async def screen(self, data: Any, **known: Any) -> Answer:
        self.bodies.append(b"".join([chunk async for chunk in data.chunks_async()]))
        if isinstance(self.outcome, ClientError):
            raise self.outcome
        return self.outcome


async def run(body: list[bytes], content_type: str, **options: Any) -> tuple[list[Any], list[Any]]:
    """What the application receives and what is sent, for a body in pieces."""
    got: list[Any] = []
    sent: list[Any] = []
    messages = [
        {"type": "http.request", "body": piece, "more_body": place + 1 < len(body)}
        for place, piece in enumerate(body)
    ]

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            got.append(message)
            if message["type"] == "http.disconnect":
                return

    middleware = ScreenUploads(
        app,
        client=Asked(Answer(Verdict.ALLOW, "r")),
        options=UploadOptions(surface="public", **options),
        uploader=lambda scope: None,
    )
    headers = [(b"content-type", content_type.encode())]
    scope = {"type": "http", "path": "/", "headers": headers, "client": None}
    await middleware(scope, receive, send)
    return got, sent


@given(
    st.lists(st.builds(Field, st.just("a"), st.binary(max_size=300), st.none() | st.just("f"))),
    st.lists(st.integers(0, 200), max_size=12),
    st.sampled_from([0, 10, 100_000]),
)
def test_the_application_gets_the_very_bytes(
    fields: list[Field], sizes: list[int], memory: int
) -> None:
    body = form([*fields, Field("z", b"last", "z")])
    pieces, place = [], 0
    for size in sizes:
        pieces.append(body[place : place + size])
        place += size
    pieces.append(body[place:])
    got, sent = asyncio.run(run(pieces, CONTENT_TYPE, memory_bytes=memory))
    assert not sent
    assert b"".join(message.get("body", b"") for message in got) == body
    assert [m["more_body"] for m in got[:-1]] == [True] * (len(got) - 2) + [False]
    assert got[-1] == {"type": "http.disconnect"}


@given(st.binary(max_size=200_000), st.sampled_from([0, 1000, 1_000_000]))
def test_raw_bodies_arrive_unchanged(body: bytes, memory: int) -> None:
    got, _ = asyncio.run(run([body], "image/png", memory_bytes=memory, raw_routes=("/",)))
    assert b"".join(message.get("body", b"") for message in got) == body


@pytest.mark.anyio
async def test_errors_of_the_client_are_told_apart() -> None:
    assert Unavailable("x").code == "x"
    got, sent = await run([form([Field("a", b"x", "a")])[:-5]], CONTENT_TYPE)
    assert not got
    assert sent[0]["status"] == 400
