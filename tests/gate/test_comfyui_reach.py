"""What of ComfyUI's graphs, uploads and results reaches further than an account's own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qs

import pytest

from safehold.gate.apis import comfyui_graphs, comfyui_uploads, graphs
from safehold.gate.apis.comfyui_graphs import File
from safehold.gate.apis.comfyui_jobs import Job, Jobs
from safehold.gate.apis.comfyui_results import Results
from safehold.gate.apis.comfyui_server import Server
from safehold.gate.apis.passing import BadCallError
from safehold.gate.forms import Part, write
from safehold.gate.interface import Desk, GateRequest
from safehold.gate.model import (
    Account,
    Api,
    Generation,
    RefusedError,
    Reply,
    UncheckedError,
    UpstreamCall,
    UpstreamReply,
)
from safehold.gate.pictures import Limits

ACCOUNT = Account("a", b"a" * 16)
GOOD, BAD = b"good", b"bad"


def read(kind: str, **inputs: Any) -> comfyui_graphs.Prompt:
    nodes = {"1": {"class_type": kind, "inputs": inputs}, "2": {"class_type": "PrimitiveString"}}
    return comfyui_graphs.prompt({"prompt": nodes}, Limits(), frozenset())


@pytest.mark.parametrize(
    "text",
    [
        *("https://a.example/a.png", "FILE:///srv/a", "file:a", "data:,a", "  ftp://a", "//a.b/c"),
        *("/etc", "/srv/a.png", "~/a", "~root/a", "c:\\a", "C:/a", "\\\\srv\\a", "../a", "a/../b"),
        *("a\\..\\b", '"/srv/a.png"', "'https://a.example/'", " `/srv/a.png`"),
        *("one.png\n/srv/two.png", "hello\r\nhttps://a.example/a.png", "x" * 9_000 + "\n/etc"),
    ],
)
def test_places_elsewhere_are_told(text: str) -> None:
    assert graphs.leads_elsewhere(text)
    for inputs in ({"x": text}, {"x": {"y": [text]}}):
        with pytest.raises(UncheckedError):
            read("Anything", **inputs)


@pytest.mark.parametrize(
    "text",
    [
        *("a lighthouse / a teapot", "1/2 of a moon", "~1/2 cup", "and so on ...", "16:9", "3://"),
        *("data: many", "a teapot,\n\n- by the sea\n(fog:1.2)", "sub/teapot.safetensors", ""),
    ],
)
def test_words_are_no_places(text: str) -> None:
    assert not graphs.leads_elsewhere(text)
    assert read("Anything", x=text).graph["1"]["inputs"] == {"x": text}


@pytest.mark.parametrize(
    "kind",
    [
        *("LoadImageFromUrl", "DownloadModel", "HTTPRequest", "VHS_LoadImagesPath", "Image Load"),
        *("Load Image Batch", "LoadImagesFromDir", "LoadTextFile", "Save Text File", "ReadFile"),
        *("FileReader", "RunScript", "PythonExec", "Evaluate Ints", "SaveImageS3"),
    ],
)
def test_nodes_that_reach_out_are_closed(kind: str) -> None:
    with pytest.raises(BadCallError):
        read(kind)


@pytest.mark.parametrize(
    "kind",
    [
        *("LoadImage", "LoraLoader", "CheckpointLoaderSimple", "ControlNetLoader", "SaveImage"),
        *("KSampler", "VAEDecode", "LoadImageMask", "CLIPTextEncode", "ImageUpscaleWithModel"),
        *("ImageBatch", "RepeatImageBatch", "RebatchImages", "PreviewImage", "StyleModelLoader"),
        *("ModelMergeSimple", "DualCLIPLoader", "EmptyLatentImage", "LatentFromBatch"),
    ],
)
def test_nodes_of_the_server_itself_are_open(kind: str) -> None:
    assert read(kind).graph["1"]["class_type"] == kind


def test_what_a_loader_names_is_known() -> None:
    assert read("LoadImage", image="sub/a [temp]").files == (File("temp", "sub", "a"),)
    assert read("Anything", source="a.PNG").files == (File("input", "", "a.PNG"),)
    # A name that another node makes at run time could be anything.
    with pytest.raises(BadCallError):
        read("LoadImage", image=["2", 0])
    with pytest.raises(UncheckedError):
        read("LoadImage", image="a.png\n")
    assert read("ImageBatch", image1=["2", 0], image=["2", 0]).files == ()


def request(**more: Any) -> GateRequest:
    given: dict[str, Any] = {
        **{"method": "GET", "path": "/view", "query": "", "headers": (), "body": b""},
        **{"params": {}, "account": ACCOUNT, "origin": ""},
    }
    return GateRequest(**(given | more))


def uploading(name: str, **fields: str) -> comfyui_uploads.Uploading:
    parts = [Part("image", GOOD, name, "image/png")]
    parts += [Part(key, value.encode()) for key, value in fields.items()]
    content_type, body = write(parts)
    asked = request(
        method="POST",
        path="/upload/image",
        headers=((b"content-type", content_type),),
        body=body,
    )
    return comfyui_uploads.upload(asked, Jobs(Limits()))


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        *(("../a.png", {}), ("b/a.png", {}), ("b\\a.png", {}), ("a.png [output]", {}), ("", {})),
        *(("a.png [input]", {}), ("..", {}), ("a:b.png", {}), ("a.png", {"type": "output"})),
        *(("a.png", {"subfolder": "../.."}), ("a.png", {"subfolder": "c:\\a"})),
    ],
)
def test_uploads_lead_nowhere_else(name: str, fields: dict[str, str]) -> None:
    with pytest.raises(BadCallError):
        uploading(name, **fields)
    assert uploading("a.png", subfolder="b").words.pictures == (GOOD,)


@dataclass
class FakeDesk:
    """A server's folder before a desk that lets through what begins with `good`."""

    files: dict[str, bytes] = field(default_factory=dict)
    told: list[Any] = field(default_factory=list)
    released: int = 0

    async def call(self, request: GateRequest, call: UpstreamCall) -> UpstreamReply:
        if call.path == "/view":
            data = self.files.get(parse_qs(call.query)["filename"][0])
            return UpstreamReply(404 if data is None else 200, (), data or b"")
        if call.path == "/queue":
            self.told.append(call.method)
            return UpstreamReply(200, (), b'{"queue_running": [], "queue_pending": []}')
        raise AssertionError(call.path)

    async def release(
        self, account: Account, pictures: list[bytes], about: Generation
    ) -> list[bool]:
        may = [one.startswith(GOOD) for one in pictures]
        self.released += sum(may)
        return may


