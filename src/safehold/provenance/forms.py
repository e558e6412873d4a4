"""Claims in JSON: as rows, decisions and reports have them, and as workers send them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from safehold.media.limits import MIB
from safehold.media.sandbox.interface import Json, Message
from safehold.provenance.model import (
    Claim,
    Conflict,
    Embedded,
    Extent,
    Lora,
    Passage,
    PassageKind,
    Place,
    Reading,
    ReadingFault,
    Tier,
)

MAX_PIECES: Final = 65_536
MAX_CLAIMS: Final = 1_024
MAX_PASSAGES: Final = 1_024
MAX_EMBEDDED: Final = 64
MAX_TEXT: Final = 131_072
"""Characters of one passage. Like those above, the most that any setting may ask for."""

MAX_WORD: Final = 256
MAX_LISTED: Final = 64
"""Adapters, checks, actions of one claim."""

MAX_TOLD_LORAS: Final = 128
"""Adapters that are named in what is told of one file; of others there is a number."""

MAX_PATH: Final = 120
MAX_NAME: Final = 24
MAX_OFFSET: Final = 1 << 62
MAX_SIDE: Final = 2**31 - 1

_MESSAGE_BYTES: Final = MIB // 3
_CLAIM_TEXTS: Final = ("generator", "version", "model", "model_hash", "seed")
# No line ends, no marks that turn the direction of writing, no halves of characters.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_UNSEEN_IN_LINES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_PATH = re.compile(r"[ -~]{0,120}")
_SHA256 = re.compile(r"(?:[0-9a-f]{64})?")


def claim_form(claim: Claim) -> dict[str, Any]:
    """A claim as it stands in rows, decisions and reports; what it does not say is left out.

    Always there: `form`, `tier`, `generative`, `place`, `offset`. Others: `generator`, `version`,
    `model`, `model_hash`, `loras` (objects of `name`, `hash`, `weight`), `seed`, `source_image`,
    `extent`, `size`, `checks` (an object), `actions`.
    """
    form: dict[str, Any] = {
        "form": claim.form,
        "tier": claim.tier.value,
        "generative": claim.generative,
        "place": claim.place.path,
        "offset": claim.place.offset,
    }
    said: dict[str, Any] = {
        "generator": claim.generator,
        "version": claim.version,
        "model": claim.model,
        "model_hash": claim.model_hash,
        "loras": [
            {
                key: value
                for key, value in (
                    ("name", lora.name),
                    ("hash", lora.model_hash),
                    ("weight", lora.weight),
                )
                if value
            }
            for lora in claim.loras
        ],
        "seed": claim.seed,
        "extent": claim.extent.value if claim.extent is not Extent.UNKNOWN else "",
        "size": list(claim.size) if claim.size is not None else None,
        "checks": dict(claim.checks),
        "actions": list(claim.actions),
    }
    form |= {key: value for key, value in said.items() if value}
    if claim.source_image is not None:
        form["source_image"] = claim.source_image
    return form


def claim_forms(claims: Iterable[Claim]) -> list[dict[str, Any]]:
    """The claims of one file for rows and decisions, which many files have and which are kept.

    As `claim_form`, but a file names a few adapters only: beyond `MAX_TOLD_LORAS` in all of its
    claims `loras_omitted` counts those that a claim does not name.
    """
    told: list[dict[str, Any]] = []
    left = MAX_TOLD_LORAS
    for claim in claims:
        named = claim.loras[:left]
        left -= len(named)
        form = claim_form(replace(claim, loras=named))
        if len(named) < len(claim.loras):
            form["loras_omitted"] = len(claim.loras) - len(named)
        told.append(form)
    return told


def reading_messages(reading: Reading) -> Iterator[Message]:
    """What a worker sends of a reading: messages `{"reading": {...}}`, each well below 1 MiB.

    What is longer than the host takes is cut, and characters that JSON cannot carry are replaced.
    Bytes of embedded pictures stay with the worker.
    """
    yield from _packed("pieces", map(_place_row, reading.pieces[:MAX_PIECES]))
    yield from _packed("claims", map(_claim_row, reading.claims[:MAX_CLAIMS]))
    yield from _packed("passages", map(_passage_row, reading.passages[:MAX_PASSAGES]))
    rest: dict[str, Json] = {
        "embedded": [[one.name, _place_row(one.place)] for one in reading.embedded[:MAX_EMBEDDED]],
        "conflicts": [conflict.value for conflict in reading.conflicts],
        "faults": [fault.value for fault in reading.faults],
    }
    said: dict[str, Json] = {key: value for key, value in rest.items() if value}
    if said:
        yield {"reading": said}


def read_reading(messages: Sequence[Mapping[str, Any]]) -> Reading:
    """Put a worker's messages together; those without `reading` are passed over.

    They are untrusted: every value is checked. Embedded pictures come without their bytes.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: a value is not of the agreed form.
    """
    pieces: list[Place] = []
    claims: list[Claim] = []
    passages: list[Passage] = []
    embedded: list[Embedded] = []
    conflicts: set[Conflict] = set()
    faults: set[ReadingFault] = set()
    for message in messages:
        said = message.get("reading", {})
        pieces += [_read_place(row) for row in said.get("pieces", ())]
        claims += [_read_claim(row) for row in said.get("claims", ())]
        passages += [_read_passage(row) for row in said.get("passages", ())]
        for name, place in said.get("embedded", ()):
            embedded.append(Embedded(_identifier(name), b"", _read_place(place)))
        conflicts.update(Conflict(code) for code in said.get("conflicts", ()))
        faults.update(ReadingFault(code) for code in said.get("faults", ()))
        counts = (
            (pieces, MAX_PIECES),
            (claims, MAX_CLAIMS),
            (passages, MAX_PASSAGES),
            (embedded, MAX_EMBEDDED),
        )
        if any(len(found) > most for found, most in counts):
            raise ValueError("a reading has too much of something")
    return Reading(
        pieces=tuple(pieces),
        claims=tuple(claims),
        passages=tuple(passages),
        embedded=tuple(embedded),
        conflicts=tuple(sorted(conflicts)),
        faults=tuple(sorted(faults)),
    )


def _packed(key: str, rows: Iterable[list[Json]]) -> Iterator[Message]:
    """Rows in as few messages as their size allows."""
    batch: list[Json] = []
    size = 0
    for row in rows:
        length = len(json.dumps(row, ensure_ascii=False).encode("utf-8"))
        if batch and size + length > _MESSAGE_BYTES:
            yield {"reading": {key: batch}}
            batch, size = [], 0
        batch.append(row)
        size += length + 1
    if batch:
        yield {"reading": {key: batch}}


def _place_row(place: Place) -> list[Json]:
    path = _cleaned(place.path, MAX_PATH).encode("ascii", "replace").decode("ascii")
    return [path, place.offset, place.length, place.sha256]


def _passage_row(passage: Passage) -> list[Json]:
    text = _UNSEEN_IN_LINES.sub("\N{REPLACEMENT CHARACTER}", passage.text[:MAX_TEXT])
    return [passage.kind.value, text, _place_row(passage.place)]


def _claim_row(claim: Claim) -> list[Json]:
    """In the order of `_read_claim`."""
    texts: list[Json] = [_cleaned(getattr(claim, name)) for name in _CLAIM_TEXTS]
    loras: list[Json] = [
        [_cleaned(lora.name), _cleaned(lora.model_hash), _cleaned(lora.weight)]
        for lora in claim.loras[:MAX_LISTED]
    ]
    checks: list[Json] = [
        [_cleaned(code), _cleaned(word)] for code, word in claim.checks[:MAX_LISTED]
    ]
    actions: list[Json] = [_cleaned(action) for action in claim.actions[:MAX_LISTED]]
    size: list[Json] | None = list(claim.size) if claim.size is not None else None
    return [
        *(claim.tier.value, claim.form, claim.generative, _place_row(claim.place)),
        *(texts, loras, claim.source_image, claim.extent.value, size, checks, actions),
    ]


def _read_claim(row: Sequence[Any]) -> Claim:
    tier, form, generative, place, texts, loras, source_image, extent, size, checks, actions = row
    if any(len(listed) > MAX_LISTED for listed in (loras, checks, actions)):
        raise ValueError("a claim lists too much")
    if source_image is not None:
        source_image = _flag(source_image)
    return Claim(
        tier=Tier(tier),
        form=_identifier(form),
        generative=_flag(generative),
        place=_read_place(place),
        **{name: _word(text) for name, text in zip(_CLAIM_TEXTS, texts, strict=True)},
        loras=tuple(Lora(_word(name), _word(sha), _word(weight)) for name, sha, weight in loras),
        source_image=source_image,
        extent=Extent(extent),
        size=_size(size) if size is not None else None,
        checks=tuple((_word(code), _word(word)) for code, word in checks),
        actions=tuple(_word(action) for action in actions),
    )


def _read_place(row: Sequence[Any]) -> Place:
    path, offset, length, sha256 = row
    if not (isinstance(path, str) and _PATH.fullmatch(path)):
        raise ValueError("no place")
    if not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
        raise ValueError("no digest")
    return Place(path, _bounded(offset, MAX_OFFSET), _bounded(length, MAX_OFFSET), sha256)


def _read_passage(row: Sequence[Any]) -> Passage:
    kind, text, place = row
    if not isinstance(text, str) or len(text) > MAX_TEXT or _UNSEEN_IN_LINES.search(text):
        raise ValueError("no words")
    return Passage(PassageKind(kind), text, _read_place(place))


def _size(value: Sequence[Any]) -> tuple[int, int]:
    width, height = value
    return _bounded(width, MAX_SIDE), _bounded(height, MAX_SIDE)


def _bounded(value: Any, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError("no such number")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("no truth value")
    return value


def _identifier(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_NAME or not value.isidentifier():
        raise ValueError("no name")
    return value


def _word(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_WORD or _UNSEEN.search(value):
        raise ValueError("no word")
    return value


def _cleaned(text: str, most: int = MAX_WORD) -> str:
    """A word as it may be sent: in one line, cut."""
    text = text[:most]
    return text if text.isprintable() else _UNSEEN.sub(" ", text)
