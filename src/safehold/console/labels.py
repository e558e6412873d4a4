"""Codes in words: no page shows the code of an enumeration as it is."""

from __future__ import annotations


def label(value: object, family: str = "") -> str:
    """The English text of a code, to be translated where it is shown."""
    del family
    return str(value).replace("_", " ")
