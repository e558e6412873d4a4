"""ComfyUI's API through the gate: calls as its web client sends them."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from safehold.gate.model import Stage
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
from tests.gate.upstreams import FakeComfy, serving
from tests.gate.upstreams_simple import b64, traces
from tests.gate.wires import opened
from tests.service.house import Answer

THIRD = picture(45, "JPEG")
NOTHING = hashlib.shake_128(b"no picture").digest(1_000)
TERM = "zorblax"
REFUSED = {
    "error": {
        "type": "generation_refused",
        "message": "The request was refused.",
        "details": "",
        "extra_info": {},
    },
    "node_errors": {},
}


def graph(
    text: str = "a lighthouse, <lora:teapot_v2:1>", negative: str = "fog", **more: Any
) -> dict[str, Any]:
    """The client's first graph."""
    sampler = {"seed": 1234, "steps": 20, "cfg": 8, "sampler_name": "euler", "denoise": 1}
    links = {"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0]}
    nodes: dict[str, Any] = {
        "3": {"class_type": "KSampler", "inputs": sampler | links, "_meta": {"title": "K"}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "t/teapot.ckpt"}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": text, "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": negative, "clip": ["4", 1]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "C"}},
    }
    return nodes | dict(more)


def load(name: str, kind: str = "LoadImage") -> dict[str, Any]:
    return {"class_type": kind, "inputs": {"image": name, "upload": "image"}}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gate, FakeComfy]]:
    rules = tmp_path_factory.mktemp("rules")
    terms, models = rules / "terms", rules / "models"
    terms.write_text(f"{TERM}\n")
    models.write_text("name: quindle mix\n")
    fake = FakeComfy()
    with (
        serving(fake) as url,
        gate_before(
            url, "comfyui", terms=str(terms), models=str(models), account_header="x-who"
        ) as gate,
    ):
        yield gate, fake


@pytest.fixture
def gate(both: tuple[Gate, FakeComfy]) -> Gate:
    both[0].book.added.clear()
    both[0].watch.noted.clear()
    return both[0]


@pytest.fixture
def fake(both: tuple[Gate, FakeComfy]) -> FakeComfy:
    both[1].reset()
    return both[1]


@pytest.fixture
def who() -> str:
    """An account that nothing is known of."""
    return f"who-{uuid.uuid4().hex[:8]}"


def call(gate: Gate, method: str, path: str, who: str, value: Any = None) -> Answer:
    return gate.call(method, path, value, {"X-Who": who})


def queue(gate: Gate, who: str, nodes: Any = None, **more: Any) -> str:
    """Queue a graph as the client does; its number."""
    said = {"prompt": nodes or graph(), "extra_data": {"extra_pnginfo": {"workflow": {}}}, **more}
    answer = call(gate, "POST", "/api/prompt", who, said)
    assert answer.status == 200, answer.body
    told = json.loads(answer.body)
    assert told.keys() == {"prompt_id", "number", "node_errors"}
    return str(told["prompt_id"])


def done(gate: Gate, fake: FakeComfy, who: str, number: str) -> dict[str, Any]:
    """What the history tells of a prompt once it is done."""
    gate.wait(lambda: number in fake.history)
    answer = call(gate, "GET", f"/history/{number}", who)
    assert answer.status == 200
    found = json.loads(answer.body)[number]
    assert isinstance(found, dict)
    return found


def view(gate: Gate, who: str, name: str, **more: str) -> Answer:
    query = urlencode({"filename": name, "type": "output", "subfolder": "", **more})
    return call(gate, "GET", f"/api/view?{query}", who)


def upload(gate: Gate, who: str, data: bytes, path: str = "/upload/image", **fields: str) -> Answer:
    name = fields.pop("filename", "mine.png")
    parts = [f'name="image"; filename="{name}"\r\nContent-Type: image/png'.encode()]
    parts += [f'name="{field}"'.encode() for field in fields]
    values = [data, *(value.encode() for value in fields.values())]
    body = b"".join(
        b"--x\r\nContent-Disposition: form-data; " + part + b"\r\n\r\n" + value + b"\r\n"
        for part, value in zip(parts, values, strict=True)
    )
    headers = {"X-Who": who, "Content-Type": "multipart/form-data; boundary=x"}
    return gate.call("POST", path, body + b"--x--\r\n", headers)


def names(entry: Mapping[str, Any]) -> list[str]:
    return [one["filename"] for node in entry["outputs"].values() for one in node["images"]]


