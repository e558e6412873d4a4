"""Rows of a file of one digest a line. Blank lines and lines that begin with `#` are skipped.

Without a type, 32 digits are md5 and 40 are sha1; 64 can be sha256 or PDQ, so such a row is bad
until the type is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from safehold.hashing.model import SignalType
from safehold.lists.rows import COLUMNS, BadRow, RawRow, RowFault

_BY_LENGTH = {32: SignalType.MD5, 40: SignalType.SHA1}
_AMBIGUOUS_LENGTH = 64


class DigestLines:
    """Reader of one file of digests.

    Args:
        lines: numbered lines.
        signal: the type of all digests, or None to tell it from each one's length.
    """

    def __init__(
        self, lines: Iterable[tuple[int, str | RowFault]], signal: SignalType | None
    ) -> None:
        self._lines = lines
        self._signal = signal

    @property
    def warnings(self) -> tuple[str, ...]:
        """None: there is nothing odd that no row tells."""
        return ()

    def __iter__(self) -> Iterator[RawRow | BadRow]:
        for number, line in self._lines:
            if isinstance(line, RowFault):
                yield BadRow(number, line)
                continue
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            signal = self._signal or _BY_LENGTH.get(len(text))
            if signal is None:
                ambiguous = len(text) == _AMBIGUOUS_LENGTH and _is_hex(text)
                yield BadRow(number, RowFault.AMBIGUOUS if ambiguous else RowFault.DIGEST)
                continue
            position = COLUMNS.index(signal.value)
            yield RawRow(number, ("",) * position + (text,) + ("",) * (len(COLUMNS) - position - 1))


def _is_hex(text: str) -> bool:
    try:
        return len(bytes.fromhex(text)) * 2 == len(text)
    except ValueError:
        return False
