"""Operators' classifiers: what they are, and what they say of one item.

Safehold ships no classifier. An operator may name HTTP endpoints that give a picture a score; a
score is a reason to hold, never to block, and no score is never a reason to allow.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from safehold.errors import UsageError


class ClassifierKind(enum.StrEnum):
    """The shape of an endpoint."""

    OPENAI = "openai"
    """OpenAI-compatible moderation: a JSON body with the picture as a `data:` address."""

    SCORE = "score"
    """The picture's bytes as the body; the answer is `{"score": x}` or `{"scores": {...}}`."""

    LLAMA_GUARD = "llama_guard"
    """A chat endpoint with a model that answers `safe`, or `unsafe` and codes. For texts alone."""


_OF_CATEGORIES = frozenset({ClassifierKind.OPENAI, ClassifierKind.LLAMA_GUARD})


class ScoreCode(enum.StrEnum):
    """How a score came about, or why there is none. Stable codes."""

    SCORED = "scored"
    NOT_CHECKED = "not_checked"
    """The answer has no score of the category for pictures. This is not "clean"."""
    UNSUPPORTED_TYPE = "unsupported_type"
    """A type of picture that the classifier is not sent."""
    TOO_LARGE = "too_large"
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    """It cannot be reached, refuses, or is overloaded."""
    DENIED = "denied"
    """Its address may not be called."""
    NOT_CONFIGURED = "not_configured"
    """A surface asks for it, and no settings tell what it is."""
    BAD_ANSWER = "bad_answer"
    """An answer that is not of the endpoint's shape, or a score that is none."""


@dataclass(frozen=True, slots=True)
class ClassifierOptions:
    """One classifier. It needs `url`, `kind` and `mark`, whose defaults are refused.

    Attributes:
        name: the operator's word for it; unique. In the settings it is the table's name.
        url: its address, in full. A private one must stand in `outbound.allowed_hosts`.
        kind: the shape of the endpoint, `openai`, `score` or `llama_guard`.
        mark: score, 0 to 1, from which an item is held.
        category: the category whose score counts; may be empty where the endpoint gives one
            score only.
        model: the model that is asked for, where the endpoint has several (`openai`).
        api_key: sent as `Authorization: Bearer`, or empty.
        timeout_seconds: time for one item, waiting for a free place among `max_concurrent` too.
        max_concurrent: items that are sent at the same time.
        max_bytes: largest picture that is sent.
        max_text: longest text that is sent, in characters.
        media_types: types of pictures that are sent.
        required: whether an item without a score is held.
    """

    name: str = ""
    url: str = field(default="", repr=False)
    kind: str = ""
    mark: float = -1.0
    category: str = ""
    model: str = ""
    api_key: str = field(default="", repr=False)
    timeout_seconds: float = 5.0
    max_concurrent: int = 8
    max_bytes: int = 20_000_000
    max_text: int = 20_000
    media_types: tuple[str, ...] = ("image/jpeg", "image/png", "image/webp", "image/gif")
    required: bool = False

    def __post_init__(self) -> None:
        """Raise `ClassifierOptionsError` for values that could never work."""
        kinds = {kind.value for kind in ClassifierKind}
        numbers = (self.mark, self.timeout_seconds)
        if (
            not self.url
            or self.kind not in kinds
            or not all(math.isfinite(number) for number in numbers)
            or not 0 <= self.mark <= 1
            or self.timeout_seconds <= 0
            or self.max_concurrent < 1
            or self.max_bytes < 1
            or self.max_text < 1
            or (self.kind in _OF_CATEGORIES and not self.category)
        ):
            raise ClassifierOptionsError


@dataclass(frozen=True, slots=True)
class ClassifierItem:
    """A picture to be scored.

    Attributes:
        media_type: its type by its content, `image/jpeg` and so on.
        size: its bytes.
        read: gives the bytes; called at most once, and only if a classifier is sent the item.
    """

    media_type: str
    size: int
    read: Callable[[], Awaitable[bytes]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Score:
    """What one classifier says of one item.

    Attributes:
        name: the classifier's.
        category: the category that was asked for.
        value: 0 to 1, or None: not scored.
        code: how it came about.
    """

    name: str
    category: str
    value: float | None
    code: ScoreCode


class ClassifierOptionsError(UsageError):
    """Settings of a classifier that could never work."""

    code = "classifier_options"
    default_message = "The settings of a classifier cannot be used."
    default_hint = (
        "It needs an address, a kind ('openai' or 'llama_guard' with a category, or 'score'), a "
        "mark from 0 to 1, and bounds above zero. No two have the same name."
    )


class BadAnswerError(ValueError):
    """An answer that is not of the endpoint's shape; becomes `bad_answer`."""


class NoScoreError(ValueError):
    """An answer without a score of the category; becomes `not_checked`."""


def score_of(value: object) -> float:
    """A score as a number. Raises `BadAnswerError` for all that is none from 0 to 1.

    JSON's true is no 1, a text is no number, and NaN is not below any mark.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadAnswerError
    if not 0 <= value <= 1:
        raise BadAnswerError
    return float(value)


def over_mark(options: Sequence[ClassifierOptions], scores: Sequence[Score]) -> bool:
    """Whether a score reaches its classifier's mark."""
    marks = {option.name: option.mark for option in options}
    return any(
        score.value is not None and score.value >= marks[score.name]
        for score in scores
        if score.name in marks
    )


def unscored(options: Sequence[ClassifierOptions], scores: Sequence[Score]) -> bool:
    """Whether a classifier that is required gave no score, for whatever reason.

    Args:
        options: the classifiers that were asked for.
        scores: what they said. One of a classifier that does not exist counts as required.
    """
    scored = {score.name for score in scores if score.value is not None}
    known = {option.name for option in options}
    required = {option.name for option in options if option.required}
    return not required <= scored or any(score.name not in known for score in scores)
