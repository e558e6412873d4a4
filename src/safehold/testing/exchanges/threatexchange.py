"""A simulated ThreatExchange: the updates of one privacy group."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from safehold.testing.exchanges.door import Answer, Asked, Door

TOKEN = "1|vennimoor-token"
GROUP = "42"
CURSOR_LIVES = dt.timedelta(hours=1)


class ThreatExchangeDoor(Door):
    """Serves `updates` in the order of their last change, in pages.

    Attributes:
        updates: by id.
        now: the service's own clock.
        circle: whether every page leads to the second.
        foreign: an address that pages lead to instead; empty for the right ones.
        told: reactions: descriptor, and the form that was sent.
    """

    def __init__(self, now: Callable[[], dt.datetime]) -> None:
        super().__init__()
        self.updates: dict[str, dict[str, Any]] = {}
        self.now = now
        self.circle = False
        self.told: list[tuple[str, str]] = []
        self.foreign = ""
        self._issued: dict[str, dt.datetime] = {}

    def put(self, own: str, kind: str, indicator: str, *statuses: str, gone: bool = False) -> None:
        """Say something of an indicator, now."""
        self.updates[own] = {
            "id": own,
            "indicator": indicator,
            "type": kind,
            "last_updated": int(self.now().timestamp()),
            "should_delete": gone,
            "descriptors": {
                "data": [
                    {
                        "id": f"{own}{n}",
                        "owner": {"id": str(n)},
                        "status": status,
                        "tags": {"data": [{"text": "quindle"}]},
                    }
                    for n, status in enumerate(statuses)
                ]
            },
        }

    def answer(self, asked: Asked) -> Answer:
        """`threat_updates`."""
        if asked.headers.get("authorization") != f"Bearer {TOKEN}" or "access_token" in asked.query:
            return error(401, 190)
        if asked.path.endswith("/descriptors"):
            own = asked.path.split("/")[-2]
            if own not in self.updates:
                return error(404, 100)
            return Answer(200, json.dumps(self.updates[own]["descriptors"]).encode())
        if asked.method == "POST":
            self.told.append((asked.path.rpartition("/")[2], asked.body.decode()))
            return Answer(200, b'{"success": true}')
        if asked.path != f"/v19.0/{GROUP}/threat_updates":
            return error(404, 100)
        since, rows = int(asked.query["start_time"]), int(asked.query["limit"])
        start = 0
        if after := asked.query.get("after"):
            issued = self._issued.get(after)
            if issued is None or self.now() - issued > CURSOR_LIVES:
                return error(400, 100)
            start = int(after)
        changed = [u for u in self.updates.values() if u["last_updated"] >= since]
        changed.sort(key=lambda update: (update["last_updated"], update["id"]))
        body: dict[str, Any] = {"data": changed[start : start + rows]}
        if start + rows < len(changed):
            mark = str(rows if self.circle and start else start + rows)
            self._issued[mark] = self.now()
            # The original repeats the token in the addresses of further pages.
            query = urlencode({**asked.query, "after": mark, "access_token": TOKEN})
            where = self.foreign or f"{self.url}{asked.path}"
            body["paging"] = {"cursors": {"after": mark}, "next": f"{where}?{query}"}
        return Answer(200, json.dumps(body).encode())


def error(status: int, code: int) -> Answer:
    """An error as the Graph API tells it."""
    said = {"error": {"message": "no", "type": "OAuthException", "code": code}}
    return Answer(status, json.dumps(said).encode())
