"""NCMEC's hash sharing, version 2.

Entries are asked for by the time of their last change, from a moment to a moment, and come in
pages that are in no order of time. So the latest time that was seen is believed only when a range
is exhausted; it is the checkpoint, less an overlap, since it is the other machine's clock that
made it. No time counts as later than the end of the range that was asked for: one that lies far
ahead, by mistake, would be a checkpoint behind which nothing is found any more, and an entry that
no later word takes out.

An address of a page is good with its own range only, and for twelve hours: where it is refused,
its range is asked for anew. A long time is asked for in ranges of half a year, one after the other,
so that this costs the range alone. A page that stays damaged is asked for by halves of its range,
down to a second; a second that stays damaged is passed over. When many in a row do, it is the
source that is out of order, and not a page: then the run fails, and the next goes on there.

The addresses are those that ThreatExchange's client names (python-threatexchange 1.2,
`exchanges/clients/ncmec/hash_api.py`).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from safehold.lists.exchanges import ncmec_xml
from safehold.lists.exchanges.authorization import basic
from safehold.lists.exchanges.model import (
    PAGE_BYTES,
    Credentials,
    ExchangeOptions,
    ExchangeSettingsError,
    Page,
    PageAddressError,
    Refusal,
    Statement,
)
from safehold.outbound.model import Call, Reply

_CYBERTIP, _TEST = "https://report.cybertip.org", "https://exttest.cybertip.org"
_NCMEC, _NCMEC_TEST = "https://hashsharing.ncmec.org", "https://hashsharing-test.ncmec.org"
ENVIRONMENTS: Mapping[str, str] = {
    "industry": f"{_CYBERTIP}/hashsharing",
    "industry-exploitative": f"{_CYBERTIP}/exploitative-hashsharing",
    "ngo": f"{_NCMEC}/npo",
    "exploitative": f"{_NCMEC}/exploitative",
    "generative-ai": f"{_NCMEC}/generative-ai-csam",
    "generative-ai-exploitative": f"{_NCMEC}/generative-ai-exploitative",
    "law-enforcement": "https://lesp.ncmec.org/csam-hashsharing",
    "industry-test": f"{_TEST}/hashsharing",
    "industry-exploitative-test": f"{_TEST}/exploitative-hashsharing",
    "ngo-test": f"{_NCMEC_TEST}/npo",
    "exploitative-test": f"{_NCMEC_TEST}/exploitative",
    "generative-ai-test": f"{_NCMEC_TEST}/generative-ai-csam",
    "generative-ai-exploitative-test": f"{_NCMEC_TEST}/generative-ai-exploitative",
    "law-enforcement-test": "https://betalesp.ncmec.org/csam-hashsharing",
}
"""The environments, each with its twin for tests."""

FIRST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
"""Before anything was shared."""

OVERLAP = dt.timedelta(minutes=10)
"""By how much a run begins before the latest time that was seen."""

RANGE = dt.timedelta(days=180)
"""The longest range that is asked for at once."""

MOST_PASSED_OVER = 16
"""How many ranges in a row are passed over."""

_SECOND = dt.timedelta(seconds=1)
_VERSION = "/v2"
_MOST_RANGES = 64
_ODD = frozenset({".", ".."})


class Ncmec:
    """See `interface.Exchange`.

    A cursor has `done`, the checkpoint; and within a run `from` and `to`, the range; `next`, the
    page's address; `max`, the latest time seen; `rest`, ranges that are still to be asked for;
    `lost`, how many ranges were passed over since a page could be read.
    """

    def __init__(self, base: str, credentials: Credentials, options: ExchangeOptions) -> None:
        self._base = base
        self._headers = {"authorization": basic(credentials), "accept": "application/xml"}
        self._options = options

    def begin(self, checkpoint: str, now: dt.datetime) -> str:
        """The first page of all that changed since the checkpoint."""
        done = json.loads(checkpoint)["done"] if checkpoint else ""
        return self._begin(done, now)

    def restart(self, cursor: str, now: dt.datetime) -> str:
        """The first page of the range whose page it is; the run ends now.

        Ranges that are exhausted already stay so: what changed since stands in a later one.
        """
        place = json.loads(cursor)
        if "from" not in place:
            return self._begin(place["done"], now)
        ranges = [[place["from"], place["to"]], *place.get("rest", [])]
        ranges[-1][1] = max(ranges[-1][1], _write(now + _SECOND))
        kept = {name: place[name] for name in ("done", "max", "lost") if name in place}
        return json.dumps(_first(kept, ranges))

    def _begin(self, done: str, now: dt.datetime) -> str:
        first = FIRST
        if done:
            first = max(FIRST, _read(done) - OVERLAP)
        elif self._options.first_days:
            first = max(FIRST, now - dt.timedelta(days=self._options.first_days))
        # The end is another second, so that what changes in this one is not cut in two.
        last = max(now, first) + _SECOND
        return json.dumps(_first({"done": done}, [[_write(first), _write(last)]]))

    def call(self, cursor: str) -> Call:
        """Ask for a page."""
        place = json.loads(cursor)
        if following := place.get("next"):
            url = self._address(following)
        else:
            url = f"{self._base}{_VERSION}/entries?" + urlencode(
                {"from": place["from"], "to": place["to"]}
            )
        return Call(
            url,
            "GET",
            self._headers,
            timeout_seconds=self._options.timeout_seconds,
            max_answer_bytes=min(self._options.max_bytes, PAGE_BYTES),
        )

    def read(self, cursor: str, reply: Reply) -> Page:
        """Take an answer apart."""
        place = json.loads(cursor)
        answer = ncmec_xml.read(reply.body)
        place.pop("lost", None)
        end = place["to"]
        if answer.latest is not None:
            place["max"] = max(place.get("max", ""), min(_write(answer.latest), end))
        finished = False
        if answer.following:
            self._address(answer.following)
            if answer.following == place.get("next"):
                raise PageAddressError
            place["next"] = answer.following
        else:
            finished = not place.get("rest")
            place = _after(place)
        return Page(
            _within(answer.statements, _read(end)),
            json.dumps(place),
            finished,
            dict(answer.unusable),
            dict(answer.faults),
        )

    def refusal(self, cursor: str, status: int) -> Refusal:
        """What to do about an error."""
        if status in (408, 425, 429) or status >= 500:
            return Refusal.RETRY
        if status in (400, 404, 410) and json.loads(cursor).get("next"):
            return Refusal.RESTART
        return Refusal.STOP

    def narrow(self, cursor: str) -> str | None:
        """The first half of the range; the second comes after it."""
        place = json.loads(cursor)
        first, last = _read(place["from"]), _read(place["to"])
        half = first + (last - first) // 2
        half = half.replace(microsecond=0)
        rest = place.get("rest", [])
        if last - first <= _SECOND or len(rest) >= _MOST_RANGES:
            return None
        place.pop("next", None)
        middle = _write(half if half > first else first + _SECOND)
        return json.dumps({**place, "to": middle, "rest": [[middle, place["to"]], *rest]})

    def pass_over(self, cursor: str) -> str | None:
        """What comes after a range of a second that stays damaged."""
        place = json.loads(cursor)
        place["lost"] = place.get("lost", 0) + 1
        if _read(place["to"]) - _read(place["from"]) > _SECOND or place["lost"] > MOST_PASSED_OVER:
            return None
        if not place.get("rest"):
            after = _read(place["to"])
            place["rest"] = [[place["to"], _write(after + _SECOND)]]
        place["max"] = max(place.get("max", ""), place["to"])
        return json.dumps(_after(place))

    def _address(self, following: str) -> str:
        """The address of a further page, which must be of the same service.

        Raises:
            PageAddressError: it leads elsewhere.
        """
        path = unquote(following.partition("?")[0])
        if not following.isascii() or not following.isprintable() or _ODD & set(path.split("/")):
            raise PageAddressError
        base = urlsplit(self._base)
        own = f"{base.scheme}://{base.netloc}"
        if following.startswith(f"{self._base}{_VERSION}/"):
            return following
        if following.startswith(f"{base.path}{_VERSION}/"):
            return own + following
        if following.startswith(f"{_VERSION}/"):
            return self._base + following
        raise PageAddressError


def _first(kept: dict[str, Any], ranges: list[list[str]]) -> dict[str, Any]:
    """The first page of the first of some ranges; what is longer than `RANGE` is parted."""
    (first, last), *rest = ranges
    if _read(last) - _read(first) > RANGE:
        middle = _write(_read(first) + RANGE)
        rest, last = [[middle, last], *rest], middle
    return {**kept, "from": first, "to": last} | ({"rest": rest} if rest else {})


def _after(place: dict[str, Any]) -> dict[str, Any]:
    """Where to go on when a range is exhausted."""
    rest = place.get("rest", [])
    if not rest:
        return {"done": max(place["done"], place.get("max", ""))}
    return _first({name: place[name] for name in ("done", "max", "lost") if name in place}, rest)


def _within(statements: list[Statement], end: dt.datetime) -> tuple[Statement, ...]:
    """Statements whose times are not behind the end of the range that was asked for."""
    return tuple(
        said if said.source_at is None else said._replace(source_at=min(said.source_at, end))
        for said in statements
    )


def _write(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime(ncmec_xml.FORM)


def _read(text: str) -> dt.datetime:
    return dt.datetime.strptime(text, ncmec_xml.FORM).replace(tzinfo=dt.UTC)


def make(options: ExchangeOptions, credentials: Credentials) -> Ncmec:
    """The exchange of these settings.

    Raises:
        ExchangeSettingsError: no such environment, or no credentials.
    """
    base = base_of(options)
    if not credentials.user or not credentials.password:
        raise ExchangeSettingsError("An exchange with NCMEC needs a user and a password.")
    return Ncmec(base, credentials, options)


def base_of(options: ExchangeOptions) -> str:
    """The address of an environment, without the version.

    Raises:
        ExchangeSettingsError: no such environment.
    """
    base = options.url.rstrip("/") or ENVIRONMENTS.get(options.environment, "")
    if not base:
        raise ExchangeSettingsError(
            "The environment of an exchange with NCMEC is not known.",
            hint=f"It is one of: {', '.join(ENVIRONMENTS)}. Or give its address as 'url'.",
        )
    return base.removesuffix(_VERSION)
