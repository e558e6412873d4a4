"""Upstreams that speak the shapes of OpenAI's images API and of AUTOMATIC1111's API.

They make nothing: they answer with the pictures that a test gives them. With `planted` they put
one picture into every field, header and error that they have, as a server might that is broken.
"""

from __future__ import annotations

import base64
import email.message
import email.policy
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from typing import Any

from tests.gate.simple import Answering, Asked, Upstream, upstream


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def traces(wire: bytes, picture: bytes) -> list[str]:
    """What of a picture is in bytes: parts of 64 bytes and more, plain or encoded.

    Any 64 bytes in a row hold one of the blocks of 32 that are looked for; those that are all of
    one byte are in everything.
    """
    forms = {"bytes": picture, "hex": picture.hex().encode()}
    for at in range(3):
        text = base64.b64encode(picture[at:])
        forms[f"base64 {at}"] = text
        forms[f"urlsafe {at}"] = text.translate(bytes.maketrans(b"+/", b"-_"))
    # JSON may write a slash with a backslash before it.
    read = wire + b"\n" + wire.replace(b"\\/", b"/") if b"\\/" in wire else wire
    found = []
    for name, form in forms.items():
        blocks = (form[at : at + 32] for at in range(0, len(form) - 31, 32))
        if any(block in read and len(set(block)) > 2 for block in blocks):
            found.append(name)
    return found


def form(asked: Asked) -> dict[str, list[tuple[str | None, bytes]]]:
    """A form's fields: file names and bytes."""
    head = f"Content-Type: {asked.header('content-type')}\r\n\r\n".encode()
    parsed = BytesParser(policy=email.policy.HTTP).parsebytes(head + asked.body)
    fields: dict[str, list[tuple[str | None, bytes]]] = {}
    for part in parsed.iter_parts():
        assert isinstance(part, email.message.EmailMessage)
        name = str(part.get_param("name", header="content-disposition"))
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        fields.setdefault(name, []).append((part.get_filename(), data))
    return fields


@dataclass
class Fake:
    """What both have.

    Attributes:
        results: the pictures that the next answers hold.
        planted: stands in all other places.
        failing: a status and a document that is answered instead.
        seconds: how long making takes.
    """

    results: list[bytes] = field(default_factory=list)
    planted: bytes = b""
    failing: tuple[int, Any] | None = None
    seconds: float = 0.0
    server: Upstream = field(default_factory=lambda: Upstream("", 0))

    def reset(self) -> None:
        self.results, self.planted, self.failing, self.seconds = [], b"", None, 0.0
        self.server.asked.clear()

    @property
    def calls(self) -> list[tuple[str, str]]:
        """Method and target of what reached it, without fetched files and the gate's probes."""
        return [
            (asked.method, asked.target)
            for asked in self.server.asked
            if not asked.target.startswith("/files/")
        ]

    def sent(self, target: str) -> dict[str, Any]:
        """The JSON of the last call to a target."""
        body = next(one.body for one in reversed(self.server.asked) if one.target == target)
        found = json.loads(body)
        assert isinstance(found, dict)
        return found

    def everywhere(self) -> dict[str, Any]:
        """Fields that hold the planted picture in many forms."""
        if not self.planted:
            return {}
        text = b64(self.planted)
        return {
            "preview": text,
            "thumb": {"deep": [[f"data:image/jpeg;base64,{text}"]]},
            "html": f"<p>hello</p><img src='data:image/jpeg;base64,{text}'>",
            "json": json.dumps({"a": {"image": text}, "b": 1}),
            "wrapped": base64.encodebytes(self.planted).decode(),
            "loose": base64.urlsafe_b64encode(self.planted).decode().rstrip("="),
            "hex": self.planted.hex(),
            "raw": self.planted.decode("latin-1"),
            "numbers": list(self.planted),
            "tail": b64(b"x" + self.planted),
            text: 1,
        }

    def headers(self) -> list[tuple[str, str]]:
        if not self.planted:
            return [("X-Request-Id", "req-1")]
        text = b64(self.planted[600:780])
        return [("X-Request-Id", text), ("X-Picture", text), ("OpenAI-Version", text)]

    def answering(self, value: Any, status: int = 200) -> Answering:
        return Answering(json.dumps(value).encode(), status, self.headers(), self.seconds)

    def failure(self) -> Answering | None:
        if self.failing is None:
            return None
        status, value = self.failing
        if isinstance(value, bytes):
            return Answering(value, status, self.headers())
        return self.answering(value, status)


