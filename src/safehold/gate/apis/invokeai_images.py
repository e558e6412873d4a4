"""Pictures of an InvokeAI server: an account's own alone, and none that was not looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from safehold.gate import documents, forms
from safehold.gate.apis import invokeai_told as told
from safehold.gate.apis import passing
from safehold.gate.apis.invokeai_calls import IMAGE
from safehold.gate.apis.invokeai_library import BASE, Image, Library, fetch
from safehold.gate.apis.passing import BadCallError
from safehold.gate.forms import Part
from safehold.gate.interface import Desk, GateRequest, Route
from safehold.gate.model import (
    Api,
    Generation,
    RefusedError,
    Reply,
    Stage,
    UncheckedError,
    UpstreamCall,
    UpstreamError,
    Words,
)
from safehold.gate.pictures import Limits, strip

MAX_NAMES: Final = 200
"""Pictures that one call names at most."""

_ONE: Final = f"{BASE}/images/i/{{image}}"
_UPLOAD: Final = ("image_category", "is_intermediate", "board_id", "crop_visible")
_CHANGES: Final = ("is_intermediate", "starred", "image_category")
_JSON: Final = (b"content-type", b"application/json")


class Images:
    """Handlers of pictures."""

    def __init__(self, library: Library, limits: Limits) -> None:
        self._library = library
        self._limits = limits

    def routes(self) -> list[Route]:
        """All routes of pictures but uploads."""
        base = f"{BASE}/images"
        return [
            Route("GET", f"{base}/", self._page),
            Route("GET", f"{base}/names", self._names),
            Route("POST", f"{base}/images_by_names", self._by_names),
            Route("POST", f"{base}/delete", self._named),
            Route("POST", f"{base}/star", self._named),
            Route("POST", f"{base}/unstar", self._named),
            Route("GET", _ONE, self._told),
            Route("DELETE", _ONE, self._changed),
            Route("PATCH", _ONE, self._changed),
            Route("GET", f"{_ONE}/metadata", self._told),
            Route("GET", f"{_ONE}/workflow", self._told),
            Route("GET", f"{_ONE}/urls", self._told),
            Route("GET", f"{_ONE}/full", self._picture),
            Route("GET", f"{_ONE}/thumbnail", self._picture),
            Route("GET", f"{BASE}/boards/{{board}}/image_names", self._board),
        ]

    # Pictures

    async def _picture(self, request: GateRequest, desk: Desk) -> Reply:
        """A picture, or its thumbnail: as it is first, and then exactly these bytes."""
        name = request.params["image"]
        image = await self._library.find(request, desk, name)
        if image is None:
            return told.trouble(404)
        if not await self._library.clear(request, desk, name, image):
            raise RefusedError(Stage.OUTPUT)
        return await self._released(request, desk, image)

    async def shown(self, request: GateRequest, desk: Desk) -> Reply:
        """A picture that the server has for all: of a model, of a preset."""
        return await self._released(request, desk, None)

    async def _released(self, request: GateRequest, desk: Desk, image: Image | None) -> Reply:
        call = UpstreamCall("GET", request.path, "", passing.headers_up(request))
        reply = await desk.call(request, call)
        if reply.status != 200:
            return told.trouble(404)
        about = Generation(Api.INVOKEAI) if image is None else image.about
        if not all(await desk.release(request.account, [reply.body], about)):
            if image is not None:
                self._library.refuse(image)
            raise RefusedError(Stage.OUTPUT)
        return Reply(200, reply.body, passing.type_of(reply.body))

    async def inputs(
        self, request: GateRequest, desk: Desk, words: Words, names: Sequence[str]
    ) -> Words:
        """What is asked for, with the pictures that go in by name and were not looked at.

        Raises:
            RefusedError: one is a result of the account's that may not leave.
            UncheckedError: one is another account's, or there is none of that name.
        """
        account = request.account.pseudonym
        if len(names) > self._limits.max_pictures:
            raise UncheckedError(Stage.INPUT)
        found = list(words.pictures)
        for name in names:
            image = await self._library.find(request, desk, name)
            if image is not None:
                if not await self._library.clear(request, desk, name, image):
                    raise RefusedError(Stage.INPUT)
                continue
            if self._library.images.is_others(account, name):
                raise UncheckedError(Stage.INPUT)
            reply = await fetch(request, desk, f"/images/i/{quote(name)}/full")
            if reply.status != 200:
                raise UncheckedError(Stage.INPUT)
            found.append(reply.body)
        if len(found) > self._limits.max_pictures:
            raise UncheckedError(Stage.INPUT)
        return replace(words, pictures=tuple(found))

    async def uploaded(self, request: GateRequest, desk: Desk, picture: bytes) -> Reply:
        """Send on a picture once it was looked at."""
        await desk.admit(request.account, Words(pictures=(picture,)), Api.INVOKEAI)
        asked = parse_qsl(request.query)
        query = urlencode([(name, value) for name, value in asked if name in _UPLOAD])
        kind = passing.type_of(picture).decode("ascii")
        content_type, body = forms.write([Part("file", picture, "picture", kind)])
        headers = (*passing.headers_up(request), (b"content-type", content_type))
        path = f"{BASE}/images/upload"
        reply = await desk.call(request, UpstreamCall("POST", path, query, headers, body))
        if reply.status not in (200, 201):
            return told.error(reply, self._limits)
        said = await passing.answer_document(reply)
        name = said.get("image_name") if isinstance(said, dict) else None
        if not isinstance(name, str) or not IMAGE.fullmatch(name):
            raise UpstreamError
        self._library.images.put(request.account.pseudonym, name, Image(None, looked=True))
        return told.document(strip(said, self._limits), reply.status)

    # What is told of them

    async def _told(self, request: GateRequest, desk: Desk) -> Reply:
        if await self._library.find(request, desk, request.params["image"]) is None:
            return told.trouble(404)
        return await self._sent(request, desk, "GET", None)

    async def _changed(self, request: GateRequest, desk: Desk) -> Reply:
        """Delete a picture, or change what is said of it."""
        name = request.params["image"]
        if await self._library.find(request, desk, name) is None:
            return told.trouble(404)
        kept = None
        if request.method == "PATCH":
            try:
                said = passing.call_document(request.body)
            except BadCallError:
                return told.trouble(400)
            kept = {key: said[key] for key in _CHANGES if isinstance(said.get(key), bool | str)}
        return await self._sent(request, desk, request.method, kept)

    async def _page(self, request: GateRequest, desk: Desk) -> Reply:
        """A page of the gallery: of it the account's own."""
        query = urlencode(parse_qsl(request.query))
        reply = await fetch(request, desk, "/images/", query)
        if reply.status != 200:
            return told.error(reply, self._limits)
        said = await passing.answer_document(reply)
        if not isinstance(said, dict):
            raise UpstreamError
        items = await self._own(request, desk, said.get("items"))
        total = len(self._library.images.of(request.account.pseudonym))
        kept = {name: said.get(name) for name in ("limit", "offset")}
        return told.document(strip({**kept, "total": total, "items": items}, self._limits))

    async def _own(self, request: GateRequest, desk: Desk, items: object) -> list[Any]:
        account = request.account.pseudonym
        if not isinstance(items, list):
            return []
        if not all(self._library.learn_image(account, item) for item in items):
            await self._library.refresh(request, desk)
        return [item for item in items if self._library.learn_image(account, item)]

    async def _names(self, request: GateRequest, desk: Desk) -> Reply:
        """The names of the gallery: of them those that are known to be the account's."""
        return await self._only_own(request, desk, f"{BASE}/images/names")

    async def _board(self, request: GateRequest, desk: Desk) -> Reply:
        return await self._only_own(request, desk, request.path)

    async def _only_own(self, request: GateRequest, desk: Desk, path: str) -> Reply:
        query = urlencode(parse_qsl(request.query))
        reply = await fetch(request, desk, path.removeprefix(BASE), query)
        if reply.status != 200:
            return told.error(reply, self._limits)
        said = await passing.answer_document(reply)
        await self._library.refresh(request, desk)
        account = request.account.pseudonym
        names = said.get("image_names") if isinstance(said, dict) else said
        own = [
            name
            for name in (names if isinstance(names, list) else ())
            if isinstance(name, str) and self._library.images.has(account, name)
        ]
        if isinstance(said, dict):
            return told.document({"image_names": own, "starred_count": 0, "total_count": len(own)})
        return told.document(own)

    async def _by_names(self, request: GateRequest, desk: Desk) -> Reply:
        names = _names_of(request)
        if names is None:
            return told.trouble(400)
        said = await self._asked(request, desk, {"image_names": names})
        if isinstance(said, Reply):
            return said
        return told.document(strip(await self._own(request, desk, said), self._limits))

    async def _named(self, request: GateRequest, desk: Desk) -> Reply:
        """Delete pictures, or mark them."""
        names = _names_of(request)
        if names is None:
            return told.trouble(400)
        own = [one for one in names if await self._library.find(request, desk, one) is not None]
        said = await self._asked(request, desk, {"image_names": own})
        return said if isinstance(said, Reply) else told.document(strip(said, self._limits))

    async def _asked(self, request: GateRequest, desk: Desk, value: object) -> Any:
        headers = (*passing.headers_up(request), _JSON)
        call = UpstreamCall("POST", request.path, "", headers, documents.write(value))
        reply = await desk.call(request, call)
        if reply.status != 200:
            return told.error(reply, self._limits)
        return await passing.answer_document(reply)

    async def _sent(self, request: GateRequest, desk: Desk, method: str, value: object) -> Reply:
        headers = passing.headers_up(request)
        body = b""
        if value is not None:
            headers, body = (*headers, _JSON), documents.write(value)
        reply = await desk.call(request, UpstreamCall(method, request.path, "", headers, body))
        if reply.status not in (200, 204):
            return told.error(reply, self._limits)
        said = await passing.answer_document(reply) if reply.body else None
        return told.document(strip(said, self._limits))


def _names_of(request: GateRequest) -> list[str] | None:
    """The pictures that a call names; None where it is not as the API has it."""
    try:
        names = passing.call_document(request.body).get("image_names")
    except BadCallError:
        return None
    if not isinstance(names, list) or len(names) > MAX_NAMES:
        return None
    return [one for one in names if isinstance(one, str) and IMAGE.fullmatch(one)]
