"""How much later a picture comes through the gate than from the generator itself.

In one run, taking turns: (a) the upstream called directly, (b) the same call through the gate,
(c) what checking alone costs: the same bytes through the same engine, in this process. The bar is
that the gate adds what checking costs, and at most 3 ms: b - a - c <= 3 ms at the median.

Upstream and gate are processes of their own. The upstream makes nothing: it gives out one drawn
picture of 1024x1024, each time with another number in a text chunk, since no generated picture
comes twice, and each is written to the ledger.

ComfyUI's clients queue a prompt, read its history and fetch the picture. The gate looks at the
picture when the history is read, which tells of it, and again at exactly the bytes that it sends.
So `/view` is measured by itself, and `/history` with `/view` together, which checks twice.

    python benchmarks/gate_delay.py --rounds 200
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import http.client
import io
import json
import os
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from safehold.cases.model import OccurrenceKind
from safehold.config import load_settings
from safehold.custodian.setting_up import Plan, set_up
from safehold.engine.engine import Engine, EngineParts, Item
from safehold.engine.examiner import Examiner, ExaminerParts
from safehold.engine.figures import Figures
from safehold.engine.judging import Judge, Rulebook
from safehold.engine.lists import ListWatch
from safehold.engine.spool import Spool
from safehold.intake.model import Context, Submission
from safehold.policy.model import Verdict
from safehold.policy.surfaces import SurfaceOptions
from safehold.runtime.log import json_log
from safehold.runtime.service import ServiceRuntime
from safehold.testing.pictures import draw_any

SIDE = 1024
BAR_MS = 3.0
_LISTENS = re.compile(r"Listening on http://[^ ]*:(\d+)")
KERNEL_CACHE = Path(__file__).parents[1] / ".venv" / "kernel-cache"


def picture() -> bytes:
    """A drawn picture with some grain, about as large as a generated one is as PNG."""
    drawn = np.asarray(draw_any(7, (SIDE, SIDE)).convert("RGB"), dtype=np.int16)
    grain = np.random.default_rng(7).normal(0, 3, drawn.shape).astype(np.int16)
    out = io.BytesIO()
    Image.fromarray(np.clip(drawn + grain, 0, 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def numbered(content: bytes, number: int) -> bytes:
    """The same picture as other bytes: with a number in a text chunk at its end."""
    data = b"Comment\0round %d" % number
    chunk = struct.pack(">I", len(data)) + b"tEXt" + data
    chunk += struct.pack(">I", zlib.crc32(chunk[4:]))
    return content[:-12] + chunk + content[-12:]


def serve_upstream() -> None:
    """An upstream: one picture as JSON of OpenAI's shape, and as a file of ComfyUI's prompts."""
    content = picture()
    made = 0
    prompts: dict[str, int] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            nonlocal made
            made += 1
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/prompt":
                prompt_id = asked["prompt_id"]
                prompts[prompt_id] = made
                answer: Any = {"prompt_id": prompt_id, "number": made, "node_errors": {}}
            else:
                encoded = base64.b64encode(numbered(content, made)).decode()
                answer = {"created": 1, "data": [{"b64_json": encoded}]}
            self._send(json.dumps(answer).encode(), "application/json")

        def do_GET(self) -> None:
            if self.path.startswith("/history/"):
                prompt_id = self.path.removeprefix("/history/")
                file = {"filename": f"drawn_{prompts[prompt_id]}_.png", "type": "output"}
                entry = {
                    "outputs": {"9": {"images": [{**file, "subfolder": ""}]}},
                    "status": {"status_str": "success", "completed": True, "messages": []},
                }
                self._send(json.dumps({prompt_id: entry}).encode(), "application/json")
                return
            number = int(self.path.partition("drawn_")[2].partition("_")[0])
            self._send(numbered(content, number), "image/png")

        def _send(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"Listening on http://127.0.0.1:{server.server_address[1]}", file=sys.stderr, flush=True)
    server.serve_forever()


@contextlib.contextmanager
def process(arguments: list[str], home: Path) -> Iterator[int]:
    """A process that says where it listens; its port."""
    environment = os.environ | {
        "SAFEHOLD_HOME": str(home),
        "SAFEHOLD_KERNEL_CACHE": str(KERNEL_CACHE),
        "PYTHONUNBUFFERED": "1",
    }
    said = home / f"said-{len(arguments)}.txt"
    with said.open("wb") as err:
        command = [sys.executable, *arguments]
        running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=err)
    try:
        until = time.monotonic() + 60
        while (found := _LISTENS.search(said.read_text())) is None:
            if running.poll() is not None or time.monotonic() > until:
                raise SystemExit(said.read_text())
            time.sleep(0.05)
        yield int(found[1])
    finally:
        running.terminate()
        running.wait(30)


class Checking:
    """The engine of the gate, in this process."""

    def __init__(self, runtime: ServiceRuntime) -> None:
        log = json_log(io.StringIO())
        self._runtime = runtime
        self._service = runtime.service_id("studio")
        self._spool = Spool(1 << 28)
        self.lists = ListWatch(runtime.lists, runtime.screening, log)
        request = runtime.examine_options.as_request()
        self.examiner = Examiner(ExaminerParts(runtime.new_workers, request, log))
        self.judge = Judge(self.lists, runtime.recorder.triage, runtime.clock, log)
        parts = EngineParts(self.examiner, self.judge, runtime.recorder, Figures(), 64)
        self.engine = Engine(parts)
        self._rulebook = Rulebook.of(SurfaceOptions(), runtime.settings.policy, None, canary=False)

    async def start(self) -> None:
        self.examiner.start()
        self.judge.start()
        self.lists.refresh()
        async with asyncio.timeout(60):
            while not self.engine.ready:
                await asyncio.sleep(0.05)

    async def seconds(self, content: bytes) -> float:
        """How long one check takes."""
        began = time.perf_counter()
        body = self._spool.body(1 << 28)
        body.write(content)
        body.seal()
        now = self._runtime.clock.now()

        def submit(screened: Any, lists: Any) -> Submission:
            exact = screened.examination.exact
            return Submission(
                self._service,
                OccurrenceKind.GENERATION,
                "generation",
                Context(),
                now,
                exact.sha256,
                screened,
                lists,
                descriptor=body.descriptor,
            )

        settled = await self.engine.take(Item(self._rulebook, submit, body))
        assert settled.answer.verdict is Verdict.ALLOW
        return time.perf_counter() - began


Connection = http.client.HTTPConnection


@dataclass
class Shape:
    """How one API is asked, and how its picture is read.

    Attributes:
        name, api: of the table, and of the gate.
        before: what comes before the call that is measured; what the call needs of it.
        ask: the call that is measured; its body.
        read: the picture in it.
        checks: how often the gate checks a picture meanwhile.
    """

    name: str
    api: str
    before: Callable[[Connection], str]
    ask: Callable[[Connection, str], bytes]
    read: Callable[[bytes], bytes]
    checks: int = 1


def _said(connection: Connection, method: str, path: str, asked: object = None) -> bytes:
    """The body of an answer."""
    headers = {"Authorization": "Bearer bench"}
    body = None
    if asked is not None:
        body = json.dumps(asked)
        headers["Content-Type"] = "application/json"
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{answer.status}: {said[:300]!r}")
    return said


def _nothing(connection: Connection) -> str:
    return ""


def _openai(connection: Connection, _: str) -> bytes:
    asked = {"model": "drawn", "prompt": "a lighthouse", "response_format": "b64_json"}
    return _said(connection, "POST", "/v1/images/generations", asked)


def _queue(connection: Connection) -> str:
    """Queue a prompt; its number."""
    save = {"class_type": "SaveImage", "inputs": {"filename_prefix": "drawn", "images": ["8", 0]}}
    empty = {"class_type": "EmptyImage", "inputs": {"width": SIDE, "height": SIDE}}
    asked = {"prompt": {"8": empty, "9": save}, "prompt_id": str(uuid.uuid4())}
    prompt_id: str = json.loads(_said(connection, "POST", "/prompt", asked))["prompt_id"]
    return prompt_id


def _history(connection: Connection, prompt_id: str) -> str:
    """Read what a prompt made; the name of its file."""
    entry = json.loads(_said(connection, "GET", f"/history/{prompt_id}"))[prompt_id]
    name: str = entry["outputs"]["9"]["images"][0]["filename"]
    return name


def _view(connection: Connection, name: str) -> bytes:
    return _said(connection, "GET", f"/view?filename={name}&subfolder=&type=output")


SHAPES = (
    Shape(
        "OpenAI, base64 in JSON",
        "openai",
        _nothing,
        _openai,
        lambda body: base64.b64decode(json.loads(body)["data"][0]["b64_json"]),
    ),
    Shape(
        "ComfyUI, /view",
        "comfyui",
        lambda connection: _history(connection, _queue(connection)),
        _view,
        lambda body: body,
    ),
    Shape(
        "ComfyUI, /history and /view",
        "comfyui",
        _queue,
        lambda connection, prompt_id: _view(connection, _history(connection, prompt_id)),
        lambda body: body,
        checks=2,
    ),
)


def timed(shape: Shape, connection: Connection) -> tuple[float, bytes]:
    """Seconds of one call, and its picture."""
    known = shape.before(connection)
    began = time.perf_counter()
    body = shape.ask(connection, known)
    took = time.perf_counter() - began
    return took, shape.read(body)


async def measure(shape: Shape, rounds: int, ports: tuple[int, int], checking: Checking) -> None:
    """Measure one shape and print a table."""
    direct, through = (http.client.HTTPConnection("127.0.0.1", port) for port in ports)
    found: dict[str, list[float]] = {"direct": [], "gate": [], "check": []}
    for number in range(rounds + 10):
        straight, content = await asyncio.to_thread(timed, shape, direct)
        gated, _ = await asyncio.to_thread(timed, shape, through)
        alone = await checking.seconds(numbered(content, 1_000_000 + number))
        if number >= 10:
            found["direct"].append(straight)
            found["gate"].append(gated)
            found["check"].append(alone)
    over = [
        g - d - shape.checks * c
        for d, g, c in zip(found["direct"], found["gate"], found["check"], strict=True)
    ]
    print(f"\n{shape.name}: {rounds} rounds, {SIDE}x{SIDE} PNG of {len(content)} bytes")
    for name, values in (
        ("upstream directly", found["direct"]),
        ("through the gate", found["gate"]),
        ("checking alone", found["check"]),
        ("added beyond checking", over),
    ):
        ordered = sorted(values)
        p50, p95 = statistics.median(ordered), ordered[int(0.95 * len(ordered))]
        print(f"  {name:24} p50 {1000 * p50:8.2f} ms   p95 {1000 * p95:8.2f} ms")
    median = 1000 * statistics.median(over)
    verdict = "reached" if median <= BAR_MS else "missed"
    print(f"  bar: checking x {shape.checks} + {BAR_MS} ms: {verdict} ({median:.2f} ms)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--only", choices=[shape.api for shape in SHAPES])
    parser.add_argument("--upstream", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--gate", default="-m safehold gate", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.upstream:
        serve_upstream()
        return
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir(mode=0o700)
        with ServiceRuntime(
            load_settings(home=home, kernel_cache=KERNEL_CACHE, workers=1)
        ) as runtime:
            set_up(runtime, Plan("officer", home / "officer.key", None, "studio"))
            asyncio.run(run(given, runtime, home))


async def run(given: argparse.Namespace, runtime: ServiceRuntime, home: Path) -> None:
    """Measure all shapes."""
    checking = Checking(runtime)
    await checking.start()
    with process([__file__, "--upstream"], home) as upstream:
        for shape in SHAPES:
            if given.only in (None, shape.api):
                address = f"http://127.0.0.1:{upstream}"
                more = ["--upstream", address, "--api", shape.api, "--service", "studio"]
                gate = [*given.gate.split(), *more, "--port", "0", "--workers", "1"]
                with process(gate, home) as port:
                    await asyncio.sleep(2.0)
                    await measure(shape, given.rounds, (upstream, port), checking)
    await checking.engine.stop()
    checking.lists.close()


if __name__ == "__main__":
    main()
