"""AUTOMATIC1111's API through the gate: calls as its clients send them."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

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
from tests.gate.upstreams_simple import FakeA1111, b64, running, traces
from tests.service.house import Answer

THIRD = picture(45, "JPEG")
TERM = "zorblax"
PROMPT = "a lighthouse at dusk, <lora:teapot_v2:0.8>"
REFUSED = {
    "error": "HTTPException",
    "detail": "The request was refused.",
    "body": "",
    "errors": "",
}
TXT2IMG: dict[str, Any] = {
    "prompt": PROMPT,
    "negative_prompt": "fog",
    "styles": [],
    "seed": -1,
    "sampler_name": "DPM++ 2M Karras",
    "scheduler": "Karras",
    "batch_size": 2,
    "n_iter": 1,
    "steps": 20,
    "cfg_scale": 7.5,
    "width": 512,
    "height": 512,
    "restore_faces": False,
    "enable_hr": True,
    "hr_upscaler": "Latent",
    "override_settings": {"sd_model_checkpoint": "teapot-xl.safetensors [0123456789]"},
    "send_images": True,
    "script_name": None,
    "script_args": [],
    "alwayson_scripts": {"ADetailer": {"args": []}},
}
"""As web clients of the API send it."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gate, FakeA1111]]:
    rules = tmp_path_factory.mktemp("rules")
    terms, models = rules / "terms", rules / "models"
    terms.write_text(f"{TERM}\n")
    models.write_text("name: quindle mix\nfedcba9876543210\n")
    fake = FakeA1111()
    with (
        running(fake),
        gate_before(
            fake.server.url, "a1111", terms=str(terms), models=str(models), account_header="x-who"
        ) as gate,
    ):
        yield gate, fake


@pytest.fixture
def gate(both: tuple[Gate, FakeA1111]) -> Gate:
    both[0].book.added.clear()
    both[0].watch.noted.clear()
    return both[0]


@pytest.fixture
def fake(both: tuple[Gate, FakeA1111]) -> FakeA1111:
    both[1].reset()
    return both[1]


def post(gate: Gate, name: str, value: Any, who: str = "a") -> Answer:
    headers = {"X-Who": who, "Authorization": "Basic eDp5"}
    return gate.call("POST", f"/sdapi/v1/{name}", value, headers)


def get(gate: Gate, path: str, who: str = "a") -> Any:
    answer = gate.call("GET", path, headers={"X-Who": who})
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def test_made_pictures_come_as_they_are(gate: Gate, fake: FakeA1111) -> None:
    fake.results = [CLEAN, THIRD]
    answer = post(gate, "txt2img", TXT2IMG | {"save_images": True, "some_extension": "x"})
    told = json.loads(answer.body)
    assert answer.status == 200
    assert [base64.b64decode(one) for one in told["images"]] == [CLEAN, THIRD]
    assert json.loads(told["info"])["seed"] == 1234
    assert told["parameters"]["prompt"] == PROMPT
    sent = fake.sent("/sdapi/v1/txt2img")
    forced = {
        "save_images": False,
        "send_images": True,
        "do_not_save_samples": True,
        "do_not_save_grid": True,
        "override_settings_restore_afterwards": True,
        "alwayson_scripts": {},
    }
    plain = {k: v for k, v in TXT2IMG.items() if not k.startswith("script_")}
    assert sent == plain | forced
    assert fake.server.asked[-1].header("authorization") == "Basic eDp5"
    assert fake.server.asked[-1].header("x-who") is None
    (who, about, _), _ = gate.releases()
    assert (who.name, about.seed, about.words) == ("a", "1234", f"{PROMPT}\nfog")
    assert {(one.name, one.digest) for one in about.models} == {
        ("teapot_v2", ""),
        ("teapot-xl.safetensors [0123456789]", ""),
        ("teapot-xl", "0123456789"),
    }


def control(**unit: Any) -> dict[str, Any]:
    return {"alwayson_scripts": {"ControlNet": {"args": [{"enabled": True, **unit}]}}}


