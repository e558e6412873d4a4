"""The XML of NCMEC's hash sharing, version 2: `queryResult` with images, videos and paging."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from safehold.lists.exchanges.model import PageDamagedError, Statement

FORM = "%Y-%m-%dT%H:%M:%SZ"
"""Moments as they stand in addresses and answers: UTC, by the second."""

_USED = ("md5", "sha1", "sha256", "pdq")
_TAGS = {
    "image": ("image", False),
    "video": ("video", False),
    "deletedimage": ("image", True),
    "deletedvideo": ("video", True),
}
_LONGEST_KIND = 32


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
    if b"<!DOCTYPE" in body or _tag(root) != "queryresult":
        raise PageDamagedError
    answer = Answer()
    for part in _children(root):
        if _tag(part) in ("images", "videos"):
            _take(answer, _moment(part.get("maxTimestamp", "")))
            for item in _children(part):
                _read_item(answer, item)
        elif _tag(part) == "paging":
            answer.following = next(
                ((one.text or "").strip() for one in _children(part) if _tag(one) == "next"), ""
            )
    return answer


def _read_item(answer: Answer, item: etree._Element) -> None:
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
    found = {}
    for one in _children(part):
        name, value = _tag(one), (one.text or "").strip()
        if name in _USED and value:
            found[name] = value
        elif name in _USED:
            # What is too long for an answer stands elsewhere; these are not.
            answer.unusable["digest_elsewhere"] += 1
        else:
            answer.unusable[f"{name[:_LONGEST_KIND]}_not_usable"] += 1
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
    """A moment in UTC; None where it is none, or has no zone."""
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if found.tzinfo is None else found.astimezone(dt.UTC)
