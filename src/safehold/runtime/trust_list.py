"""The operator's file of C2PA trust anchors. The host reads it: workers can open no file."""

from __future__ import annotations

import binascii
from pathlib import Path
from typing import Final

from safehold.errors import UsageError

MAX_BYTES: Final = 16 * 1024 * 1024
_BEGIN: Final = "-----BEGIN "
_CERTIFICATE: Final = "CERTIFICATE-----"
_END: Final = "-----END CERTIFICATE-----"
_SEQUENCE: Final = b"\x30"
"""How every certificate begins (X.690, 8.9)."""


class TrustListError(UsageError):
    """The file of trust anchors is not one."""

    code = "trust_list"
    default_message = "The file of C2PA trust anchors cannot be used."
    default_hint = "The setting provenance.trust_list names a PEM file of certificates."


def read_trust_list(file: str) -> str | None:
    """The anchors as PEM, or None where no file is named.

    Raises:
        TrustListError: it cannot be read, holds anything but certificates (a key, which no worker
            may be given), or one of them is cut: by such a list nothing at all could be checked.
    """
    if not file:
        return None
    try:
        with Path(file).open("rb") as opened:
            body = opened.read(MAX_BYTES + 1)
    except (OSError, ValueError):
        raise TrustListError from None
    text = body.decode("utf-8", "replace")
    blocks = text.split(_BEGIN)[1:]
    if len(body) > MAX_BYTES or not blocks or not all(map(_is_certificate, blocks)):
        raise TrustListError
    return text


def _is_certificate(block: str) -> bool:
    """Whether what follows the first mark of a PEM block is a whole certificate, by its frame."""
    inner, end, _ = block.partition(_END)
    if not (block.startswith(_CERTIFICATE) and end):
        return False
    try:
        body = binascii.a2b_base64("".join(inner.removeprefix(_CERTIFICATE).split()))
    except ValueError:
        return False
    return body.startswith(_SEQUENCE) and len(body) == _stated_length(body)


def _stated_length(body: bytes) -> int:
    """How long a DER value says that it is, with its header (X.690, 8.1.3); 0 for no length."""
    first = body[1] if len(body) > 1 else 0
    if first < 0x80:
        return 2 + first
    count = first & 0x7F
    return 2 + count + int.from_bytes(body[2 : 2 + count], "big") if count else 0
