"""How items are named in rows: text that is always valid, and a key that no two items share."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MEMBER_MARK = "!"
"""Stands between an archive and its member."""


@dataclass(frozen=True, slots=True)
class Label:
    r"""The name of an item.

    Attributes:
        text: what is shown. Bytes that are no UTF-8 are written as `\xNN`.
        raw: the very bytes, where `text` is not faithful; else None.
        member_at: where in `text` the names of members begin, one number for each archive that
            the item lies in. Without it the file `a.zip!b` would pass for the member `b` of
            `a.zip`.
    """

    text: str
    raw: bytes | None = None
    member_at: tuple[int, ...] = ()

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
        member_at = (*self.member_at, len(self.text) + len(MEMBER_MARK))
        if self.raw is None and raw is None:
            return Label(text, None, member_at)
        ours = self.text.encode() if self.raw is None else self.raw
        theirs = name.encode() if raw is None else raw
        return Label(text, ours + MEMBER_MARK.encode() + theirs + suffix.encode(), member_at)

    @property
    def raw_base64(self) -> str | None:
        """The very bytes in base64, for a row; None where the text is faithful."""
        return None if self.raw is None else base64.b64encode(self.raw).decode("ascii")

    @property
    def key(self) -> bytes:
        """16 bytes that stand for the item where millions must be remembered."""
        places = ",".join(map(str, self.member_at))
        name = f"{places}\0{self.raw_base64 or ''}\0{self.text}"
        return hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=16).digest()

    def as_row(self) -> dict[str, Any]:
        """The first fields of the item's row."""
        row: dict[str, Any] = {"path": self.text}
        if self.raw is not None:
            row["path_base64"] = self.raw_base64
        if self.member_at:
            row["member_at"] = list(self.member_at)
        return row

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Label:
        """What `as_row` wrote. Raises ValueError, TypeError or KeyError for anything else."""
        text, raw, member_at = row["path"], row.get("path_base64"), row.get("member_at", ())
        if not isinstance(text, str) or not all(isinstance(place, int) for place in member_at):
            raise TypeError
        return cls(
            text, None if raw is None else base64.b64decode(raw, validate=True), tuple(member_at)
        )


class MemberNames:
    """Names of one archive's members, each made its own, in 16 bytes for each."""

    def __init__(self) -> None:
        self._seen: Counter[bytes] = Counter()

    def occurrence(self, name: str) -> int:
        """The number that tells this member from those of the same name before it.

        It is counted on until `name#2` is no name that another member bears by itself.
        """
        number = self._seen[_short(name)] + 1
        while number > 1 and self._seen[_short(f"{name}#{number}")]:
            number += 1
        self._seen[_short(name)] = number
        if number > 1:
            self._seen[_short(f"{name}#{number}")] += 1
        return number


def _short(name: str) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=16).digest()