def test_a_graph_is_made_and_its_pictures_come_as_they_are(
    gate: Gate, fake: FakeComfy, who: str
) -> None:
    fake.results = [CLEAN, THIRD]
    with opened(gate, f"/ws?clientId={who}", who) as wire:
        assert wire.status == 101
        flags = {"supports_x": True, "y": b64(CLEAN)}
        wire.say(json.dumps({"type": "feature_flags", "data": flags}))
        wire.until(lambda: len(wire.documents()) > 1)
        told = {"supports_preview_metadata": True}
        assert wire.documents()[1] == {"type": "feature_flags", "data": told}
        number = queue(gate, who, client_id=who)
        said = wire.until(lambda: [one for one in wire.documents() if one["type"] == "executed"])
        wire.until(lambda: wire.documents()[-1]["type"] == "execution_success")
    first = wire.documents()[0]
    assert (first["type"], first["data"]["sid"]) == ("status", who)
    kinds = [one["type"] for one in wire.documents()]
    done_as = ["execution_start", "progress", "executed", "executing", "execution_success"]
    assert kinds[2:] == done_as
    assert all(isinstance(one, str) for one in wire.frames)
    assert fake.said == ['{"type": "feature_flags", "data": {"supports_x": true}}']
    # What the socket names is shown before any history was asked for.
    shown = [one["filename"] for one in said[0]["data"]["output"]["images"]]
    assert [view(gate, who, name).body for name in shown] == [CLEAN, THIRD]
    answer = view(gate, who, shown[0], preview="webp;50", channel="rgb", rand="0.5")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/webp")
    entry = done(gate, fake, who, number)
    assert names(entry) == shown and entry["status"]["status_str"] == "success"
    assert json.loads(call(gate, "GET", "/history?max_items=5", who).body) == {number: entry}
    job = json.loads(call(gate, "GET", "/api/jobs/" + number, who).body)
    assert names(job) == shown and job["preview_output"]["filename"] == shown[0]
    listed = json.loads(call(gate, "GET", "/api/jobs?status=completed&limit=9", who).body)
    assert [one["id"] for one in listed["jobs"]] == [number] and "outputs" not in listed["jobs"][0]
    sent = fake.bodies("/prompt")[0]
    assert sent["prompt"] == graph() and sent["client_id"] == who
    assert sent["extra_data"] == {"extra_pnginfo": {"workflow": {}}, "preview_method": "none"}
    account, about, _ = gate.releases()[0]
    assert (account.name, about.seed, about.job) == (who, "1234", number)
    assert about.words == "a lighthouse, <lora:teapot_v2:1>\neuler\nC\nfog"
    assert [one.name for one in about.models] == ["t/teapot.ckpt", "teapot_v2"]


def test_an_old_server_numbers_prompts_itself(gate: Gate, fake: FakeComfy, who: str) -> None:
    fake.results, fake.old = [CLEAN], True
    with opened(gate, "/ws", who) as wire:
        sid = wire.until(lambda: wire.documents() and wire.documents()[0]["data"]["sid"])
        number = queue(gate, who, client_id=sid)
        wire.until(lambda: wire.documents()[-1]["type"] == "execution_success")
    assert view(gate, who, names(done(gate, fake, who, number))[0]).body == CLEAN


def weak() -> dict[str, Any]:
    node = graph()["3"]
    return {"3": node | {"inputs": node["inputs"] | {"cfg": 0.5}}}


REFUSED_CALLS: dict[str, Any] = {
    "a prompt": graph(f"a {TERM.upper()}"),
    "a prompt like a model": graph(f"a {TERM}, .bin"),
    "a second prompt": graph(x={"class_type": "Note", "inputs": {"rows": [{"on": TERM}]}}),
    "a model": graph(x={"class_type": "UNETLoader", "inputs": {"unet_name": "a/Quindle_Mix.gguf"}}),
    "a network": graph("x <lora:quindle-mix:1>"),
    "a network in a row": graph(
        x={"class_type": "Lora Loader", "inputs": {"lora_1": {"lora": "quindle mix.safetensors"}}}
    ),
    "what is left out where nothing is": graph(negative=TERM, **weak()),
    "what is left out and put in": graph(
        negative=TERM, x={"class_type": "KSampler", "inputs": {"positive": ["7", 0], "cfg": 8}}
    ),
    "a picture": graph(x={"class_type": "LoadBase64", "inputs": {"image": b64(LISTED)}}),
    "bytes of something": graph(x={"class_type": "X", "inputs": {"data": b64(b"x" + LISTED)}}),
    "an address": graph(x={"class_type": "X", "inputs": {"source": "https://a.example/a"}}),
    "a path": graph(x=load("/srv/pictures/a.png")),
    "a path upwards": graph(x=load("../output/a.png")),
    "a result of nobody": graph(x=load("ComfyUI_00001_.png [output]")),
}


