"""Meta's ThreatExchange: the updates of a privacy group.

Updates come in the order of their last change. One that is to be deleted, or that shows no
opinion any more, withdraws; so does one of which every opinion says that it is harmless. The
token goes in a header, never in an address, and is taken out of the addresses of further pages
before these are remembered.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from safehold.lists.exchanges import documents
from safehold.lists.exchanges.authorization import bearer
from safehold.lists.exchanges.model import (
    Credentials,
    ExchangeOptions,
    ExchangeRefusedError,
    ExchangeSettingsError,
    Page,
    PageAddressError,
    PageBusyError,
    PageDamagedError,
    PageExpiredError,
    Refusal,
    Statement,
)
from safehold.lists.model import MAX_CLASSIFICATION
from safehold.lists.rows import COLUMNS
from safehold.outbound.model import Call, Reply

BASE = "https://graph.facebook.com/v19.0"
PAGE_ROWS = 100
FORGOTTEN = dt.timedelta(days=85)
"""The service tells of deletions for 90 days: after that everything is asked for anew."""

_FIELDS = (
    "id,indicator,type,last_updated,should_delete,descriptors{id,owner{id},status,tags,reactions}"
)
_COLUMNS: Mapping[str, str] = {
    "HASH_PDQ": "pdq",
    "HASH_MD5": "md5",
    "HASH_VIDEO_MD5": "md5",
    "HASH_SHA1": "sha1",
    "HASH_SHA256": "sha256",
}
_BUSY = frozenset({1, 2, 4, 17, 32, 341, 613})
"""Codes of errors of the Graph API that pass: throttling and its own trouble."""

_REFUSED = frozenset({10, 102, 190, 200})
_LONGEST_QUERY = 3_000


class ThreatExchange:
    """See `interface.Exchange`.

    A cursor has `since`, the checkpoint in seconds since 1970; `asked`, when the run began; and
    within a run `query` of the page and `max`, the latest change seen.
    """

    def __init__(self, base: str, token: str, options: ExchangeOptions) -> None:
        self._url = f"{base}/{options.environment}/threat_updates"
        self._headers = {"authorization": bearer(token), "accept": "application/json"}
        self._options = options

    def begin(self, checkpoint: str, now: dt.datetime) -> str:
        """The first page of all that changed since the checkpoint."""
        place = json.loads(checkpoint) if checkpoint else {}
        asked = int(now.timestamp())
        since = place.get("since", 0)
        if place and asked - place["asked"] > FORGOTTEN.total_seconds():
            since = 0
        elif not place and self._options.first_days:
            since = int((now - dt.timedelta(days=self._options.first_days)).timestamp())
        return json.dumps({"since": max(0, since), "asked": asked})

    def restart(self, cursor: str, now: dt.datetime) -> str:
        """The first page of the same."""
        place = json.loads(cursor)
        return json.dumps({"since": place["since"], "asked": int(now.timestamp())})

    def call(self, cursor: str) -> Call:
        """Ask for a page."""
        place = json.loads(cursor)
        query = place.get("query") or urlencode(
            {
                "start_time": place["since"],
                "limit": self._options.page_rows or PAGE_ROWS,
                "fields": _FIELDS,
            }
        )
        return Call(
            f"{self._url}?{query}",
            "GET",
            self._headers,
            timeout_seconds=self._options.timeout_seconds,
            # Its errors tell in their bodies what they are.
            accept_errors=True,
            max_answer_bytes=self._options.max_bytes,
        )

    def read(self, cursor: str, reply: Reply) -> Page:
        """Take an answer apart."""
        place = json.loads(cursor)
        if reply.status >= 400:
            raise error_of(reply, has_query="query" in place)
        answer = documents.parse(reply.body)
        updates = answer.get("data")
        if not isinstance(updates, list):
            raise PageDamagedError
        unusable: Counter[str] = Counter()
        faults: Counter[str] = Counter()
        statements = []
        latest = place.get("max", place["since"])
        for update in updates:
            statement = _statement(update, unusable, faults)
            if statement is not None:
                statements.append(statement)
                assert statement.source_at is not None
                latest = max(latest, int(statement.source_at.timestamp()))
        paging = answer.get("paging")
        following = documents.text(paging.get("next")) if isinstance(paging, dict) else ""
        if following:
            query = self._query(following)
            if query == place.get("query"):
                raise PageAddressError
            after = {**place, "query": query, "max": latest}
        else:
            after = {"since": latest, "asked": place["asked"]}
        return Page(tuple(statements), json.dumps(after), not following, unusable, faults)

    def refusal(self, cursor: str, status: int) -> Refusal:
        """Errors are replies here; what is none is tried again."""
        return Refusal.RETRY

    def narrow(self, cursor: str) -> str | None:
        """Pages have no parts."""
        return None

    def pass_over(self, cursor: str) -> str | None:
        """Nobody knows what comes after a page but the page."""
        return None

    def _query(self, following: str) -> str:
        """The query of a further page, without the token."""
        own, other = urlsplit(self._url), urlsplit(following)
        same = (other.scheme, other.netloc, other.path.rstrip("/"))
        query = urlencode([(n, v) for n, v in parse_qsl(other.query) if n != "access_token"])
        if same != (own.scheme, own.netloc, own.path) or len(query) > _LONGEST_QUERY:
            raise PageAddressError
        return query


def error_of(reply: Reply, *, has_query: bool = False) -> Exception:
    """What an error's body says; without a body of the known form its status."""
    try:
        said = documents.parse(reply.body).get("error")
    except PageDamagedError:
        said = None
    code = said.get("code") if isinstance(said, dict) else None
    if reply.status == 429 or reply.status >= 500 or code in _BUSY:
        return PageBusyError()
    if code in _REFUSED or reply.status in (401, 403):
        return ExchangeRefusedError()
    return PageExpiredError() if has_query else ExchangeRefusedError()


