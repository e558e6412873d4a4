"""`POST /v1/screen`, `POST /v1/screen/digests` and `PUT /v1/receipts/{receipt}/bytes`."""

from __future__ import annotations

import asyncio
import binascii
import datetime as dt
import functools
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from safehold.accounts.budgets import Call
from safehold.accounts.keys import Caller
from safehold.accounts.model import CANARY_SERVICE, Scope
from safehold.cases.model import OccurrenceKind
from safehold.engine.documents import Reply
from safehold.engine.engine import Item
from safehold.engine.errors import OverloadedError
from safehold.engine.judging import Rulebook
from safehold.engine.reading import BodyLimits, discard
from safehold.engine.spool import Body
from safehold.hashing.model import ExactDigests, Orientation, VariantDigests
from safehold.intake.model import Answer, Idempotency, Submission
from safehold.lists.trust.model import Suppressed
from safehold.policy.model import Verdict
from safehold.policy.surfaces import SurfaceOptions
from safehold.screening import Examination, Screened
from safehold.server import bodies
from safehold.server.context import Said, fields_of_headers, idempotency_key, said
from safehold.server.errors import EmptyBodyError, MediaTypeError, RequestError, UnknownSurfaceError
from safehold.server.multipart import OVERHEAD_BYTES, Form
from safehold.server.request import Request
from safehold.server.shared import Shared, read_json
from safehold.server.watching import Watcher

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item belongs: what was said of it, its surface's settings and its rules."""

    said: Said
    options: SurfaceOptions
    rulebook: Rulebook


@dataclass(frozen=True, slots=True)
class Asking:
    """A call for a verdict, before there is one.

    Attributes:
        name: the call's name, which is part of what an idempotency key is bound to.
        caller: who asks.
        kind: by which way the item came.
        place: where it belongs.
        idempotency_key: the caller's, or None.
        received: when the call came.
        sha256: of the bytes where it is known before they are examined; else empty.
    """

    name: bytes
    caller: Caller
    kind: OccurrenceKind
    place: Place
    idempotency_key: bytes | None
    received: dt.datetime
    sha256: bytes = b""


