"""PhotoDNA Cloud Service, version 1.0 (`POST /photodna/v1.0/Match`).

It takes the picture itself, with a subscription key in `Ocp-Apim-Subscription-Key`. An answer has
`Status.Code`, 3000 where the picture was looked at, `IsMatch`, and of a match `MatchDetails` with
flags: who named it (`Source`), as what (`Violations`) and the id of the entry (`AdvancedInfo`).
The distance is not said. From the service's public documentation
(developer.microsoftmoderator.com).
"""

from __future__ import annotations

from collections.abc import Sequence

from safehold.hashing.model import UNKNOWN_DISTANCE, RemoteSignal, VariantDigests
from safehold.lists.exchanges.model import Credentials
from safehold.outbound.model import Call
from safehold.remote.model import (
    Ask,
    BadAnswerError,
    Found,
    MatcherOptions,
    NotAnsweredError,
    word,
)

NEEDS = ("key",)
MEDIA_TYPES = frozenset(f"image/{kind}" for kind in ("jpeg", "png", "gif", "bmp", "tiff"))
URL = "https://api.microsoftmoderator.com/photodna/v1.0/Match"
MAX_ANSWER = 256 * 1024
_LOOKED_AT = 3000
_UNNAMED = "match"


def asks_by_digests(
    options: MatcherOptions, credentials: Credentials, variants: Sequence[VariantDigests]
) -> tuple[Ask, ...]:
    """None: no digest of ours is one of its."""
    return ()


def ask_by_picture(
    options: MatcherOptions, credentials: Credentials, media_type: str, data: bytes
) -> Ask:
    """The call that sends a picture."""
    return Ask(
        Call(
            options.url or URL,
            headers={
                "content-type": media_type,
                "accept": "application/json",
                "ocp-apim-subscription-key": credentials.key,
            },
            body=data,
            timeout_seconds=options.timeout_seconds,
            max_answer_bytes=MAX_ANSWER,
        )
    )


def read(options: MatcherOptions, ask: Ask, answer: object) -> tuple[Found, ...]:
    """What is known of the picture that was sent: one for each flag.

    Raises:
        BadAnswerError: it is not of this shape.
        NotAnsweredError: the service says that it did not look at the picture.
    """
    status = answer.get("Status") if isinstance(answer, dict) else None
    code = status.get("Code") if isinstance(status, dict) else None
    if not isinstance(answer, dict) or not isinstance(code, int) or isinstance(code, bool):
        raise BadAnswerError
    if code != _LOOKED_AT:
        raise NotAnsweredError
    if not isinstance(answer.get("IsMatch"), bool):
        raise BadAnswerError
    if not answer["IsMatch"]:
        return ()
    details = answer.get("MatchDetails")
    flags = details.get("MatchFlags") if isinstance(details, dict) else None
    if flags is None:
        flags = []
    if not isinstance(flags, list):
        raise BadAnswerError
    # A match is one, whatever its details are like.
    return tuple(_of_flag(flag) for flag in flags) or (_of_flag({}),)


def _of_flag(flag: object) -> Found:
    told = flag if isinstance(flag, dict) else {}
    violations = told.get("Violations")
    classes = violations if isinstance(violations, list) else []
    source = word(told.get("Source"), _UNNAMED)
    entry_id = word(_advanced(told.get("AdvancedInfo")))
    return Found(
        f"{source}:{entry_id}" if entry_id else source,
        word("-".join(c for c in classes if isinstance(c, str)), _UNNAMED),
        RemoteSignal.PHOTODNA,
        UNKNOWN_DISTANCE,
    )


def _advanced(info: object) -> object:
    """The entry's id, where it is told."""
    for one in info if isinstance(info, list) else ():
        if isinstance(one, dict) and one.get("Key") == "MatchId":
            return one.get("Value")
    return None
