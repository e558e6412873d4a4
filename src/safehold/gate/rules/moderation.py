"""Moderation endpoints that are asked about words before anything is made."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from safehold.classifiers.model import ClassifierOptions, Score, over_mark, unscored
from safehold.gate.model import Stage, UncheckedError


class TextScoring(Protocol):
    """Scores texts. `safehold.classifiers.run.Classifiers` is one."""

    async def classify_text(
        self, text: str, names: Collection[str] | None = None
    ) -> tuple[Score, ...]:
        """The scores of a text, one for each classifier that is asked for."""
        ...


class Moderation:
    """Asks the classifiers that the gate's settings name. A score refuses and reports nothing."""

    def __init__(
        self,
        options: Sequence[ClassifierOptions],
        names: Collection[str],
        scoring: TextScoring,
    ) -> None:
        """`names`: the classifiers that are asked; one that has no settings counts as required."""
        self._names = frozenset(names)
        self._options = [option for option in options if option.name in self._names]
        self._scoring = scoring

    async def refuses(self, texts: Sequence[str]) -> Stage | None:
        """`Stage.SCORE` where a score reaches its mark, else None.

        Raises `UncheckedError` where an endpoint that is required gave no score: a category that
        is missing in an answer is "not checked", and never "clean".
        """
        said = "\n".join(text for text in texts if text.strip())
        if not said or not self._names:
            return None
        scores = await self._scoring.classify_text(said, self._names)
        if over_mark(self._options, scores):
            return Stage.SCORE
        if unscored(self._options, scores) or len(self._options) < len(self._names):
            raise UncheckedError(Stage.SCORE)
        return None
