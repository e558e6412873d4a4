"""OpenAI's images API through the gate, with the real Python client."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import threading
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from safehold.gate.apis import passing
from tests.gate.house import (
    BROKEN,
    CLEAN,
    LIKE_LISTED,
    LISTED,
    OTHER,
    SUSPECTED,
    Gate,
    gate_before,
    picture,
)
from tests.gate.upstreams_simple import FakeOpenAI, b64, form, running, traces

# The client marks variations as deprecated; servers of this shape have them.
pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")

THIRD = picture(44, "WEBP")
TERM = "zorblax"
PROMPT = "a lighthouse at dusk"
REFUSED = {
    "error": {
        "message": "Your request was rejected by the safety system.",
        "type": "image_generation_user_error",
        "param": None,
        "code": "content_policy_violation",
    }
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gate, FakeOpenAI]]:
    terms: Path = tmp_path_factory.mktemp("rules") / "terms"
    terms.write_text(f"{TERM}\n")
    fake = FakeOpenAI()
    with running(fake), gate_before(fake.server.url, "openai", terms=str(terms)) as gate:
        yield gate, fake


@pytest.fixture
def gate(both: tuple[Gate, FakeOpenAI]) -> Gate:
    both[0].book.added.clear()
    both[0].watch.noted.clear()
    return both[0]


@pytest.fixture
def fake(both: tuple[Gate, FakeOpenAI]) -> FakeOpenAI:
    both[1].reset()
    return both[1]


@pytest.fixture
def client(gate: Gate, request: pytest.FixtureRequest) -> Iterator[openai.OpenAI]:
    """A client of an account of its own."""
    key = f"key-{zlib.crc32(request.node.name.encode())}"
    with openai.OpenAI(base_url=f"{gate.url}/v1", api_key=key, max_retries=0) as made:
        yield made


def given(data: bytes, name: str = "lighthouse.png") -> tuple[str, io.BytesIO]:
    return name, io.BytesIO(data)


def test_generated_pictures_come_as_they_are(
    gate: Gate, fake: FakeOpenAI, client: openai.OpenAI
) -> None:
    fake.results = [CLEAN, THIRD]
    made = client.images.generate(model="teapot-1", prompt=PROMPT, n=2, size="1024x1024")
    assert [base64.b64decode(one.b64_json or "") for one in made.data or ()] == [CLEAN, THIRD]
    assert made.created == 17 and made.size == "160x120"
    assert made.usage is not None and made.usage.total_tokens == 3
    assert (made.data or [])[0].revised_prompt == "a lighthouse, revised"
    told = fake.sent("/v1/images/generations")
    assert told == {"model": "teapot-1", "prompt": PROMPT, "n": 2, "size": "1024x1024"}
    assert fake.server.asked[-1].header("authorization") == f"Bearer {client.api_key}"
    (_, about, _), _ = gate.releases()
    assert about.words == PROMPT and [one.name for one in about.models] == ["teapot-1"]


def test_results_by_address_come_by_the_gates_own(
    gate: Gate, fake: FakeOpenAI, client: openai.OpenAI
) -> None:
    fake.results, fake.by_url = [CLEAN, OTHER], True
    made = client.images.generate(model="teapot-1", prompt=PROMPT, response_format="url")
    urls = [one.url or "" for one in made.data or ()]
    assert all(url.startswith(f"{gate.url}/safehold/kept/") for url in urls)
    found = []
    for url in urls:
        asked = urllib.request.Request(url, headers=client.auth_headers)
        with urllib.request.urlopen(asked) as answer:
            found.append((answer.headers["content-type"], answer.read()))
    assert found == [("image/png", CLEAN), ("image/png", OTHER)]
    made = client.images.generate(model="teapot-1", prompt=PROMPT, response_format="b64_json")
    assert [one.b64_json for one in made.data or ()] == [b64(CLEAN), b64(OTHER)]
    assert not any(one.url for one in made.data or ())


def test_edits_and_variations_take_checked_pictures_along(
    gate: Gate, fake: FakeOpenAI, client: openai.OpenAI
) -> None:
    fake.results = [THIRD]
    made = client.images.edit(
        image=[given(CLEAN), given(OTHER, "b.jpg")],
        mask=given(OTHER),
        prompt=PROMPT,
        model="teapot-1",
        extra_body={"negative_prompt": "fog"},
    )
    assert (made.data or [])[0].b64_json == b64(THIRD)
    sent = form(fake.server.asked[-1])
    assert [data for _, data in sent["image[]"]] == [CLEAN, OTHER]
    assert [data for _, data in sent["mask"]] == [OTHER]
    assert all("lighthouse" not in str(name) for name, _ in sent["image[]"] + sent["mask"])
    assert sent["prompt"] == [(None, PROMPT.encode())]
    made = client.images.create_variation(image=given(CLEAN), model="teapot-1")
    assert (made.data or [])[0].b64_json == b64(THIRD)
    assert [data for _, data in form(fake.server.asked[-1])["image"]] == [CLEAN]
    as_json = {
        "model": "teapot-1",
        "prompt": PROMPT,
        "images": [{"image_url": f"data:image/png;base64,{b64(CLEAN)}"}],
        "mask": {"image_url": f"data:image/png;base64,{b64(OTHER)}"},
    }
    assert gate.call("POST", "/v1/images/edits", as_json).status == 200
    assert fake.sent("/v1/images/edits") == as_json


def test_streams_lose_their_previews_alone(fake: FakeOpenAI, client: openai.OpenAI) -> None:
    fake.results, fake.previews = [CLEAN], [OTHER, LISTED]
    stream = client.images.generate(model="teapot-1", prompt=PROMPT, stream=True, partial_images=2)
    events = list(stream)
    assert [(event.type, event.b64_json) for event in events] == [
        ("image_generation.completed", b64(CLEAN))
    ]
    assert events[0].quality == "high" and events[0].created_at == 17
    edited = client.images.edit(
        image=given(OTHER), prompt=PROMPT, model="teapot-1", stream=True, partial_images=2
    )
    assert [event.type for event in edited] == ["image_edit.completed"]


def test_the_asynchronous_client_works_alike(gate: Gate, fake: FakeOpenAI) -> None:
    async def use() -> tuple[list[str], str | None, list[str]]:
        fake.results = [CLEAN]
        url = f"{gate.url}/v1"
        async with openai.AsyncOpenAI(base_url=url, api_key="key-of-b", max_retries=0) as client:
            models = [model.id async for model in client.models.list()]
            assert (await client.models.retrieve("teapot-1")).owned_by == "nobody"
            made = await client.images.generate(model="teapot-1", prompt=PROMPT)
            stream = await client.images.generate(model="teapot-1", prompt=PROMPT, stream=True)
            events = [event.b64_json async for event in stream]
        return models, (made.data or [])[0].b64_json, events

    assert asyncio.run(use()) == (["teapot-1"], b64(CLEAN), [b64(CLEAN)])


def refused_calls() -> dict[str, Callable[[FakeOpenAI, openai.OpenAI], object]]:
    """Calls of which something is refused, by what it is."""

    def results(fake: FakeOpenAI, *pictures: bytes, by_url: bool = False) -> bool:
        fake.results, fake.by_url = list(pictures), by_url
        return True

    def made(fake: FakeOpenAI, client: openai.OpenAI, **more: Any) -> object:
        return client.images.generate(model="teapot-1", **({"prompt": PROMPT} | more))

    def edited(client: openai.OpenAI, image: Any, **more: Any) -> object:
        return client.images.edit(image=image, model="teapot-1", **({"prompt": PROMPT} | more))

    return {
        "a listed result": lambda f, c: (results(f, LISTED), made(f, c)),
        "one like it": lambda f, c: (results(f, LIKE_LISTED), made(f, c)),
        "one of a batch": lambda f, c: (results(f, CLEAN, SUSPECTED, OTHER), made(f, c, n=3)),
        "by address": lambda f, c: (results(f, LISTED, by_url=True), made(f, c)),
        "a broken one": lambda f, c: (results(f, BROKEN), made(f, c)),
        "no picture": lambda f, c: (results(f, b"<svg xmlns='x'></svg>" * 9), made(f, c)),
        "in a stream": lambda f, c: (results(f, LISTED), list(made(f, c, stream=True))),  # type: ignore[call-overload]
        "an edit": lambda f, c: (results(f, LISTED), edited(c, given(CLEAN))),
        "a variation": lambda f, c: (
            results(f, LISTED),
            c.images.create_variation(image=given(CLEAN)),
        ),
        "a prompt": lambda f, c: made(f, c, prompt=f"a {TERM} by the sea"),
        "an unknown text": lambda f, c: made(f, c, extra_body={"style_text": TERM.upper()}),
        "a form's prompt": lambda f, c: edited(c, given(CLEAN), prompt=f"a {TERM}"),
        "an input": lambda f, c: edited(c, [given(CLEAN), given(LISTED)]),
        "a mask": lambda f, c: edited(c, given(CLEAN), mask=given(LIKE_LISTED)),
        "an input that is none": lambda f, c: edited(c, given(b"hello")),
        "bytes in a prompt": lambda f, c: made(f, c, prompt=b64(b"x" + LISTED)),
        "a picture in a prompt": lambda f, c: made(f, c, prompt=f"see {b64(LISTED)} there"),
    }


REFUSED_CALLS = refused_calls()
BEFORE = ("a prompt", "an unknown text", "a form's prompt", "an input", "a mask")


@pytest.mark.parametrize("name", REFUSED_CALLS)
def test_all_refusals_are_one(
    name: str, gate: Gate, fake: FakeOpenAI, client: openai.OpenAI
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        REFUSED_CALLS[name](fake, client)
    error = caught.value
    assert json.loads(error.response.content) == REFUSED
    assert error.code == "content_policy_violation"
    assert traces(error.response.content, CLEAN) == []
    if name in BEFORE or "prompt" in name or "none" in name:
        assert fake.calls == []
    if name in BEFORE:
        assert len(gate.refusals()) == 1


def test_a_stream_that_has_begun_ends_with_the_refusal(
    fake: FakeOpenAI, client: openai.OpenAI
) -> None:
    fake.results, fake.previews = [CLEAN, LISTED], [OTHER]
    events = []
    with pytest.raises(openai.APIError) as caught:
        for event in client.images.generate(model="teapot-1", prompt=PROMPT, stream=True, n=2):
            events.append(event)
    assert events == [] and caught.value.code == "content_policy_violation"
    assert caught.value.body == REFUSED["error"]


def raw_call(path: str, value: Any = None) -> bytes:
    body = b"" if value is None else json.dumps(value).encode()
    method = "GET" if value is None else "POST"
    return (
        f"{method} {path} HTTP/1.1\r\nHost: gate\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


ROUTES: dict[str, bytes] = {
    "generations": raw_call("/v1/images/generations", {"prompt": PROMPT}),
    "a stream": raw_call("/v1/images/generations", {"prompt": PROMPT, "stream": True}),
    "edits": raw_call("/v1/images/edits", {"prompt": PROMPT, "image": b64(OTHER)}),
    "variations": raw_call("/images/variations", {"image": b64(OTHER)}),
    "models": raw_call("/v1/models"),
    "a model": raw_call("/v1/models/nobody/teapot-1"),
}


@pytest.mark.parametrize("route", ROUTES)
def test_nothing_of_a_listed_picture_is_on_the_wire(
    route: str, gate: Gate, fake: FakeOpenAI
) -> None:
    fake.planted, fake.previews = LISTED, [LISTED]
    is_list = "model" in route
    for results in ([CLEAN], [CLEAN, LISTED], [b"x" + LISTED]):
        fake.results = results
        wire = gate.wire(ROUTES[route])
        assert wire.startswith(b"HTTP/1.1 ")
        assert traces(wire, LISTED) == []
        passes = results == [CLEAN]
        assert (b" 200 OK" in wire[:20]) == (passes or is_list or route == "a stream")
        assert (traces(wire, CLEAN) != []) == (passes and not is_list)
    for status, said in (
        (400, {"error": {"message": f"bad {b64(LISTED)}", "code": "x"} | fake.everywhere()}),
        (500, fake.everywhere()),
        (404, LISTED),
        (200, LISTED),
        (302, LISTED),
        (200, [b64(LISTED)]),
    ):
        fake.failing = (status, said)
        wire = gate.wire(ROUTES[route])
        assert wire.startswith(b"HTTP/1.1 ") and traces(wire, LISTED) == []


def test_errors_of_the_upstream_pass(fake: FakeOpenAI, client: openai.OpenAI) -> None:
    error = {"message": "No such size.", "type": "invalid_request_error", "param": "size"}
    fake.failing = (400, {"error": error | {"code": "bad_size", "more": "x"}})
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(model="teapot-1", prompt=PROMPT)
    assert caught.value.body == error | {"code": "bad_size"}
    assert caught.value.response.headers["x-request-id"] == "req-1"
    with pytest.raises(openai.BadRequestError):
        list(client.images.generate(model="teapot-1", prompt=PROMPT, stream=True))
    fake.failing = (429, b"slow down")
    with pytest.raises(openai.RateLimitError):
        client.images.generate(model="teapot-1", prompt=PROMPT)


@pytest.mark.parametrize(
    ("path", "value", "status"),
    [
        ("/v1/images/edits", {"images": [{"image_url": "https://a.example/a.png"}]}, 400),
        ("/v1/images/edits", {"images": [{"file_id": "file-1"}]}, 400),
        ("/v1/images/edits", {"image": "/srv/a.png"}, 400),
        ("/v1/images/generations", {"prompt": "x", "init": "http://127.0.0.1/a.png"}, 400),
        ("/v1/images/generations", [1], 400),
        ("/v1/responses", {"input": "x"}, 404),
        ("/v1/chat/completions", {"messages": []}, 404),
        ("/v1/files", {}, 404),
        ("/v1/models", {}, 405),
    ],
)
def test_what_is_not_let_through_never_reaches_the_upstream(
    path: str, value: Any, status: int, gate: Gate, fake: FakeOpenAI
) -> None:
    answer = gate.call("POST", path, value)
    assert answer.status == status
    assert json.loads(answer.body)["error"].keys() == REFUSED["error"].keys()
    assert fake.calls == []
    assert gate.refusals() == []


def test_forms_that_can_be_read_in_two_ways_are_not_let_through(
    gate: Gate, fake: FakeOpenAI
) -> None:
    def part(head: str, data: bytes) -> bytes:
        return f"--b\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + data + b"\r\n"

    prompt = part('name="prompt"', b"x")
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    good = gate.call("POST", "/v1/images/edits", prompt + b"--b--\r\n", kind)
    assert good.status == 200 and len(fake.calls) == 1
    for body in (
        prompt + prompt + b"--b--\r\n",
        prompt + b"--b\r\n",
        prompt,
        part("filename=a", b"x") + b"--b--\r\n",
        prompt.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n") + b"--b--",
        part('name="prompt"', b"\xff\xfe") + b"--b--\r\n",
        part('name="x"', b"1") * 200 + b"--b--\r\n",
    ):
        assert gate.call("POST", "/v1/images/edits", body, kind).status == 400
    assert len(fake.calls) == 1


def test_large_documents_are_worked_on_beside_the_event_loop() -> None:
    async def threads() -> list[threading.Thread]:
        sizes = (passing.LARGE - 1, passing.LARGE)
        return [await passing.apart(size, threading.current_thread) for size in sizes]

    small, large = asyncio.run(threads())
    assert small is threading.main_thread() and large is not small
