"""From a row as text to an entry as it is stored: checked, and its exact digests keyed."""

from __future__ import annotations

import hashlib
from collections import Counter

from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import PDQ_BYTES, SignalType
from safehold.ids import EntryId
from safehold.lists.model import MAX_CLASSIFICATION, MAX_ENTRY_ID, EntryDraft, EntryState
from safehold.lists.rows import RowFault

FEWEST_BITS, MOST_BITS = 96, 160
"""How many bits of a PDQ hash may be set. A median cuts them in halves, so all pictures of quality
50 and more that were tried have 128, and flat ones 116 at least: what lies far outside is the hash
of no picture, but of what a program makes of nothing."""

_EMPTY_FILE = frozenset(
    algorithm(b"", usedforsecurity=False).digest()
    for algorithm in (hashlib.md5, hashlib.sha1, hashlib.sha256)
)
"""Digests of no bytes at all: on a list they would match every empty file."""

_STATES = {state.value: state for state in EntryState}

_NO_DIGESTS = (None, None, None, None)

_ABSENT = b"\x00"
_PRESENT = b"\x01"
_ID_BYTES = 10


class BadRowError(Exception):
    """A row that describes no entry; raised and caught within the import.

    Attributes:
        fault: why.
    """

    def __init__(self, fault: RowFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class RowChecker:
    """Turns the values of rows into drafts of entries.

    A PDQ hash that would match what it should not, since it is of a flat or nearly flat picture
    or of none, is not taken; the other digests of its row are.

    Args:
        key: the home's key, under which exact digests are stored and ids derived.
        quality_floor: smallest PDQ quality that is taken where a row tells it.
    """

    def __init__(self, key: DigestKey, quality_floor: int = 0) -> None:
        self._key = key
        self._quality_floor = quality_floor
        self._dropped: Counter[str] = Counter()

    def take_dropped(self) -> Counter[str]:
        """How many PDQ hashes were not taken of rows that were, by code, since last asked."""
        dropped, self._dropped = self._dropped, Counter()
        return dropped

    def draft(self, values: tuple[str, ...]) -> EntryDraft:
        """The entry that a row describes.

        Args:
            values: the row's text in the order of `safehold.lists.rows.COLUMNS`.

        Raises:
            BadRowError: it describes none.
        """
        entry_id, classification, state, md5, sha1, sha256, pdq, quality = values
        keyed_md5 = self._exact(SignalType.MD5, md5, 32, RowFault.MD5) if md5 else None
        keyed_sha1 = self._exact(SignalType.SHA1, sha1, 40, RowFault.SHA1) if sha1 else None
        keyed_sha256 = (
            self._exact(SignalType.SHA256, sha256, 64, RowFault.SHA256) if sha256 else None
        )
        plain_pdq = _pdq(pdq) if pdq else None
        given_quality = _quality(quality) if quality else None
        unfit = unfit_pdq(plain_pdq, given_quality, self._quality_floor)
        if unfit is not None:
            plain_pdq = None
        digests = (keyed_md5, keyed_sha1, keyed_sha256, plain_pdq)
        if digests == _NO_DIGESTS:
            raise BadRowError(unfit or RowFault.NO_DIGEST)
        if unfit is not None:
            self._dropped[unfit.value] += 1
        given_id = _text(entry_id, MAX_ENTRY_ID, RowFault.ID) if entry_id else None
        return EntryDraft(
            EntryId(given_id) if given_id else derived_id(self._key, digests),
            _text(classification, MAX_CLASSIFICATION, RowFault.CLASSIFICATION)
            if classification
            else None,
            _state(state) if state else None,
            keyed_md5,
            keyed_sha1,
            keyed_sha256,
            plain_pdq,
            None if plain_pdq is None else given_quality,
        )

    def _exact(self, signal: SignalType, text: str, length: int, fault: RowFault) -> bytes | None:
        text = text.strip()
        if not text:
            return None
        digest = _unhex(text, length, fault)
        if digest in _EMPTY_FILE:
            raise BadRowError(RowFault.EMPTY_FILE)
        return self._key.keyed(signal, digest)


def unfit_pdq(pdq: bytes | None, quality: int | None, floor: int) -> RowFault | None:
    """Why a PDQ hash is not taken into a list; None where it is, or where there is none."""
    if pdq is None:
        return None
    if not FEWEST_BITS <= int.from_bytes(pdq, "big").bit_count() <= MOST_BITS:
        return RowFault.PDQ_DEGENERATE
    low = quality is not None and quality < floor
    return RowFault.PDQ_LOW_QUALITY if low else None


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


def _unhex(text: str, length: int, fault: RowFault) -> bytes:
    """The bytes of exactly `length` hexadecimal digits. `fromhex` alone would pass spaces."""
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        raise BadRowError(fault) from None
    if len(text) != length or len(digest) * 2 != length:
        raise BadRowError(fault)
    return digest


def _pdq(text: str) -> bytes | None:
    text = text.strip()
    if not text:
        return None
    return _unhex(text, 2 * PDQ_BYTES, RowFault.PDQ)


def _quality(text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 100):
        raise BadRowError(RowFault.QUALITY)
    return int(text)


def _state(text: str) -> EntryState | None:
    text = text.strip().lower()
    if not text:
        return None
    state = _STATES.get(text)
    if state is None:
        raise BadRowError(RowFault.STATE)
    return state


def _text(text: str, longest: int, fault: RowFault) -> str | None:
    """Text to keep, None when there is none. `isprintable` also refuses lone surrogates."""
    text = text.strip()
    if not text:
        return None
    if len(text) > longest or not text.isprintable():
        raise BadRowError(fault)
    return text
