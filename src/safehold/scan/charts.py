"""Bar charts as inline SVG, readable without colour and by screen readers."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

WIDTH = 720
LABEL_WIDTH = 190
NUMBER_WIDTH = 80
ROW_HEIGHT = 24
CHART_HEIGHT = 160


def bars(counts: Sequence[tuple[str, int]]) -> str:
    """Horizontal bars, one for each name."""
    if not counts:
        return '<p class="dim">none</p>'
    most = max(count for _, count in counts)
    room = WIDTH - LABEL_WIDTH - NUMBER_WIDTH
    parts = []
    for row, (name, count) in enumerate(counts):
        y = row * ROW_HEIGHT
        length = max(1.0, room * count / most) if count else 0
        parts.append(
            f'<text x="0" y="{y + 16}">{html.escape(name)}</text>'
            f'<rect class="bar" x="{LABEL_WIDTH}" y="{y + 4}" width="{length:.1f}" height="16"/>'
            f'<text x="{LABEL_WIDTH + length + 6:.1f}" y="{y + 16}">{count:,}</text>'
        )
    spoken = ", ".join(f"{name}: {count}" for name, count in counts)
    return _svg(len(counts) * ROW_HEIGHT, spoken, parts)


def histogram(counts: Mapping[int, int], unit: str) -> str:
    """Vertical bars, one for each number, with the numbers below."""
    most = max(counts.values(), default=0) or 1
    step = WIDTH / max(len(counts), 1)
    parts = []
    for place, (number, count) in enumerate(sorted(counts.items())):
        height = (CHART_HEIGHT - 20) * count / most
        x = place * step
        if count:
            parts.append(
                f'<rect class="bar" x="{x + 1:.1f}" y="{CHART_HEIGHT - height:.1f}" '
                f'width="{max(step - 2, 1):.1f}" height="{height:.1f}"/>'
                f'<text x="{x + step / 2:.1f}" y="{CHART_HEIGHT - height - 4:.1f}" '
                f'text-anchor="middle">{count:,}</text>'
            )
        if number % 4 == 0:
            parts.append(
                f'<text class="dim" x="{x + step / 2:.1f}" y="{CHART_HEIGHT + 16}" '
                f'text-anchor="middle">{number}</text>'
            )
    parts.append(
        f'<line class="axis" x1="0" x2="{WIDTH}" y1="{CHART_HEIGHT}" y2="{CHART_HEIGHT}"/>'
    )
    spoken = ", ".join(f"{n} {unit}: {count}" for n, count in sorted(counts.items()) if count)
    return _svg(CHART_HEIGHT + 24, spoken, parts)


def _svg(height: int, spoken: str, parts: Sequence[str]) -> str:
    label = html.escape(spoken, quote=True)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">'
        f"{''.join(parts)}</svg>"
    )
