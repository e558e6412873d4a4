"""How items are named in rows: text that is always valid, and a key that no two items share."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

MEMBER_MARK = "!"
"""Stands between an archive and its member."""


@dataclass(frozen=True, slots=True)
class Label:
    r"""The name of an item.

    Attributes:
        text: what is shown. Bytes that are no UTF-8 are written as `\xNN`.
        raw: the very bytes, where `text` is not faithful; else None.
    """

    text: str
    raw: bytes | None = None

    @classmethod
    def of_path(cls, path: bytes) -> Label:
        """The label of a file."""
        try:
            return cls(path.decode("utf-8"))
        except UnicodeDecodeError:
            return cls(path.decode("utf-8", "backslashreplace"), path)

    def member(self, name: str, raw: bytes | None, occurrence: int) -> Label:
        """The label of an archive's member; a name that occurs again gets `#2`, `#3`, ..."""
        suffix = "" if occurrence == 1 else f"#{occurrence}"
        text = f"{self.text}{MEMBER_MARK}{name}{suffix}"
        if self.raw is None and raw is None:
            return Label(text)
        ours = self.text.encode() if self.raw is None else self.raw
        theirs = name.encode() if raw is None else raw
        return Label(text, ours + MEMBER_MARK.encode() + theirs + suffix.encode())

    @property
    def raw_base64(self) -> str | None:
        """The very bytes in base64, for a row; None where the text is faithful."""
        return None if self.raw is None else base64.b64encode(self.raw).decode("ascii")


def label_key(text: str, raw_base64: str | None) -> bytes:
    """16 bytes that stand for an item where millions must be remembered."""
    name = f"{raw_base64 or ''}\0{text}"
    return hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=16).digest()
