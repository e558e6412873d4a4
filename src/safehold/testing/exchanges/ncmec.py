"""A simulated hash sharing of NCMEC, version 2."""

from __future__ import annotations

import base64
import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlencode
from xml.sax.saxutils import escape, quoteattr

from safehold.lists.exchanges.ncmec_xml import FORM
from safehold.testing.exchanges.door import Answer, Asked, Door

NAMESPACE = "https://hashsharing.ncmec.org/hashsharing/v2"
ADDRESS_LIVES = dt.timedelta(hours=12)
USER, PASSWORD = "esp", "secret"
REASON = "01234567-abcd-0123-4567-012345678900"
_FEEDBACK = re.compile(r"/hashsharing/v2/entries/(\d+)/([^/]+)/([A-Z0-9]+)/feedback")
_MILLIS = "%Y-%m-%dT%H:%M:%S.000Z"
"""Moments as they stand in addresses of further pages."""


@dataclass(frozen=True, slots=True)
class Item:
    """An entry as it stands there.

    Attributes:
        own: its id.
        at: when it last changed.
        digests: by tag; empty text for one that stands elsewhere.
        member, kind, classification: as they are named.
        deleted: whether it is a tombstone.
    """

    own: str
    at: dt.datetime
    digests: Mapping[str, str] = field(default_factory=dict)
    member: int = 12
    kind: str = "image"
    classification: str = "A1"
    deleted: bool = False


class NcmecDoor(Door):
    """Serves `items`, those that changed within the range that is asked for, by id and in pages.

    Attributes:
        items: by member, kind and id.
        now: the service's own clock, which may be wrong.
        page_rows: entries of a page.
        circle: whether the second page leads to itself.
        foreign: an address that pages lead to instead; empty for the right ones.
        broken: ids of entries that stand there without a member.
        told: opinions: member, id, kind of digest, and `affirmative` or the reason.
        latest: what is told as the latest time of each part of a page, instead of the right one.
    """

    def __init__(self, now: Callable[[], dt.datetime], page_rows: int = 5) -> None:
        super().__init__()
        self.items: dict[tuple[int, str, str], Item] = {}
        self.now = now
        self.page_rows = page_rows
        self.circle = False
        self.foreign = ""
        self.broken: set[str] = set()
        self.latest: dt.datetime | None = None
        self.told: list[tuple[str, str, str, str]] = []
        self._issued: dict[str, dt.datetime] = {}

    def put(self, *items: Item) -> None:
        """Say something of entries; the last word on each is what stands there."""
        for item in items:
            self.items[item.member, item.kind, item.own] = item

    def answer(self, asked: Asked) -> Answer:
        """`status`, `members` and `entries`."""
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {pair}":
            return Answer(401)
        if asked.path == "/hashsharing/v2/status":
            who = "<ipAddress>127.0.0.1</ipAddress><username>esp</username>"
            return _xml(f'<status>{who}<member id="12">Test</member></status>')
        if asked.path == "/hashsharing/v2/members":
            return _xml('<members><member id="12">Test</member></members>')
        if found := _FEEDBACK.fullmatch(asked.path):
            return self._feedback(asked, *found.groups())
        if asked.path.startswith("/hashsharing/v2/feedback/") and asked.path.endswith("/reasons"):
            reason = f'<reason guid="{REASON}" name="Not it" type="Pdq"/>'
            return _xml(f"<x><availableFeedbackReasons>{reason}</availableFeedbackReasons></x>")
        if asked.path != "/hashsharing/v2/entries" or asked.method != "GET":
            return Answer(404)
        return self._entries(asked)

    def _feedback(self, asked: Asked, member: str, own: str, kind: str) -> Answer:
        known = {(str(item.member), item.own) for item in self.items.values()}
        if asked.method != "PUT" or (member, unquote(own)) not in known:
            return Answer(404)
        words = [one for one in ("affirmative", REASON) if one in asked.body.decode()]
        if len(words) != 1 or NAMESPACE.encode() not in asked.body:
            return Answer(400)
        self.told.append((member, unquote(own), kind, words[0]))
        return _xml("<done/>")

    def _entries(self, asked: Asked) -> Answer:
        try:
            first, last = (_moment(asked.query[name]) for name in ("from", "to"))
        except (KeyError, ValueError):
            return Answer(400)
        start = int(asked.query.get("start", "0"))
        if start:
            issued = self._issued.get(urlencode(sorted(asked.query.items())))
            if issued is None or self.now() - issued > ADDRESS_LIVES:
                return Answer(410)
        found = [item for _, item in sorted(self.items.items()) if first <= item.at < last]
        page = found[start : start + self.page_rows]
        following = ""
        if start + self.page_rows < len(found):
            after = start if self.circle and start else start + self.page_rows
            query = {
                "from": first.strftime(_MILLIS),
                "to": last.strftime(_MILLIS),
                "start": str(after),
                "size": str(self.page_rows),
                "max": str(len(found)),
            }
            self._issued[urlencode(sorted(query.items()))] = self.now()
            path = self.foreign or "/v2/entries"
            following = f"<paging><next>{escape(path + '?' + urlencode(query))}</next></paging>"
        latest = self.latest or max((item.at for item in page), default=first)
        images = [item for item in page if item.kind == "image"]
        videos = [item for item in page if item.kind == "video"]
        return _xml(
            "<queryResult>"
            + self._part("images", images, latest)
            + self._part("videos", videos, latest)
            + following
            + "</queryResult>"
        )

    def _part(self, tag: str, items: list[Item], latest: dt.datetime) -> str:
        rows = "".join(self._row(item) for item in items)
        head = f'<{tag} count="{len(items)}" maxTimestamp="{latest.strftime(FORM)}"'
        return f"{head}>{rows}</{tag}>" if items else ""

    def _row(self, item: Item) -> str:
        tag = f"deleted{item.kind.capitalize()}" if item.deleted else item.kind
        member = "" if item.own in self.broken else f'<member id="{item.member}">Test</member>'
        prints = "".join(
            f"<{name}>{escape(value)}</{name}>"
            if value
            else f"<{name} rel='self' href={quoteattr('/v2/far')}/>"
            for name, value in item.digests.items()
        )
        rest = (
            ""
            if item.deleted
            else f"<classification>{escape(item.classification)}</classification>"
            f"<fingerprints>{prints}</fingerprints>"
        )
        at = item.at.strftime(FORM)
        return f"<{tag}>{member}<timestamp>{at}</timestamp><id>{item.own}</id>{rest}</{tag}>"


def _xml(text: str) -> Answer:
    head, _, rest = text.partition(">")
    name = head.lstrip("<")
    body = f'<?xml version="1.0" encoding="UTF-8"?><{name} xmlns="{NAMESPACE}">{rest}'
    return Answer(200, body.encode(), {"content-type": "application/xml"})


def _moment(text: str) -> dt.datetime:
    return dt.datetime.strptime(text.replace(".000Z", "Z"), FORM).replace(tzinfo=dt.UTC)
