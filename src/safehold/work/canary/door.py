"""Asking a server as a caller would: over HTTP, at the address that it says of itself.

Nothing is tried again and no other status than the agreed one is taken for a verdict, as a
server must be right with every caller, also the simplest.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from safehold.policy.model import Verdict
from safehold.policy.surfaces import DEFAULT_SURFACE
from safehold.work.canary.model import CanaryCode, CanaryError

STATUSES = {200: Verdict.ALLOW, 423: Verdict.HOLD, 451: Verdict.BLOCK}
"""The status of each verdict for a key that asks for no other."""

MAX_ANSWER_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class DoorOptions:
    """How servers are called.

    Attributes:
        api_key: of the canaries' service.
        seconds: for one whole call.
        tls: what servers' certificates are checked against; None for the system's authorities.
        tls_name: the name that certificates must have; empty for that of the address.
    """

    api_key: str = field(repr=False)
    seconds: float = 15.0
    tls: ssl.SSLContext | None = None
    tls_name: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What a server answered."""

    verdict: Verdict
    receipt: str = field(repr=False)


class Door:
    """One server's door. A context manager; its connection is kept until it is left.

    Not to be used where an event loop runs: it has one of its own, in which a call as a whole
    has a time, however its bytes drip.

    Args:
        address: where the server can be reached (`http://127.0.0.1:8450`).
        options: how.
    """

    def __init__(self, address: str, options: DoorOptions) -> None:
        self._address = address.rstrip("/")
        self._options = options
        self._runner = asyncio.Runner()
        self._http = httpx.AsyncClient(
            headers={
                "Authorization": f"Bearer {options.api_key}",
                "Accept-Encoding": "identity",
            },
            timeout=options.seconds,
            verify=True if options.tls is None else options.tls,
            trust_env=False,
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._runner:
            self._runner.run(self._http.aclose())

    def screen(self, content: bytes, media_type: str) -> Said:
        """Have a picture checked. Raises `CanaryError`."""
        headers = {"Content-Type": media_type, "Safehold-Surface": DEFAULT_SURFACE}
        status, body = self._call("POST", "/v1/screen", headers, content)
        if status not in STATUSES:
            raise CanaryError(CanaryCode.REFUSED)
        said = _object(body)
        # The answer may tell nothing more: that would be an oracle.
        if set(said) != {"verdict", "receipt"} or said["verdict"] != STATUSES[status].value:
            raise CanaryError(CanaryCode.BAD_ANSWER)
        receipt = said["receipt"]
        if not isinstance(receipt, str) or not receipt.isascii() or not receipt.isprintable():
            raise CanaryError(CanaryCode.BAD_ANSWER)
        return Said(STATUSES[status], receipt)

    def verdict_of(self, receipt: str) -> Verdict:
        """What a receipt says now. Raises `CanaryError`."""
        path = f"/v1/receipts/{quote(receipt, safe='')}"
        status, body = self._call("GET", path, {}, None)
        if status != 200:
            raise CanaryError(CanaryCode.WRONG_RECEIPT)
        try:
            return Verdict(_object(body).get("verdict", ""))
        except ValueError:
            raise CanaryError(CanaryCode.BAD_ANSWER) from None

    def _call(
        self, method: str, path: str, headers: dict[str, str], content: bytes | None
    ) -> tuple[int, bytes]:
        """Status and body of one call, within its time in all and bounded."""
        name = self._options.tls_name
        try:
            request = self._http.build_request(
                method,
                self._address + path,
                headers=headers,
                content=content,
                extensions={"sni_hostname": name} if name else None,
            )
            return self._runner.run(self._exchange(request))
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            raise CanaryError(CanaryCode.NO_ANSWER) from None

    async def _exchange(self, request: httpx.Request) -> tuple[int, bytes]:
        async with asyncio.timeout(self._options.seconds):
            answer = await self._http.send(request, stream=True)
            try:
                body = b""
                async for piece in answer.aiter_raw():
                    body += piece
                    if len(body) > MAX_ANSWER_BYTES:
                        raise CanaryError(CanaryCode.BAD_ANSWER)
                return answer.status_code, body
            finally:
                await answer.aclose()


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise CanaryError(CanaryCode.BAD_ANSWER) from None
    if not isinstance(found, dict):
        raise CanaryError(CanaryCode.BAD_ANSWER)
    return found
