"""JSON and lines of settings: read whole where they are well, bounded and total where not."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.provenance.generators import infotext, jsons
from safehold.provenance.model import ReadingFault
from tests.provenance.readings import budget

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)  # fmt: skip


@given(VALUES, st.booleans())
def test_json_is_read_as_it_was_written(value: Any, narrow: bool) -> None:
    assert jsons.parse(f"\ufeff {json.dumps(value, ensure_ascii=narrow)}\0", budget()) == value


@settings(max_examples=200)
@given(
    st.one_of(
        st.text(max_size=60),
        st.text(alphabet='{}[]",:\\u0d8N aInfity-1e9', max_size=60),
        st.text(st.characters(categories=["Cs", "Ll"]), max_size=20).map(
            lambda text: f'["{text}"]'
        ),
    )
)
def test_any_text_is_borne_and_what_is_read_can_be_written(text: str) -> None:
    value = jsons.parse(text, budget())
    json.dumps(value, ensure_ascii=False).encode()


def test_odd_numbers_are_texts() -> None:
    long = "1" * 10_000
    value = jsons.parse(f"[NaN, -Infinity, {long}, 0.{long}, {2**64}, 1e999]", budget())
    assert isinstance(value, list)
    assert value[:5] == ["NaN", "-Infinity", long, f"0.{long}", 2**64]
    assert math.isinf(value[5])


def test_halves_of_pairs_are_replaced_and_whole_ones_kept() -> None:
    text = '{"\\ud83c": ["\\uD83C\\uDF0A", "a\\udfffb", "\udc00"]}'
    assert jsons.parse(text, budget()) == {"�": ["🌊", "a�b", "�"]}


def test_the_last_of_two_keys_is_kept_and_the_other_told() -> None:
    differing = jsons.read('{"a": {"b": 1, "b": [2]}}', budget())
    assert differing == jsons.Document({"a": {"b": [2]}}, repeated=True)
    assert jsons.read('{"b": 1, "b": 1}', budget()) == jsons.Document({"b": 1})


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("[" * 200_000, {}),
        ('{"a":' * 70_000, {}),
        ("[" * 65 + "]" * 65, {}),
        ("[" + "0," * 100 + "0]", {"max_json_values": 100}),
    ],
)
def test_bounds_are_told(text: str, options: dict[str, Any]) -> None:
    limits = budget(**options)
    assert jsons.parse(text, limits) is None
    assert limits.faults == {ReadingFault.LIMIT_BYTES}


def test_what_is_within_the_bounds_is_read() -> None:
    limits = budget(max_json_values=101)
    assert jsons.parse("[" + "0," * 100 + "0]", limits) == [0] * 101
    assert jsons.parse("[" * 64 + "]" * 64, limits) is not None
    assert not limits.faults


KEYS = st.from_regex(r"[A-Z][a-z]{0,8}( [a-z]{1,6})?", fullmatch=True)
SETTINGS = st.dictionaries(KEYS, st.text(max_size=12), min_size=2, max_size=8)


def quoted(value: str) -> str:
    """As the web interface writes a value: quoted where it would be cut otherwise."""
    plain = value.strip() == value and not re.search(r'[,:\n"\[{\\]', value)
    return value if plain else json.dumps(value, ensure_ascii=False)


@given(SETTINGS, st.text(max_size=40), st.text(max_size=40))
def test_settings_are_read_as_they_were_written(
    said: dict[str, str], prompt: str, negative: str
) -> None:
    said.pop("Steps", None)
    line = ", ".join(f"{key}: {quoted(value)}" for key, value in said.items())
    text = f"{prompt}\nNegative prompt: {negative}\nSteps: 20, {line}, End: 1"
    found = infotext.parse(text, budget())
    assert found is not None
    assert found.settings == {"Steps": "20", **said, "End": "1"}
    assert found.prompt == prompt.strip() or "Negative prompt:" in prompt
    assert found.negative == negative.strip() or "Negative prompt:" in prompt
    assert not found.repeated


def test_the_last_line_of_settings_counts_and_what_follows_is_kept() -> None:
    line = "Steps: 1, Seed: 2, Size: 3x4"
    found = infotext.parse(f"a\n{line}\nb\n{line.replace('2', '5')}\nTemplate: c", budget())
    assert found is not None
    assert (found.settings["Seed"], found.rest) == ("5", "Template: c")
    assert infotext.parse("a teapot\nSteps: 1, Seed: 2", budget()) is None
    assert infotext.parse(line, budget()) is not None


class Counted(str):
    """A text that counts the characters that are looked at."""

    __slots__ = ("looked",)
    looked: list[int]

    @classmethod
    def of(cls, text: str) -> Self:
        made = cls(text)
        made.looked = []
        return made

    def find(self, part: str, start: Any = 0, end: Any = None) -> int:
        found = super().find(part, start, end)
        self.looked.append((len(self) if found < 0 else found + 1) - start)
        return found

    def rfind(self, part: str, start: Any = 0, end: Any = None) -> int:
        found = super().rfind(part, start, end)
        self.looked.append((end or len(self)) - max(found, start))
        return found

    def __getitem__(self, key: Any) -> str:
        part = super().__getitem__(key)
        self.looked.append(len(part))
        return part


class CountedPattern:
    """An expression that counts the characters that it takes; it can give none back."""

    def __init__(self, pattern: re.Pattern[str], looked: list[int]) -> None:
        assert re.search(r"\+\+|\*\+", pattern.pattern)
        self._pattern = pattern
        self._looked = looked

    def match(self, text: str, at: int) -> re.Match[str] | None:
        lexed = self._pattern.match(text, at)
        self._looked.append(lexed.end() - at if lexed else 1)
        return lexed

    def finditer(self, text: str, at: int) -> Iterator[re.Match[str]]:
        for lexed in self._pattern.finditer(text, at):
            self._looked.append(lexed.end() - at)
            at = lexed.end()
            yield lexed
        self._looked.append(len(text) - at)


HOSTILE = st.lists(
    st.sampled_from(['"', "\\", '\\"', ",", ":", ": ", "{", "}", "[", "]", "k", " ", 'k: "', "k: {",
                     ", k: [{}", "Steps: ", '{"a": "b, c"}', '"a\\', "é"]),
    max_size=30,
).map("".join)  # fmt: skip


@settings(max_examples=150)
@given(HOSTILE, st.integers(1, 100))
def test_settings_are_read_in_a_number_of_steps_that_is_linear(part: str, times: int) -> None:
    line = Counted.of("Steps: 1, " + part * times)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_QUOTED", "_TOKEN"):
            pattern = getattr(infotext, name)
            patch.setattr(infotext, name, CountedPattern(pattern, line.looked))
        list(infotext._Line(line).fields())
    assert sum(line.looked) <= 12 * len(line) + 50


def test_long_lines_are_cut_at_the_bound() -> None:
    text = "Steps: 1" + "".join(f", k{number}: v" for number in range(5_000))
    found = infotext.parse(text, budget(max_settings=100))
    assert found is not None
    assert len(found.settings) == 100
