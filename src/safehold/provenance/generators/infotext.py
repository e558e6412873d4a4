"""The text that AUTOMATIC1111's web interface writes, and many others after it.

    a prompt, in any number of lines
    Negative prompt: another, in any number of lines
    Steps: 20, Sampler: Euler a, Seed: 7, Size: 512x768, Model: name, Lora hashes: "a: 12ab"

The last line holds settings. Values with a comma, a colon or a line break are quoted as in JSON;
some programs put JSON there without quotes. There is no grammar, only what the writers do
(`modules/infotext_utils.py` and `modules/processing.py` of stable-diffusion-webui).

Every step goes forward through the text, so the time is linear in its length: no expression here
can give back what it took, and a search that found nothing is not made again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from safehold.provenance.walkers.interface import Budget

MARK: Final = "Steps: "
"""Begins the line of settings."""

FEWEST: Final = 3
"""A line of settings has at least so many; a prompt may well begin with the mark."""

_NEGATIVE: Final = "Negative prompt:"
_LONGEST_KEY: Final = 64
_MOST_LINES: Final = 4
_MOST_PAIRS: Final = 256
_MOST_TOKENS: Final = 20_000
_QUOTED = re.compile(r'"(?:[^"\\]++|\\.)*+(?P<end>")?', re.DOTALL)
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Infotext:
    """What stands in such a text.

    Attributes:
        prompt, negative: the words before the settings; `rest`: those after them.
        settings: by their names, the last of several with one name.
        repeated: whether one name stands there several times with different values.
    """

    prompt: str = field(repr=False)
    negative: str = field(repr=False)
    settings: dict[str, str] = field(repr=False)
    rest: str = field(repr=False)
    repeated: bool = False


def parse(text: str, budget: Budget) -> Infotext | None:
    """Read such a text; None where it has no line of settings."""
    most = budget.options.max_settings
    for start, end in _lines(text):
        settings: dict[str, str] = {}
        repeated = False
        for key, value in islice(_Line(text[start:end]).fields(), most):
            repeated = repeated or settings.get(key, value) != value
            settings[key] = value
        if len(settings) >= FEWEST:
            prompt, negative = _prompts(text[:start])
            return Infotext(prompt, negative, settings, text[end:].strip(), repeated)
    return None


def pairs(text: str) -> Iterator[tuple[str, str]]:
    """Pairs of a list such as `Lora hashes`: `name: 12ab, other: 34cd`."""
    for part in text.split(",", _MOST_PAIRS)[:_MOST_PAIRS]:
        key, colon, value = part.strip().partition(": ")
        if colon and key:
            yield key.strip(), value.strip()


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Where lines that begin with the mark begin and end, the last one first."""
    at = len(text)
    for _ in range(_MOST_LINES):
        found = text.rfind("\n" + MARK, 0, at)
        if found < 0:
            break
        at = found + 1
        end = text.find("\n", at)
        yield at, len(text) if end < 0 else end
    else:
        return
    if text.startswith(MARK):
        end = text.find("\n")
        yield 0, len(text) if end < 0 else end


def _prompts(text: str) -> tuple[str, str]:
    """The prompt and the negative one. The latter begins a line, for the first time there."""
    at = 0 if text.startswith(_NEGATIVE) else text.find("\n" + _NEGATIVE) + 1
    if at == 0 and not text.startswith(_NEGATIVE):
        return text.strip(), ""
    return text[:at].strip(), text[at + len(_NEGATIVE) :].strip()


class _Line:
    """A line of settings, read from its beginning to its end."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._at = 0
        self._nested = True

    def fields(self) -> Iterator[tuple[str, str]]:
        """Names and values."""
        line = self._line
        while (colon := line.find(":", self._at)) >= 0:
            comma = line.rfind(",", self._at, colon)
            key = line[comma + 1 if comma >= 0 else self._at : colon].strip()
            begin = colon + 1
            while begin < len(line) and line[begin] == " ":
                begin += 1
            value = self._value(begin)
            if key and len(key) <= _LONGEST_KEY and '"' not in key:
                yield key, value

    def _value(self, begin: int) -> str:
        line = self._line
        first = line[begin : begin + 1]
        if first == '"':
            lexed = _QUOTED.match(line, begin)
            if lexed is not None and lexed["end"]:
                self._at = _after(line, lexed.end())
                return _unquoted(lexed[0])
        if first in {"{", "["} and self._nested:
            end = _balanced(line, begin)
            if end > begin:
                self._at = _after(line, end)
                return line[begin:end]
            # Looked for once: each search that finds no end goes to the end of the line.
            self._nested = False
        self._at = _after(line, begin)
        return line[begin : self._at].rstrip(", ")


def _after(line: str, end: int) -> int:
    """Past the next comma, or the end."""
    comma = line.find(",", end)
    return len(line) if comma < 0 else comma + 1


def _balanced(line: str, begin: int) -> int:
    """Where JSON that begins here ends, or -1 where that is not to be found."""
    depth = 0
    for lexed in islice(_TOKEN.finditer(line, begin), _MOST_TOKENS):
        first = lexed[0][0]
        if first == '"':
            continue
        depth += 1 if first in "[{" else -1
        if depth == 0:
            return lexed.end()
    return -1


def _unquoted(text: str) -> str:
    try:
        value = json.loads(text, strict=False)
    except ValueError:
        return text[1:-1]
    if not isinstance(value, str):
        return text[1:-1]
    return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
