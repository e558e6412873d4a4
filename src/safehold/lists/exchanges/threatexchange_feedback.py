"""Opinions on indicators of ThreatExchange: reactions to what others say of them.

A reaction is to a descriptor, which is one member's word on an indicator; so those of the others
are asked for first, and each gets a reaction (Graph API, "Reacting to descriptors").
"""

from __future__ import annotations

from collections.abc import Generator
from urllib.parse import urlencode

from safehold.lists.exchanges import documents
from safehold.lists.exchanges.authorization import bearer
from safehold.lists.exchanges.model import (
    Credentials,
    ExchangeOptions,
    ExchangeSettingsError,
    PageDamagedError,
)
from safehold.lists.exchanges.threatexchange import BASE, error_of
from safehold.lists.opinions.model import OpinionUnfitError, Stance, Subject
from safehold.outbound.model import Call, Reply

REACTIONS = {Stance.AFFIRMATIVE: "SAW_THIS_TOO", Stance.NEGATIVE: "DISAGREE_WITH_TAGS"}
MOST = 20
"""Descriptors of one indicator that get a reaction."""


def send(
    options: ExchangeOptions, credentials: Credentials, subject: Subject
) -> Generator[Call, Reply, None]:
    """The calls that tell an opinion; each is given its answer.

    Raises:
        OpinionUnfitError: nobody else says anything of the indicator.
        PageDamagedError: an answer cannot be understood.
        PageBusyError: the service has too much to do.
        ExchangeRefusedError: it refuses.
        ExchangeSettingsError: the settings lack something.
    """
    check(options, credentials)
    if not subject.entry_id.isascii() or not subject.entry_id.isalnum():
        raise OpinionUnfitError
    base = options.url.rstrip("/") or BASE
    headers = {"authorization": bearer(credentials.key), "accept": "application/json"}
    query = urlencode({"fields": "id,owner{id}", "limit": MOST})
    reply = yield Call(
        f"{base}/{subject.entry_id}/descriptors?{query}",
        "GET",
        headers,
        timeout_seconds=options.timeout_seconds,
        accept_errors=True,
    )
    _check(reply)
    own = credentials.key.partition("|")[0]
    others = _descriptors(reply.body, own)
    if not others:
        raise OpinionUnfitError
    form = headers | {"content-type": "application/x-www-form-urlencoded"}
    for descriptor in others:
        reply = yield Call(
            f"{base}/{descriptor}",
            "POST",
            form,
            urlencode({"reactions": REACTIONS[subject.stance]}).encode("ascii"),
            timeout_seconds=options.timeout_seconds,
            accept_errors=True,
        )
        _check(reply)


def _check(reply: Reply) -> None:
    """Raise what an error's body says: the Graph API throttles with the status 400."""
    if reply.status >= 400:
        raise error_of(reply)


def check(options: ExchangeOptions, credentials: Credentials) -> None:
    """Raise `ExchangeSettingsError` where opinions could never be sent."""
    if not credentials.key:
        raise ExchangeSettingsError("An exchange with ThreatExchange needs the app's token.")


def _descriptors(body: bytes, own: str) -> list[str]:
    """Ids of what members other than `own` say."""
    data = documents.parse(body).get("data")
    if not isinstance(data, list):
        raise PageDamagedError
    found = []
    for one in data[:MOST]:
        owner = one.get("owner") if isinstance(one, dict) else None
        if not isinstance(owner, dict):
            continue
        name = documents.text(one.get("id"))
        if documents.text(owner.get("id")) != own and name.isascii() and name.isalnum():
            found.append(name)
    return found
