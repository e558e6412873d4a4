"""Meta's ThreatExchange: the updates of a privacy group.

Updates come in the order of their last change. One that is to be deleted, or that shows no
opinion any more, withdraws; so does one of which every opinion says that it is harmless. The
token goes in a header, never in an address, and is taken out of the addresses of further pages
before these are remembered. No time counts that is later than the run: one that lies far ahead, by
mistake, would hide all that comes after it. Runs begin a little before the checkpoint. A run that
asks for everything withdraws what it does not name.
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
    PAGE_BYTES,
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
_LONGEST_QUERY = 1_900
OVERLAP = 10
"""By how much a run begins before the checkpoint, in seconds."""

_NOT_USED = frozenset(
    f"HASH_{kind}"
    for kind in ("PHOTODNA", "TMK", "TEXT_TLSH", "PDQ_OCR", "URL_MD5", "VPDQ", "SSDEEP", "UNKNOWN")
) | frozenset({"TEXT_STRING", "URI", "RAW_URI_REGEX", "DOMAIN", "IP_ADDRESS", "EMAIL_ADDRESS"})
"""Types of indicators that are no digests of this program, as they are counted by name."""


class ThreatExchange:
    """See `interface.Exchange`.

    A cursor has `since`, the checkpoint in seconds since 1970; `asked`, when the run began; and
    within a run `query` of the page, `max`, the latest change seen, and `whole` where everything
    is asked for.
    """

    def __init__(self, base: str, token: str, options: ExchangeOptions) -> None:
        self._url = f"{base}/{options.environment}/threat_updates"
        self._headers = {"authorization": bearer(token), "accept": "application/json"}
        self._options = options

    def begin(self, checkpoint: str, now: dt.datetime) -> str:
        """The first page of all that changed since the checkpoint."""
        place = json.loads(checkpoint) if checkpoint else {}
        asked = int(now.timestamp())
        if place and asked - place["asked"] <= FORGOTTEN.total_seconds():
            return json.dumps({"since": place["since"], "asked": asked})
        if not place and self._options.first_days:
            since = int((now - dt.timedelta(days=self._options.first_days)).timestamp())
            return json.dumps({"since": max(0, since), "asked": asked})
        return json.dumps({"since": 0, "asked": asked, "whole": True})

    def restart(self, cursor: str, now: dt.datetime) -> str:
        """The first page of the same."""
        place = json.loads(cursor)
        whole = {"whole": True} if place.get("whole") else {}
        return json.dumps({"since": place["since"], "asked": int(now.timestamp()), **whole})

    def call(self, cursor: str) -> Call:
        """Ask for a page."""
        place = json.loads(cursor)
        query = place.get("query") or urlencode(
            {
                "start_time": max(0, place["since"] - OVERLAP),
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
            max_answer_bytes=min(self._options.max_bytes, PAGE_BYTES),
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
        began = dt.datetime.fromtimestamp(place["asked"], dt.UTC)
        for update in updates:
            statement = _statement(update, unusable, faults)
            if statement is not None:
                assert statement.source_at is not None
                at = min(statement.source_at, began)
                statements.append(statement._replace(source_at=at))
                latest = max(latest, int(at.timestamp()))
        paging = answer.get("paging")
        following = documents.text(paging.get("next")) if isinstance(paging, dict) else ""
        if following:
            query = self._query(following)
            if query == place.get("query"):
                raise PageAddressError
            after = {**place, "query": query, "max": latest}
        else:
            after = {"since": latest, "asked": place["asked"]}
        whole, last = bool(place.get("whole")), not following
        return Page(tuple(statements), json.dumps(after), last, unusable, faults, whole)

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
        try:
            own, other = urlsplit(self._url), urlsplit(following)
            same = (other.scheme, other.netloc, other.path.rstrip("/"))
            query = urlencode([(n, v) for n, v in parse_qsl(other.query) if n != "access_token"])
        except ValueError as error:
            raise PageAddressError from error
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
        # Codes are a few known words, whatever an answer names its kinds.
        unusable[f"{kind.lower() if kind in _NOT_USED else 'other'}_not_usable"] += 1
        return None
    opinions = _opinions(update.get("descriptors"))
    if opinions is None:
        faults["row_malformed"] += 1
        return None
    harmless = bool(opinions) and all(said == "NON_MALICIOUS" for said, _ in opinions)
    row = dict.fromkeys(COLUMNS, "") | {"id": own}
    if update.get("should_delete") is True or not opinions or harmless:
        row["state"] = "withdrawn"
    else:
        row[column] = documents.text(update.get("indicator"))
        row["classification"] = next((tag for _, tags in opinions for tag in tags), "")
    return Statement(tuple(row.values()), at)


def _opinions(descriptors: Any) -> list[tuple[str, list[str]]] | None:
    """Status and tags of each opinion; None where it cannot be told whether there are any."""
    if descriptors is None:
        return []
    data = descriptors.get("data") if isinstance(descriptors, dict) else None
    if not isinstance(data, list) or not all(isinstance(one, dict) for one in data):
        return None
    return [(documents.text(one.get("status")), _tags(one.get("tags"))) for one in data]


def _tags(tags: Any) -> list[str]:
    if isinstance(tags, dict):
        inner = tags.get("data")
        known = inner if isinstance(inner, list) else []
        tags = [t.get("text") for t in known if isinstance(t, dict)]
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
