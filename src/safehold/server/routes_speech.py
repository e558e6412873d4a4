"""Receipts, and what people say about items: `/v1/receipts`, `/v1/flags`, `/v1/appeals`."""

from __future__ import annotations

import binascii
import datetime as dt
import json
import re

from safehold.accounts.budgets import Call
from safehold.accounts.model import Scope
from safehold.cases.receipt import UnknownReceiptError
from safehold.engine.documents import Reply
from safehold.engine.reading import BodyLimits
from safehold.intake.model import Answer, Appeal, Flag
from safehold.server import bodies
from safehold.server.errors import RequestError, UnknownSurfaceError
from safehold.server.request import Request
from safehold.server.shared import Shared, read_json

_RECEIPT = re.compile(r"[A-Za-z0-9_-]{1,128}")


class SpeechRoutes:
    """Calls about items that were answered before."""

    def __init__(self, shared: Shared) -> None:
        self._gate = shared.gate
        self._purse = shared.purse
        self._parts = shared.parts
        self._records = shared.records
        options = shared.parts.options
        self._limits = BodyLimits(options.max_json_bytes, options.body_seconds, options.body_rate)

    async def status(self, request: Request) -> Reply:
        """`GET /v1/receipts/{receipt}`."""
        caller = await self._gate.admit(request, Scope.SCREEN)
        self._purse.charge(self._purse.key(caller, Call.SCREEN))
        receipt = _receipt(request.path_part)
        service = caller.service.service_id
        status = await self._records.ask(self._parts.door.receipts.status, service, receipt)
        request.verdict = status.verdict.value
        until = status.until.astimezone(dt.UTC).isoformat() if status.until else None
        body = {
            "verdict": status.verdict.value,
            "receipt": receipt,
            "bytes": "wanted" if status.bytes_wanted else "none",
            "until": until.replace("+00:00", "Z") if until else None,
        }
        return Reply(200, json.dumps(body).encode("ascii"))

    async def confirm(self, request: Request) -> Reply:
        """`POST /v1/receipts/{receipt}/confirm`."""
        caller = await self._gate.admit(request, Scope.SCREEN)
        self._purse.charge(self._purse.key(caller, Call.SCREEN))
        content = await read_json(request, self._limits)
        stored = bodies.read_body(bodies.ConfirmBody, content)
        await self._records.ask(
            self._parts.door.receipts.confirm,
            caller.service.service_id,
            _receipt(request.path_part),
            binascii.unhexlify(stored.sha256),
        )
        return Reply(204)

    async def flag(self, request: Request) -> Reply:
        """`POST /v1/flags`."""
        caller = await self._gate.admit(request, Scope.FLAGS)
        content = await read_json(request, self._limits)
        flag = bodies.read_body(bodies.FlagBody, content)
        given = flag.model_fields_set & {"receipt", "sha256"}
        if len(given) != 1 or (flag.receipt is None and flag.sha256 is None):
            raise RequestError("Give 'receipt' or 'sha256', and not both.")
        said = flag.said()
        surface = self._parts.surfaces.find(caller.service.name, said.surface)
        if surface is None:
            raise UnknownSurfaceError
        self._purse.charge(
            self._purse.key(caller, Call.FLAGS),
            self._purse.user(caller, Call.FLAGS, flag.reporter, None),
        )
        asked = Flag(
            service_id=caller.service.service_id,
            surface=said.surface,
            receipt=flag.receipt,
            sha256=None if flag.sha256 is None else binascii.unhexlify(flag.sha256),
            reason=flag.reason,
            text=flag.text,
            reporter=flag.reporter,
            context=said.context,
            received=self._parts.clock.now(),
        )
        statements, holds = self._parts.door.statements, surface.flags_hold
        answer = await self._records.ask(lambda: statements.flag(asked, holds=holds))
        return _accepted(request, answer)

    async def appeal(self, request: Request) -> Reply:
        """`POST /v1/appeals`."""
        caller = await self._gate.admit(request, Scope.APPEALS)
        content = await read_json(request, self._limits)
        appeal = bodies.read_body(bodies.AppealBody, content)
        self._purse.charge(
            self._purse.key(caller, Call.APPEALS),
            self._purse.user(caller, Call.APPEALS, appeal.appellant, None),
        )
        asked = Appeal(
            service_id=caller.service.service_id,
            receipt=appeal.receipt,
            text=appeal.text,
            appellant=appeal.appellant,
            received=self._parts.clock.now(),
        )
        answer = await self._records.ask(self._parts.door.statements.appeal, asked)
        return _accepted(request, answer)


def _receipt(text: str) -> str:
    if _RECEIPT.fullmatch(text) is None:
        raise UnknownReceiptError
    return text


def _accepted(request: Request, answer: Answer) -> Reply:
    request.verdict = answer.verdict.value
    return Reply(202, answer.body())
