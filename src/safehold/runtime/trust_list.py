"""The operator's file of C2PA trust anchors. The host reads it: workers can open no file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from safehold.errors import UsageError

MAX_BYTES: Final = 16 * 1024 * 1024
_MARK: Final = "-----BEGIN CERTIFICATE-----"


class TrustListError(UsageError):
    """The file of trust anchors is not one."""

    code = "trust_list"
    default_message = "The file of C2PA trust anchors cannot be used."
    default_hint = "The setting provenance.trust_list names a PEM file of certificates."


def read_trust_list(file: str) -> str | None:
    """The anchors as PEM, or None where no file is named. Raises `TrustListError`."""
    if not file:
        return None
    try:
        with Path(file).open("rb") as opened:
            body = opened.read(MAX_BYTES + 1)
    except (OSError, ValueError):
        raise TrustListError from None
    text = body.decode("utf-8", "replace")
    if len(body) > MAX_BYTES or _MARK not in text:
        raise TrustListError
    return text