def results(*names: str) -> tuple[Results, Jobs]:
    jobs = Jobs(Limits())
    jobs.begin(ACCOUNT.pseudonym, "1", Job(Generation(Api.COMFYUI)))
    jobs.end(ACCOUNT.pseudonym, "1", "1")
    jobs.learn(ACCOUNT.pseudonym, "1", {"9": {"images": [{"filename": name} for name in names]}})
    return Results(Server(jobs, Limits()), jobs), jobs


def shown(found: Results, desk: FakeDesk, name: str) -> Reply:
    return asyncio.run(found.view(request(query=f"filename={name}"), cast(Desk, desk)))


def test_of_a_prompt_all_is_shown_or_nothing() -> None:
    desk = FakeDesk({"a.png": GOOD, "b.png": BAD})
    found, jobs = results("a.png", "b.png")
    for name in ("a.png", "b.png", "a.png&preview=webp"):
        with pytest.raises(RefusedError):
            shown(found, desk, name)
    entry = asyncio.run(
        jobs.entry(request(), cast(Desk, desk), "1", {"outputs": {"9": {"images": ["a.png"]}}})
    )
    assert entry is not None
    assert (entry["outputs"], entry["status"]["status_str"]) == ({}, "error")


def test_a_file_that_changes_is_looked_at_again() -> None:
    desk = FakeDesk({"a.png": GOOD, "b.png": GOOD + b"2"})
    found, _ = results("a.png", "b.png")
    assert shown(found, desk, "a.png").body == GOOD
    desk.files["a.png"] = BAD
    with pytest.raises(RefusedError):
        shown(found, desk, "a.png")
    # Then nothing more of that prompt is shown.
    with pytest.raises(RefusedError):
        shown(found, desk, "b.png")


def test_what_is_of_no_prompt_is_not_shown() -> None:
    desk = FakeDesk({"a.png": GOOD, "c.png": GOOD})
    found, _ = results("a.png")
    for name in ("c.png", "a.png&type=input", "a.png&subfolder=x", "x/a.png", "a.png%20[temp]"):
        assert shown(found, desk, name).status == 404
    assert desk.released == 0
    assert shown(found, desk, "gone.png&filename=a.png").status == 404
