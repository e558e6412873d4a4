"""Reading answers: every shape that is not quite right is no score."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.classifiers import openai, score
from safehold.classifiers.model import (
    BadAnswerError,
    ClassifierOptions,
    ClassifierOptionsError,
    NoScoreError,
    Score,
    ScoreCode,
    over_mark,
    score_of,
    unscored,
)

URL = "https://classifier.example/v1/moderations"
OPENAI = ClassifierOptions("one", URL, "openai", 0.8, category="unsafe", api_key="word")
PLAIN = ClassifierOptions("two", URL, "score", 0.8)
NAMED = ClassifierOptions("three", URL, "score", 0.8, category="unsafe")

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["results", "category_scores", "unsafe", "score", "scores", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def moderation(scores: Any, applied: Any = None) -> dict[str, Any]:
    result: dict[str, Any] = {"flagged": True, "categories": {}, "category_scores": scores}
    if applied is not None:
        result["category_applied_input_types"] = applied
    return {"id": "modr-1", "model": "m", "results": [result]}


def test_an_openai_call_holds_the_picture_and_no_text() -> None:
    call = openai.call(OPENAI, "image/png", b"\x89PNG")
    encoded = base64.b64encode(b"\x89PNG").decode()
    assert isinstance(call.body, bytes)
    assert json.loads(call.body) == {
        "input": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{encoded}"}}]
    }
    assert call.headers["authorization"] == "Bearer word"
    asked = ClassifierOptions("asked", URL, "openai", 0.5, category="c", model="m-1")
    body = openai.call(asked, "image/png", b"").body
    assert isinstance(body, bytes)
    assert json.loads(body)["model"] == "m-1"
    assert "authorization" not in openai.call(asked, "image/png", b"").headers


def test_a_plain_call_holds_the_bytes() -> None:
    call = score.call(PLAIN, "image/webp", b"RIFF")
    assert (call.method, call.body) == ("POST", b"RIFF")
    assert call.headers["content-type"] == "image/webp"


def test_openai_scores() -> None:
    assert openai.read(OPENAI, moderation({"unsafe": 0.25, "other": 1})) == 0.25
    both = {"unsafe": ["text", "image"]}
    assert openai.read(OPENAI, moderation({"unsafe": 1}, both)) == 1.0


@pytest.mark.parametrize(
    ("scores", "applied"),
    [
        ({}, None),
        ({"other": 0.0}, None),
        ({"unsafe": None}, None),
        # A score of zero for a category that does not apply to pictures says nothing.
        ({"unsafe": 0.0}, {"unsafe": ["text"]}),
        ({"unsafe": 0.0}, {"unsafe": []}),
        ({"unsafe": 0.0}, {}),
        ({"unsafe": 0.0}, {"unsafe": "image"}),
    ],
)
def test_a_category_without_a_score_is_not_checked(scores: Any, applied: Any) -> None:
    with pytest.raises(NoScoreError):
        openai.read(OPENAI, moderation(scores, applied))


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "x",
        {},
        {"results": []},
        {"results": {}},
        {"results": [1]},
        {"results": [{}]},
        {"results": [{"category_scores": []}]},
        {"results": [*moderation({"unsafe": 0.1})["results"]] * 2},
        moderation({"unsafe": "0.5"}),
        moderation({"unsafe": True}),
        moderation({"unsafe": 1.5}),
        moderation({"unsafe": -0.1}),
        moderation({"unsafe": math.nan}),
        moderation({"unsafe": [0.5]}),
        moderation({"unsafe": 10**400}),
    ],
)
def test_openai_answers_of_another_shape_are_bad(answer: Any) -> None:
    with pytest.raises(BadAnswerError):
        openai.read(OPENAI, answer)


def test_plain_scores() -> None:
    assert score.read(PLAIN, {"score": 0.5}) == 0.5
    assert score.read(NAMED, {"score": 0}) == 0.0
    assert score.read(NAMED, {"scores": {"unsafe": 0.7, "x": 1}, "score": 0.1}) == 0.7
    without: list[Any] = [{"scores": {}}, {"scores": {"x": 1}, "score": 0.1}, {"score": None}]
    for answer in without:
        with pytest.raises(NoScoreError):
            score.read(NAMED, answer)


@pytest.mark.parametrize(
    "answer",
    [None, 0.5, [], {}, {"scores": {"unsafe": 0.5}}, {"score": "1"}, {"score": True}, {"score": 2}],
)
def test_plain_answers_of_another_shape_are_bad(answer: Any) -> None:
    with pytest.raises(BadAnswerError):
        score.read(PLAIN, answer)


@given(JSON)
def test_any_json_is_a_score_or_none(answer: Any) -> None:
    for read, options in ((openai.read, OPENAI), (score.read, PLAIN), (score.read, NAMED)):
        try:
            value = read(options, answer)
        except (BadAnswerError, NoScoreError):
            continue
        assert isinstance(value, float)
        assert 0 <= value <= 1


@given(st.floats() | st.integers() | st.booleans() | st.text() | st.none())
def test_only_numbers_from_zero_to_one_are_scores(value: Any) -> None:
    right = not isinstance(value, bool | str | None) and 0 <= value <= 1
    if right:
        assert score_of(value) == value
    else:
        with pytest.raises(BadAnswerError):
            score_of(value)


@pytest.mark.parametrize(
    "change",
    [
        {"url": ""},
        {"kind": "other"},
        {"kind": ""},
        {"mark": -1.0},
        {"mark": 1.1},
        {"mark": math.nan},
        {"timeout_seconds": 0},
        {"timeout_seconds": math.inf},
        {"max_concurrent": 0},
        {"max_bytes": 0},
        {"kind": "openai", "category": ""},
    ],
)
def test_options_that_could_never_work_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ClassifierOptionsError):
        ClassifierOptions(**{"name": "n", "url": URL, "kind": "score", "mark": 0.5, **change})


def test_options_show_no_secret() -> None:
    assert "word" not in repr(OPENAI)
    assert "classifier.example" not in repr(OPENAI)


def test_marks_and_missing_scores() -> None:
    must = ClassifierOptions("must", URL, "score", 0.5, required=True)

    def said(name: str, value: float | None) -> Score:
        return Score(name, "", value, ScoreCode.SCORED if value is not None else ScoreCode.TIMEOUT)

    options = (PLAIN, must)
    assert over_mark(options, [said("two", 0.8)])
    assert not over_mark(options, [said("two", 0.79), said("must", 0.4)])
    assert over_mark(options, [said("two", 0.1), said("must", 0.5)])
    assert not over_mark(options, [said("two", None)])
    assert not over_mark(options, [said("stranger", 1.0)])
    assert unscored(options, [said("two", 0.1)])
    assert unscored(options, [said("two", 0.1), said("must", None)])
    assert not unscored(options, [said("two", None), said("must", 0.0)])
    assert not unscored((PLAIN,), [])
    # A surface asks for one that does not exist.
    assert unscored((PLAIN,), [said("stranger", None)])
