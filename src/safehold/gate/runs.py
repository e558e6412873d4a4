"""Runs of encoded bytes in a text: base64, URL-safe or not, and hexadecimal.

Texts are looked at by translation tables, in windows where they are long: the cost is some
nanoseconds a byte, and no list of all words is made, which would be many times the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

MIN_LINE: Final = 40
"""Shortest line of wrapped base64; tools wrap at 64 or 76."""

ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
SPACES: Final = b" \t\r\n"
RUNS: Final = bytes(
    sign if sign in ALPHABET else (0x0A if sign in SPACES else 0x20) for sign in range(256)
)
"""Makes of a text its signs of base64, line feeds for white space, and spaces for all else."""

_MAX_BREAK: Final = 16
_LARGE: Final = 65_536


def runs(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Runs of signs of base64 (or hexadecimal), those of wrapped lines joined.

    Each with the short line that follows it, in which wrapped base64 ends, and without.
    """
    text = raw.translate(RUNS, b"\\")
    lines: list[bytes] = []
    last = 0
    for begin, end in _long_lines(text):
        if lines and not _is_break(text[last : min(begin, last + _MAX_BREAK)], begin - last):
            yield _with_short(text, last, lines)
            lines = []
        lines.append(text[begin:end])
        last = end
    if lines:
        yield _with_short(text, last, lines)


def _is_break(between: bytes, size: int) -> bool:
    """Whether two lines are those of one run: nothing but white space is between them."""
    return size <= _MAX_BREAK and b" " not in between and not between.strip()


def _with_short(text: bytes, end: int, lines: Sequence[bytes]) -> tuple[bytes, bytes]:
    run = b"".join(lines)
    after = text[end : end + _MAX_BREAK + MIN_LINE]
    kept = after.lstrip(b"\n")
    short = kept.partition(b" ")[0].partition(b"\n")[0] if kept != after else b""
    return run + short, run


def _long_lines(text: bytes) -> Iterator[tuple[int, int]]:
    """Where lines of `MIN_LINE` signs and more are, in a text of `RUNS`."""
    if len(text) < _LARGE:
        at = 0
        for line in text.replace(b"\n", b" ").split(b" "):
            if len(line) >= MIN_LINE:
                yield at, at + len(line)
            at += len(line) + 1
        return
    # A list of all words would be many times as large as the text.
    import numpy as np

    last = -1
    for start in range(0, len(text), _LARGE):
        window = np.frombuffer(text, np.uint8, min(_LARGE, len(text) - start), start)
        ends = np.flatnonzero(window <= 0x20) + start
        begins = np.concatenate(([last], ends[:-1])) if ends.size else ends
        for at in np.flatnonzero(ends - begins > MIN_LINE).tolist():
            yield int(begins[at]) + 1, int(ends[at])
        if ends.size:
            last = int(ends[-1])
    if len(text) - last > MIN_LINE:
        yield last + 1, len(text)