@dataclass
class FakeOpenAI(Fake):
    """`/v1/images/...` and `/v1/models`.

    Attributes:
        by_url: results are told by address.
        previews: pictures of `partial_image` events.
    """

    by_url: bool = False
    previews: list[bytes] = field(default_factory=list)

    def reset(self) -> None:
        Fake.reset(self)
        self.by_url, self.previews = False, []

    def answer(self, asked: Asked) -> Answering:
        if asked.target.startswith("/files/"):
            return Answering(self.results[int(asked.target.rpartition("/")[2])])
        failed = self.failure()
        if failed is not None:
            return failed
        if "/models" in asked.target:
            model = {"id": "teapot-1", "object": "model", "created": 1, "owned_by": "nobody"}
            if asked.target.endswith("/models"):
                return self.answering(
                    {"object": "list", "data": [model | self.everywhere()]} | self.everywhere()
                )
            return self.answering(model | self.everywhere())
        said: Mapping[str, Any]
        if (asked.header("content-type") or "").startswith("application/json"):
            said = json.loads(asked.body)
        else:
            said = {name: values[0][1].decode("latin-1") for name, values in form(asked).items()}
        if str(said.get("stream")).lower() == "true":
            return self.stream("edit" if "edits" in asked.target else "generation")
        return self.answering(
            {
                "created": 17,
                "data": [self.item(at) for at in range(len(self.results))],
                "size": "160x120",
                "usage": {"total_tokens": 3, "input_tokens": 1} | self.everywhere(),
            }
            | self.everywhere()
        )

    def item(self, at: int) -> dict[str, Any]:
        told: dict[str, Any] = {"revised_prompt": "a lighthouse, revised"} | self.everywhere()
        if self.by_url:
            return told | {"url": f"{self.server.url}/files/{at}"}
        return told | {"b64_json": b64(self.results[at])}

    def stream(self, what: str) -> Answering:
        common = {
            **{"created_at": 17, "size": "1024x1024", "quality": "high"},
            **{"background": "opaque", "output_format": "png"},
        }
        usage = {
            **{"total_tokens": 3, "input_tokens": 1, "output_tokens": 2},
            **{"input_tokens_details": {"text_tokens": 1, "image_tokens": 0}},
        }
        told: list[dict[str, Any]] = [
            {"type": f"image_{what}.partial_image", "partial_image_index": at, "b64_json": b64(one)}
            for at, one in enumerate(self.previews)
        ]
        told += [
            {
                "type": f"image_{what}.completed",
                "b64_json": b64(one),
                "usage": usage | self.everywhere(),
            }
            for one in self.results
        ]
        if self.planted:
            told.append({"type": "something_else", "b64_json": b64(self.planted)})
        parts = [
            f"event: {one['type']}\ndata: {json.dumps(common | self.everywhere() | one)}\n\n"
            for one in told
        ]
        headers = [("Content-Type", "text/event-stream"), *self.headers()]
        pieces = [piece.encode() for part in parts for piece in (part[:700], part[700:])]
        return Answering(b": hello\n\n", 200, headers, self.seconds, parts=pieces)


@dataclass
class FakeA1111(Fake):
    """`/sdapi/v1/...`."""

    def answer(self, asked: Asked) -> Answering:
        failed = self.failure()
        if failed is not None:
            return failed
        name = asked.target.partition("?")[0].rpartition("/")[2]
        more = self.everywhere()
        if name in ("txt2img", "img2img"):
            info = {
                **{"prompt": "p", "seed": 1234, "all_seeds": [1234]},
                **{"sd_model_name": "teapot-xl", "sd_model_hash": "0123456789"},
            }
            told = {
                "images": [b64(one) for one in self.results],
                "parameters": json.loads(asked.body) | more,
                "info": json.dumps(info | more),
            }
        elif name == "extra-single-image":
            told = {"html_info": more.get("html", "<p>x2</p>"), "image": b64(self.results[0])}
        elif name == "extra-batch-images":
            images = [f"data:image/png;base64,{b64(one)}" for one in self.results]
            told = {"html_info": more.get("html", ""), "images": images}
        elif name == "png-info":
            told = {"info": more.get("loose", "a teapot"), "items": more, "parameters": more}
        elif name == "interrogate":
            told = {"caption": more.get("preview", "a teapot on a table")}
        elif name == "progress":
            told = {
                **{"progress": 0.5, "eta_relative": 2.0, "textinfo": more.get("html")},
                **{"state": {"job": more.get("preview", "x"), "job_no": 1, "other": 2}},
                "current_image": b64(self.planted or self.results[0]),
            }
        elif name == "options":
            told = {"sd_model_checkpoint": "teapot-xl", "outdir_samples": "/srv/out"} | more
            told |= {"sd_vae": more} if more else {"sd_vae": "Automatic"}
        elif name == "skip":
            return self.answering(None)
        elif name == "interrupt":
            return self.answering({})
        else:
            item = {"name": "a", "filename": "/srv/models/a.safetensors", "metadata": {"x": 1}}
            return self.answering([item | more])
        return self.answering({**more, **told})


@contextmanager
def running(fake: Fake) -> Iterator[Fake]:
    """Serve it."""
    answer = fake.answer  # type: ignore[attr-defined]
    with upstream(answer) as server:
        fake.server = server
        yield fake