@pytest.mark.parametrize("name", REFUSED_CALLS)
def test_all_refusals_are_one(name: str, gate: Gate, fake: FakeComfy, who: str) -> None:
    answer = call(gate, "POST", "/prompt", who, {"prompt": REFUSED_CALLS[name]})
    assert (answer.status, json.loads(answer.body)) == (400, REFUSED)
    assert "/prompt" not in fake.paths()


def test_what_is_left_out_may_be_named(gate: Gate, fake: FakeComfy, who: str) -> None:
    fake.results = [CLEAN]
    text = {"class_type": "PrimitiveString", "inputs": {"value": f"no {TERM}"}}
    said = {"text": ["x", 0], "clip": ["4", 1]}
    encode: dict[str, Any] = {"7": {"class_type": "CLIPTextEncode", "inputs": said}}
    queue(gate, who, graph(negative=TERM))
    queue(gate, who, graph(**encode, x=text))


@pytest.mark.parametrize(
    "results", [[LISTED], [CLEAN, LIKE_LISTED], [SUSPECTED], [BROKEN], [NOTHING]]
)
def test_of_a_refused_picture_nothing_is_on_the_wire(
    results: list[bytes], gate: Gate, fake: FakeComfy, who: str
) -> None:
    fake.results, fake.planted = results, results[-1]
    with opened(gate, f"/api/ws?clientId={who}", who) as wire:
        said = {"prompt": graph(), "client_id": who, "extra_data": {}}
        made = gate.wire(raw("POST", "/prompt", who, said))
        number = json.loads(made.partition(b"\r\n\r\n")[2])["prompt_id"]
        wire.until(lambda: wire.documents() and wire.documents()[-1]["type"] == "execution_success")
        assert view(gate, who, "x.png").status == 404
        found = [made, *asked_of_all(gate, fake, who, number)]
        assert len(gate.refusals()) <= 1  # asking again and again is no further refusal
        if results != [NOTHING]:  # a text may hold whatever is no picture
            found += [gate.wire(raw("GET", path, who)) for path in PAGES]
        wire.read()
    for one in (*found, bytes(wire.bytes)):
        for data in results:
            assert traces(one, data) == []
    assert [one for one in wire.frames if isinstance(one, bytes)] == []
    entry = json.loads(call(gate, "GET", f"/history/{number}", who).body)[number]
    assert entry["outputs"] == {} and entry["status"]["status_str"] == "error"
    job = json.loads(call(gate, "GET", f"/api/jobs/{number}", who).body)
    assert (job["status"], job["outputs"]) == ("failed", {})


