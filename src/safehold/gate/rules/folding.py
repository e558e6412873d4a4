"""Folding letters that look alike into one, so that a word is found however it is written.

Folded are: case; accents and all other combining marks; characters that nobody sees; the forms
that Unicode calls compatible (full width, mathematical, circled: NFKC, Unicode Annex 15); and
letters of other scripts that look like Latin ones (a choice from Unicode Technical Standard 39,
`confusables.txt`). Terms and texts are folded alike, so words of those scripts are found too.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Final

MAX_CHARS: Final = 200_000
"""Longest text that is folded; a longer one is not searched but refused by the caller."""

_LOOK_ALIKE: Final = {
    # Cyrillic
    "а": "a", "в": "b", "с": "c", "ԁ": "d", "е": "e", "һ": "h", "і": "i", "ј": "j", "к": "k",
    "ӏ": "l", "м": "m", "н": "h", "о": "o", "р": "p", "ԛ": "q", "ѕ": "s", "т": "t", "у": "y",
    "ѵ": "v", "ԝ": "w", "х": "x", "ѡ": "w", "ь": "b",
    # Greek
    "α": "a", "β": "b", "γ": "y", "ε": "e", "η": "n", "ι": "i", "κ": "k", "ν": "v", "ο": "o",
    "ρ": "p", "τ": "t", "υ": "u", "χ": "x", "ω": "w", "ϲ": "c", "ϳ": "j",
    # Armenian, Georgian, Cherokee (casefolded to capitals), Lisu
    "օ": "o", "ս": "u", "հ": "h", "ո": "n", "ց": "g", "զ": "q", "ყ": "y",
    "Ꭺ": "a", "Ᏼ": "b", "Ꮯ": "c", "Ꭰ": "d", "Ꭼ": "e", "Ꮐ": "g", "Ꮋ": "h", "Ꭻ": "j", "Ꮶ": "k",
    "Ꮮ": "l", "Ꮇ": "m", "Ꮲ": "p", "Ꭱ": "r", "Ꮪ": "s", "Ꭲ": "t", "Ꮩ": "v", "Ꮤ": "w", "Ꮓ": "z",
    # Small capitals and letters of phonetic writing
    "ᴀ": "a", "ʙ": "b", "ᴄ": "c", "ᴅ": "d", "ᴇ": "e", "ꜰ": "f", "ɢ": "g", "ʜ": "h", "ɪ": "i",
    "ᴊ": "j", "ᴋ": "k", "ʟ": "l", "ᴍ": "m", "ɴ": "n", "ᴏ": "o", "ᴘ": "p", "ʀ": "r", "ꜱ": "s",
    "ᴛ": "t", "ᴜ": "u", "ᴠ": "v", "ᴡ": "w", "ʏ": "y", "ᴢ": "z", "ɑ": "a", "ɡ": "g", "ɩ": "i",
    "ʐ": "z", "ɛ": "e", "ɔ": "o", "ʋ": "u", "ƅ": "b",
    # Letters that no decomposition takes apart
    "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ħ": "h", "ı": "i", "ł": "l", "ŋ": "n", "ŧ": "t",
    "þ": "th", "ð": "d", "ƶ": "z", "ɨ": "i", "ʉ": "u", "ƀ": "b", "ɍ": "r", "ɏ": "y",
}  # fmt: skip

_REGIONAL: Final = 0x1F1E6
"""Regional indicator A; the letters follow."""

_TABLE: Final = {ord(char): text for char, text in _LOOK_ALIKE.items()} | {
    _REGIONAL + index: chr(ord("a") + index) for index in range(26)
}

LEET: Final[Mapping[str, str]] = {
    "0": "o", "1": "il", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g",
    "@": "a", "$": "s", "!": "il", "|": "il", "€": "e", "£": "l", "+": "t",
}  # fmt: skip
"""Digits and signs, and the letters that they are put for."""


def fold(text: str) -> str:
    """A text with all that looks alike made one; at most `MAX_CHARS` of it are looked at."""
    compatible = unicodedata.normalize("NFKC", text[:MAX_CHARS]).casefold()
    plain = unicodedata.normalize("NFD", compatible).translate(_TABLE)
    return "".join(char for char in plain if not _is_unseen(char))


def _is_unseen(char: str) -> bool:
    """Combining marks, format characters (zero width, joiners, direction) and controls."""
    if char.isascii():
        return char < " " and char not in "\t\n\r"
    return unicodedata.category(char) in ("Mn", "Me", "Cf", "Cc", "Cn")


_SPACELESS: Final = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3400, 0x4DBF),  # Han, extension A
    (0x4E00, 0x9FFF),  # Han
    (0x20000, 0x323AF),  # Han, later extensions
)


def is_spaceless(char: str) -> bool:
    """Whether a character is of a script that is written without spaces between words."""
    code = ord(char)
    return code >= _SPACELESS[0][0] and any(low <= code <= high for low, high in _SPACELESS)
