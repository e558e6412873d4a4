"""NovelAI.

PNG text chunks Title, Description (the prompt), Software (`NovelAI`), Source (model and its
hash), Comment (JSON); in Exif, DocumentName, ImageDescription, Software (the source), UserComment
(the JSON). The same stands in the lowest bits of the alpha plane (`watermarks.stealth`).

`signed_hash` in that JSON is an Ed25519 signature over the bytes of the picture, RGB, row by row,
and the JSON without `signed_hash` as Python's `json.dumps` writes it. NovelAI publishes the key
(`nai_sig.py` of NovelAI/novelai-image-metadata): where the signature holds, its origin is proved.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from safehold.provenance.generators import jsons, sources
from safehold.provenance.interface import Found, Pixels
from safehold.provenance.model import Claim, Extent, Passage, PassageKind, Tier
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind

FORM: Final = "novelai"
KEY: Final = base64.b64decode("Y2JcQAOhLwzwSDUJPNgL04nS0Tbqm7cSRc4xk0vRMic=")
"""The public key that NovelAI's signatures are checked with."""
SIGNED_FORMATS: Final = frozenset({"png", "webp"})
"""In which NovelAI writes. Another format has other pixels than those that were signed."""
MAX_SIGNATURES: Final = 4
"""Signatures of one file that are checked. NovelAI writes two: in a chunk and in alpha."""
MAX_BESIDE: Final = 4
"""Words under one key of one container that are looked at."""

_NAME = "NovelAI"
_SIGNED = "signed_hash"
_MODEL = re.compile(r"(.{1,200}?)\s+([0-9A-Fa-f]{8})\Z")


@dataclass(frozen=True, slots=True)
class Comment:
    """The JSON of one place.

    Attributes:
        piece: where it stands.
        text: the JSON whose object `said` is.
        said: its values.
        repeated: whether a key stands there twice.
    """

    piece: Piece
    text: str
    said: Mapping[str, Any]
    repeated: bool


def read(pieces: Sequence[Piece], budget: Budget) -> Iterator[Found]:
    """Claims of NovelAI. Signatures are checked by `signed`, which is given the pixels."""
    if budget.over:
        return
    marks = list(_marks(pieces))
    beside = Beside(pieces)
    told = 0
    for comment in comments(pieces, budget):
        if told == budget.options.max_claims:
            return
        if marks or _is_own(comment.said):
            told += 1
            passages = tuple(_passages(comment, beside, budget))
            yield Found((_claim(comment, beside),), passages, repeated=comment.repeated)
    if marks and not told:
        yield Found((_bare_claim(marks[0], beside),), tuple(_prompts(marks[0], beside, budget)))


def signed(
    pixels: Pixels, pieces: Sequence[Piece], budget: Budget, key: bytes = KEY
) -> Iterator[Found]:
    """Claims of those comments that have a signature, checked against the pixels.

    Args:
        pixels: the first frame.
        pieces: of the file, and what was hidden in its pixels.
        budget: `max_signed_pixels` bounds what is checked; beyond, the check is `unknown`.
        key: the public key.
    """
    if budget.over or pixels.format not in SIGNED_FORMATS:
        return
    checked = 0
    beside = Beside(pieces)
    for comment in comments(pieces, budget):
        if _SIGNED not in comment.said or not isinstance(comment.said[_SIGNED], str):
            continue
        if checked == MAX_SIGNATURES:  # of time, `comments` takes care
            return
        checked += 1
        verdict = check(comment, pixels, budget.options.max_signed_pixels, key)
        yield Found(
            (
                replace(
                    _claim(comment, beside),
                    tier=Tier.VERIFIED if verdict == "ok" else Tier.DECLARED,
                    checks=(("signature", verdict),),
                ),
            ),
            broken=verdict == "failed",
        )


def check(comment: Comment, pixels: Pixels, max_pixels: int, key: bytes) -> str:
    """`ok`, `failed`, or `unknown` where it cannot be checked."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    rgb = pixels.rgb
    if rgb is None or rgb.shape[0] * rgb.shape[1] > max_pixels:
        return "unknown"
    try:
        # Anew, since reading for claims makes texts of numbers that are too long and of NaN.
        said = json.loads(comment.text)
        signature = base64.b64decode(said.pop(_SIGNED), validate=True)
        # `ravel` copies only what does not lie in one piece; the join is the one copy.
        message = b"".join((rgb.ravel().data, json.dumps(said).encode("ascii")))
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError, KeyError, AttributeError, TypeError, binascii.Error):
        return "failed"
    except RecursionError:
        return "unknown"
    return "ok"


class Beside:
    """Words that stand in the same container as others: sorted once, found at once."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._words: dict[tuple[PieceKind, str, str], list[tuple[Piece, str]]] = {}
        texts = sources.texts(pieces, "Source", "Description")
        tags = sources.tags(pieces, sources.SOFTWARE, sources.IMAGE_DESCRIPTION)
        for piece, text in (*texts, *tags):
            known = self._words.setdefault((*_container(piece), piece.key.casefold()), [])
            if len(known) < MAX_BESIDE:
                known.append((piece, text))

    def words(self, piece: Piece, key: str) -> Sequence[tuple[Piece, str]]:
        """Words under a key (in lower case, or the number of a tag) beside a piece."""
        return self._words.get((*_container(piece), key), ())