def raw(method: str, path: str, who: str, value: Any = None) -> bytes:
    body = b"" if value is None else json.dumps(value).encode()
    return (
        f"{method} {path} HTTP/1.1\r\nHost: gate\r\nConnection: close\r\nX-Who: {who}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


PAGES = ("/", "/assets/a.js", "/assets/a.png")


def asked_of_all(gate: Gate, fake: FakeComfy, who: str, number: str) -> list[bytes]:
    """All that can be asked for of a prompt, as it stands on the wire."""
    shown = [name for _, _, name in fake.files if name.startswith("ComfyUI_")][-len(fake.results) :]
    paths = [f"/view?filename={name}{more}" for name in shown for more in ("", "&preview=webp")]
    paths += ["/history", f"/history/{number}", "/queue", "/prompt", f"/api/jobs/{number}"]
    paths += ["/api/jobs", "/object_info", "/models/a", "/internal/logs", "/userdata"]
    return [gate.wire(raw("GET", path, who)) for path in paths]


def test_another_account_sees_nothing_and_stops_nothing(
    gate: Gate, fake: FakeComfy, who: str
) -> None:
    fake.results = [CLEAN]
    number = queue(gate, who)
    shown = names(done(gate, fake, who, number))[0]
    assert upload(gate, who, OTHER, filename="secret.png").status == 200
    fake.hold = True
    waiting = [queue(gate, who, client_id=f"c{who}") for _ in range(2)]
    fake.do(fake.start())
    other = f"{who}-b"
    assert call(gate, "GET", f"/history/{number}", other).status == 404
    assert call(gate, "GET", f"/api/jobs/{number}", other).status == 404
    assert json.loads(call(gate, "GET", "/history", other).body) == {}
    assert view(gate, other, shown).status == 404
    assert view(gate, other, "secret.png", type="input").status == 404
    told = json.loads(call(gate, "GET", "/object_info", other).body)
    assert told["LoadImage"]["input"]["required"]["image"][0] == []
    mine = json.loads(call(gate, "GET", "/object_info", who).body)
    assert mine["LoadImage"]["input"]["required"]["image"][0] == ["secret.png"]
    empty: dict[str, Any] = {"queue_running": [], "queue_pending": []}
    assert json.loads(call(gate, "GET", "/queue", other).body) == empty
    mine = json.loads(call(gate, "GET", "/queue", who).body)
    assert [item[1] for part in mine.values() for item in part] == waiting
    for said in ({"clear": True}, {"delete": waiting}):
        assert call(gate, "POST", "/queue", other, said).status == 200
        assert call(gate, "POST", "/history", other, {**said, "delete": [number]}).status == 200
    assert call(gate, "POST", "/interrupt", other, {"prompt_id": waiting[0]}).status == 200
    assert call(gate, "POST", f"/api/jobs/{waiting[0]}/cancel", other, {}).status == 200
    assert "/interrupt" not in fake.paths() and number in fake.history
    assert [item[1] for item in fake.running + fake.pending] == waiting
    for nodes in (graph(x=load("secret.png")), graph(x=load(f"{shown} [output]"))):
        assert call(gate, "POST", "/prompt", other, {"prompt": nodes}).status == 400
    taken = {"prompt": graph(), "client_id": f"c{who}"}
    assert call(gate, "POST", "/prompt", other, taken).status == 400
    taken = {"prompt": graph(), "prompt_id": number}
    assert call(gate, "POST", "/prompt", other, taken).status == 400
    for query in (f"clientId=c{who}", f"clientId=new&clientId=c{who}", f"clientId=%63{who}"):
        with opened(gate, f"/ws?{query}", other) as wire:
            assert wire.status == 403
    # A refusal of the account's own stops what it has under way.
    refused = {"prompt": graph(TERM)}
    assert call(gate, "POST", "/prompt", other, refused).status == 400
    assert call(gate, "POST", "/prompt", who, refused).status == 400
    gate.wait(lambda: not (fake.running or fake.pending))
    assert fake.bodies("/interrupt") == [{"prompt_id": waiting[0]}]
    assert fake.bodies("/queue")[-1] == {"delete": waiting[1:]}


def test_pictures_go_in_once_they_are_checked(gate: Gate, fake: FakeComfy, who: str) -> None:
    fake.results = [THIRD]
    assert json.loads(upload(gate, who, CLEAN, filename=f"{who}.png").body) == {
        **{"name": f"{who}.png", "subfolder": "", "type": "input"}
    }
    queue(gate, who, graph(x=load(f"{who}.png")))
    assert fake.paths("GET") == []  # exactly these bytes were looked at on their way in
    # What was there before is looked at before it goes in.
    fake.files["input", "", "old.png"] = CLEAN
    queue(gate, who, graph(x=load("old.png")))
    assert fake.paths("GET") == ["/view"]
    for at, data in enumerate((LISTED, BROKEN)):
        fake.files["input", "", f"bad{at}.png"] = data
        answer = call(gate, "POST", "/prompt", who, {"prompt": graph(x=load(f"bad{at}.png"))})
        assert (answer.status, json.loads(answer.body)) == (400, REFUSED)
        refused = upload(gate, who, data)
        assert (refused.status, json.loads(refused.body)) == (400, REFUSED)
    assert gate.refusals().count(Stage.INPUT) == 2
    assert fake.paths().count("/upload/image") == 1 and fake.paths().count("/prompt") == 2
    # Nobody's picture is written over but the account's own.
    fields = {"filename": f"{who}.png", "overwrite": "true"}
    assert json.loads(upload(gate, who, OTHER, **fields).body)["name"] == f"{who}.png"
    assert json.loads(upload(gate, f"{who}-b", CLEAN, **fields).body)["name"] != f"{who}.png"
    assert fake.files["input", "", f"{who}.png"] == OTHER
    for bad in ({"type": "output"}, {"subfolder": "../x"}, {"filename": "a/b.png"}):
        assert upload(gate, who, CLEAN, **bad).status == 400
    reference = json.dumps({"filename": f"{who}.png", "type": "input"})
    for asking, status in ((who, 200), (f"{who}-c", 400)):
        answer = upload(gate, asking, CLEAN, "/upload/mask", original_ref=reference)
        assert answer.status == status
    # The server makes another picture of a mask, which is looked at when it goes in.
    before = fake.paths("GET").count("/view")
    queue(gate, who, graph(x=load("mine.png")))
    assert fake.paths("GET").count("/view") == before + 1


@pytest.mark.parametrize(
    ("method", "path", "value", "status"),
    [
        ("POST", "/prompt", {"prompt": graph(x={"class_type": "LoadImageFromURL"})}, 400),
        ("POST", "/prompt", {"prompt": graph(x={"class_type": "PythonExec", "inputs": {}})}, 400),
        ("POST", "/prompt", {"prompt": graph(x={"class_type": "VHS_LoadImagesPath"})}, 400),
        ("POST", "/prompt", {"prompt": {}}, 400),
        ("POST", "/prompt", {"prompt": graph(), "client_id": "a b"}, 400),
        ("POST", "/prompt", b"{", 400),
        ("POST", "/free", {"unload_models": True}, 405),
        ("POST", "/settings", {"a": 1}, 405),
        ("GET", "/userdata", None, 404),
        ("GET", "/internal/logs", None, 404),
        ("GET", "/api/assets", None, 404),
        ("GET", "/view?filename=..%2Fa.png", None, 404),
        ("GET", "/view?filename=a.png%20%5Binput%5D%20%5Boutput%5D", None, 404),
        ("GET", "/settings", None, 200),
        ("GET", "/users", None, 200),
    ],
)
def test_what_is_not_let_through_never_reaches_the_server(
    method: str, path: str, value: Any, status: int, both: tuple[Gate, FakeComfy]
) -> None:
    gate, fake = both
    fake.reset()
    assert call(gate, method, path, "somebody", value).status == status
    assert fake.heard == []


def test_errors_and_pages_tell_nothing_of_others(gate: Gate, fake: FakeComfy, who: str) -> None:
    fake.files["input", "", "anothers.png"] = CLEAN
    fake.files["input", "", "mine.png"] = CLEAN
    answer = call(gate, "POST", "/prompt", who, {"prompt": graph(x=load("none.png"))})
    assert answer.status == 400 and b"anothers" not in answer.body
    fake.results = [CLEAN]
    assert call(gate, "GET", "/", who).headers["content-type"].startswith("text/html")
    assert call(gate, "GET", "/assets/a.js", who).body == b"let a;"
    assert call(gate, "GET", "/assets/a.png", who).body == CLEAN
    fake.planted = LISTED
    assert call(gate, "GET", "/assets/a.js", who).status == 404
    assert b"argv" not in call(gate, "GET", "/system_stats", who).body
    assert fake.bodies("/queue") == []


def test_only_named_classes_of_nodes() -> None:
    fake = FakeComfy(results=[CLEAN])
    allowed = tuple(node["class_type"] for node in graph().values())
    with (
        serving(fake) as url,
        gate_before(url, "comfyui", comfyui_nodes=allowed, account_header="x-who") as gate,
    ):
        queue(gate, "a")
        said = {"prompt": graph(x={"class_type": "Note", "inputs": {}})}
        assert call(gate, "POST", "/prompt", "a", said).status == 400


def test_a_socket_ends_with_either_side(gate: Gate, fake: FakeComfy, who: str) -> None:
    with opened(gate, f"/ws?clientId={who}", who) as wire:
        wire.until(wire.documents)
        wire.say("x" * 10)
        wire.say(json.dumps({"type": "other", "data": {}}))
        fake.do(fake.sockets[who].close(4001, b64(LISTED)[:100]))
        wire.until(lambda: wire.code is not None)
        assert wire.code == 4001 and fake.said == []
    with opened(gate, f"/ws?clientId={who}", who) as wire:
        wire.until(lambda: who in fake.sockets)
    gate.wait(lambda: who not in fake.sockets)


def test_messages_that_are_nobodys_do_not_pass(gate: Gate, fake: FakeComfy, who: str) -> None:
    with opened(gate, f"/ws?clientId={who}", who) as wire:
        wire.until(wire.documents)

        def said(kind: str, data: Any) -> None:
            fake.do(fake.tell(kind, data, who))

        said("progress", {"prompt_id": "anothers", "value": 1})
        said("executed", {"prompt_id": "anothers", "output": {}})
        said("logs", {"entries": ["x"]})
        said("anything", {"a": 1})
        said("execution_error", {"prompt_id": "anothers", "exception_message": "x"})
        said("executing", {"node": None})
        wire.until(lambda: len(wire.documents()) > 1)
    assert [one["type"] for one in wire.documents()] == ["status", "executing"]
