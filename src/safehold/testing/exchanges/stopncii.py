"""A simulated StopNCII.org, version 1."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

from safehold.testing.exchanges.door import Answer, Asked, Door

FUNCTION_KEY, SUBSCRIPTION_KEY = "function", "subscription"
FEEDBACK_KEY = "feedback-function"
TOKEN_LIVES = dt.timedelta(hours=1)


class StopNciiDoor(Door):
    """Serves `records`, by the time of their last change, in pages.

    Attributes:
        records: by hash.
        now: the service's own clock.
        circle: whether every page leads to the first.
        told: opinions: hash and value.
    """

    def __init__(self, now: Callable[[], dt.datetime]) -> None:
        super().__init__()
        self.records: dict[str, dict[str, Any]] = {}
        self.now = now
        self.circle = False
        self.told: list[tuple[str, str]] = []
        self._issued: dict[str, dt.datetime] = {}

    def put(self, value: str, cases: dict[str, str], kind: str = "ImagePDQ") -> None:
        """Say something of a hash, now."""
        states = list(cases.values())
        self.records[value] = {
            "lastModtimestamp": int(self.now().timestamp()),
            "signalType": kind,
            "hashValue": value,
            "hashStatus": states[0] if states else "Active",
            "caseNumbers": cases or [],
            "CSPFeedbacks": [],
        }

    def _feedback(self, asked: Asked) -> Answer:
        if asked.headers.get("x-functions-key") != FEEDBACK_KEY:
            return Answer(401)
        said = json.loads(asked.body)
        for one in said["hashFeedbacks"]:
            if one["hashValue"] not in self.records:
                return Answer(404)
            self.told.append((one["hashValue"], one["feedbackValue"]))
        return Answer(200, b"{}")

    def answer(self, asked: Asked) -> Answer:
        """`FetchHashes`."""
        if asked.path == "/v1/SubmitFeedback":
            return self._feedback(asked)
        keys = (FUNCTION_KEY, SUBSCRIPTION_KEY)
        given = (
            asked.headers.get("x-functions-key"),
            asked.headers.get("ocp-apim-subscription-key"),
        )
        if given != keys:
            return Answer(401)
        if asked.path != "/v1/FetchHashes":
            return Answer(404)
        since, rows = int(asked.query["startTimestamp"]), int(asked.query["pageSize"])
        if since < 1:
            return Answer(400)
        start = 0
        if token := asked.query.get("nextPageToken"):
            issued = self._issued.get(token)
            if issued is None or self.now() - issued > TOKEN_LIVES:
                return Answer(400)
            start = int(token.split("-")[1])
        changed = [r for r in self.records.values() if r["lastModtimestamp"] >= since]
        changed.sort(key=lambda record: (record["lastModtimestamp"], record["hashValue"]))
        page = changed[start : start + rows]
        more = start + rows < len(changed)
        token = f"at-{start if self.circle and start else start + rows}"
        self._issued[token] = self.now()
        latest = max((r["lastModtimestamp"] for r in changed), default=since)
        return Answer(
            200,
            json.dumps(
                {
                    "count": len(page),
                    "nextPageToken": token if more else None,
                    "nextSetTimestamp": latest,
                    "hasMoreRecords": more,
                    "hashRecords": page,
                }
            ).encode(),
        )
