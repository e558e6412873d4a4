"""What graphs ask for, and what of them is only left out; and whose things are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.gate.apis import comfyui_graphs, graphs, invokeai_calls
from safehold.gate.apis.comfyui_graphs import File
from safehold.gate.apis.owning import Owned
from safehold.gate.model import UncheckedError
from safehold.gate.pictures import Limits

LIMITS = Limits()


@pytest.mark.parametrize(
    ("text", "leads"),
    [
        ("a teapot on a table", False),
        ("/imagine a teapot", False),
        ("data: a teapot", False),
        ("teapot/lighthouse, 1/2", False),
        ("sub/picture.png [input]", False),
        ("wait... a teapot", False),
        ("https://a.example/a.png", True),
        ("  FILE:///srv/a.png", True),
        ("data:image/png;base64,AA", True),
        ("/srv/a.png", True),
        ("/srv/my pictures/a.png", True),
        ("~/a.png", True),
        ("c:\\a.png", True),
        ("\\\\host\\a", True),
        ("a/../../b", True),
        ("..\\b", True),
    ],
)
def test_what_leads_elsewhere(text: str, leads: bool) -> None:
    assert graphs.leads_elsewhere(text) is leads


@pytest.mark.parametrize(
    ("weight", "is_one"),
    [
        *((1, True), (7.5, True), ([7.5, 1.0], True), (0.99, False), (-7, False), (0, False)),
        *((True, False), (None, False), ("7", False), ([], False), ([7, 0], False)),
        *((float("nan"), False), (float("inf"), False), (["4", 0], False)),
    ],
)
def test_weights_by_which_something_is_left_out(weight: object, is_one: bool) -> None:
    assert graphs.is_weight(weight) is is_one


@pytest.mark.parametrize(
    "kind",
    [
        *("LoadImageFromURL", "Load Image From Url (mtb)", "ImageFromHTTP", "VHS_LoadVideoPath"),
        *("VHS_LoadImagesPath", "LoadImagesFromDir", "Load Image Batch Folder", "PythonNode"),
        *("easy ExecCode", "Evaluate Integers", "SaveImageS3", "DownloadModel", "SendTelegram"),
        *("prompt_from_file", "CivitAI_Lora_Loader", "LoadImageDataSetFromFolder"),
    ],
)
def test_nodes_that_may_do_anything(kind: str) -> None:
    assert graphs.may_do_anything(kind)


@pytest.mark.parametrize(
    "kind",
    [
        *("KSampler", "CLIPTextEncode", "VAEDecode", "SaveImage", "PreviewImage", "LoadImage"),
        *("LoraLoader", "ControlNetApplyAdvanced", "ImageScale", "EmptyLatentImage", "Reroute"),
        *("ConditioningCombine", "UpscaleModelLoader", "ImageBatch", "DifferentialDiffusion"),
        *("LoadImageMask", "LoadImageOutput", "ModelSamplingFlux", "denoise_latents", "l2i"),
        *("ExecutionBlocker", "ImagePadForOutpaint", "Retrieval", "DirectedGuidance"),
    ],
)
def test_nodes_of_common_graphs(kind: str) -> None:
    assert not graphs.may_do_anything(kind)


def comfy(**nodes: tuple[str, dict[str, Any]]) -> comfyui_graphs.Prompt:
    made = {name: {"class_type": kind, "inputs": said} for name, (kind, said) in nodes.items()}
    return comfyui_graphs.prompt({"prompt": made}, LIMITS, frozenset())


def sampler(cfg: object = 7, **more: Any) -> tuple[str, dict[str, Any]]:
    return "KSampler", {"positive": ["p", 0], "negative": ["n", 0], "cfg": cfg, **more}


P = ("CLIPTextEncode", {"text": "teapot"})
N = ("CLIPTextEncode", {"text": "fog"})


@pytest.mark.parametrize(
    ("nodes", "negative"),
    [
        ({"k": sampler()}, True),
        ({"k": sampler(), "k2": sampler()}, True),
        ({"k": sampler(0.5)}, False),
        ({"k": sampler(["p", 0])}, False),
        ({"k": sampler(), "k2": sampler(0)}, False),
        ({"k": sampler(), "k2": sampler(positive=["n", 0])}, False),
        ({"k": sampler(), "x": ("Anything", {"negative": ["n", 0]})}, False),
        # What goes on through another node may come out as anything.
        ({"k": sampler(negative=["c", 1]), "c": ("Apply", {"negative": ["n", 0]})}, False),
        ({"k": sampler(negative=["c", 0]), "c": ("ConditioningConcat", {"a": ["n", 0]})}, True),
        ({"c": ("ConditioningConcat", {"a": ["n", 0]})}, False),
        ({}, False),
    ],
)
def test_only_what_is_only_left_out_is_negative(nodes: Any, negative: bool) -> None:
    words = comfy(p=P, n=N, **nodes).words
    assert ("fog" in words.negatives) is negative
    assert ("fog" in words.texts) is not negative and "teapot" in words.texts


def invoke(data: Any = None, **nodes: Any) -> invokeai_calls.Enqueuing:
    made = {
        "n": {"id": "n", "type": "compel", "prompt": "fog"},
        "d": {"id": "d", "type": "denoise_latents", "cfg_scale": 7},
    }
    edges = [
        {
            "source": {"node_id": "n", "field": "conditioning"},
            "destination": {"node_id": "d", "field": "negative_conditioning"},
        }
    ]
    graph = {"nodes": made | nodes, "edges": edges}
    return invokeai_calls.batch({"batch": {"graph": graph, "data": data}}, LIMITS)


def test_data_of_a_batch_may_turn_what_is_left_out_into_what_is_made() -> None:
    assert invoke().words.negatives == ("fog",)
    weight = [[{"node_path": "d", "field_name": "cfg_scale", "items": [0.1]}]]
    assert invoke(weight).words.texts == ("fog",)
    text = [[{"node_path": "n", "field_name": "prompt", "items": ["rain"]}]]
    assert invoke(text).words.negatives == ("fog", "rain")
    assert invoke(d={"id": "d", "type": "denoise_latents"}).words.texts == ("fog",)


def test_files_have_plain_names() -> None:
    assert comfyui_graphs.file_of("a b/c.png [output]") == File("output", "a b", "c.png")
    assert comfyui_graphs.file_of("c.png", "temp", "x/y") == File("temp", "x/y", "c.png")
    for name in (
        "",
        "/a.png",
        "a/../b.png",
        "a//b.png",
        "c:a.png",
        "a\n.png",
        "a.png [input] [temp]",
    ):
        with pytest.raises(UncheckedError):
            comfyui_graphs.file_of(name)
    with pytest.raises(UncheckedError):
        comfyui_graphs.file_of("a.png", "models")


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.integers(0, 9)), max_size=60))
def test_what_is_owned_is_bounded_and_nobody_makes_others_forget(
    puts: list[tuple[bytes, int]],
) -> None:
    owned: Owned[int] = Owned(per_account=3, in_all=6)
    for account, key in puts:
        owned.put(account, key, key)
        assert owned.get(account, key) == key and owned.has(account, key)
    sizes = {account: len(owned.of(account)) for account in (b"a", b"b", b"c")}
    assert all(size <= 3 for size in sizes.values()) and sum(sizes.values()) <= 6
    for key in range(10):
        owners = {account for account in sizes if owned.get(account, key) is not None}
        assert owned.is_others(b"a", key) is bool(owners - {b"a"})
        for account in owners:
            owned.drop(account, key)
        assert not owned.is_others(b"z", key)


def test_many_things_of_one_leave_those_of_another() -> None:
    owned: Owned[None] = Owned(per_account=3, in_all=6)
    owned.put(b"a", "kept", None)
    for key in range(100):
        owned.put(b"b", key, None)
    assert owned.has(b"a", "kept") and list(owned.keys(b"b")) == [99, 98, 97]