def comments(pieces: Sequence[Piece], budget: Budget) -> Iterator[Comment]:
    """Every JSON object where NovelAI writes its own; others write some there too."""
    tags = sources.tags(pieces, sources.USER_COMMENT)
    for piece, text in itertools.chain(sources.texts(pieces, "Comment"), tags):
        if budget.over:
            return
        document = jsons.read(text, budget) if text.lstrip(" \t\r\n").startswith("{") else None
        if document is None or not isinstance(document.value, dict):
            continue
        inner = document.value.get("Comment")
        if isinstance(inner, str):
            below = jsons.read(inner, budget)
            if below is not None and isinstance(below.value, dict):
                yield Comment(piece, inner, below.value, document.repeated or below.repeated)
                continue
        yield Comment(piece, text.strip(" \t\r\n\0\ufeff"), document.value, document.repeated)


def _claim(comment: Comment, beside: Beside) -> Claim:
    """The claim of one comment; the model stands beside it, in the same container."""
    said = comment.said
    action, source, extent = _request(said.get("request_type"))
    return replace(
        _bare_claim(comment.piece, beside),
        seed=sources.seed(said.get("seed")),
        source_image=source,
        extent=extent,
        size=sources.size(said.get("width"), said.get("height")),
        actions=(action,) if action else (),
    )


def _bare_claim(piece: Piece, beside: Beside) -> Claim:
    model, digest = "", ""
    for _, text in (*beside.words(piece, "source"), *beside.words(piece, sources.SOFTWARE)):
        known = _MODEL.match(text[:256].strip())
        model, digest = (known[1], known[2].lower()) if known else (sources.name(text), "")
        model = "" if model == _NAME else model
        if model:
            break
    return Claim(
        tier=Tier.DECLARED,
        form=FORM,
        generative=True,
        place=piece.place,
        generator=_NAME,
        model=sources.name(model),
        model_hash=sources.digest(digest),
    )


def _is_own(said: Mapping[str, Any]) -> bool:
    """Whether keys are NovelAI's. Draw Things has some of them, and `c` for its prompt."""
    if _SIGNED in said or "v4_prompt" in said:
        return True
    return {"uc", "sampler", "steps"} <= said.keys() and "c" not in said


def _marks(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Where its name stands."""
    for piece, text in sources.texts(pieces, "Software", "Source"):
        if text.startswith(_NAME):
            yield piece
    for piece, text in sources.tags(pieces, sources.SOFTWARE):
        if text.startswith(_NAME):
            yield piece


def _request(kind: object) -> tuple[str, bool | None, Extent]:
    """What was done, from `request_type`, some of which are joined by `+`."""
    if not isinstance(kind, str):
        return "", None, Extent.UNKNOWN
    if "Infill" in kind:
        return "inpaint", True, Extent.PARTIAL
    if "Img2Img" in kind:
        return "img2img", True, Extent.UNKNOWN
    if "Vibe" in kind or "Reference" in kind:
        return "txt2img", True, Extent.WHOLE
    if kind == "PromptGenerateRequest":
        return "txt2img", False, Extent.WHOLE
    return "", None, Extent.UNKNOWN


def _container(piece: Piece) -> tuple[PieceKind, str]:
    path = piece.place.path
    cut = path.find("/Exif/") if piece.kind is PieceKind.TAG else path.find("/")
    return piece.kind, path[: max(cut, 0)]


def _passages(comment: Comment, beside: Beside, budget: Budget) -> Iterator[Passage]:
    said, piece = comment.said, comment.piece
    prompt = said.get("prompt")
    if isinstance(prompt, str):
        yield from sources.passage(PassageKind.PROMPT, prompt, piece, budget)
    for words in _characters(said.get("v4_prompt")):
        if words != prompt:
            yield from sources.passage(PassageKind.PROMPT, words, piece, budget)
    yield from sources.passage(PassageKind.NEGATIVE_PROMPT, said.get("uc"), piece, budget)
    for words in _characters(said.get("v4_negative_prompt")):
        if words != said.get("uc"):
            yield from sources.passage(PassageKind.NEGATIVE_PROMPT, words, piece, budget)
    if not isinstance(prompt, str):
        yield from _prompts(piece, beside, budget)


def _prompts(piece: Piece, beside: Beside, budget: Budget) -> Iterator[Passage]:
    """The description, which is the prompt."""
    for key in ("description", sources.IMAGE_DESCRIPTION):
        for place, text in beside.words(piece, key):
            yield from sources.passage(PassageKind.PROMPT, text, place, budget)


def _characters(value: object) -> Iterator[str]:
    """The prompts of version 4: of the whole, and of each figure in it."""
    caption = sources.mapping(sources.mapping(value).get("caption"))
    base = caption.get("base_caption")
    if isinstance(base, str):
        yield base
    for one in sources.listing(caption.get("char_captions"))[: sources.MAX_LORAS]:
        words = sources.mapping(one).get("char_caption")
        if isinstance(words, str):
            yield words
