"""The shape of AUTOMATIC1111's API (`/sdapi/v1/...`), which Forge and others speak.

Pictures are made by `txt2img` and `img2img`, enlarged by `extra-single-image` and
`extra-batch-images`, and read by `png-info` and `interrogate`. Of `progress` the preview is left
out, which is not asked for either. Lists of what the server has pass without paths and metadata.

Closed: the server's own pages (Gradio's queue and its files), settings (`POST options` would
change models and saving for everybody; a call names its model in `override_settings`), training,
scripts, and whatever else stands in no table here.

A call is one thing: where one picture of its answer may not leave, the answer is the refusal and
none of it leaves. Then, or where a caller asks for it, `interrupt` goes to the server if the call
that it works on is the account's: it works on calls one after the other, so that is the oldest
one under way. Where others use the server past the gate, that cannot be known.

Sources: `modules/api/api.py` and `modules/api/models.py` of stable-diffusion-webui 1.10, the
API's pages of sd-webui-controlnet.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from safehold.gate import documents
from safehold.gate.apis import a1111_calls as calls
from safehold.gate.apis import passing
from safehold.gate.apis.passing import BadCallError
from safehold.gate.encoded import Encoded
from safehold.gate.interface import Desk, GateRequest, Route, SocketRoute
from safehold.gate.model import (
    Api,
    GateOptions,
    Generation,
    ModelName,
    RefusedError,
    Reply,
    Stage,
    UncheckedError,
    UpstreamCall,
    UpstreamError,
    UpstreamReply,
)
from safehold.gate.pictures import Limits, strip

_BASE: Final = "/sdapi/v1/"
_LISTS: Final = (
    *("sd-models", "loras", "samplers", "schedulers", "upscalers", "latent-upscale-modes"),
    *("sd-vae", "sd-modules", "embeddings", "hypernetworks", "face-restorers"),
    *("realesrgan-models", "scripts"),
)
_CONTROL_LISTS: Final = ("version", "model_list", "module_list", "control_types", "settings")
_PATHS: Final = frozenset({"filename", "path", "config", "cmd_dir", "model_path", "model_url"})
_STATE: Final = (
    *("skipped", "interrupted", "stopping_generation", "job", "job_count", "job_timestamp"),
    *("job_no", "sampling_step", "sampling_steps"),
)
_PROGRESS: Final = ("progress", "eta_relative", "textinfo")
_MADE_WITH: Final = ("Hires checkpoint", "Refiner")
_HASHES: Final = ("Lora hashes", "TI hashes")
_MOST: Final = 64
"""Adapters that are read of one answer."""
_JSON: Final = (b"content-type", b"application/json")

_REFUSAL: Final = (422, "The request was refused.")
_TROUBLE: Final[Mapping[int, str]] = {
    400: "The request cannot be let through as it is.",
    401: "The request names no account.",
    403: "The request is not allowed.",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "The request came too slowly.",
    413: "The request is too large.",
    429: "There are too many requests.",
    500: "Something went wrong inside.",
    502: "The generation service does not answer.",
    503: "Not available just now.",
    504: "The generation service is too slow.",
}

_Understood = Callable[[Mapping[str, Any]], calls.Making]


def adapter(options: GateOptions) -> A1111Adapter:
    """The adapter of this shape."""
    return A1111Adapter(options)


class A1111Adapter:
    """See the module."""

    api = Api.A1111

    def __init__(self, options: GateOptions) -> None:
        self._limits = Limits.of(options)
        self._under_way: dict[object, bytes] = {}

    def routes(self) -> Sequence[Route]:
        """See `Adapter`."""
        made = [
            Route("POST", f"{_BASE}txt2img", self._txt2img),
            Route("POST", f"{_BASE}img2img", self._img2img),
            Route("POST", f"{_BASE}extra-single-image", self._extra),
            Route("POST", f"{_BASE}extra-batch-images", self._extras),
            Route("POST", f"{_BASE}png-info", self._look),
            Route("POST", f"{_BASE}interrogate", self._look),
            Route("POST", f"{_BASE}interrupt", self._interrupt),
            Route("POST", f"{_BASE}skip", self._interrupt),
            Route("GET", f"{_BASE}progress", self._progress),
            Route("GET", f"{_BASE}options", self._options),
        ]
        made += [Route("GET", _BASE + name, self._list) for name in _LISTS]
        made += [Route("GET", f"/controlnet/{name}", self._list) for name in _CONTROL_LISTS]
        return made

    def sockets(self) -> Sequence[SocketRoute]:
        """See `Adapter`."""
        return ()

    def refusal(self) -> Reply:
        """See `Adapter`."""
        return _error(*_REFUSAL)

    def trouble(self, status: int) -> Reply:
        """See `Adapter`."""
        known = status if status in _TROUBLE else (400 if 400 <= status < 500 else 502)
        return _error(status, _TROUBLE[known])

    async def cancel(self, request: GateRequest, desk: Desk, known: Any) -> None:
        """See `Adapter`."""
        with contextlib.suppress(UpstreamError):
            await self._stop(request, desk, f"{_BASE}interrupt")

    # Making

    async def _txt2img(self, request: GateRequest, desk: Desk) -> Reply:
        return await self._make(
            request, desk, lambda said: calls.making(said, self._limits, from_picture=False)
        )

    async def _img2img(self, request: GateRequest, desk: Desk) -> Reply:
        return await self._make(
            request, desk, lambda said: calls.making(said, self._limits, from_picture=True)
        )

    async def _make(self, request: GateRequest, desk: Desk, understood: _Understood) -> Reply:
        async def answered(said: dict[str, Any], making: calls.Making) -> dict[str, Any]:
            told = self._told(said, ("parameters", "info"))
            models, seed = _said_of_making(told.get("info"))
            about = making.about(models, seed)
            images = await self._released(request, desk, said.get("images"), about)
            return {"images": images, "parameters": {}, "info": ""} | told

        return await self._asked(request, desk, understood, answered)

    async def _extra(self, request: GateRequest, desk: Desk) -> Reply:
        async def answered(said: dict[str, Any], making: calls.Making) -> dict[str, Any]:
            image = said.get("image")
            images = [] if image is None else [image]
            released = await self._released(request, desk, images, making.about())
            told = self._told(said, ("html_info",))
            return {"html_info": ""} | told | {"image": released[0] if released else None}

        return await self._asked(
            request, desk, lambda said: calls.extras(said, self._limits, several=False), answered
        )

    async def _extras(self, request: GateRequest, desk: Desk) -> Reply:
        async def answered(said: dict[str, Any], making: calls.Making) -> dict[str, Any]:
            images = await self._released(request, desk, said.get("images"), making.about())
            return {"html_info": ""} | self._told(said, ("html_info",)) | {"images": images}

        return await self._asked(
            request, desk, lambda said: calls.extras(said, self._limits, several=True), answered
        )

    async def _look(self, request: GateRequest, desk: Desk) -> Reply:
        async def answered(said: dict[str, Any], making: calls.Making) -> dict[str, Any]:
            return self._told(said, ("info", "items", "parameters", "caption"))

        return await self._asked(
            request, desk, lambda said: calls.looking(said, self._limits), answered
        )

    async def _asked(
        self,
        request: GateRequest,
        desk: Desk,
        understood: _Understood,
        answered: Callable[[dict[str, Any], calls.Making], Awaitable[dict[str, Any]]],
    ) -> Reply:
        """Admit a call, make it, and answer it by what may leave."""
        try:
            making = await passing.apart(
                len(request.body), lambda: understood(passing.call_document(request.body))
            )
        except (BadCallError, RecursionError):
            return self.trouble(400)
        await desk.admit(request.account, making.words, self.api)
        headers = (*passing.headers_up(request), _JSON)
        body = documents.write(making.onward)
        with self._marked(request):
            reply = await desk.call(request, UpstreamCall("POST", request.path, "", headers, body))
        if reply.status != 200:
            return self._told_error(reply)
        said = await passing.answer_document(reply)
        if not isinstance(said, dict):
            raise UpstreamError
        return Reply(200, documents.write(await answered(said, making)))

    async def _released(
        self, request: GateRequest, desk: Desk, values: object, about: Generation
    ) -> list[Encoded]:
        """Pictures of an answer as they are written, once all of them may leave."""
        if values is None:
            return []
        if not isinstance(values, list) or len(values) > self._limits.max_pictures:
            raise UncheckedError(Stage.OUTPUT)
        pairs = [passing.picture_out(value) for value in values]
        pictures = [data for data, _ in pairs]
        if pictures and not all(await desk.release(request.account, pictures, about)):
            raise RefusedError(Stage.OUTPUT)
        return [text for _, text in pairs]

    # What is under way

    @contextlib.contextmanager
    def _marked(self, request: GateRequest) -> Iterator[None]:
        mark = object()
        self._under_way[mark] = request.account.pseudonym
        try:
            yield
        finally:
            del self._under_way[mark]

    async def _interrupt(self, request: GateRequest, desk: Desk) -> Reply:
        await self._stop(request, desk, request.path)
        return Reply(200, b"null" if request.path.endswith("skip") else b"{}")

    async def _stop(self, request: GateRequest, desk: Desk, path: str) -> None:
        """Stop what the server works on, where it is this account's."""
        if next(iter(self._under_way.values()), None) == request.account.pseudonym:
            headers = (*passing.headers_up(request), _JSON)
            await desk.call(request, UpstreamCall("POST", path, "", headers, b"{}"))

    async def _progress(self, request: GateRequest, desk: Desk) -> Reply:
        said = await self._got(request, desk, "skip_current_image=true")
        if isinstance(said, Reply):
            return said
        if not isinstance(said, dict):
            raise UpstreamError
        told = self._told(said, _PROGRESS)
        state = said.get("state")
        told["state"] = self._told(state, _STATE) if isinstance(state, dict) else {}
        told["current_image"] = None
        return Reply(200, documents.write(told))

    # Lists

    async def _list(self, request: GateRequest, desk: Desk) -> Reply:
        said = await self._got(request, desk, "")
        if isinstance(said, Reply):
            return said
        if isinstance(said, list):
            said = [_listed(item) for item in said]
        return Reply(200, documents.write(strip(said, self._limits)))

    async def _options(self, request: GateRequest, desk: Desk) -> Reply:
        said = await self._got(request, desk, "")
        if isinstance(said, Reply):
            return said
        if not isinstance(said, dict):
            raise UpstreamError
        return Reply(200, documents.write(self._told(said, sorted(calls.SETTINGS))))

    async def _got(self, request: GateRequest, desk: Desk, query: str) -> Any:
        """What the server tells; an error of its own as a `Reply`."""
        call = UpstreamCall("GET", request.path, query, passing.headers_up(request))
        reply = await desk.call(request, call)
        return (
            await passing.answer_document(reply) if reply.status == 200 else self._told_error(reply)
        )

    # Answers

    def _told(self, said: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
        """Some members of an object, without pictures."""
        some = {name: said[name] for name in names if name in said}
        told: dict[str, Any] = strip(some, self._limits)
        return told

    def _told_error(self, reply: UpstreamReply) -> Reply:
        said = passing.error_document(reply)
        detail = said.get("detail")
        if isinstance(detail, list):  # what a call lacks; `input` would repeat the call
            lines = [item.get("msg") for item in detail[:16] if isinstance(item, dict)]
            detail = "; ".join(line for line in lines if isinstance(line, str))
        told = {name: passing.message(said.get(name), self._limits) for name in ("error", "errors")}
        told |= {"detail": passing.message(detail, self._limits), "body": ""}
        headers = passing.headers_down(reply)
        status = passing.error_status(reply)
        return Reply(status, json.dumps(told).encode("ascii"), headers=headers)


def _said_of_making(info: object) -> tuple[tuple[ModelName, ...], str]:
    """Model and seed that an answer's `info` names."""
    try:
        said = json.loads(info) if isinstance(info, str) else None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return (), ""
    models = [
        ModelName(str(said.get(f"sd_{what}_name") or ""), str(said.get(f"sd_{what}_hash") or ""))
        for what in ("model", "vae")
    ]
    more = said.get("extra_generation_params")
    for name, value in more.items() if isinstance(more, dict) else ():
        if name in _MADE_WITH and isinstance(value, str):
            models.append(ModelName(value))
        elif name in _HASHES and isinstance(value, str):  # "teapot: 0123456789ab, fog: ..."
            pairs = (pair.rpartition(":") for pair in value.strip('"').split(",")[:_MOST])
            models += [ModelName(first.strip(), last.strip()) for first, _, last in pairs]
    seed = said.get("seed")
    named = tuple(model for model in models if model.name or model.digest)
    return named, str(seed) if isinstance(seed, int) else ""


def _listed(item: object) -> object:
    """An entry of a list: names of files stay, their folders and metadata do not."""
    if not isinstance(item, dict):
        return item
    kept = {name: {} if name == "metadata" else value for name, value in item.items()}
    for name in _PATHS & kept.keys():
        if isinstance(kept[name], str):
            kept[name] = kept[name].replace("\\", "/").rpartition("/")[2]
    return kept


def _error(status: int, detail: str) -> Reply:
    told = {"error": "HTTPException", "detail": detail, "body": "", "errors": ""}
    return Reply(status, json.dumps(told).encode("ascii"))
