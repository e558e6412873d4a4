"""The plain endpoint: a picture's bytes in, `{"score": x}` or `{"scores": {category: x}}` out."""

from __future__ import annotations

from safehold.classifiers.model import (
    BadAnswerError,
    ClassifierOptions,
    NoScoreError,
    score_of,
)
from safehold.outbound.model import Call


def call(options: ClassifierOptions, media_type: str, data: bytes) -> Call:
    """The call that has a picture scored."""
    headers = {"content-type": media_type, "accept": "application/json"}
    if options.api_key:
        headers["authorization"] = f"Bearer {options.api_key}"
    return Call(options.url, headers=headers, body=data, timeout_seconds=options.timeout_seconds)


def read(options: ClassifierOptions, answer: object) -> float:
    """The score in an answer.

    A category that is set is looked for in `scores`; `score` counts where none is set, or where
    the endpoint gives nothing else.

    Raises:
        BadAnswerError: the answer is not of this shape.
        NoScoreError: `scores` has no score of the category, or the score is null.
    """
    if not isinstance(answer, dict):
        raise BadAnswerError
    if options.category and "scores" in answer:
        scores = answer["scores"]
        if not isinstance(scores, dict):
            raise BadAnswerError
        found = scores.get(options.category)
    elif "score" in answer:
        found = answer["score"]
    else:
        raise BadAnswerError
    if found is None:
        raise NoScoreError
    return score_of(found)
