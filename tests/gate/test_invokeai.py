"""InvokeAI's API through the gate: calls and events as its web client sends and hears them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from safehold.gate.model import Stage
from tests.gate.house import BROKEN, CLEAN, LIKE_LISTED, LISTED, OTHER, Gate, gate_before, picture
from tests.gate.upstreams_invoke import FakeInvoke
from tests.gate.upstreams_simple import b64, traces
from tests.gate.upstreams_social import serving, smaller
from tests.service.house import Answer

THIRD = picture(45, "JPEG")
TERM = "zorblax"
REFUSED = {"detail": "The request was refused."}
QUEUE = "/api/v1/queue/default"
IMAGES = "/api/v1/images"
EVENTS = "/ws/socket.io/?EIO=4&transport="
MODEL = {"key": "k1", "hash": "blake3:0123456789", "name": "Teapot XL", "base": "sdxl"}


def batch(text: str = "a lighthouse", **nodes: Any) -> dict[str, Any]:
    """What the web client queues."""
    graph: dict[str, Any] = {
        "loader": {"type": "sdxl_model_loader", "id": "loader", "model": MODEL},
        "pos": {"type": "sdxl_compel_prompt", "id": "pos", "style": ""},
        "neg": {"type": "sdxl_compel_prompt", "id": "neg", "prompt": "fog", "style": ""},
        "text": {"type": "string", "id": "text", "value": ""},
        "noise": {"type": "noise", "id": "noise", "seed": 0, "width": 512, "height": 512},
        "denoise": {"type": "denoise_latents", "id": "denoise", "cfg_scale": 7.5, "steps": 20},
        "out": {"type": "l2i", "id": "out", "is_intermediate": False},
    }
    links = (
        *(("loader", "clip", "pos", "clip"), ("text", "value", "pos", "prompt")),
        *(("pos", "conditioning", "denoise", "positive_conditioning"),),
        *(("neg", "conditioning", "denoise", "negative_conditioning"),),
        *(("noise", "noise", "denoise", "noise"), ("denoise", "latents", "out", "latents")),
    )
    edges = [
        {
            "source": {"node_id": one, "field": name},
            "destination": {"node_id": other, "field": into},
        }
        for one, name, other, into in links
    ]
    data = [
        [{"node_path": "noise", "field_name": "seed", "items": [1234]}],
        [{"node_path": "text", "field_name": "value", "items": [text]}],
    ]
    made = {"graph": {"id": "g", "nodes": graph | nodes, "edges": edges}, "runs": 1, "data": data}
    return {"prepend": False, "batch": made | {"origin": "canvas", "destination": "gallery"}}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gate, FakeInvoke]]:
    rules = tmp_path_factory.mktemp("rules")
    terms, models = rules / "terms", rules / "models"
    terms.write_text(f"{TERM}\n")
    models.write_text("name: quindle mix\n")
    fake = FakeInvoke()
    with (
        serving(fake) as url,
        gate_before(
            url, "invokeai", terms=str(terms), models=str(models), account_header="x-who"
        ) as gate,
    ):
        yield gate, fake


@pytest.fixture
def gate(both: tuple[Gate, FakeInvoke]) -> Gate:
    both[0].book.added.clear()
    both[0].watch.noted.clear()
    return both[0]


@pytest.fixture
def fake(both: tuple[Gate, FakeInvoke]) -> FakeInvoke:
    both[1].reset()
    return both[1]


@pytest.fixture
def who() -> str:
    """An account that nothing is known of."""
    return f"who-{uuid.uuid4().hex[:8]}"


def call(gate: Gate, method: str, path: str, who: str, value: Any = None) -> Answer:
    return gate.call(method, path, value, {"X-Who": who})


def told(gate: Gate, path: str, who: str, value: Any = None) -> Any:
    answer = call(gate, "GET" if value is None else "POST", path, who, value)
    assert answer.status in (200, 201), answer.body
    return json.loads(answer.body)


def made(gate: Gate, who: str, said: Any = None) -> list[str]:
    """Queue a batch as the client does, and wait; the names of its pictures."""
    answer = told(gate, f"{QUEUE}/enqueue_batch", who, said or batch())
    (item,) = answer["item_ids"]

    def completed() -> Any:
        found = told(gate, f"{QUEUE}/i/{item}", who)
        return found if found["status"] == "completed" else None

    results = gate.wait(completed)["session"]["results"]
    return [result["image"]["image_name"] for result in results.values()]


def upload(gate: Gate, who: str, data: bytes) -> Answer:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="mine.png"\r\n'
    body = head + b"Content-Type: image/png\r\n\r\n" + data + b"\r\n--x--\r\n"
    headers = {"X-Who": who, "Content-Type": "multipart/form-data; boundary=x"}
    query = "image_category=user&is_intermediate=false"
    return gate.call("POST", f"{IMAGES}/upload?{query}", body, headers)


def test_made_pictures_come_as_they_are(gate: Gate, fake: FakeInvoke, who: str) -> None:
    fake.results = [CLEAN, THIRD]
    names = made(gate, who)
    for name, data in zip(names, fake.results, strict=True):
        dto = told(gate, f"{IMAGES}/i/{name}", who)
        assert (dto["image_name"], dto["image_url"]) == (name, f"api/v1/images/i/{name}/full")
        full = call(gate, "GET", f"/{dto['image_url']}", who)
        assert (full.status, full.body) == (200, data)
        small = call(gate, "GET", f"{IMAGES}/i/{name}/thumbnail", who)
        assert (small.body, small.headers["content-type"]) == (smaller(data), "image/webp")
        assert told(gate, f"{IMAGES}/i/{name}/metadata", who)["version"] == "6.0.0"
    sent = fake.bodies(f"{QUEUE}/enqueue_batch")[0]["batch"]
    said = batch()["batch"]
    assert {key: sent[key] for key in said} == said
    account, about, _ = gate.releases()[0]
    assert (account.name, about.words, about.seed) == (who, "a lighthouse\nfog", "1234")
    assert about.job == sent["batch_id"]
    assert [(one.name, one.digest) for one in about.models] == [("Teapot XL", "0123456789")]
    assert sorted(told(gate, f"{IMAGES}/names", who)["image_names"]) == sorted(names)
    page = told(gate, f"{IMAGES}/?limit=10&offset=0", who)
    assert [one["image_name"] for one in page["items"]] == names


def test_an_account_sees_nothing_of_others(gate: Gate, fake: FakeInvoke, who: str) -> None:
    fake.results = [CLEAN]
    (name,) = made(gate, who)
    fake.hold = True
    told(gate, f"{QUEUE}/enqueue_batch", who, batch())
    batch_id = fake.items[-1]["batch_id"]
    other = f"{who}-other"
    for path in ("", "/full", "/thumbnail", "/metadata", "/workflow", "/urls"):
        assert call(gate, "GET", f"{IMAGES}/i/{name}{path}", other).status == 404
    assert call(gate, "GET", f"{QUEUE}/i/2", other).status == 404
    assert call(gate, "GET", f"{QUEUE}/b/{batch_id}/status", other).status == 404
    assert told(gate, f"{QUEUE}/list", other)["items"] == []
    assert told(gate, f"{QUEUE}/list_all", other) == []
    assert told(gate, f"{QUEUE}/item_ids", other)["item_ids"] == []
    assert told(gate, f"{QUEUE}/items_by_ids", other, {"item_ids": [1, 2]}) == []
    assert told(gate, f"{QUEUE}/current", other) is None
    assert told(gate, f"{QUEUE}/status", other)["queue"]["batch_id"] is None
    assert told(gate, f"{IMAGES}/names", other)["image_names"] == []
    assert told(gate, f"{IMAGES}/", other)["items"] == []
    fake.heard.clear()
    assert call(gate, "PUT", f"{QUEUE}/i/2/cancel", other).status == 404
    cancelled = call(gate, "PUT", f"{QUEUE}/cancel_by_batch_ids", other, {"batch_ids": [batch_id]})
    assert json.loads(cancelled.body) == {"canceled": 0}
    assert json.loads(call(gate, "PUT", f"{QUEUE}/clear", other).body) == {"deleted": 0}
    own = batch() | {"batch": batch()["batch"] | {"batch_id": batch_id}}
    assert call(gate, "POST", f"{QUEUE}/enqueue_batch", other, own).status == 400
    assert fake.paths("PUT") == [] and f"{QUEUE}/enqueue_batch" not in fake.paths()
    # What is its own it may cancel; the server would cancel everybody's.
    assert json.loads(call(gate, "PUT", f"{QUEUE}/clear", who).body) == {"deleted": 1}
    assert batch_id in fake.bodies(f"{QUEUE}/cancel_by_batch_ids")[0]["batch_ids"]


def named(name: str) -> dict[str, Any]:
    return {"in": {"type": "image", "id": "in", "image": {"image_name": name}}}


def test_pictures_go_in_once_they_are_looked_at(gate: Gate, fake: FakeInvoke, who: str) -> None:
    fake.results = [THIRD]
    answer = upload(gate, who, CLEAN)
    assert answer.status == 201
    name = json.loads(answer.body)["image_name"]
    assert fake.images[name][0] == CLEAN
    made(gate, who, batch(**named(name)))
    assert call(gate, "GET", f"{IMAGES}/i/{name}/full", who).body == CLEAN
    # One that was there before the gate is looked at where it goes in, and shown to nobody.
    fake.images["old.png"] = (OTHER, "")
    made(gate, who, batch(**named("old.png")))
    assert call(gate, "GET", f"{IMAGES}/i/old.png/full", who).status == 404
    fake.images["bad.png"] = (LISTED, "")
    answer = call(gate, "POST", f"{QUEUE}/enqueue_batch", who, batch(**named("bad.png")))
    assert (answer.status, json.loads(answer.body)) == (422, REFUSED)
    fake.heard.clear()
    for data in (LISTED, LIKE_LISTED, BROKEN, b"hello"):
        assert json.loads(upload(gate, who, data).body) == REFUSED
    assert fake.paths("POST") == []


REFUSALS: Mapping[str, dict[str, Any]] = {
    "a term": batch(f"a {TERM.upper()}"),
    "a term in a node": batch(neg2={"type": "string", "id": "neg2", "value": TERM}),
    "a network": batch("x <lora:Quindle-Mix:0.7>"),
    "a model": batch(
        loader={"type": "l", "id": "loader", "model": MODEL | {"name": "quindle mix"}}
    ),
    "a picture": batch(x={"type": "image", "id": "x", "data": b64(LISTED)}),
    "bytes": batch(x={"type": "string", "id": "x", "value": b64(b"x" + LISTED)}),
    "an address": batch(x={"type": "image", "id": "x", "data": "http://127.0.0.1/a.png"}),
    "a file": batch(x={"type": "image", "id": "x", "data": "/srv/a.png"}),
    "a name of nothing": batch(**named("nothing.png")),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_all_refusals_are_one(name: str, gate: Gate, fake: FakeInvoke, who: str) -> None:
    answer = call(gate, "POST", f"{QUEUE}/enqueue_batch", who, REFUSALS[name])
    assert (answer.status, json.loads(answer.body)) == (422, REFUSED)
    assert f"{QUEUE}/enqueue_batch" not in fake.paths()


def test_a_refused_picture_stops_the_rest(gate: Gate, fake: FakeInvoke, who: str) -> None:
    fake.results = [CLEAN, LISTED]
    clean, listed = made(gate, who)
    fake.hold = True
    told(gate, f"{QUEUE}/enqueue_batch", who, batch())
    waiting = fake.items[-1]
    told(gate, f"{QUEUE}/enqueue_batch", f"{who}-other", batch())
    # Its thumbnail is another picture; it goes as the picture does that it is made of.
    for kind in ("thumbnail", "full"):
        answer = call(gate, "GET", f"{IMAGES}/i/{listed}/{kind}", who)
        assert (answer.status, json.loads(answer.body)) == (422, REFUSED)
    assert Stage.OUTPUT in gate.refusals()
    gate.wait(lambda: waiting["status"] == "canceled")
    assert fake.items[-1]["status"] == "pending"
    # Nothing more of its run leaves, nor goes in again.
    assert call(gate, "GET", f"{IMAGES}/i/{clean}/full", who).status == 422
    answer = call(gate, "POST", f"{QUEUE}/enqueue_batch", who, batch(**named(listed)))
    assert answer.status == 422
    assert gate.releases() == []


def wire(gate: Gate, method: str, path: str, who: str, value: Any = None) -> bytes:
    body = b"" if value is None else json.dumps(value).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: gate\r\nConnection: close\r\nX-Who: {who}\r\n"
    return gate.wire(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)


def test_nothing_of_a_listed_picture_is_on_the_wire(gate: Gate, fake: FakeInvoke, who: str) -> None:
    fake.results, fake.planted = [LISTED], LISTED
    (name,) = made(gate, who)
    paths = [f"{IMAGES}/i/{name}{kind}" for kind in ("", "/full", "/thumbnail", "/metadata")]
    paths += [f"{IMAGES}/", f"{IMAGES}/names", "/api/v1/boards/", "/api/v2/models/", "/"]
    paths += [f"{QUEUE}/{kind}" for kind in ("status", "list", "list_all", "current", "i/1")]
    paths += ["/api/v1/app/version", "/assets/a.png", "/assets/a.js", f"{EVENTS}polling"]
    calls: list[tuple[str, str, Any]] = [("GET", path, None) for path in paths]
    calls += [
        ("POST", f"{QUEUE}/enqueue_batch", batch()),
        ("POST", "/api/v1/utilities/dynamicprompts", {"prompt": "a {teapot|kettle}"}),
        ("POST", f"{IMAGES}/delete", {"image_names": [name]}),
    ]
    error = {"detail": [{"msg": b64(LISTED), "input": b64(LISTED)}]}
    for failing in (None, (422, error), (500, LISTED), (200, LISTED), (307, LISTED)):
        fake.failing = failing
        for method, path, value in calls:
            found = wire(gate, method, path, who, value)
            assert found.startswith(b"HTTP/1.1 ")
            assert traces(found, LISTED) == [], (failing, path)
            assert traces(found, smaller(LISTED)) == [], (failing, path)


@pytest.mark.parametrize(
    ("method", "path", "value", "status"),
    [
        ("POST", "/api/v2/models/install", {}, 404),
        ("GET", "/api/v1/images/download/a.zip", None, 404),
        ("POST", "/api/v1/images/download", {}, 404),
        ("GET", "/api/v1/client_state/default/get_by_key", None, 404),
        ("POST", "/api/v1/boards/", {}, 405),
        ("PUT", f"{QUEUE}/prune", {}, 404),
        ("GET", "/docs/x", None, 404),
        ("GET", "/ws/socket.io/?EIO=4&transport=polling&sid=unknown", None, 404),
        ("GET", "/ws/socket.io/?EIO=4&EIO=3&transport=polling", None, 404),
        ("POST", f"{QUEUE}/enqueue_batch", [1], 400),
        ("POST", f"{QUEUE}/enqueue_batch", b"{", 400),
        ("POST", f"{QUEUE}/enqueue_batch", {"batch": {"graph": {"nodes": []}}}, 400),
        ("POST", f"{QUEUE}/enqueue_batch", batch(x={"type": "download_image", "id": "x"}), 400),
        (
            "POST",
            f"{QUEUE}/enqueue_batch",
            batch(x={"type": "l2i", "id": "x", "latents": {"latents_name": "others"}}),
            400,
        ),
        ("PUT", "/api/v1/queue/a.b/clear", {}, 404),
        ("GET", "/api/v1/queue/a.b/item_ids", None, 404),
        ("POST", f"{IMAGES}/delete", {"image_names": "a"}, 400),
    ],
)
def test_what_is_not_let_through_never_reaches_the_server(
    method: str, path: str, value: Any, status: int, gate: Gate, fake: FakeInvoke
) -> None:
    answer = call(gate, method, path, "a", value)
    assert answer.status == status
    assert fake.heard == []
