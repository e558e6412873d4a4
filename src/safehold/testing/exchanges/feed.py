"""A simulated feed: one file over HTTP, with a tag and a date."""

from __future__ import annotations

import datetime as dt
import email.utils
import hashlib

from safehold.testing.exchanges.door import Answer, Asked, Door


class FeedDoor(Door):
    """Serves `content` to whoever has the key.

    Attributes:
        content: the file.
        key: what must be shown as a bearer token; empty for nothing.
        modified: what `Last-Modified` says; a clock that is wrong may say anything.
        tagged: whether there is an `ETag`.
        tag: what it is; empty for one that tells the content.
    """

    def __init__(self, content: bytes = b"", key: str = "") -> None:
        super().__init__()
        self.content = content
        self.key = key
        self.modified = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
        self.tagged = True
        self.tag = ""

    def answer(self, asked: Asked) -> Answer:
        """The file, or that it did not change."""
        if self.key and asked.headers.get("authorization") != f"Bearer {self.key}":
            return Answer(401)
        own = self.tag or f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'
        tag = own if self.tagged else ""
        date = email.utils.format_datetime(self.modified, usegmt=True)
        named = {"etag": tag, "last-modified": date} if tag else {"last-modified": date}
        known = asked.headers.get("if-none-match")
        since = asked.headers.get("if-modified-since")
        if (known == tag) if known else (since == date):
            return Answer(304, b"", named)
        return Answer(200, self.content, named)
