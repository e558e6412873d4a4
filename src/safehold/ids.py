"""Names of things, as types of their own so that one cannot be passed for another."""

from __future__ import annotations

from typing import NewType

ListName = NewType("ListName", str)
"""The name of a list, unique within a home: lower-case letters, digits, `-`, `_`, `.`."""

EntryId = NewType("EntryId", str)
"""The id of an entry within its list: the source's own, or one derived from keyed digests."""
