"""Charts as inline SVG, made of attributes and classes alone: the page's policy allows no style.

Each has a title and a description for screen readers; the page puts a table with the same
numbers beneath. What tells two rows apart is never colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

WIDTH = 720
LABEL_WIDTH = 200
NUMBER_WIDTH = 80
ROW_HEIGHT = 26
BAR_HEIGHT = 16
PLOT_HEIGHT = 180
MARGIN_LEFT = 44
MARGIN_BELOW = 26
MAX_LABEL = 26
"""Characters of a label; what is longer is cut here and whole in the table."""

NAME_HEIGHT = 14.0
"""How far apart the names of two lines stand."""

MARKS = 7
"""About how many days are named below a line."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a chart is called.

    Attributes:
        key: unique within the page; makes the ids of title and description.
        title: what it shows.
        description: the same in a sentence with numbers.
    """

    key: str
    title: str
    description: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar.

    Attributes:
        label: what it counts.
        value: its length, 0 or more.
        shown: its value in words.
        part: how much of it is drawn full; the rest is only outlined. None for all.
    """

    label: str
    value: float
    shown: str
    part: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line.

    Attributes:
        name: what it counts, drawn at its end.
        style: a class, `chart-line-a` or `chart-line-b`; the second is dashed.
        values: one for each place along the axis, 0 or more.
    """

    name: str
    style: str
    values: tuple[float, ...]


def bars(bars: Sequence[Bar], spoken: Spoken) -> Markup:
    """Horizontal bars, one below the other."""
    most = max((bar.value for bar in bars), default=0.0) or 1.0
    room = WIDTH - LABEL_WIDTH - NUMBER_WIDTH
    parts = []
    for row, bar in enumerate(bars):
        top = row * ROW_HEIGHT
        base = top + ROW_HEIGHT - 9
        length = _length(room, bar.value, most)
        full = length if bar.part is None else _length(room, bar.part, most)
        parts.append(
            Markup('<text class="chart-label" x="0" y="{}">{}</text>').format(base, _cut(bar.label))
        )
        if bar.part is not None:
            parts.append(_rect("chart-bar-outline", top, length))
        parts.append(_rect("chart-bar", top, full))
        parts.append(
            Markup('<text class="chart-value" x="{}" y="{}">{}</text>').format(
                _round(LABEL_WIDTH + length + 6), base, bar.shown
            )
        )
    return _svg(len(bars) * ROW_HEIGHT, spoken, parts)


def lines(lines: Sequence[Line], places: Sequence[str], spoken: Spoken) -> Markup:
    """Lines over places of equal distance, such as days, from 0 up.

    Args:
        lines: each with as many values as there are places.
        places: names of the places; only some are written.
        spoken: what it is called.
    """
    top = _round_up(max((value for line in lines for value in line.values), default=0.0))
    right = WIDTH - NUMBER_WIDTH
    step = (right - MARGIN_LEFT) / max(len(places) - 1, 1)
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = _height(top * share, top)
        parts.append(
            Markup(
                '<line class="chart-grid" x1="{}" x2="{}" y1="{}" y2="{}"/>'
                '<text class="chart-value" x="{}" y="{}" text-anchor="end">{}</text>'
            ).format(MARGIN_LEFT, right, y, y, MARGIN_LEFT - 6, _round(y + 4), f"{top * share:g}")
        )
    every = max(1, -(-len(places) // MARKS))
    for place, name in enumerate(places):
        if place % every == 0:
            parts.append(
                Markup(
                    '<text class="chart-value" x="{}" y="{}" text-anchor="middle">{}</text>'
                ).format(_round(MARGIN_LEFT + place * step), PLOT_HEIGHT + 20, name)
            )
    names = _apart([_height(line.values[-1] if line.values else 0.0, top) for line in lines])
    for line, name_at in zip(lines, names, strict=True):
        drawn = " ".join(
            f"{_round(MARGIN_LEFT + place * step)},{_height(value, top)}"
            for place, value in enumerate(line.values)
        )
        parts.append(
            Markup(
                '<polyline class="chart-line {}" points="{}"/>'
                '<text class="chart-label" x="{}" y="{}">{}</text>'
            ).format(line.style, drawn, right + 6, _round(name_at + 4), _cut(line.name, 12))
        )
    return _svg(PLOT_HEIGHT + MARGIN_BELOW, spoken, parts)


def _apart(ends: Sequence[float]) -> list[float]:
    """Where names stand: each at the end of its line, as far as they are not over one another."""
    order = sorted(range(len(ends)), key=lambda number: ends[number])
    placed = list(ends)
    for before, after in pairwise(order):
        placed[after] = max(placed[after], placed[before] + NAME_HEIGHT)
    lowest = float(PLOT_HEIGHT)
    for number in reversed(order):
        placed[number] = min(placed[number], lowest)
        lowest = placed[number] - NAME_HEIGHT
    return placed


def _rect(style: str, top: float, length: float) -> Markup:
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        style, LABEL_WIDTH, _round(top + 4), _round(length), BAR_HEIGHT
    )


def _length(room: float, value: float, most: float) -> float:
    return max(1.0, room * value / most) if value else 0.0


def _height(value: float, top: float) -> float:
    return _round(PLOT_HEIGHT - (PLOT_HEIGHT - 10) * value / top)


def _round_up(value: float) -> float:
    """The next of 2, 4, 10, 20, 40, 100, ...: its half is whole."""
    bound = 2.0
    for factor in (2.0, 2.5, 2.0) * 12:
        if bound >= value:
            break
        bound *= factor
    return bound


def _round(value: float) -> float:
    return round(value, 1)


def _cut(label: str, most: int = MAX_LABEL) -> str:
    return label if len(label) <= most else f"{label[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def _svg(height: int, spoken: Spoken, parts: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-title {}-words">'
        '<title id="{}-title">{}</title><desc id="{}-words">{}</desc>{}</svg>'
    ).format(
        WIDTH,
        height,
        spoken.key,
        spoken.key,
        spoken.key,
        spoken.title,
        spoken.key,
        spoken.description,
        Markup("").join(parts),
    )
