"""StopNCII.org, version 1: hashes that people have submitted of pictures of themselves.

Each record is the present word on one hash, and takes the place of what was said of it before. A
hash may stand in several cases: it is looked for as long as one of them is open, and withdrawn
when all are withdrawn or deleted. The checkpoint is the service's own, but never later than when
the run began: a time that lies far ahead, by mistake, would hide all that comes after it. Runs
begin a little before it, since nobody says whether what changed in that very second is told again.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from safehold.lists.exchanges import documents
from safehold.lists.exchanges.model import (
    PAGE_BYTES,
    Credentials,
    ExchangeOptions,
    ExchangeSettingsError,
    Page,
    PageAddressError,
    PageDamagedError,
    Refusal,
    Statement,
)
from safehold.lists.rows import COLUMNS
from safehold.outbound.model import Call, Reply

BASE = "https://api.stopncii.org/v1"
PAGE_ROWS = 800
OVERLAP = 600
"""By how much a run begins before the checkpoint, in seconds."""

FIRST = 10
"""From when the first run asks, in seconds since 1970: the service does not take zero."""

_COLUMNS: Mapping[str, str] = {"ImagePDQ": "pdq", "VideoMD5": "md5"}
_NOT_USED = frozenset({"VideoTMK", "Text", "URL"})
_GONE = frozenset({"Withdrawn", "Deleted"})
_LONGEST_TOKEN = 1_500


class StopNcii:
    """See `interface.Exchange`.

    A cursor has `since`, the checkpoint; and within a run `from`, the time that is asked for;
    `until`, when the run began; `token` of a page. Times are in seconds since 1970.
    """

    def __init__(self, base: str, credentials: Credentials, options: ExchangeOptions) -> None:
        self._base = base
        self._headers = {
            "x-functions-key": credentials.key,
            "ocp-apim-subscription-key": credentials.second_key,
            "accept": "application/json",
        }
        self._options = options

    def begin(self, checkpoint: str, now: dt.datetime) -> str:
        """The first page of all that changed since the checkpoint."""
        present = int(now.timestamp())
        if checkpoint:
            since = json.loads(checkpoint)["since"]
            return _first(since, since - OVERLAP, present)
        days = self._options.first_days
        since = int((now - dt.timedelta(days=days)).timestamp()) if days else FIRST
        return _first(max(FIRST, since), since, present)

    def restart(self, cursor: str, now: dt.datetime) -> str:
        """The first page of the same."""
        place = json.loads(cursor)
        return _first(place["since"], place.get("from", place["since"]), int(now.timestamp()))

    def call(self, cursor: str) -> Call:
        """Ask for a page."""
        place = json.loads(cursor)
        rows = self._options.page_rows or PAGE_ROWS
        query = {"startTimestamp": place.get("from", place["since"]), "pageSize": rows}
        if "token" in place:
            query["nextPageToken"] = place["token"]
        return Call(
            f"{self._base}/FetchHashes?{urlencode(query)}",
            "GET",
            self._headers,
            timeout_seconds=self._options.timeout_seconds,
            max_answer_bytes=min(self._options.max_bytes, PAGE_BYTES),
        )

    def read(self, cursor: str, reply: Reply) -> Page:
        """Take an answer apart."""
        place, answer = json.loads(cursor), documents.parse(reply.body)
        records = answer.get("hashRecords")
        if not isinstance(records, list) or not isinstance(answer.get("hasMoreRecords"), bool):
            raise PageDamagedError
        unusable: Counter[str] = Counter()
        faults: Counter[str] = Counter()
        statements = []
        for record in records:
            statement = _statement(record, unusable, faults)
            if statement is not None:
                statements.append(_until(statement, place.get("until")))
        if answer["hasMoreRecords"]:
            token = documents.text(answer.get("nextPageToken"))
            plain = token.isascii() and token.isprintable()
            if not token or not plain or len(token) > _LONGEST_TOKEN:
                raise PageDamagedError
            if token == place.get("token"):
                raise PageAddressError
            after = {**place, "token": token}
        else:
            since = documents.moment(answer.get("nextSetTimestamp"))
            later = place["since"] if since is None else int(since.timestamp())
            after = {"since": max(place["since"], min(later, place.get("until", later)))}
        finished = not answer["hasMoreRecords"]
        return Page(tuple(statements), json.dumps(after), finished, unusable, faults)

    def refusal(self, cursor: str, status: int) -> Refusal:
        """What to do about an error."""
        if status in (408, 425, 429) or status >= 500:
            return Refusal.RETRY
        if status in (400, 404, 410) and "token" in json.loads(cursor):
            return Refusal.RESTART
        return Refusal.STOP

    def narrow(self, cursor: str) -> str | None:
        """Pages have no parts."""
        return None

    def pass_over(self, cursor: str) -> str | None:
        """Nobody knows what comes after a page but the page."""
        return None


def _first(since: int, begin: int, now: int) -> str:
    return json.dumps({"since": since, "from": max(FIRST, begin), "until": now})


def _until(statement: Statement, until: int | None) -> Statement:
    """A statement whose time is not later than that of its run: a later word stands against it."""
    if until is None or statement.source_at is None:
        return statement
    began = dt.datetime.fromtimestamp(until, dt.UTC)
    return statement._replace(source_at=min(statement.source_at, began))


def _statement(record: Any, unusable: Counter[str], faults: Counter[str]) -> Statement | None:
    """What a record says of its hash; it is known by that, and has no other id."""
    if not isinstance(record, dict):
        faults["row_malformed"] += 1
        return None
    kind, value = documents.text(record.get("signalType")), documents.text(record.get("hashValue"))
    column = _COLUMNS.get(kind)
    if column is None:
        # Codes are a few known words, whatever an answer names its kinds.
        unusable[f"{kind.lower() if kind in _NOT_USED else 'other'}_not_usable"] += 1
        return None
    at = documents.moment(record.get("lastModtimestamp"))
    status = record.get("hashStatus")
    if not value or at is None or not isinstance(status, str):
        faults["row_malformed"] += 1
        return None
    cases = record.get("caseNumbers")
    states = list(cases.values()) if isinstance(cases, dict) and cases else [status]
    gone = all(isinstance(state, str) and state in _GONE for state in states)
    row = dict.fromkeys(COLUMNS, "") | {column: value, "state": "withdrawn" if gone else ""}
    return Statement(tuple(row.values()), at)


def make(options: ExchangeOptions, credentials: Credentials) -> StopNcii:
    """The exchange of these settings.

    Raises:
        ExchangeSettingsError: there are no credentials.
    """
    if not credentials.key or not credentials.second_key:
        raise ExchangeSettingsError(
            "An exchange with StopNCII.org needs the key of its function 'FetchHashes' as 'key' "
            "and the key of the subscription as 'second_key'."
        )
    return StopNcii(options.url.rstrip("/") or BASE, credentials, options)