def test_pictures_go_in_once_they_are_checked(gate: Gate, fake: FakeA1111) -> None:
    fake.results = [THIRD]
    call = TXT2IMG | {
        "init_images": [f"data:image/png;base64,{b64(CLEAN)}"],
        "mask": b64(OTHER).rstrip("="),
        "include_init_images": True,
        **control(
            image={"image": b64(CLEAN), "mask": None},
            mask_image=b64(OTHER),
            module="canny",
            model="control_teapot [cab727d4]",
            batch_image_dir="/srv/pictures",
        ),
    }
    answer = post(gate, "img2img", call, who="b")
    assert [base64.b64decode(one) for one in json.loads(answer.body)["images"]] == [THIRD]
    sent = fake.sent("/sdapi/v1/img2img")
    assert (sent["init_images"], sent["mask"]) == ([b64(CLEAN)], b64(OTHER))
    assert sent["include_init_images"] is False
    assert sent["alwayson_scripts"]["ControlNet"]["args"] == [
        {
            "enabled": True,
            "image": {"image": b64(CLEAN), "mask": None},
            "mask_image": b64(OTHER),
            "module": "canny",
            "model": "control_teapot [cab727d4]",
        }
    ]
    assert "control_teapot [cab727d4]" in {one.name for one in gate.releases()[0][1].models}


def test_pictures_are_enlarged_and_read(gate: Gate, fake: FakeA1111) -> None:
    fake.results = [THIRD]
    one = {"image": b64(CLEAN), "upscaling_resize": 2, "upscaler_1": "Lanczos"}
    told = json.loads(post(gate, "extra-single-image", one | {"show_extras_results": False}).body)
    assert told == {"html_info": "<p>x2</p>", "image": b64(THIRD)}
    assert fake.sent("/sdapi/v1/extra-single-image") == one | {"show_extras_results": True}
    fake.results = [CLEAN, OTHER]
    many = {
        "imageList": [
            {"data": b64(one), "name": f"who-{at}.png"} for at, one in enumerate((CLEAN, OTHER))
        ]
    }
    told = json.loads(post(gate, "extra-batch-images", many).body)
    assert told["images"] == [f"data:image/png;base64,{b64(one)}" for one in (CLEAN, OTHER)]
    names = [item["name"] for item in fake.sent("/sdapi/v1/extra-batch-images")["imageList"]]
    assert names == ["0.png", "1.png"]
    told = json.loads(post(gate, "png-info", {"image": b64(CLEAN)}).body)
    assert told == {"info": "a teapot", "items": {}, "parameters": {}}
    told = json.loads(post(gate, "interrogate", {"image": b64(CLEAN), "model": "clip"}).body)
    assert told == {"caption": "a teapot on a table"}


REFUSED_CALLS: dict[str, tuple[str, dict[str, Any], list[bytes]]] = {
    "a listed result": ("txt2img", TXT2IMG, [LISTED]),
    "one like it": ("img2img", TXT2IMG | {"init_images": [b64(CLEAN)]}, [LIKE_LISTED]),
    "one of a batch": ("txt2img", TXT2IMG, [CLEAN, SUSPECTED, OTHER]),
    "a broken one": ("txt2img", TXT2IMG, [BROKEN]),
    "no picture": ("txt2img", TXT2IMG, [b"hello" * 99]),
    "an enlarged one": ("extra-single-image", {"image": b64(CLEAN)}, [LISTED]),
    "enlarged ones": (
        "extra-batch-images",
        {"imageList": [{"data": b64(CLEAN), "name": "x"}]},
        [CLEAN, LISTED],
    ),
    "a prompt": ("txt2img", TXT2IMG | {"prompt": f"a {TERM.upper()}"}, []),
    "a second prompt": ("txt2img", TXT2IMG | {"hr_prompt": TERM}, []),
    "a style": ("txt2img", TXT2IMG | {"styles": [TERM]}, []),
    "a network": ("txt2img", TXT2IMG | {"prompt": "x <LoRA: Quindle-Mix :0.7>"}, []),
    "a model": (
        "txt2img",
        TXT2IMG | {"override_settings": {"sd_model_checkpoint": "a.ckpt [fedcba9876]"}},
        [],
    ),
    "a model of ControlNet": ("txt2img", TXT2IMG | control(model="quindle_mix"), []),
    "an input": ("img2img", TXT2IMG | {"init_images": [b64(CLEAN), b64(LISTED)]}, []),
    "a mask": ("img2img", TXT2IMG | {"init_images": [b64(CLEAN)], "mask": b64(LISTED)}, []),
    "ControlNet's picture": ("txt2img", TXT2IMG | control(input_image=b64(LISTED)), []),
    "a picture to be read": ("png-info", {"image": b64(LISTED)}, []),
    "an address": ("img2img", TXT2IMG | {"init_images": ["http://127.0.0.1/a.png"]}, []),
    "a file": ("txt2img", TXT2IMG | control(image="/srv/a.png"), []),
    "stray signs": ("img2img", TXT2IMG | {"init_images": ["!" + b64(LISTED)]}, []),
    "bytes in a prompt": ("txt2img", TXT2IMG | {"prompt": b64(b"x" + LISTED)}, []),
}


