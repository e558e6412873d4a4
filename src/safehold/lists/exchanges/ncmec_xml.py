"""The XML of NCMEC's hash sharing, version 2: `queryResult` with images, videos and paging."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from safehold.lists.exchanges.model import PageDamagedError, Statement

FORM = "%Y-%m-%dT%H:%M:%SZ"
"""Moments as they stand in addresses and answers: UTC, by the second."""

_USED = {
    "md5": re.compile(r"[0-9A-Fa-f]{32}"),
    "sha1": re.compile(r"[0-9A-Fa-f]{40}"),
    "sha256": re.compile(r"[0-9A-Fa-f]{64}"),
    "pdq": re.compile(r"[0-9A-Fa-f]{64}"),
}
_NOT_USED = frozenset(
    {"pdna", "netclean", "videntifier", "tmk_pdqf", "ssvh_pdna", "ssvh_safer_hash"}
)
"""Kinds of digests that need licensed software, or whole videos."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_TAGS = {
    "image": ("image", False),
    "video": ("video", False),
    "deletedimage": ("image", True),
    "deletedvideo": ("video", True),
}


@dataclass(slots=True)
class Answer:
    """What one answer says.

    Attributes:
        statements: entries and withdrawals.
        unusable: digests of kinds that are not used, by code.
        faults: entries that could not be read, by code.
        latest: the latest time that the answer tells.
        following: the address of the next page; empty where there is none.
    """

    statements: list[Statement] = field(default_factory=list)
    unusable: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    latest: dt.datetime | None = None
    following: str = ""


def read(body: bytes) -> Answer:
    """Read an answer.

    Nothing outside of it is ever looked at: no entity, no document type, no network.

    Raises:
        PageDamagedError: it is cut short, or no answer of this form.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise PageDamagedError from error
    # Whatever the coding: a document type that declares entities is seen here.
    if root.getroottree().docinfo.internalDTD is not None or _tag(root) != "queryresult":
        raise PageDamagedError
    answer = Answer()
    for part in _children(root):
        if _tag(part) in ("images", "videos"):
            latest = _moment(part.get("maxTimestamp", ""))
            _take(answer, latest)
            for item in _children(part):
                _read_item(answer, item, latest)
        elif _tag(part) == "paging":
            answer.following = next(
                ((one.text or "").strip() for one in _children(part) if _tag(one) == "next"), ""
            )
    return answer


def _read_item(answer: Answer, item: etree._Element, latest: dt.datetime | None) -> None:
    """Read one entry; `latest` is the latest time of its part of the page."""
    kind, deleted = _TAGS.get(_tag(item), ("", False))
    if not kind:
        answer.faults["row_unknown"] += 1
        return
    parts = {_tag(part): part for part in _children(item)}
    member = parts["member"].get("id", "") if "member" in parts else ""
    own = (parts["id"].text or "").strip() if "id" in parts else ""
    if not member.isascii() or not member.isalnum() or not own:
        answer.faults["row_malformed"] += 1
        return
    at = _moment((parts["timestamp"].text or "").strip()) if "timestamp" in parts else None
    _take(answer, at)
    # One that does not tell its time is not younger than the youngest: so a later word stands
    # against it, whatever the clock says here.
    at = at or latest
    digests = dict.fromkeys(_USED, "")
    if not deleted and "fingerprints" in parts:
        digests |= _fingerprints(answer, parts["fingerprints"])
    word = parts["classification"].text if "classification" in parts else None
    # Images and videos of one member may have the same id.
    values = (f"{member}/{kind}/{own}", (word or "").strip(), "withdrawn" if deleted else "")
    if deleted or any(digests.values()):
        answer.statements.append(Statement((*values, *digests.values(), ""), at))
    else:
        answer.unusable["no_usable_digest"] += 1


def _fingerprints(answer: Answer, part: etree._Element) -> dict[str, str]:
    found: dict[str, str] = {}
    spoilt: dict[str, str] = {}
    for one in _children(part):
        name, value = _tag(one).replace("-", "_"), (one.text or "").strip()
        if name in _USED and value:
            (found if _USED[name].fullmatch(value) else spoilt)[name] = value
        elif name in _USED:
            # What is too long for an answer stands elsewhere, behind an address.
            answer.unusable["digest_elsewhere"] += 1
        else:
            # Codes are a few known words, whatever an answer names its elements.
            answer.unusable[f"{name if name in _NOT_USED else 'other'}_not_usable"] += 1
    if not found:
        return spoilt  # a row that cannot be read: its fault is told where rows are checked
    for name in spoilt:
        answer.unusable[f"{name}_malformed"] += 1
    return found


def _take(answer: Answer, at: dt.datetime | None) -> None:
    if at is not None and (answer.latest is None or at > answer.latest):
        answer.latest = at


def _children(element: etree._Element) -> Iterator[etree._Element]:
    """The elements within, without comments and the like."""
    return (child for child in element if _tag(child))


def _tag(element: etree._Element) -> str:
    """Its name without the namespace."""
    name: object = element.tag  # a function, of comments and the like
    return name.rpartition("}")[2].lower() if isinstance(name, str) else ""


def _moment(text: str) -> dt.datetime | None:
    """A moment in UTC; None where it is none, has no zone, or lies before all entries."""
    try:
        found = dt.datetime.fromisoformat(text)
        at = None if found.tzinfo is None else found.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None
    return None if at is None or at < _EPOCH else at
