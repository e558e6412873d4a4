"""The operator's files of rules, read anew when they change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from safehold.gate.model import GateRulesError, ModelName, Stage, Words
from safehold.gate.rules import models, terms
from safehold.gate.rules.folding import MAX_CHARS
from safehold.gate.rules.models import Models
from safehold.gate.rules.terms import Terms

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
CHECK_SECONDS: Final = 5.0
"""How often it is looked whether the files have changed."""

_Stamp = tuple[int, int, int]


class RulesLog(Protocol):
    """Where it is told that a changed file cannot be used."""

    def warning(self, event: str, **fields: object) -> None:
        """A warning."""
        ...


class Rulebook:
    """Rules on words and models. Safe to use from threads."""

    def __init__(self, terms_rules: Terms, models_rules: Models) -> None:
        self._terms = terms_rules
        self._models = models_rules

    def refuses(self, words: Words) -> Stage | None:
        """At which stage a call is refused, or None.

        Negative prompts are not searched: they say what is to be left out. All texts of a call
        are searched together too, so that a rule's parts may stand in several of them.
        """
        if sum(map(len, words.texts)) > MAX_CHARS:
            return Stage.WORDS
        texts = (*words.texts, "\n".join(words.texts)) if len(words.texts) > 1 else words.texts
        if any(map(self._terms.match, texts)):
            return Stage.WORDS
        return Stage.MODEL if any(map(self._models.match, words.models)) else None

    def names_model(self, model: ModelName) -> bool:
        """Whether a model is on the list."""
        return self._models.match(model)


class WatchedRulebook:
    """A rulebook over files that may change. A change that cannot be used leaves the old rules."""

    def __init__(
        self,
        terms_file: str,
        models_file: str,
        log: RulesLog,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read the files; an empty name is none. Raises `GateRulesError`."""
        self._files = (terms_file, models_file)
        self._log = log
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._stamps = tuple(map(_stamp, self._files))
        self._rules = load(terms_file, models_file)
        self._until = monotonic() + CHECK_SECONDS

    def refuses(self, words: Words) -> Stage | None:
        """See `Rulebook.refuses`."""
        return self._current().refuses(words)

    def _current(self) -> Rulebook:
        now = self._monotonic()
        if now >= self._until and self._lock.acquire(blocking=False):
            try:
                self._until = now + CHECK_SECONDS
                stamps = tuple(map(_stamp, self._files))
                if stamps != self._stamps:
                    self._stamps = stamps
                    self._rules = load(*self._files)
            except GateRulesError:
                self._log.warning("gate_rules_unusable")
            finally:
                self._lock.release()
        return self._rules


def load(terms_file: str, models_file: str) -> Rulebook:
    """Read files of rules; an empty name is none. Raises `GateRulesError`."""
    return Rulebook(Terms(terms.parse(_lines(terms_file))), models.parse(_lines(models_file)))


def _lines(name: str) -> list[str]:
    if not name:
        return []
    path = Path(name)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise GateRulesError("A file of rules is too large.")
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise GateRulesError(
            "A file of rules cannot be read.", hint="It is a text file in UTF-8."
        ) from None


def _stamp(name: str) -> _Stamp | None:
    if not name:
        return None
    try:
        found = Path(name).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
