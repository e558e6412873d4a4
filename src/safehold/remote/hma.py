"""Look-up by another Hasher-Matcher-Actioner (`GET /m/lookup`, facebook/ThreatExchange).

One hash is asked about in a call, so variants are asked as they are and in no other orientation.
Newer versions answer with banks, and of each the ids of what is like the hash with distances;
older ones with the names of banks alone. A bank that is switched on for a share of look-ups only
(`matching_enabled_ratio`) may say nothing of what it knows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlencode

from safehold.hashing.model import (
    PDQ_BITS,
    UNKNOWN_DISTANCE,
    Orientation,
    SignalType,
    VariantDigests,
)
from safehold.lists.exchanges.model import Credentials
from safehold.outbound.model import Call
from safehold.remote.model import Ask, BadAnswerError, Found, MatcherOptions, word

NEEDS: tuple[str, ...] = ()
MEDIA_TYPES: frozenset[str] = frozenset()
MAX_ANSWER = 4 * 1024 * 1024
_NUMBER = re.compile(r"[0-9]{1,3}")


def asks_by_digests(
    options: MatcherOptions, credentials: Credentials, variants: Sequence[VariantDigests]
) -> tuple[Ask, ...]:
    """A call for each different hash of the variants as they are."""
    hashes: dict[str, tuple[str, Orientation]] = {}
    for variant in variants:
        hashes.setdefault(variant.pdq[0].hex(), (variant.variant, Orientation.ORIGINAL))
    headers = {"accept": "application/json"}
    if credentials.key:
        headers["authorization"] = f"Bearer {credentials.key}"
    return tuple(
        Ask(
            Call(
                f"{options.url.rstrip('/')}/m/lookup?{urlencode(_query(options, text))}",
                "GET",
                headers=headers,
                timeout_seconds=options.timeout_seconds,
                max_answer_bytes=MAX_ANSWER,
            ),
            {text: place},
        )
        for text, place in hashes.items()
    )


def _query(options: MatcherOptions, text: str) -> dict[str, str]:
    banks = {"banks": ",".join(options.banks)} if options.banks else {}
    return {"signal_type": "pdq", "signal": text, **banks}


def ask_by_picture(
    options: MatcherOptions, credentials: Credentials, media_type: str, data: bytes
) -> Ask:
    """Pictures are not sent to it; the settings refuse it."""
    raise NotImplementedError


def read(options: MatcherOptions, ask: Ask, answer: object) -> tuple[Found, ...]:
    """What is like the hash that was sent. Raises `BadAnswerError`."""
    [(variant, orientation)] = ask.hashes.values()
    found: list[Found] = []
    for bank, known in _banks(answer):
        # Older versions do not know of `banks`, and name all.
        if options.banks and bank not in options.banks:
            continue
        name = word(bank, "bank")
        for entry, distance in known:
            found.append(Found(f"{name}{entry}", name, SignalType.PDQ, distance))
    return tuple(
        Found(one.entry, one.classification, one.signal, one.distance, variant, orientation)
        for one in found
    )


def _banks(answer: object) -> list[tuple[str, list[tuple[str, int]]]]:
    """Banks by name, and of each the ends of ids and distances."""
    if isinstance(answer, list):
        if not all(isinstance(bank, str) for bank in answer):
            raise BadAnswerError
        return [(bank, [("", UNKNOWN_DISTANCE)]) for bank in answer]
    if not isinstance(answer, dict):
        raise BadAnswerError
    return [(str(bank), _known(known)) for bank, known in answer.items()]


def _known(known: object) -> list[tuple[str, int]]:
    if not isinstance(known, list):
        raise BadAnswerError
    found: list[tuple[str, int]] = []
    for one in known:
        content = one.get("bank_content_id") if isinstance(one, dict) else None
        if not isinstance(one, dict) or not isinstance(content, int) or isinstance(content, bool):
            raise BadAnswerError
        found.append((f":{content}"[:24], _distance(one.get("distance"))))
    return found


def _distance(said: object) -> int:
    """In bits; it is a number, or a number as text. Raises `BadAnswerError`."""
    if said is None:
        return UNKNOWN_DISTANCE
    if isinstance(said, str) and _NUMBER.fullmatch(said):
        said = int(said)
    if not isinstance(said, int) or isinstance(said, bool) or not 0 <= said <= PDQ_BITS:
        raise BadAnswerError
    return said
