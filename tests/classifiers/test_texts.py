"""Texts in place of pictures: what is sent, and which answers are scores."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.classifiers import llama_guard, texts
from safehold.classifiers.model import (
    BadAnswerError,
    ClassifierOptions,
    ClassifierOptionsError,
    NoScoreError,
    ScoreCode,
    over_mark,
    unscored,
)
from safehold.classifiers.model import Score as Scored
from safehold.gate.model import Stage, UncheckedError
from safehold.gate.rules.moderation import Moderation
from safehold.outbound.model import Call

URL = "https://classifier.example/v1"
OPENAI = ClassifierOptions("one", URL, "openai", 0.5, category="minors", model="m", api_key="k")
PLAIN = ClassifierOptions("two", URL, "score", 0.5)
GUARD = ClassifierOptions("three", URL, "llama_guard", 0.5, category="S4", required=True)


def bytes_of(call: Call) -> bytes:
    assert isinstance(call.body, bytes)
    return call.body


def guarded(said: Any) -> Any:
    return {"choices": [{"message": {"role": "assistant", "content": said}}]}


def test_what_is_sent() -> None:
    call = texts.OPENAI.call(OPENAI, "a lighthouse")
    assert json.loads(bytes_of(call)) == {"input": "a lighthouse", "model": "m"}
    assert call.headers["authorization"] == "Bearer k"
    assert texts.SCORE.call(PLAIN, "é").body == "é".encode()
    sent = json.loads(bytes_of(llama_guard.call(GUARD, "a lighthouse")))
    assert sent["messages"] == [{"role": "user", "content": "a lighthouse"}]
    assert sent["temperature"] == 0


def test_a_category_that_is_not_for_texts_was_not_checked() -> None:
    answer = {
        "results": [
            {
                "category_scores": {"minors": 0.0},
                "category_applied_input_types": {"minors": ["image"]},
            }
        ]
    }
    with pytest.raises(NoScoreError):
        texts.OPENAI.read(OPENAI, answer)
    answer["results"][0]["category_applied_input_types"] = {"minors": ["text"]}
    assert texts.OPENAI.read(OPENAI, answer) == 0.0
    with pytest.raises(NoScoreError):
        texts.OPENAI.read(OPENAI, {"results": [{"category_scores": {"other": 1.0}}]})


@pytest.mark.parametrize(
    ("said", "score"),
    [("safe", 0), ("\n\nsafe\n", 0), ("unsafe\nS4", 1), ("unsafe\ns1, s4\n", 1),
     ("unsafe\nS1,S14", 0)],
)  # fmt: skip
def test_a_guards_answers(said: str, score: float) -> None:
    assert llama_guard.read(GUARD, guarded(said)) == score


@pytest.mark.parametrize("said", ["", "unsafe", "perhaps", "safe enough", "unsafe\nall", None, 4])
def test_a_guard_that_says_neither(said: Any) -> None:
    with pytest.raises(BadAnswerError):
        llama_guard.read(GUARD, guarded(said))


@given(st.recursive(st.none() | st.text(max_size=8), lambda x: st.lists(x, max_size=2)))
def test_a_guards_answer_of_any_shape(answer: Any) -> None:
    with pytest.raises(BadAnswerError):
        llama_guard.read(GUARD, {"choices": answer})


def test_a_guard_needs_a_category() -> None:
    with pytest.raises(ClassifierOptionsError):
        ClassifierOptions("x", URL, "llama_guard", 0.5)


class Scoring:
    """Says what it is told to."""

    def __init__(self, *scores: Scored) -> None:
        self.scores = scores
        self.asked: list[str] = []

    async def classify_text(self, text: str, names: Any = None) -> tuple[Scored, ...]:
        self.asked.append(text)
        return self.scores


def judged(scoring: Scoring, *names: str, said: tuple[str, ...] = ("a", "b")) -> Stage | None:
    import asyncio

    moderation = Moderation([OPENAI, PLAIN, GUARD], names, scoring)
    return asyncio.run(moderation.refuses(said))


def test_a_score_refuses_and_a_missing_one_is_not_clean() -> None:
    high = Scored("two", "", 0.9, ScoreCode.SCORED)
    low = Scored("two", "", 0.1, ScoreCode.SCORED)
    none = Scored("three", "S4", None, ScoreCode.TIMEOUT)
    scoring = Scoring(high, none)
    assert judged(scoring, "two", "three") is Stage.SCORE
    assert scoring.asked == ["a\nb"]
    assert judged(Scoring(low), "two") is None
    with pytest.raises(UncheckedError):
        judged(Scoring(low, none), "two", "three")
    with pytest.raises(UncheckedError):
        judged(Scoring(low), "two", "gone")
    assert judged(Scoring(), said=("a",)) is None
    assert judged(Scoring(high), "two", said=(" ",)) is None
    assert not over_mark([GUARD], [none]) and unscored([GUARD], [none])