def _statement(update: Any, unusable: Counter[str], faults: Counter[str]) -> Statement | None:
    if not isinstance(update, dict):
        faults["row_malformed"] += 1
        return None
    kind, own = documents.text(update.get("type")), documents.text(update.get("id"))
    at = documents.moment(update.get("last_updated"))
    if not own.isascii() or not own.isalnum() or at is None:
        faults["row_malformed"] += 1
        return None
    column = _COLUMNS.get(kind)
    if column is None:
        word = (
            kind.lower() if kind.isascii() and kind.isidentifier() and len(kind) < 40 else "other"
        )
        unusable[f"{word}_not_usable"] += 1
        return None
    opinions = _opinions(update.get("descriptors"))
    harmless = bool(opinions) and all(said == "NON_MALICIOUS" for said, _ in opinions)
    row = dict.fromkeys(COLUMNS, "") | {"id": own}
    if update.get("should_delete") is True or not opinions or harmless:
        row["state"] = "withdrawn"
    else:
        row[column] = documents.text(update.get("indicator"))
        row["classification"] = next((tag for _, tags in opinions for tag in tags), "")
    return Statement(tuple(row.values()), at)


def _opinions(descriptors: Any) -> list[tuple[str, list[str]]]:
    """Status and tags of each opinion."""
    data = descriptors.get("data") if isinstance(descriptors, dict) else None
    found = []
    for one in data if isinstance(data, list) else []:
        if isinstance(one, dict):
            found.append((documents.text(one.get("status")), _tags(one.get("tags"))))
    return found


def _tags(tags: Any) -> list[str]:
    if isinstance(tags, dict):
        inner = tags.get("data")
        tags = [t.get("text") for t in inner if isinstance(t, dict)] if inner else []
    words = [documents.text(tag) for tag in tags] if isinstance(tags, list) else []
    return sorted(w for w in words if w.isprintable() and 0 < len(w) <= MAX_CLASSIFICATION)


def make(options: ExchangeOptions, credentials: Credentials) -> ThreatExchange:
    """The exchange of these settings.

    Raises:
        ExchangeSettingsError: no privacy group, or no token.
    """
    if not options.environment.isdigit() or not credentials.key:
        raise ExchangeSettingsError(
            "An exchange with ThreatExchange needs the number of the privacy group as "
            "'environment', and the app's access token as 'key' of its credentials."
        )
    return ThreatExchange(options.url.rstrip("/") or BASE, credentials.key, options)
