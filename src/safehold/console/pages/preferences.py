"""The form in which people set bounds on themselves that are stricter than the house's.

I/O-free. A value that is laxer than the house's is refused and said to be so; where the house
becomes stricter later, its bound counts (`ViewService.limits` takes the stricter of the two).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

from safehold.cases.review.model import ReviewOptions
from safehold.console.catalog import mark
from safehold.users.model import LANGUAGES, Preferences

LONGEST_PAUSE_MINUTES = 24 * 60
SMALLEST_SIDE = 64
"""Below this a picture says nothing, and people would look longer."""

NOT_A_NUMBER = mark("Write a whole number, or leave this empty for the house's.")
TOO_LAX_HIGH = mark("The house allows at most {bound}. Your own bound can only be stricter.")
TOO_LAX_LOW = mark("The house asks for at least {bound}. Your own bound can only be stricter.")
TOO_LITTLE = mark("At least {bound}.")
TOO_MUCH = mark("At most {bound}.")


@dataclass(frozen=True, slots=True)
class Bound:
    """What a number may be.

    Attributes:
        lowest, highest: both are allowed.
        house: the house's own value, which holds where nothing is chosen.
        longer: whether more is stricter (a pause), else less is.
    """

    lowest: int
    highest: int
    house: float
    longer: bool = False

    def refusal(self, value: int) -> tuple[str, int] | None:
        """Why a value is refused: a text and the bound that it names; None where it is not."""
        if value < self.lowest:
            return (TOO_LAX_LOW if self.longer else TOO_LITTLE), self.lowest
        if value > self.highest:
            return (TOO_MUCH if self.longer else TOO_LAX_HIGH), self.highest
        return None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a field is refused: an English text with `{bound}` in it, and the bound."""

    text: str
    bound: int = 0


def bounds(house: ReviewOptions) -> Mapping[str, Bound]:
    """What each number of the form may be, by the name of its field."""
    pause = math.ceil(house.pause_minutes)
    return {
        "side": Bound(min(SMALLEST_SIDE, house.side), house.side, house.side),
        "views_per_day": Bound(1, house.views_per_day, house.views_per_day),
        "view_seconds": Bound(1, house.view_seconds, house.view_seconds),
        "pause_after": Bound(1, house.pause_after, house.pause_after),
        "pause_minutes": Bound(
            max(1, pause), max(LONGEST_PAUSE_MINUTES, pause), house.pause_minutes, longer=True
        ),
    }


def language_of(form: Mapping[str, str]) -> str:
    """The language that was chosen; empty for the browser's, also where none is known."""
    language = form.get("language", "")
    return language if language in LANGUAGES else ""


def preferences_of(
    form: Mapping[str, str], house: ReviewOptions, before: Preferences
) -> tuple[Preferences, Mapping[str, Refusal]]:
    """What was chosen, and why fields are refused; a refused one stays as it was.

    An empty number is the house's. Colour and sharpening can be given up; where the house allows
    no colour, nobody has it, whatever is chosen.
    """
    refused: dict[str, Refusal] = {}
    numbers: dict[str, int] = {}
    for name, bound in bounds(house).items():
        given = form.get(name, "").strip()
        if not given:
            numbers[name] = 0
        elif not (given.isascii() and given.isdigit() and len(given) <= 9):
            refused[name] = Refusal(NOT_A_NUMBER)
        elif refusal := bound.refusal(int(given)):
            refused[name] = Refusal(*refusal)
        else:
            numbers[name] = int(given)
    chosen = dataclasses.replace(
        before,
        language=language_of(form),
        colour="grey" not in form,
        sharpen="never_sharpen" not in form,
        **numbers,
    )
    return chosen, refused


def is_laxer(chosen: Preferences, before: Preferences, house: ReviewOptions) -> bool:
    """Whether a choice lets somebody look at more than the one before, as the house allows."""
    if house.colour and chosen.colour and not before.colour:
        return True
    if chosen.sharpen and not before.sharpen:
        return True
    for name, bound in bounds(house).items():
        stricter = max if bound.longer else min
        was, now = (
            stricter(getattr(each, name) or bound.house, bound.house) for each in (before, chosen)
        )
        if (now < was) if bound.longer else (now > was):
            return True
    return False


def shown(preferences: Preferences) -> Mapping[str, str]:
    """The numbers as the form shows them; empty for the house's."""
    numbers = {
        "side": preferences.side,
        "views_per_day": preferences.views_per_day,
        "view_seconds": preferences.view_seconds,
        "pause_after": preferences.pause_after,
        "pause_minutes": preferences.pause_minutes,
    }
    return {name: str(value) if value else "" for name, value in numbers.items()}
