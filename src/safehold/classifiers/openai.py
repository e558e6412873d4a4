"""The OpenAI-compatible moderation endpoint (`POST /v1/moderations`).

Sent is one picture, as a `data:` address, and no text. Read is
`results[0].category_scores[category]`. Where the answer says to which inputs a category applies
(`category_applied_input_types`), a category that does not apply to pictures was not checked: its
score, which is then 0, says nothing.
"""

from __future__ import annotations

import base64
import json

from safehold.classifiers.model import (
    BadAnswerError,
    ClassifierOptions,
    NoScoreError,
    score_of,
)
from safehold.outbound.model import Call

IMAGE = "image"


def call(options: ClassifierOptions, media_type: str, data: bytes) -> Call:
    """The call that has a picture scored."""
    address = f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
    asked: dict[str, object] = {
        "input": [{"type": "image_url", "image_url": {"url": address}}],
    }
    if options.model:
        asked["model"] = options.model
    headers = {"content-type": "application/json", "accept": "application/json"}
    if options.api_key:
        headers["authorization"] = f"Bearer {options.api_key}"
    body = json.dumps(asked).encode("ascii")
    return Call(options.url, headers=headers, body=body, timeout_seconds=options.timeout_seconds)


def read(options: ClassifierOptions, answer: object) -> float:
    """The score of a picture in an answer; see `score_for`."""
    return score_for(IMAGE, options, answer)


def score_for(medium: str, options: ClassifierOptions, answer: object) -> float:
    """The score in an answer to what was sent: `image` or `text`.

    Raises:
        BadAnswerError: the answer is not of this shape.
        NoScoreError: it has no score of the category for that.
    """
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or len(results) != 1 or not isinstance(results[0], dict):
        raise BadAnswerError
    scores = results[0].get("category_scores")
    if not isinstance(scores, dict):
        raise BadAnswerError
    if scores.get(options.category) is None:
        raise NoScoreError
    applied = results[0].get("category_applied_input_types")
    if isinstance(applied, dict):
        inputs = applied.get(options.category)
        if not isinstance(inputs, list) or medium not in inputs:
            raise NoScoreError
    return score_of(scores[options.category])