class ScreenRoutes:
    """Calls that are answered with a verdict on some bytes."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._parts = shared.parts
        self._purse = shared.purse
        self._engine = shared.engine
        options = shared.parts.options
        self._limits = BodyLimits(options.max_body_bytes, options.body_seconds, options.body_rate)
        self._form_limits = BodyLimits(
            options.max_body_bytes + OVERHEAD_BYTES, options.body_seconds, options.body_rate
        )
        self._json_limits = BodyLimits(
            options.max_json_bytes, options.body_seconds, options.body_rate
        )
        self._rulebooks: dict[tuple[str, str], tuple[SurfaceOptions, Rulebook]] = {}
        self._watcher = Watcher(shared.parts)

    # The routes

    async def screen(self, request: Request) -> Reply:
        """`POST /v1/screen`."""
        caller = await self._shared.gate.admit(request, Scope.SCREEN)
        request.check_item()
        if request.is_form:
            return await self._screen_form(request, caller)
        place = self._place(caller, self._said(request, {}))
        key = idempotency_key(request.header(b"idempotency-key"))
        self._purse.charge(
            self._purse.key(caller, Call.SCREEN), self._user(caller, Call.SCREEN, place)
        )
        asking = Asking(
            b"screen", caller, OccurrenceKind.UPLOAD, place, key, self._parts.clock.now()
        )
        if not place.options.enabled:
            await discard(request, self._limits)
            return self._reply(request, caller, self._parts.door.unread(caller.service.service_id))
        self._engine.check_room()
        body = await self._spooled(request, caller)
        return await self._answer(request, asking, body)

    async def _screen_form(self, request: Request, caller: Caller) -> Reply:
        request.check_repeated()
        first = fields_of_headers(request.headers)
        said(first)  # what is wrong in them is wrong, whatever the form's fields say
        key = idempotency_key(request.header(b"idempotency-key"))
        self._purse.charge(self._purse.key(caller, Call.SCREEN))
        self._engine.check_room()
        body = self._shared.spool.body(self._limits.max_bytes, caller.service.service_id)
        try:
            form = Form(request.headers[b"content-type"], body)
            await request.read(form, self._form_limits)
            fields = form.finish()
            self._place(caller, said(fields))  # wrong is wrong, whatever headers say
            place = self._place(caller, self._said(request, fields, first))
            self._purse.charge(self._user(caller, Call.SCREEN, place))
            received = self._parts.clock.now()
            asking = Asking(b"screen", caller, OccurrenceKind.UPLOAD, place, key, received)
            if not place.options.enabled:
                answer = self._parts.door.unread(caller.service.service_id)
                body.close()
                return self._reply(request, caller, answer)
            _check_size(body)
        except BaseException:
            body.close()
            raise
        return await self._answer(request, asking, body)

    async def digests(self, request: Request) -> Reply:
        """`POST /v1/screen/digests`."""
        caller = await self._shared.gate.admit(request, Scope.DIGESTS)
        key = idempotency_key(request.header(b"idempotency-key"))
        content = await read_json(request, self._json_limits)
        asked = bodies.read_body(bodies.DigestsBody, content)
        if asked.pdq is not None and not self._parts.options.digests_pdq:
            raise RequestError.field("pdq")
        place = self._place(caller, asked.said())
        self._purse.charge(
            self._purse.key(caller, Call.DIGESTS), self._user(caller, Call.DIGESTS, place)
        )
        examination = _of_digests(asked)
        assert examination.exact is not None
        asking = Asking(
            b"digests:" + binascii.unhexlify(asked.md5 + asked.sha1) + _pdq_part(asked),
            caller,
            OccurrenceKind.DIGESTS,
            place,
            key,
            self._parts.clock.now(),
            examination.exact.sha256,
        )
        if not place.options.enabled:
            return self._reply(request, caller, self._parts.door.unread(caller.service.service_id))
        self._engine.check_room()
        return await self._settle(request, asking, None, examination)

    async def send_bytes(self, request: Request) -> Reply:
        """`PUT /v1/receipts/{receipt}/bytes`."""
        caller = await self._shared.gate.admit(request, Scope.SCREEN)
        request.check_item()
        if request.is_form:
            raise MediaTypeError
        place = self._place(caller, self._said(request, {}))
        key = idempotency_key(request.header(b"idempotency-key"))
        self._purse.charge(
            self._purse.key(caller, Call.SCREEN), self._user(caller, Call.SCREEN, place)
        )
        self._engine.check_room()
        body = await self._spooled(request, caller)
        service = caller.service.service_id
        try:
            sha256 = await asyncio.to_thread(_sha256, body.descriptor)
            receipts = self._parts.door.receipts
            await self._shared.records.ask(receipts.awaits, service, request.path_part, sha256)
        except BaseException:
            body.close()
            raise
        asking = Asking(
            b"bytes", caller, OccurrenceKind.UPLOAD, place, key, self._parts.clock.now(), sha256
        )
        return await self._answer(request, asking, body)

    # Their steps

    def _said(
        self, request: Request, fields: Mapping[str, str], first: dict[str, str] | None = None
    ) -> Said:
        """What headers and fields say together; headers stand before fields.

        Who passes on somebody else's form and says in headers where it belongs is not to be
        overruled by the form.
        """
        request.check_repeated()
        found = fields_of_headers(request.headers) if first is None else first
        return said({**fields, **{name: value for name, value in found.items() if value}})

    def _place(self, caller: Caller, what: Said) -> Place:
        """The surface's settings and rules. Raises `UnknownSurfaceError`."""
        names = (caller.service.name, what.surface)
        known = self._rulebooks.get(names)
        if known is None:
            options = self._parts.surfaces.find(*names)
            if options is None:
                raise UnknownSurfaceError
            canary = caller.service.name == CANARY_SERVICE
            rulebook = Rulebook.of(
                options, self._parts.policy, self._parts.canary_list, canary=canary
            )
            # Bounded: there are as many as there are services times surfaces.
            known = self._rulebooks[names] = (rulebook.surface, rulebook)
        return Place(what, *known)

    def _user(self, caller: Caller, call: Call, place: Place) -> tuple[bytes, int]:
        surface = (place.said.surface, place.options)
        return self._purse.user(caller, call, place.said.context.uploader, surface)

    async def _spooled(self, request: Request, caller: Caller) -> Body:
        """The whole body in memory, sealed."""
        body = self._shared.spool.body(self._limits.max_bytes, caller.service.service_id)
        try:
            await request.read(body, self._limits)
            _check_size(body)
        except BaseException:
            body.close()
            raise
        return body

    async def _answer(self, request: Request, asking: Asking, body: Body) -> Reply:
        body.seal()
        return await self._settle(request, asking, body, None)

    async def _settle(
        self,
        request: Request,
        asking: Asking,
        body: Body | None,
        examination: Examination | None,
    ) -> Reply:
        item = Item(
            asking.place.rulebook,
            lambda screened, lists: self._submission(asking, body, screened, lists),
            body,
            examination,
            self._suppressed(asking.caller),
        )
        try:
            task = self._engine.take(item)
        except BaseException:
            if body is not None:
                body.close()
            raise
        try:
            settled = await asyncio.wait_for(
                asyncio.shield(task), self._parts.options.answer_seconds
            )
        except TimeoutError:
            raise OverloadedError from None
        self._watcher.note(settled)
        return self._reply(request, asking.caller, settled.answer)

    def _suppressed(self, caller: Caller) -> Callable[[bytes], Suppressed] | None:
        suppressing = self._parts.door.suppressing
        if suppressing is None:
            return None
        return functools.partial(suppressing.of, caller.service.service_id)

    def _submission(
        self, asking: Asking, body: Body | None, screened: Screened, lists: Mapping[str, int]
    ) -> Submission:
        """The item as it may be recorded. Called in the judge's thread."""
        exact = screened.examination.exact
        sha256 = asking.sha256 or (exact.sha256 if exact is not None else b"")
        return Submission(
            service_id=asking.caller.service.service_id,
            kind=asking.kind,
            surface=asking.place.said.surface,
            context=asking.place.said.context,
            received=asking.received,
            sha256=sha256,
            screened=screened,
            lists=lists,
            descriptor=None if body is None else body.descriptor,
            canary=asking.place.rulebook.canary,
            idempotency=self._idempotency(asking, sha256),
        )

    def _idempotency(self, asking: Asking, sha256: bytes) -> Idempotency | None:
        if asking.idempotency_key is None:
            return None
        service, names = asking.caller.service.service_id, self._parts.names
        what = asking.place.said
        context = what.context.as_json(surface=what.surface)
        return Idempotency(
            key=names.request(service, b"key", asking.idempotency_key),
            request=names.request(service, asking.name, sha256, context),
            statuses=_statuses(asking.caller),
        )

    def _reply(self, request: Request, caller: Caller, answer: Answer) -> Reply:
        request.verdict = answer.verdict.value
        if answer.replayed is not None:
            request.verdict = "replayed"
            return Reply(answer.replayed.status, answer.replayed.body)
        if caller.service.name != CANARY_SERVICE:
            self._shared.figures.verdict(answer.verdict)
        return Reply(_statuses(caller)[answer.verdict], answer.body())


