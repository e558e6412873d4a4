"""What a caller says about an item, from headers, form fields or JSON; checked and bounded.

Values of headers are percent-encoded UTF-8 (RFC 3986, section 2.1), since a header can carry
nothing but ASCII safely. An error names the field and never the value.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from safehold.intake.model import Context
from safehold.policy.surfaces import DEFAULT_SURFACE
from safehold.server.errors import RequestError

LIMITS: Mapping[str, int] = {
    "surface": 64,
    "uploader": 256,
    "uploader_address": 254,
    "ip": 45,
    "port": 5,
    "time": 64,
    "file_name": 1024,
    "reference": 256,
    "screen_name": 256,
    "display_name": 256,
    "profile_url": 2048,
    "url": 2048,
    "device_type": 64,
    "device_id": 256,
}
"""The fields, and the most characters that each may have."""

_TEXTS = (
    "file_name",
    "reference",
    "screen_name",
    "display_name",
    "profile_url",
    "url",
    "device_type",
    "device_id",
)
"""Fields that are any text: what a report would not take of them keeps no item unchecked."""

PREFIX = "safehold-"
"""How the headers of fields begin."""

_ENCODED = re.compile(rb"(?:[!-$&-~ ]|%[0-9A-Fa-f]{2})*")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_ADDRESS = re.compile("[^@ ]+@[^@ ]+")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_IDEMPOTENCY_KEY = re.compile(rb"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Said:
    """Context, and the surface that it is for."""

    surface: str
    context: Context


NOTHING_SAID = Said(DEFAULT_SURFACE, Context())


def fields_of_headers(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """The fields that stand in headers.

    Raises:
        RequestError: a `Safehold-` header is not known, or not percent-encoded UTF-8.
    """
    found = {}
    for name, value in headers.items():
        if name.startswith(b"safehold-"):
            field = name[len(PREFIX) :].decode("ascii", "replace").replace("-", "_")
            # With "_" in its place a header would be another one to a proxy, and the same here.
            if field not in LIMITS or b"_" in name:
                raise RequestError("The call has a 'Safehold-' header that is not known.")
            found[field] = decode_header(field, value)
    return found


def decode_header(field: str, value: bytes) -> str:
    """The text of a header's value. Raises `RequestError`."""
    if len(value) > 3 * 4 * LIMITS[field] or _ENCODED.fullmatch(value) is None:
        raise RequestError.field(field)
    try:
        return unquote_to_bytes(value).decode("utf-8")
    except UnicodeDecodeError:
        raise RequestError.field(field) from None


def said(fields: Mapping[str, str]) -> Said:
    """Check fields of any door. An empty value counts as not given.

    Raises:
        RequestError: a value is not possible; the message names the field.
    """
    if not fields:
        return NOTHING_SAID
    for name, value in fields.items():
        if len(value) > LIMITS[name] or _CONTROL.search(value):
            raise RequestError.field(name)
    address = fields.get("uploader_address", "")
    if address and not _ADDRESS.fullmatch(address):
        raise RequestError.field("uploader_address")
    context = Context(
        uploader=fields.get("uploader", ""),
        uploader_address=address,
        ip=_ip(fields.get("ip", "")),
        port=_port(fields.get("port", "")),
        time=_time(fields.get("time", "")),
        **{name: fields.get(name, "") for name in _TEXTS},
    )
    return Said(fields.get("surface") or DEFAULT_SURFACE, context)


def _ip(text: str) -> str:
    if not text:
        return ""
    try:
        if "%" in text:
            raise ValueError("an address with a zone means nothing elsewhere")
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise RequestError.field("ip") from None


def _port(text: str) -> int | None:
    if not text:
        return None
    if _PORT.fullmatch(text) is None or int(text) > 65_535:
        raise RequestError.field("port")
    return int(text)


def _time(text: str) -> str:
    """RFC 3339, section 5.6, with its zone; a leap second is taken as it stands."""
    if not text:
        return ""
    if _TIME.fullmatch(text) is None:
        raise RequestError.field("time")
    try:
        # Of seconds, 60 is possible in the format and unknown to Python.
        whole = text[:17] + ("59" if text[17:19] == "60" else text[17:19])
        zone = text[-6:] if text[-1] not in "Zz" else "+00:00"
        dt.datetime.fromisoformat(whole.upper() + zone)
    except ValueError:
        raise RequestError.field("time") from None
    return text


def idempotency_key(value: bytes | None) -> bytes | None:
    """The checked value of `Idempotency-Key`. Raises `RequestError`."""
    if value is not None and _IDEMPOTENCY_KEY.fullmatch(value) is None:
        raise RequestError.field("Idempotency-Key")
    return value
