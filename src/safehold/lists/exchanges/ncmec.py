"""NCMEC's hash sharing, version 2.

Entries are asked for by the time of their last change, from a moment to a moment, and come in
pages that are in no order of time. So the latest time that was seen is believed only when a range
is exhausted; it is the checkpoint, less an overlap, since it is the other machine's clock that
made it. An address of a page is good with its own range only, and for twelve hours: where it is
refused, the range is asked for anew. A page that stays damaged is asked for by halves of its
range, down to a second.

The addresses are those that ThreatExchange's client names (python-threatexchange, `hash_api.py`).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from safehold.lists.exchanges import ncmec_xml
from safehold.lists.exchanges.authorization import basic
from safehold.lists.exchanges.model import (
    Credentials,
    ExchangeOptions,
    ExchangeSettingsError,
    Page,
    PageAddressError,
    Refusal,
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

_SECOND = dt.timedelta(seconds=1)
_VERSION = "/v2"
_MOST_RANGES = 64


class Ncmec:
    """See `interface.Exchange`.

    A cursor has `done`, the checkpoint; and within a run `from` and `to`, the range; `next`, the
    page's address; `max`, the latest time seen; `rest`, ranges that are still to be asked for.
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
        """The first page of the same, with a range that ends now."""
        return self._begin(json.loads(cursor)["done"], now)

    def _begin(self, done: str, now: dt.datetime) -> str:
        first = FIRST
        if done:
            first = max(FIRST, _read(done) - OVERLAP)
        elif self._options.first_days:
            first = max(FIRST, now - dt.timedelta(days=self._options.first_days))
        # The end is another second, so that what changes in this one is not cut in two.
        last = max(now, first) + _SECOND
        return json.dumps({"done": done, "from": _write(first), "to": _write(last)})

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
            max_answer_bytes=self._options.max_bytes,
        )

    def read(self, cursor: str, reply: Reply) -> Page:
        """Take an answer apart."""
        place = json.loads(cursor)
        answer = ncmec_xml.read(reply.body)
        if answer.latest is not None:
            place["max"] = max(place.get("max", ""), _write(answer.latest))
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
            tuple(answer.statements),
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
        if _read(place["to"]) - _read(place["from"]) > _SECOND:
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
        base = urlsplit(self._base)
        own = f"{base.scheme}://{base.netloc}"
        if following.startswith(f"{self._base}{_VERSION}/"):
            return following
        if following.startswith(f"{base.path}{_VERSION}/"):
            return own + following
        if following.startswith(f"{_VERSION}/"):
            return self._base + following
        raise PageAddressError


def _after(place: dict[str, Any]) -> dict[str, Any]:
    """Where to go on when a range is exhausted."""
    rest = place.get("rest", [])
    if not rest:
        return {"done": max(place["done"], place.get("max", ""))}
    kept: dict[str, Any] = {name: place[name] for name in ("done", "max") if name in place}
    return {**kept, "from": rest[0][0], "to": rest[0][1], "rest": rest[1:]}


def _write(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime(ncmec_xml.FORM)


def _read(text: str) -> dt.datetime:
    return dt.datetime.strptime(text, ncmec_xml.FORM).replace(tzinfo=dt.UTC)


def make(options: ExchangeOptions, credentials: Credentials) -> Ncmec:
    """The exchange of these settings.

    Raises:
        ExchangeSettingsError: no such environment, or no credentials.
    """
    base = options.url.rstrip("/") or ENVIRONMENTS.get(options.environment, "")
    if not base:
        raise ExchangeSettingsError(
            "The environment of an exchange with NCMEC is not known.",
            hint=f"It is one of: {', '.join(ENVIRONMENTS)}. Or give its address as 'url'.",
        )
    if not credentials.user or not credentials.password:
        raise ExchangeSettingsError("An exchange with NCMEC needs a user and a password.")
    return Ncmec(base.removesuffix(_VERSION), credentials, options)