@pytest.mark.parametrize("name", REFUSED_CALLS)
def test_all_refusals_are_one(name: str, gate: Gate, fake: FakeA1111) -> None:
    path, call, fake.results = REFUSED_CALLS[name]
    answer = post(gate, path, call, who=name.replace(" ", "-"))
    assert (answer.status, json.loads(answer.body)) == (422, REFUSED)
    assert bool(fake.calls) == bool(fake.results)


def raw_call(path: str, value: Any = None) -> bytes:
    body = b"" if value is None else json.dumps(value).encode()
    method = "GET" if value is None else "POST"
    return (
        f"{method} {path} HTTP/1.1\r\nHost: gate\r\nConnection: close\r\nX-Who: wire\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


MAKING = {
    "txt2img": TXT2IMG,
    "img2img": TXT2IMG | {"init_images": [b64(OTHER)]},
    "extra-single-image": {"image": b64(OTHER)},
    "extra-batch-images": {"imageList": [{"data": b64(OTHER), "name": "x"}]},
}
TELLING = {"png-info": {"image": b64(OTHER)}, "interrogate": {"image": b64(OTHER)}}
LISTS = ("progress", "options", "sd-models", "loras", "embeddings")


@pytest.mark.parametrize("name", [*MAKING, *TELLING, *LISTS])
def test_nothing_of_a_listed_picture_is_on_the_wire(name: str, gate: Gate, fake: FakeA1111) -> None:
    call = raw_call(f"/sdapi/v1/{name}", (MAKING | TELLING).get(name))
    fake.planted = LISTED
    for results in ([CLEAN], [LISTED, CLEAN], [b"x" + LISTED]):
        fake.results = results
        wire = gate.wire(call)
        assert traces(wire, LISTED) == []
        passes = results == [CLEAN]
        assert (b" 200 OK" in wire[:20]) == (passes or name not in MAKING)
        assert (traces(wire, CLEAN) != []) == (passes and name in MAKING)
    detail = [{"loc": ["body"], "msg": b64(LISTED), "input": b64(LISTED)}, {"msg": "too long"}]
    for status, said in (
        (422, {"detail": detail, "body": b64(LISTED)} | fake.everywhere()),
        (500, {"error": "X", "errors": f"cannot read {b64(LISTED)}"} | fake.everywhere()),
        (404, LISTED),
        (200, LISTED),
        (307, LISTED),
        (200, [b64(LISTED)]),
    ):
        fake.failing = (status, said)
        wire = gate.wire(call)
        assert wire.startswith(b"HTTP/1.1 ") and traces(wire, LISTED) == []


def test_progress_shows_no_picture_and_asks_for_none(gate: Gate, fake: FakeA1111) -> None:
    fake.results = [CLEAN]
    told = get(gate, "/sdapi/v1/progress?skip_current_image=false")
    assert told == {
        **{"progress": 0.5, "eta_relative": 2.0, "textinfo": None},
        **{"state": {"job": "x", "job_no": 1}, "current_image": None},
    }
    assert fake.calls == [("GET", "/sdapi/v1/progress?skip_current_image=true")]


def test_lists_tell_names_and_no_folders(gate: Gate, fake: FakeA1111) -> None:
    item = {"name": "a", "filename": "a.safetensors", "metadata": {}}
    for name in ("sd-models", "loras", "samplers", "schedulers", "upscalers", "sd-vae"):
        assert get(gate, f"/sdapi/v1/{name}") == [item]
    assert get(gate, "/controlnet/model_list") == [item]
    assert get(gate, "/sdapi/v1/options") == {
        "sd_model_checkpoint": "teapot-xl",
        "sd_vae": "Automatic",
    }


def test_what_the_server_cannot_do_is_told(gate: Gate, fake: FakeA1111) -> None:
    fake.failing = (404, {"error": "HTTPException", "detail": "Sampler not found", "body": "b"})
    answer = post(gate, "txt2img", TXT2IMG)
    told = {"error": "HTTPException", "detail": "Sampler not found", "errors": "", "body": ""}
    assert (answer.status, json.loads(answer.body)) == (404, told)
    fake.failing = (422, {"detail": [{"loc": ["body", "steps"], "msg": "not a number"}]})
    answer = post(gate, "txt2img", TXT2IMG)
    assert (answer.status, json.loads(answer.body)["detail"]) == (422, "not a number")


@pytest.mark.parametrize(
    ("method", "path", "value", "status"),
    [
        ("POST", "/sdapi/v1/options", {"samples_save": True}, 405),
        ("POST", "/sdapi/v1/txt2img", TXT2IMG | {"script_name": "X/Y/Z plot"}, 400),
        ("POST", "/sdapi/v1/txt2img", TXT2IMG | {"alwayson_scripts": {"x": {"args": [1]}}}, 400),
        ("POST", "/sdapi/v1/txt2img", TXT2IMG | {"prompt": {"a": 1}}, 400),
        ("POST", "/sdapi/v1/txt2img", TXT2IMG | {"sampler_name": {"a": 1}}, 400),
        ("POST", "/sdapi/v1/txt2img", [1], 400),
        ("POST", "/sdapi/v1/txt2img", b"{", 400),
        ("GET", "/sdapi/v1/cmd-flags", None, 404),
        ("GET", "/file=/srv/out/a.png", None, 404),
        ("POST", "/internal/progress", {"live_preview": True}, 404),
        ("GET", "/queue/join", None, 404),
        ("POST", "/run/predict", {}, 404),
        ("POST", "/controlnet/detect", {}, 404),
        ("GET", "/", None, 404),
    ],
)
def test_what_is_not_let_through_never_reaches_the_server(
    method: str, path: str, value: Any, status: int, both: tuple[Gate, FakeA1111]
) -> None:
    gate, fake = both
    fake.reset()
    answer = gate.call(method, path, value, {"X-Who": "a"})
    assert answer.status == status
    assert json.loads(answer.body).keys() == REFUSED.keys()
    assert fake.calls == []


@contextmanager
def under_way(gate: Gate, fake: FakeA1111, who: str) -> Iterator[None]:
    """A call of an account's that the server works on."""
    fake.seconds = 1.0
    thread = threading.Thread(target=post, args=(gate, "txt2img", TXT2IMG, who))
    thread.start()
    gate.wait(lambda: ("POST", "/sdapi/v1/txt2img") in fake.calls)
    fake.seconds = 0.0
    yield
    thread.join()


def test_only_an_accounts_own_call_is_interrupted(gate: Gate, fake: FakeA1111) -> None:
    fake.results = [CLEAN]
    stopped = ("POST", "/sdapi/v1/interrupt")
    skipped = ("POST", "/sdapi/v1/skip")
    with under_way(gate, fake, "a"):
        assert post(gate, "interrupt", {}, "b").body == b"{}"
        assert post(gate, "skip", {}, "b").body == b"null"
        refused = TXT2IMG | {"prompt": TERM}
        assert post(gate, "txt2img", refused, "b").status == 422
        assert post(gate, "png-info", {"image": b64(CLEAN)}, "b").status == 200
        assert stopped not in fake.calls and skipped not in fake.calls
        assert post(gate, "skip", {}, "a").body == b"null"
        assert skipped in fake.calls and stopped not in fake.calls
        # What is refused stops what else the account has under way.
        assert post(gate, "txt2img", refused, "a").status == 422
        gate.wait(lambda: stopped in fake.calls)
    fake.server.asked.clear()
    assert post(gate, "interrupt", {}, "a").body == b"{}"
    assert fake.calls == []
