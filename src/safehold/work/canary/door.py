"""Asking a server as a caller would: over HTTP, at the address that it says of itself.

Nothing is tried again and no other status than the agreed one is taken for a verdict, as a
server must be right with every caller, also the simplest.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable
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

    Args:
        address: where the server can be reached (`http://127.0.0.1:8450`).
        options: how.
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        address: str,
        options: DoorOptions,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = address.rstrip("/")
        self._options = options
        self._monotonic = monotonic
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {options.api_key}"},
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
        self._http.close()

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
        until = self._monotonic() + self._options.seconds
        name = self._options.tls_name
        extensions = {"sni_hostname": name} if name else None
        try:
            with self._http.stream(
                method,
                self._address + path,
                headers=headers,
                content=content,
                extensions=extensions,
            ) as answer:
                body = b""
                for piece in answer.iter_bytes(4096):
                    body += piece
                    if len(body) > MAX_ANSWER_BYTES:
                        raise CanaryError(CanaryCode.BAD_ANSWER)
                    if self._monotonic() > until:
                        raise CanaryError(CanaryCode.NO_ANSWER)
                return answer.status_code, body
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            raise CanaryError(CanaryCode.NO_ANSWER) from None


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise CanaryError(CanaryCode.BAD_ANSWER) from None
    if not isinstance(found, dict):
        raise CanaryError(CanaryCode.BAD_ANSWER)
    return found
