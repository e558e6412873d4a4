"""Arachnid Shield of the Canadian Centre for Child Protection, version 1.

`POST /v1/pdq` takes PDQ hashes, base64 of 32 bytes each, and answers for each whether one like it
is known; so all variants are asked in all orientations. `POST /v1/media` takes the picture, and
compares SHA-1 and PhotoDNA. Both want HTTP basic authentication. From the service's own OpenAPI
document (shield.projectarachnid.com/openapi.json) and its published clients.

The distance of a likeness is not said. Digests that an answer names of what is known there are
secrets of a list: they are hashed to an id of the entry, and not kept.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence

from safehold.hashing.model import UNKNOWN_DISTANCE, Orientation, RemoteSignal, SignalType
from safehold.hashing.model import VariantDigests as Variant
from safehold.lists.exchanges.model import Credentials
from safehold.outbound.model import Call
from safehold.remote.model import MAX_FOUND, Ask, BadAnswerError, Found, MatcherOptions

NEEDS = ("user", "password")
MEDIA_TYPES = frozenset(
    f"image/{kind}" for kind in ("jpeg", "png", "gif", "webp", "bmp", "tiff", "avif", "heic")
)
URL = "https://shield.projectarachnid.com"
HASHES = 256
"""Hashes in one call."""
MAX_ANSWER = 4 * 1024 * 1024
_NONE = "no-known-match"
_CLASSES = frozenset({"csam", "harmful-abusive-material", "test", _NONE})
_MATCH_TYPES = frozenset({"exact", "near"})


def asks_by_digests(
    options: MatcherOptions, credentials: Credentials, variants: Sequence[Variant]
) -> tuple[Ask, ...]:
    """The calls that ask about hashes, each hash once."""
    hashes: dict[str, tuple[str, Orientation]] = {}
    for variant in variants:
        for orientation, pdq in zip(Orientation, variant.pdq, strict=True):
            text = base64.b64encode(pdq).decode("ascii")
            hashes.setdefault(text, (variant.variant, orientation))
    texts = list(hashes)
    asks: list[Ask] = []
    for first in range(0, len(texts), HASHES):
        some = texts[first : first + HASHES]
        body = json.dumps({"hashes": some}).encode("ascii")
        call = _call(options, credentials, "/v1/pdq", "application/json", body)
        asks.append(Ask(call, {text: hashes[text] for text in some}))
    return tuple(asks)


def ask_by_picture(
    options: MatcherOptions, credentials: Credentials, media_type: str, data: bytes
) -> Ask:
    """The call that sends a picture."""
    return Ask(_call(options, credentials, "/v1/media", media_type, data))


def read(options: MatcherOptions, ask: Ask, answer: object) -> tuple[Found, ...]:
    """What is known of the hashes, or of the picture, that was sent.

    Raises:
        BadAnswerError: it is not of this shape, or leaves out a hash that was sent.
    """
    if not isinstance(answer, dict):
        raise BadAnswerError
    if not ask.hashes:
        return _of_picture(answer)
    said = answer.get("scanned_hashes")
    if not isinstance(said, dict) or not said.keys() >= ask.hashes.keys():
        raise BadAnswerError
    found: list[Found] = []
    for text, (variant, orientation) in ask.hashes.items():
        classification, exact = _judged(said[text])
        if classification == _NONE:
            continue
        distance = 0 if exact else UNKNOWN_DISTANCE
        found += [
            Found(entry, classification, SignalType.PDQ, distance, variant, orientation)
            for entry in _entries(said[text], classification)
        ]
    return tuple(found)


def _of_picture(answer: Mapping[str, object]) -> tuple[Found, ...]:
    classification, exact = _judged(answer)
    if classification == _NONE:
        return ()
    signal = SignalType.SHA1 if exact else RemoteSignal.PHOTODNA
    distance = 0 if exact else UNKNOWN_DISTANCE
    entries = _entries(answer, classification)
    return tuple(Found(entry, classification, signal, distance) for entry in entries)


def _judged(said: object) -> tuple[str, bool]:
    """The classification, and whether the match is an exact one."""
    if not isinstance(said, dict):
        raise BadAnswerError
    classification, match_type = said.get("classification"), said.get("match_type")
    if not isinstance(classification, str) or classification not in _CLASSES:
        raise BadAnswerError
    if classification == _NONE:
        return classification, False
    if not isinstance(match_type, str) or match_type not in _MATCH_TYPES:
        raise BadAnswerError
    return classification, match_type == "exact"


def _entries(said: Mapping[str, object], classification: str) -> list[str]:
    """Ids of what is known there, from which no digest of it can be told; each once."""
    details = said.get("near_match_details")
    near = details if isinstance(details, list) else [details]
    known: list[Mapping[str, object]] = [one for one in near if isinstance(one, dict)]
    known = known or [said]
    return list(dict.fromkeys(_entry(one, classification) for one in known[:MAX_FOUND]))


def _entry(known: Mapping[str, object], classification: str) -> str:
    digest = known.get("sha256_hex")
    if not isinstance(digest, str) or not digest:
        return classification
    return hashlib.blake2b(digest.lower().encode(), digest_size=12, person=b"arachnid").hexdigest()


def _call(
    options: MatcherOptions, credentials: Credentials, path: str, media_type: str, body: bytes
) -> Call:
    proof = base64.b64encode(f"{credentials.user}:{credentials.password}".encode()).decode("ascii")
    return Call(
        (options.url or URL).rstrip("/") + path,
        headers={
            "content-type": media_type,
            "accept": "application/json",
            "authorization": f"Basic {proof}",
        },
        body=body,
        timeout_seconds=options.timeout_seconds,
        max_answer_bytes=MAX_ANSWER,
    )
