"""Endpoints that score texts: the shapes of `openai` and `score` with words in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from safehold.classifiers import openai, score
from safehold.classifiers.model import ClassifierOptions
from safehold.outbound.model import Call

TEXT = "text"


@dataclass(frozen=True, slots=True)
class TextShape:
    """How a text is sent, and how a score is read."""

    call: Callable[[ClassifierOptions, str], Call]
    read: Callable[[ClassifierOptions, object], float]


def _openai_call(options: ClassifierOptions, text: str) -> Call:
    asked: dict[str, object] = {"input": text}
    if options.model:
        asked["model"] = options.model
    return _call(options, "application/json", json.dumps(asked).encode("ascii"))


def _openai_read(options: ClassifierOptions, answer: object) -> float:
    return openai.score_for(TEXT, options, answer)


def _score_call(options: ClassifierOptions, text: str) -> Call:
    return _call(options, "text/plain; charset=utf-8", text.encode("utf-8", "replace"))


def _call(options: ClassifierOptions, media_type: str, body: bytes) -> Call:
    headers: Mapping[str, str] = {"content-type": media_type, "accept": "application/json"}
    if options.api_key:
        headers = {**headers, "authorization": f"Bearer {options.api_key}"}
    return Call(options.url, headers=headers, body=body, timeout_seconds=options.timeout_seconds)


OPENAI = TextShape(_openai_call, _openai_read)
SCORE = TextShape(_score_call, score.read)
