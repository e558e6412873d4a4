"""Rules on words: their grammar, and whether a text falls under one. I/O-free.

One rule a line, `#` begins a comment:

    zorblax                      this word
    quindle vennimoor            these words in this order
    zorb*                        all words that begin so
    zorblax + quindle            both, anywhere in the text
    zorblax ~5 quindle           both, with at most 5 words between them, in any order
    (zorblax | quindle) + orn    one of the first two, and the third
    zorblax - harbour            the first, where the second does not stand

What stands between operators binds from left to right; `~N` looks at what stands before it.
Words of scripts without spaces are found anywhere in the text.
"""

from __future__ import annotations

import bisect
import enum
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from safehold.gate.model import GateRulesError
from safehold.gate.rules.folding import MAX_CHARS, fold, is_spaceless
from safehold.gate.rules.words import MAX_WORD, Found, Span, Vocabulary

MAX_RULES = 200_000
MAX_LINE = 2_000
MAX_NEAR = 1_000

_LEXER = re.compile(r"\s*(?:(\()|(\))|(\|)|(~\d{1,4})(?=\s)|([+-])(?=\s)|([^\s()|]+))")


class Join(enum.Enum):
    """How an alternative belongs to what stands before it."""

    FIRST = ""
    AND = "+"
    NOT = "-"
    NEAR = "~"


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words in order, folded; or one text of a script without spaces."""

    words: tuple[str, ...] = field(repr=False)
    spaceless: bool = False


@dataclass(frozen=True, slots=True)
class Clause:
    """Phrases of which one must stand there.

    Attributes:
        join: how it belongs to the clauses before it.
        phrases: the alternatives.
        near: words between, for `Join.NEAR`.
    """

    join: Join
    phrases: tuple[Phrase, ...]
    near: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its clauses, of which the first stands for itself."""

    clauses: tuple[Clause, ...]


class Terms:
    """All rules on words."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._vocabulary = Vocabulary(
            word
            for rule in self._rules
            for clause in rule.clauses
            for phrase in clause.phrases
            if not phrase.spaceless
            for word in phrase.words
        )
        self._needed: dict[str, list[Rule]] = {}
        self._others: list[Rule] = []
        for rule in self._rules:
            first = rule.clauses[0].phrases
            if any(phrase.spaceless for phrase in first):
                self._others.append(rule)
                continue
            for phrase in first:
                self._needed.setdefault(phrase.words[0], []).append(rule)

    def __len__(self) -> int:
        return len(self._rules)

    def match(self, text: str) -> bool:
        """Whether a text falls under a rule. One that is too long to be searched does."""
        if len(text) > MAX_CHARS:
            return True
        if not self._rules:
            return False
        found = self._vocabulary.find(text)
        asked = {id(rule): rule for word in found.spans for rule in self._needed.get(word, ())}
        return any(_holds(rule, found) for rule in (*asked.values(), *self._others))


def _holds(rule: Rule, found: Found) -> bool:
    before: list[Span] = []
    for clause in rule.clauses:
        spans = sorted(span for phrase in clause.phrases for span in _spans(phrase, found))
        if clause.join is Join.NOT:
            if spans:
                return False
            continue
        if clause.join is Join.NEAR:
            spans = _near(before, spans, clause.near)
        if not spans:
            return False
        before = spans
    return True


def _spans(phrase: Phrase, found: Found) -> Iterator[Span]:
    """Where a phrase stands."""
    if phrase.spaceless:
        if phrase.words[0] in found.joined:
            yield (0, 1)  # there are no words to be counted
        return
    reached: set[Span] = set(found.spans.get(phrase.words[0], ()))
    for word in phrase.words[1:]:
        following: dict[int, list[int]] = {}
        for start, end in found.spans.get(word, ()):
            following.setdefault(start, []).append(end)
        reached = {(s, last) for s, end in reached for last in following.get(end, ())}
    yield from reached


def _near(before: Sequence[Span], spans: Sequence[Span], near: int) -> list[Span]:
    """Spans that have one of those before within so many words, with it taken in."""
    starts = [start for start, _ in before]
    longest = max((end - start for start, end in before), default=0)
    kept: list[Span] = []
    for start, end in spans:
        low = bisect.bisect_left(starts, start - near - longest)
        high = bisect.bisect_right(starts, end + near)
        for other_start, other_end in before[low:high][:1_000]:
            gap = max(start - other_end, other_start - end)
            if 0 <= gap <= near:
                kept.append((min(start, other_start), max(end, other_end)))
                break
    return sorted(kept)


def parse(lines: Iterable[str]) -> Iterator[Rule]:
    """Rules of a file. Raises `GateRulesError`, which names the line's number alone."""
    for number, line in enumerate(lines, start=1):
        said = line.split("#", 1)[0].strip().removeprefix("\ufeff")
        if not said:
            continue
        rule = _rule(said) if len(said) <= MAX_LINE and number <= MAX_RULES else None
        if rule is None:
            raise GateRulesError(
                f"Line {number} of the file of terms cannot be used.",
                hint="docs/how-to/put-a-gate-before-a-generator.md has the grammar.",
            )
        yield rule


def _rule(line: str) -> Rule | None:
    """A line's rule; None where it is none."""
    clauses: list[Clause] = []
    phrases: list[Phrase] = []
    words: list[str] = []
    join, near, inside = Join.FIRST, 0, False

    def end_phrase() -> bool:
        made = _phrase(words)
        words.clear()
        if made is None:
            return False
        phrases.append(made)
        return True

    def end_clause() -> bool:
        if inside or not (end_phrase() if words else phrases):
            return False
        clauses.append(Clause(join, tuple(phrases), near))
        phrases.clear()
        return True

    at = 0
    while at < len(line):
        lexed = _LEXER.match(line, at)
        if lexed is None:
            return None
        opened, closed, bar, distance, sign, word = lexed.groups()
        at = lexed.end()
        if opened or closed or bar:
            right = not (words or phrases or inside) if opened else inside and end_phrase()
            if not right:
                return None
            inside = not closed
        elif distance or sign:
            if not end_clause():
                return None
            join = Join.NEAR if distance else Join(sign)
            near = int(distance[1:]) if distance else 0
            if near > MAX_NEAR:
                return None
        else:
            if phrases and not inside:
                return None  # words after a bracket, without an operator
            if word[0] in "+-~" and (words or clauses):
                return None  # an operator without its spaces would stand for a word
            words.append(word)
    return Rule(tuple(clauses)) if end_clause() else None


def _phrase(words: Sequence[str]) -> Phrase | None:
    """A phrase, folded; None where a word has no letter, or is too long."""
    folded = [fold(word) for word in words]
    if not folded:
        return None
    if any(is_spaceless(char) for word in folded for char in word):
        return Phrase(("".join("".join(word.split()) for word in folded),), spaceless=True)
    made: list[str] = []
    for word in folded:
        begins = word.endswith("*")
        letters = "".join(char for char in word if char.isalnum())
        if not letters or len(letters) > MAX_WORD or (begins and len(letters) < 2):
            return None
        made.append(letters + ("*" if begins else ""))
    return Phrase(tuple(made))
