"""Labels from the names in archives, which may be anything."""

from __future__ import annotations

from typing import Final

LABEL_LENGTH: Final = 1_024
RAW_LENGTH: Final = 4_096


def clean(text: str) -> str:
    """`text` with all that is not printable escaped, and of bounded length.

    Control and direction characters, line breaks, lone surrogates and unassigned code points
    become backslash escapes.
    """
    cut = text[: LABEL_LENGTH + 1]
    # `repr` escapes as the codec "unicode_escape" does, which a locked worker cannot import.
    safe = "".join(one if one.isprintable() else repr(one)[1:-1] for one in cut)
    return safe if len(safe) <= LABEL_LENGTH else safe[: LABEL_LENGTH - 1] + "…"


def label(raw: bytes) -> tuple[str, bytes | None]:
    """A label for a name of unsaid encoding, and the raw bytes where the label differs.

    UTF-8 if it is that, else code page 437, as the zip specification has it (APPNOTE, D.1).
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("cp437")
    shown = clean(text)
    return shown, None if shown.encode("utf-8") == raw else raw[:RAW_LENGTH]
