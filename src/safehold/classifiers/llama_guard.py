"""Chat endpoints that serve a Llama Guard model (`POST /v1/chat/completions`), for texts.

Sent is one message of a user. Read is the first choice's text: `safe`, or `unsafe` and below it a
line of codes (`S1,S4`). `ClassifierOptions.category` is such a code. An answer is a yes or no, so
a score is 0 or 1.
"""

from __future__ import annotations

import json
import re

from safehold.classifiers.model import BadAnswerError, ClassifierOptions
from safehold.outbound.model import Call

_UNSAFE = re.compile(r"\s*unsafe\s+([sS]\d{1,3}(?:\s*,\s*[sS]\d{1,3})*)\s*\Z")
_SAFE = re.compile(r"\s*safe\s*\Z")


def call(options: ClassifierOptions, text: str) -> Call:
    """The call that has a text judged."""
    asked: dict[str, object] = {
        "messages": [{"role": "user", "content": text}],
        "temperature": 0,
        "max_tokens": 32,
    }
    if options.model:
        asked["model"] = options.model
    headers = {"content-type": "application/json", "accept": "application/json"}
    if options.api_key:
        headers["authorization"] = f"Bearer {options.api_key}"
    body = json.dumps(asked).encode("ascii")
    return Call(options.url, headers=headers, body=body, timeout_seconds=options.timeout_seconds)


def read(options: ClassifierOptions, answer: object) -> float:
    """1 where the category is named, else 0. Raises `BadAnswerError`."""
    try:
        said = answer["choices"][0]["message"]["content"]  # type: ignore[index]
    except (KeyError, IndexError, TypeError):
        raise BadAnswerError from None
    if not isinstance(said, str):
        raise BadAnswerError
    if _SAFE.match(said):
        return 0.0
    unsafe = _UNSAFE.match(said)
    if unsafe is None:
        raise BadAnswerError
    named = {code.strip().upper() for code in unsafe[1].split(",")}
    return 1.0 if options.category.upper() in named else 0.0
