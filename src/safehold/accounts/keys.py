"""API keys: their text, how they are made, and what may be asked of them. I/O-free.

A key is shown once, as `sfh_{key id}_{secret}{checksum}`:

- the key id is public, 26 characters of Crockford's base 32 (`safehold.ids`);
- the secret is 32 random bytes, as 52 characters of base 32 (RFC 4648, lower case, no padding);
- the checksum is the first 4 characters of the base 32 form of SHA-256 over all that stands
  before it, so that a mistyped or shortened key is told without any look-up.

Stored is SHA-256 of the secret's bytes. The prefix lets scanners of source code find keys that
were committed by mistake.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

from safehold.accounts.model import DEFAULT_SCOPES, ApiKey, ApiKeyError, Scope, Service
from safehold.errors import UsageError
from safehold.ids import ID_LENGTH, KeyId, ServiceId

KEY_PREFIX: Final = "sfh_"
"""How the text of every key begins."""

SECRET_BYTES: Final = 32
"""Random bytes of a secret."""

DEFAULT_HOLD_STATUS: Final = 423
"""HTTP status of a hold, unless a key says otherwise (RFC 4918, section 11.3)."""

REFUSED_HOLD_STATUS: Final = frozenset(
    {
        401,  # the key is not valid
        403,  # the key has not the scope
        407,  # a proxy wants to know who asks
        408,  # time ran out; clients and proxies send the call again by themselves
        413,  # the item is too large
        422,  # the idempotency key was used for another item
        425,  # too early; clients send the call again by themselves
        429,  # the budget is used up; clients wait and send the call again
        451,  # a block
        500,  # a fault of the server
        502,  # a proxy has no server; clients send the call again
        503,  # overload; clients wait and send the call again
        504,  # a proxy has no answer; clients send the call again
    }
)
"""Statuses that no hold may have, since they mean something else.

A caller could not tell a hold from them, or would, or software on the way would, send the same
item over and over. Statuses below 400 are refused too: only an allow may look like a success.
"""

LABEL_CHARACTERS: Final = 100
"""Longest label of a key."""

MOST_PER_MINUTE: Final = 1_000_000
"""Largest budget that a key can have of its own."""

_CHECKSUM_CHARACTERS = 4
_SECRET_CHARACTERS = 52
_KEY_TEXT = re.compile(
    rf"(?P<before>{KEY_PREFIX}(?P<key_id>[0-9a-z]{{{ID_LENGTH}}})"
    rf"_(?P<secret>[a-z2-7]{{{_SECRET_CHARACTERS}}}))"
    rf"(?P<checksum>[a-z2-7]{{{_CHECKSUM_CHARACTERS}}})"
)
_NO_HASH = bytes(32)


class HoldStatusError(UsageError):
    """An HTTP status that a hold cannot have."""

    code = "hold_status"
    default_message = "That HTTP status cannot stand for a hold."
    default_hint = (
        "Take a 4xx or 5xx that means nothing else here, such as 423, 409 or 400; not "
        + ", ".join(str(status) for status in sorted(REFUSED_HOLD_STATUS))
        + "."
    )


class KeyTermsError(UsageError):
    """A label, scopes, a budget or an expiry that no key can have."""

    code = "key_terms"
    default_message = "A key cannot be made on those terms."
    default_hint = (
        f"It takes at least one scope, a label of at most {LABEL_CHARACTERS} printable "
        f"characters, a budget of 0 to {MOST_PER_MINUTE} a minute, and an expiry to come."
    )


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """What is agreed for a new API key.

    Attributes:
        label: a word of the operator's, to tell keys apart.
        scopes: what it may do.
        hold_status: the HTTP status of a hold.
        per_minute: budget of the key where it differs from the settings; 0 for without bound.
        expires: from when on it is refused, or None.
    """

    label: str = ""
    scopes: frozenset[Scope] = DEFAULT_SCOPES
    hold_status: int = DEFAULT_HOLD_STATUS
    per_minute: int | None = None
    expires: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a service, by one of its keys."""

    service: Service
    key: ApiKey

    def may(self, scope: Scope) -> bool:
        """Whether the key has a scope."""
        return scope in self.key.scopes

    def usable(self, now: dt.datetime) -> bool:
        """Whether the key counts: not revoked, not expired, its service not disabled."""
        key = self.key
        # A moment of revocation to come (clocks differ) counts already.
        if key.revoked is not None or self.service.disabled is not None:
            return False
        return key.expires is None or now < key.expires


def check_hold_status(status: int) -> int:
    """Check the HTTP status of a hold. Raises `HoldStatusError`."""
    if not 400 <= status <= 599 or status in REFUSED_HOLD_STATUS:
        raise HoldStatusError
    return status


def make_key(
    key_id: KeyId, service_id: ServiceId, terms: KeyTerms, now: dt.datetime, secret: bytes
) -> tuple[ApiKey, str]:
    """A new key: what is stored of it, and its text, which is to be shown once.

    Args:
        key_id: its id, from `safehold.ids.IdMaker`.
        service_id: whose it is.
        terms: what is agreed.
        now: the present moment.
        secret: 32 bytes from a source of randomness fit for keys.

    Raises:
        HoldStatusError: of `terms.hold_status`.
        KeyTermsError: of the other terms.
    """
    check_hold_status(terms.hold_status)
    budget_fits = terms.per_minute is None or 0 <= terms.per_minute <= MOST_PER_MINUTE
    label_fits = len(terms.label) <= LABEL_CHARACTERS and terms.label.isprintable()
    if not terms.scopes or not budget_fits or not label_fits:
        raise KeyTermsError
    if terms.expires is not None and terms.expires <= now:
        raise KeyTermsError
    key = ApiKey(
        key_id=key_id,
        service_id=service_id,
        label=terms.label,
        secret_hash=hashlib.sha256(secret).digest(),
        scopes=terms.scopes,
        hold_status=terms.hold_status,
        per_minute=terms.per_minute,
        created=now,
        expires=terms.expires,
    )
    return key, key_text(key_id, secret)


def key_text(key_id: KeyId, secret: bytes) -> str:
    """The text of a key.

    Raises:
        ValueError: the id or the secret has another length, or the id other characters.
    """
    before = f"{KEY_PREFIX}{key_id}_{_base32(secret)}"
    text = before + _checksum(before)
    if len(secret) != SECRET_BYTES or _KEY_TEXT.fullmatch(text) is None:
        raise ValueError("a key has an id of 26 characters and a secret of 32 bytes")
    return text


def parse_key(text: str) -> tuple[KeyId, bytes]:
    """The id and the secret (32 bytes) of a key's text.

    Raises:
        ApiKeyError: it is not the text of a key. Whether there is such a key is not known yet.
    """
    found = _KEY_TEXT.fullmatch(text)
    if found is None or found["checksum"] != _checksum(found["before"]):
        raise ApiKeyError
    try:
        secret = base64.b32decode(found["secret"].upper() + "====")
    except binascii.Error:
        raise ApiKeyError from None
    if _base32(secret) != found["secret"]:
        # The last character has four bits to spare; one key has one text.
        raise ApiKeyError
    return KeyId(found["key_id"]), secret


def secret_fits(key: ApiKey | None, secret: bytes) -> bool:
    """Whether a secret is a key's. It takes as long where there is no key (None)."""
    expected = _NO_HASH if key is None else key.secret_hash
    return hmac.compare_digest(hashlib.sha256(secret).digest(), expected) and key is not None


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode("ascii").rstrip("=").lower()


def _checksum(before: str) -> str:
    return _base32(hashlib.sha256(before.encode("ascii")).digest())[:_CHECKSUM_CHARACTERS]
