"""The contract with the server, as requests to make and replies to read. No I/O.

Rules for reading a reply to a check
- 200 with the verdict `allow` is the only allow. Any other 2xx, and any status below 400 with
  another verdict, breaks the contract: an error.
- 4xx or 5xx with the verdict `hold` or `block` is that verdict (a key may have a status of its own
  for holds). With the verdict `allow` it breaks the contract.
- 4xx or 5xx without a verdict is a problem (RFC 9457): tried again, or refused.
- What is not JSON, too long, or compressed is no answer.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import quote

from safehold.client.bodies import Body, body_of
from safehold.client.errors import BytesDiffer, ContractError, Refused, Unavailable
from safehold.client.model import Answer, Context, Digests, Flag, ReceiptState, Verdict
from safehold.client.retrying import (
    AGAIN_STATUSES,
    Again,
    Call,
    Read,
    Reply,
    Request,
    retry_after,
)

SCREEN: Final = "/v1/screen"
DIGESTS: Final = "/v1/screen/digests"
RECEIPTS: Final = "/v1/receipts/"
FLAGS: Final = "/v1/flags"
APPEALS: Final = "/v1/appeals"

JSON_TYPE: Final = "application/json"
BYTES_TYPE: Final = "application/octet-stream"

HEADERS: Final[Mapping[str, str]] = {
    "surface": "Safehold-Surface",
    "uploader": "Safehold-Uploader",
    "uploader_address": "Safehold-Uploader-Address",
    "ip": "Safehold-IP",
    "port": "Safehold-Port",
    "time": "Safehold-Time",
    "file_name": "Safehold-File-Name",
    "reference": "Safehold-Reference",
    "screen_name": "Safehold-Screen-Name",
    "display_name": "Safehold-Display-Name",
    "profile_url": "Safehold-Profile-URL",
    "url": "Safehold-URL",
    "device_type": "Safehold-Device-Type",
    "device_id": "Safehold-Device-ID",
}
"""The header of each part of the context."""

_VISIBLE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")
_KEY = re.compile(r"[!-~]{1,255}")
_RECEIPT = re.compile(r"[!-~]{1,255}")
_CODE = re.compile(r"[a-z0-9_]{1,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

T = TypeVar("T")
Now: TypeAlias = Callable[[], dt.datetime]


def header_value(value: str | int) -> str:
    """A text as percent-encoded UTF-8 (RFC 3986, 2.1), so that any character can be sent."""
    return quote(str(value), safe=_VISIBLE)


def receipt_path(receipt: str, under: str = "") -> str:
    """The path of a receipt. Raises ValueError for what no receipt can be."""
    if _RECEIPT.fullmatch(receipt) is None or set(receipt) <= {"."}:
        raise ValueError("that is not a receipt")
    return RECEIPTS + quote(receipt, safe="") + under


def idempotency(key: str) -> dict[str, str]:
    """The header of an idempotency key. Raises ValueError for what cannot be one."""
    if _KEY.fullmatch(key) is None:
        raise ValueError("an idempotency key is 1 to 255 visible ASCII characters")
    return {"Idempotency-Key": key}


def given(surface: str, uploader: str | None, context: Context | None) -> dict[str, str | int]:
    """All that is known of an item, by the names of the fields."""
    who = {} if uploader is None else {"uploader": uploader}
    return {"surface": surface, **who, **(context.fields() if context else {})}


def screen(data: Body, known: Mapping[str, str | int], key: str, now: Now) -> Call[Answer]:
    """`POST /v1/screen` with raw bytes. `known` is as `given` gives it."""
    headers = {HEADERS[name]: header_value(value) for name, value in known.items()}
    headers |= {"Content-Type": BYTES_TYPE, **idempotency(key)}
    return Call(Request("POST", SCREEN, headers, data), lambda reply: read_answer(reply, now()))


def digests(found: Digests, known: Mapping[str, str | int], key: str, now: Now) -> Call[Answer]:
    """`POST /v1/screen/digests`."""
    body: dict[str, Any] = {"sha256": found.sha256, **known}
    body |= {name: d for name, d in (("md5", found.md5), ("sha1", found.sha1)) if d is not None}
    if found.pdq is not None:
        body["pdq"] = {"hash": found.pdq, "quality": found.pdq_quality}
    return _posted(DIGESTS, body, idempotency(key), lambda reply: read_answer(reply, now()))


def receipt(receipt_id: str, now: Now) -> Call[ReceiptState]:
    """`GET /v1/receipts/{receipt}`."""
    request = Request("GET", receipt_path(receipt_id))
    return Call(request, lambda reply: read_receipt(reply, now()))


def confirm(receipt_id: str, sha256: str, now: Now) -> Call[None]:
    """`POST /v1/receipts/{receipt}/confirm`. Raises ValueError for what is no SHA-256."""
    if _SHA256.fullmatch(sha256) is None:
        raise ValueError("a SHA-256 is 64 lower-case hexadecimal digits")
    path = receipt_path(receipt_id, "/confirm")
    return _posted(path, {"sha256": sha256}, {}, lambda reply: read_confirmed(reply, now()))


def send_bytes(receipt_id: str, data: Body, now: Now) -> Call[Answer]:
    """`PUT /v1/receipts/{receipt}/bytes`."""
    request = Request("PUT", receipt_path(receipt_id, "/bytes"), {"Content-Type": BYTES_TYPE}, data)
    return Call(request, lambda reply: read_answer(reply, now()))


def flag(what: Flag, key: str, now: Now) -> Call[Answer]:
    """`POST /v1/flags`."""
    body: dict[str, Any] = {"reason": what.reason}
    optional = (
        ("receipt", what.receipt),
        ("sha256", what.sha256),
        ("text", what.text),
        ("reporter", what.reporter),
    )
    body |= {name: value for name, value in optional if value is not None}
    body |= given(what.surface, what.uploader, what.context)
    return _posted(FLAGS, body, idempotency(key), lambda reply: read_noted(reply, now()))


def appeal(receipt_id: str, text: str, appellant: str | None, key: str, now: Now) -> Call[Answer]:
    """`POST /v1/appeals`."""
    body = {"receipt": receipt_id, "text": text}
    if appellant is not None:
        body["appellant"] = appellant
    return _posted(APPEALS, body, idempotency(key), lambda reply: read_noted(reply, now()))


def _posted(
    path: str, body: Mapping[str, Any], headers: Mapping[str, str], read: Read[T]
) -> Call[T]:
    data = json.dumps(body, separators=(",", ":")).encode()
    return Call(Request("POST", path, {"Content-Type": JSON_TYPE, **headers}, body_of(data)), read)


def read_answer(reply: Reply, now: dt.datetime) -> Answer | Again:
    """The verdict of a check, by the rules above. Raises `ContractError` and `Refused`."""
    answer = _answer(reply)
    if reply.status < 400:
        if answer is None or reply.status != 200:
            raise ContractError("no_verdict", status=reply.status)
        if not answer.allowed:
            raise ContractError("status_contradicts_verdict", status=reply.status)
        return answer
    if answer is None:
        return _problem(reply, now)
    if answer.allowed:
        raise ContractError("status_contradicts_verdict", status=reply.status)
    return answer


def read_noted(reply: Reply, now: dt.datetime) -> Answer | Again:
    """The 202 of a flag or an appeal, with the present verdict."""
    if reply.status >= 400:
        return _problem(reply, now)
    answer = _answer(reply)
    if reply.status != 202 or answer is None:
        raise ContractError("not_noted", status=reply.status)
    return answer


def read_receipt(reply: Reply, now: dt.datetime) -> ReceiptState | Again:
    """The present state of a receipt."""
    if reply.status >= 400:
        return _problem(reply, now)
    answer = _answer(reply)
    said = _object(reply) or {}
    wanted, until = said.get("bytes"), said.get("until")
    if reply.status != 200 or answer is None or wanted not in ("none", "wanted"):
        raise ContractError("no_verdict", status=reply.status)
    try:
        moment = None if until is None else dt.datetime.fromisoformat(str(until))
    except ValueError:
        moment = None
    return ReceiptState(answer.verdict, answer.receipt, wanted == "wanted", moment)


def read_confirmed(reply: Reply, now: dt.datetime) -> Again | None:
    """Nothing, for 204. Raises `BytesDiffer` when other bytes were checked."""
    if reply.status >= 400:
        return _problem(reply, now)
    if reply.status != 204:
        raise ContractError("not_confirmed", status=reply.status)
    return None


def _object(reply: Reply) -> dict[str, Any] | None:
    """The JSON object of a reply, or None."""
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (JSON_TYPE, "application/problem+json"):
        return None
    try:
        said = json.loads(reply.content)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _answer(reply: Reply) -> Answer | None:
    """The verdict and the receipt of a reply, or None where it does not have both."""
    said = _object(reply) or {}
    verdict, name = said.get("verdict"), said.get("receipt")
    if not isinstance(verdict, str) or verdict not in tuple(Verdict):
        return None
    if not isinstance(name, str) or _RECEIPT.fullmatch(name) is None:
        return None
    return Answer(Verdict(verdict), name)


def _problem(reply: Reply, now: dt.datetime) -> Again:
    """What a reply of 400 or more without a verdict means. Raises what is final."""
    code = (_object(reply) or {}).get("code")
    if not isinstance(code, str) or _CODE.fullmatch(code) is None:
        code = f"status_{reply.status}"
    if reply.status in AGAIN_STATUSES:
        return Again(code, reply.status, retry_after(reply.headers.get("retry-after"), now))
    if reply.status >= 500:
        raise Unavailable(code, status=reply.status)
    if code == "bytes_differ":
        raise BytesDiffer(code, status=reply.status)
    raise Refused(code, status=reply.status)
