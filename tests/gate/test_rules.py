"""Rules on words and models: invented words, found however they are written."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.gate.model import GateRulesError, ModelName, Stage, Words
from safehold.gate.rules import models, terms
from safehold.gate.rules.folding import MAX_CHARS, fold
from safehold.gate.rules.rulebook import CHECK_SECONDS, Rulebook, WatchedRulebook
from safehold.gate.rules.terms import Terms
from safehold.gate.rules.words import Vocabulary


def holds(rules: str, text: str) -> bool:
    return Terms(terms.parse(rules.splitlines())).match(text)


@pytest.mark.parametrize(
    "text",
    [
        "a zorblax by the sea",
        "A ZORBLAX, by the sea",
        "Zörbláx",
        "z o r b l a x",
        "Z.O.R.B.L.A.X!",
        "a z-o-r-b-l-a-x here",
        "zor-blax",
        "zor_blax",
        "zor\u200bblax",
        "zo\u0301rblax",
        "zоrblах",  # Cyrillic o, a, x
        "ᴢᴏʀʙʟᴀx",
        "ｚｏｒｂｌａｘ",
        "𝓏𝑜𝓇𝒷𝓁𝒶𝓍",
        "ⓩⓞⓡⓑⓛⓐⓧ",
        "🇿🇴🇷🇧🇱🇦🇽",
        "z0rbl4x",
        "z0r8!4x",
        "zoooorblaaaax",
        "zzzorblaxxx",
        "(zorblax:1.2), [zorblax|sea]",
        "sea,zorblax,sky",
        "<lora:zorblax:0.8>",
        "lighthouse (zor)blax",
        "Z 0 R B 1 A X",
    ],
)
def test_a_word_however_it_is_written(text: str) -> None:
    assert holds("zorblax", text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a lighthouse by the sea",
        "zorblaxes",
        "unzorblax",
        "zor blax",  # two words that make a third one between them
        "zoorblax",  # another word: doubled, not drawn out
        "zorbla x y z",
        "z o r b",
        "zorb 1 ax",
    ],
)
def test_other_words_are_left_alone(text: str) -> None:
    assert not holds("zorblax", text)


def test_harmless_neighbours_make_no_word() -> None:
    assert not holds("therapy", "the rapy")
    assert not holds("bail", "a red ball")
    assert holds("bail", "b4il")
    assert not holds("lose", "a loose rope") and holds("lose", "a looose rope")


@pytest.mark.parametrize(
    ("rule", "text", "held"),
    [
        ("quindle vennimoor", "the quindle vennimoor harbour", True),
        ("quindle vennimoor", "vennimoor quindle", False),
        ("quindle vennimoor", "q u i n d l e v e n n i m o o r", True),
        ("quindle vennimoor", "quindle, vennimoor", True),
        ("zorb*", "zorbish things", True),
        ("zorb*", "z o r b l y", True),
        ("zorb*", "azorb", False),
        ("zorblax + quindle", "quindle and a zorblax", True),
        ("zorblax + quindle", "zorblax zorblax", False),
        ("zorblax ~2 quindle", "zorblax by the quindle", True),
        ("zorblax ~2 quindle", "quindle by the zorblax", True),
        ("zorblax ~2 quindle", "zorblax by the old quindle", False),
        ("(zorblax | quindle) + orn", "an orn and a quindle", True),
        ("(zorblax | quindle) + orn", "an orn", False),
        ("zorblax - harbour", "zorblax", True),
        ("zorblax - harbour", "zorblax in the harbour", False),
        ("zorblax ~1 (quindle | orn tel)", "orn tel a zorblax", True),
        ("空の鯨", "大きな空の鯨が", True),
        ("空の鯨", "空 の 鯨", True),
        ("空の鯨 + zorblax", "空の鯨", False),
        ("слонопотам", "большой Слонопотам", True),
        ("слонопотам", "с л о н о п о т а м", True),
    ],
)
def test_the_grammar(rule: str, text: str, held: bool) -> None:
    assert holds(rule, text) is held


@pytest.mark.parametrize(
    "line",
    ["+ zorblax", "zorblax +", "(zorblax", "zorblax)", "(zorblax | ) + a1", "()", "a | b",
     "~3 zorblax", "zorblax ~9999 b1", "- zorblax", "...", "*", "z" * 65, "a1 (b1)"],
)  # fmt: skip
def test_lines_that_are_none(line: str) -> None:
    with pytest.raises(GateRulesError, match="Line 3") as raised:
        list(terms.parse(["# comment", "zorblax  # fine", line]))
    assert line not in raised.value.message


def test_many_rules_and_long_texts_cost_their_length() -> None:
    many = Terms(terms.parse(f"zorb{n}x + quindle{n}" for n in range(20_000)))
    asked = 0

    class Counted(Vocabulary):
        def _walk(self, *given: Any) -> Any:
            nonlocal asked
            asked += 1
            return super()._walk(*given)

    many._vocabulary = Counted(f"zorb{n}x" for n in range(20_000))
    for text in ("a " * 5_000, "z0rb" * 2_000, "a.b." * 2_500, "z" * 10_000, "zorb1x " * 1_500):
        asked = 0
        many.match(text)
        assert asked <= 8 * len(text)
    assert many.match("x" * (MAX_CHARS + 1)), "what is too long to be searched is refused"


@given(st.text(max_size=200))
def test_folding_is_total_and_final(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    holds("zorblax\n(quindle | orn) ~3 zorb* - sea", text)


@given(st.text(alphabet=" .z0or blax4-|", max_size=40), st.sampled_from(["zorblax", "z0rbl4x"]))
def test_what_stands_around_hides_no_word(around: str, word: str) -> None:
    assert holds("zorblax", f"{around} , {word} , {around}")


def test_models_by_hash_and_name() -> None:
    whole = "ab" * 32
    rules = models.parse(
        [f"sha256:{whole}", "3FA9C1D2E4", "name: Zorblax Mix", "name: quin*", "# nothing"]
    )
    assert rules.match(ModelName("", whole[:10])) and rules.match(ModelName("", whole.upper()))
    assert rules.match(ModelName("sea", "3fa9c1d2e4" + "0" * 54))
    assert rules.match(ModelName("sea.safetensors [3fa9c1d2e4]"))
    assert rules.match(ModelName("SD15\\zorblax_mix.safetensors"))
    assert rules.match(ModelName("models/Quindle-v2.ckpt"))
    assert not rules.match(ModelName("seaquindle", "abababac00"))
    assert not rules.match(ModelName("", "abab"))
    assert len(rules) == 4
    with pytest.raises(GateRulesError, match="Line 2"):
        models.parse(["name: sea", "not a hash"])
    with pytest.raises(GateRulesError, match="Line 1"):
        models.parse(["name: *"])


def test_a_call_is_searched_as_a_whole_and_negatives_are_not() -> None:
    book = Rulebook(Terms(terms.parse(["zorblax + quindle"])), models.parse(["name: vennimoor"]))
    assert book.refuses(Words(texts=("zorblax", "by a quindle"))) is Stage.WORDS
    assert book.refuses(Words(texts=("zorblax",), negatives=("quindle",))) is None
    assert book.refuses(Words(models=(ModelName("vennimoor.pt"),))) is Stage.MODEL
    assert book.refuses(Words(texts=("sea " * 30_000, "sky " * 30_000))) is Stage.WORDS
    assert book.refuses(Words()) is None


def test_files_are_read_anew_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    said: list[str] = []

    class Log:
        def warning(self, event: str, **fields: object) -> None:
            said.append(event)
            assert not fields

    now = 0.0
    file = tmp_path / "terms.txt"
    file.write_text("zorblax\n")
    book = WatchedRulebook(str(file), "", Log(), lambda: now)
    asked = Words(texts=("quindle",))
    assert book.refuses(asked) is None
    file.write_text("zorblax\nquindle\n")
    assert book.refuses(asked) is None, "it is not looked at with every call"
    now += CHECK_SECONDS
    assert book.refuses(asked) is Stage.WORDS
    file.write_text("zorblax +\n")
    now += CHECK_SECONDS
    assert book.refuses(asked) is Stage.WORDS and said == ["gate_rules_unusable"]
    file.unlink()
    now += CHECK_SECONDS
    assert book.refuses(asked) is Stage.WORDS
    with pytest.raises(GateRulesError):
        WatchedRulebook(str(file), "", Log(), time.monotonic)