def _check_size(body: Body) -> None:
    if not body.size:
        raise EmptyBodyError


def _statuses(caller: Caller) -> Mapping[Verdict, int]:
    return {
        Verdict.ALLOW: 200,
        Verdict.HOLD: caller.key.hold_status,
        Verdict.BLOCK: 451,
    }


def _of_digests(asked: bodies.DigestsBody) -> Examination:
    exact = ExactDigests(
        binascii.unhexlify(asked.md5),
        binascii.unhexlify(asked.sha1),
        binascii.unhexlify(asked.sha256),
        0,
    )
    if asked.pdq is None:
        return Examination(exact)
    # Of a hash alone the other orientations cannot be had; it is asked as it is.
    hashes = (binascii.unhexlify(asked.pdq.hash),) * len(Orientation)
    return Examination(exact, variants=(VariantDigests("as_given", asked.pdq.quality, hashes),))


def _pdq_part(asked: bodies.DigestsBody) -> bytes:
    if asked.pdq is None:
        return b""
    return binascii.unhexlify(asked.pdq.hash) + bytes([asked.pdq.quality])


def _sha256(descriptor: int) -> bytes:
    digest = hashlib.sha256()
    at = 0
    while chunk := os.pread(descriptor, _CHUNK, at):
        digest.update(chunk)
        at += len(chunk)
    return digest.digest()
