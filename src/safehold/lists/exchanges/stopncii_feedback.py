"""Opinions on hashes of StopNCII.org, version 1: `POST SubmitFeedback`.

Each of its calls has a function key of its own: that of feedback is `password` of the credentials,
that of fetching `key`. The hash itself is named, so only entries with a PDQ hash can be spoken of:
others are kept here under a key. As python-threatexchange does it (`clients/stopncii/api.py`).
"""

from __future__ import annotations

import json
from collections.abc import Generator

from safehold.lists.exchanges.model import Credentials, ExchangeOptions, ExchangeSettingsError
from safehold.lists.exchanges.stopncii import BASE
from safehold.lists.opinions.model import OpinionUnfitError, Stance, Subject
from safehold.outbound.model import Call, Reply

_VALUES = {Stance.AFFIRMATIVE: "Blocked", Stance.NEGATIVE: "NotBlocked"}


def send(
    options: ExchangeOptions, credentials: Credentials, subject: Subject
) -> Generator[Call, Reply, None]:
    """The calls that tell an opinion; each is given its answer.

    Raises:
        OpinionUnfitError: the entry has no hash that can be named.
        ExchangeSettingsError: the settings lack something.
    """
    check(options, credentials)
    if subject.pdq is None:
        raise OpinionUnfitError
    said = {
        "count": 1,
        "hashFeedbacks": [
            {
                "hashValue": subject.pdq.hex(),
                "feedbackValue": _VALUES[subject.stance],
                "tags": [],
            }
        ],
    }
    yield Call(
        f"{options.url.rstrip('/') or BASE}/SubmitFeedback",
        "POST",
        {
            "x-functions-key": credentials.password,
            "ocp-apim-subscription-key": credentials.second_key,
            "content-type": "application/json",
        },
        json.dumps(said).encode("ascii"),
        timeout_seconds=options.timeout_seconds,
        read_answer=False,
    )


def check(options: ExchangeOptions, credentials: Credentials) -> None:
    """Raise `ExchangeSettingsError` where opinions could never be sent."""
    if not (credentials.password and credentials.second_key):
        raise ExchangeSettingsError(
            "Opinions to StopNCII.org need the function key of SubmitFeedback as 'password' of "
            "the credentials, beside 'second_key'."
        )
