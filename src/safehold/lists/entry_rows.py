"""From a row as text to an entry as it is stored: checked, and its exact digests keyed."""

from __future__ import annotations

import hashlib

from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import PDQ_BYTES, SignalType
from safehold.ids import EntryId
from safehold.lists.model import MAX_CLASSIFICATION, MAX_ENTRY_ID, EntryDraft, EntryState
from safehold.lists.rows import RowFault

_DEGENERATE = frozenset({bytes(PDQ_BYTES), b"\xff" * PDQ_BYTES})

_EMPTY_FILE = frozenset(
    algorithm(b"", usedforsecurity=False).digest()
    for algorithm in (hashlib.md5, hashlib.sha1, hashlib.sha256)
)
"""Digests of no bytes at all: on a list they would match every empty file."""

_STATES = {state.value: state for state in EntryState}

_ABSENT = b"\x00"
_PRESENT = b"\x01"
_ID_BYTES = 10


class RowChecker:
    """Turns the values of rows into drafts of entries.

    Args:
        key: the home's key, under which exact digests are stored and ids derived.
    """

    def __init__(self, key: DigestKey) -> None:
        self._key = key

    def draft(self, values: tuple[str, ...]) -> EntryDraft | RowFault:
        """The entry that a row describes, or why it describes none.

        Args:
            values: the row's text in the order of `safehold.lists.rows.COLUMNS`.
        """
        entry_id, classification, state_text, md5, sha1, sha256, pdq, quality_text = values
        keyed_md5 = self._exact(SignalType.MD5, md5, 32, RowFault.MD5) if md5 else None
        keyed_sha1 = self._exact(SignalType.SHA1, sha1, 40, RowFault.SHA1) if sha1 else None
        keyed_sha256 = (
            self._exact(SignalType.SHA256, sha256, 64, RowFault.SHA256) if sha256 else None
        )
        plain_pdq = _pdq(pdq) if pdq else None
        quality = _quality(quality_text) if quality_text else None
        state = _state(state_text) if state_text else None
        label = _text(classification, MAX_CLASSIFICATION, RowFault.CLASSIFICATION)
        given_id = _text(entry_id, MAX_ENTRY_ID, RowFault.ID)
        # One chain for the type checker's sake: each test also narrows the type.
        if isinstance(keyed_md5, RowFault):
            return keyed_md5
        if isinstance(keyed_sha1, RowFault):
            return keyed_sha1
        if isinstance(keyed_sha256, RowFault):
            return keyed_sha256
        if isinstance(plain_pdq, RowFault):
            return plain_pdq
        if isinstance(quality, RowFault):
            return quality
        if isinstance(state, RowFault):
            return state
        if isinstance(label, RowFault):
            return label
        if isinstance(given_id, RowFault):
            return given_id
        digests = (keyed_md5, keyed_sha1, keyed_sha256, plain_pdq)
        if digests == (None, None, None, None):
            return RowFault.NO_DIGEST
        return EntryDraft(
            EntryId(given_id) if given_id else derived_id(self._key, digests),
            label,
            state,
            *digests,
            None if plain_pdq is None else quality,
        )

    def _exact(
        self, signal: SignalType, text: str, length: int, fault: RowFault
    ) -> bytes | RowFault | None:
        text = text.strip()
        if not text:
            return None
        digest = _unhex(text, length)
        if digest is None:
            return fault
        if digest in _EMPTY_FILE:
            return RowFault.EMPTY_FILE
        return self._key.keyed(signal, digest)


def derived_id(key: DigestKey, digests: tuple[bytes | None, ...]) -> EntryId:
    """The id of an entry whose source gives none: the same digests, the same id.

    Args:
        key: the home's key, so that the id tells nothing to those without it.
        digests: keyed md5, sha1 and sha256, and plain PDQ.
    """
    parts = [_ABSENT if digest is None else _PRESENT + digest for digest in digests]
    derived = hashlib.blake2b(
        b"".join(parts), digest_size=_ID_BYTES, key=key.secret, person=b"entry-id"
    )
    return EntryId(f"k-{derived.hexdigest()}")


def _unhex(text: str, length: int) -> bytes | None:
    """The bytes of exactly `length` hexadecimal digits. `fromhex` alone would pass spaces."""
    if len(text) != length:
        return None
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        return None
    return digest if len(digest) * 2 == length else None


def _pdq(text: str) -> bytes | RowFault | None:
    text = text.strip()
    if not text:
        return None
    digest = _unhex(text, 2 * PDQ_BYTES)
    if digest is None:
        return RowFault.PDQ
    return RowFault.PDQ_DEGENERATE if digest in _DEGENERATE else digest


def _quality(text: str) -> int | RowFault | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 100):
        return RowFault.QUALITY
    return int(text)


def _state(text: str) -> EntryState | RowFault | None:
    text = text.strip().lower()
    if not text:
        return None
    return _STATES.get(text, RowFault.STATE)


def _text(text: str, longest: int, fault: RowFault) -> str | RowFault | None:
    """Text to keep, None when there is none. `isprintable` also refuses lone surrogates."""
    text = text.strip()
    if not text:
        return None
    return text if len(text) <= longest and text.isprintable() else fault
