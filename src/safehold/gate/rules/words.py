"""The words of a text, in every way in which they may be meant.

A text is cut at white space into tokens and these at signs into parts; each part is one place.
Words that are looked up are: each part; a token, or neighbouring parts of it, with the signs left
out (`zor-blax`); and runs of single letters (`z o r b l a x`). In each of them digits and signs
are read as themselves and as the letters they are put for, and a character that stands three
times or more in a row as once and twice. A space within a word is read over only where every
letter stands alone: else two harmless words would make a third one.

The vocabulary is a trie that is walked with all readings at once, so a text of n characters
costs some multiple of n, however it is written.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from safehold.gate.rules.folding import LEET, fold, is_spaceless

MAX_WORD: Final = 64
"""Longest word of a rule, in characters."""
MAX_JOINED: Final = 6
"""Neighbouring parts of one token that are read as one word, single letters apart."""
_WHOLE: Final = "\0whole"
_PREFIX: Final = "\0prefix"
_LONGEST_UNITS: Final = 4 * MAX_WORD

Span = tuple[int, int]
"""From a place to the one after its last."""
_Node = dict[str, "_Node"]

_PART = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Found:
    """Where words of a vocabulary stand.

    Attributes:
        spans: by word; a word that stands for all with its beginning ends in `*`.
        joined: the text without spaces, where a script is in it that has none; else empty.
    """

    spans: Mapping[str, Sequence[Span]]
    joined: str = field(repr=False)


class Vocabulary:
    """Words that are looked for, folded."""

    def __init__(self, words: Iterable[str]) -> None:
        """`words`: folded; one that ends in `*` stands for all that begin so."""
        self._root: _Node = {}
        for word in words:
            node = self._root
            for char in word.removesuffix("*"):
                node = node.setdefault(char, {})
            node[_PREFIX if word.endswith("*") else _WHOLE] = {word: {}}

    def find(self, text: str) -> Found:
        """Where words stand in a text."""
        folded = fold(text)
        spans: dict[str, list[Span]] = defaultdict(list)
        known: dict[str, list[str]] = {}
        place = 0
        letters: list[str] = []
        for token in folded.split():
            core = _core(token)
            if len(core) == 1 and len(token) <= 4:
                letters.append(core)
                place += 1
                continue
            self._runs(letters, place, spans)
            letters.clear()
            place += self._token((token, core), place, spans, known)
        self._runs(letters, place, spans)
        joined = "".join(folded.split()) if any(map(is_spaceless, folded)) else ""
        return Found(spans, joined)

    def _token(
        self,
        given: tuple[str, str],
        place: int,
        spans: dict[str, list[Span]],
        known: dict[str, list[str]],
    ) -> int:
        """Look for words in a token, given with its core; how many places it has.

        `known` has the words of what was looked at before: texts repeat themselves.
        """
        token, core = given
        parts = _PART.findall(token)
        for at in range(len(parts)):
            joined = ""
            for end in range(at, min(len(parts), at + MAX_JOINED)):
                joined += parts[end]
                words = known.get(joined)
                if words is None:
                    words = known[joined] = self._words(joined)
                for word in words:
                    _add(spans[word], (place + at, place + end + 1))
                if len(joined) > _LONGEST_UNITS:
                    break  # no word is as long
        self._letters([p if len(p) == 1 else "\n" for p in parts], place, spans)
        places = max(1, len(parts))
        if len(parts) != 1 or core != parts[0]:
            for word in self._words(core):
                _add(spans[word], (place, place + places))
        return places

    def _runs(self, letters: list[str], end: int, spans: dict[str, list[Span]]) -> None:
        self._letters(letters, end - len(letters), spans)

    def _letters(self, letters: list[str], place: int, spans: dict[str, list[Span]]) -> None:
        """Look for words in letters that stand alone, each at its own place."""
        text = "".join(letters)
        runs = _runs_of(text)
        for start in range(len(letters)):
            for end, words in self._walk(text, start, runs):
                for word in words:
                    _add(spans[word], (place + start, place + end))

    def _words(self, candidate: str) -> list[str]:
        """The words that a text is, and those that stand for all with its beginning."""
        text = candidate[: _LONGEST_UNITS + 1]
        return [
            word
            for end, words in self._walk(text, 0, _runs_of(text))
            for word in words
            if word.endswith("*") or end == len(candidate)
        ]

    def _walk(self, text: str, start: int, runs: Sequence[int]) -> Iterator[tuple[int, list[str]]]:
        """Words that stand in a text from `start` on, in all readings: (their end, words).

        `runs`: see `_runs_of`.
        """
        states: list[_Node] = [self._root]
        at = start
        last = min(len(text), start + _LONGEST_UNITS + 1)
        while at < last and states:
            char = text[at]
            run = runs[at]
            times: tuple[int, ...] = (1, 2)
            if run < 3:
                run, times = 1, (1,)
            following: dict[int, _Node] = {}
            for letter in (char, *LEET.get(char, "")):
                for node in states:
                    for count in times:
                        step: _Node | None = node
                        for _ in range(count):
                            step = step.get(letter) if step is not None else None
                        if step is not None:
                            following[id(step)] = step
            states = list(following.values())
            at += run
            words = [w for node in states for kind in (_WHOLE, _PREFIX) for w in node.get(kind, ())]
            if words:
                yield at, words


def _runs_of(text: str) -> list[int]:
    """Of each place how often its character stands in a row from there on."""
    runs = [1] * len(text)
    for at in range(len(text) - 2, -1, -1):
        if text[at] == text[at + 1]:
            runs[at] = runs[at + 1] + 1
    return runs


def _add(spans: list[Span], span: Span) -> None:
    if span not in spans[-4:]:
        spans.append(span)


def _core(token: str) -> str:
    """A token's letters, digits, and signs that are put for letters."""
    return "".join(char for char in token if char.isalnum() or char in LEET)
