"""Opinions on entries of NCMEC's hash sharing, version 2.

`PUT entries/{member}/{entry}/{TYPE}/feedback` with the word `affirmative`, or `negative` and the id
of a reason, which is one of those that `GET feedback/{TYPE}/reasons` names; the operator says which
(`opinion_reason`). As python-threatexchange's client of it does (`clients/ncmec/hash_api.py`).
"""

from __future__ import annotations

from collections.abc import Generator
from urllib.parse import quote

from lxml import etree

from safehold.hashing.model import SignalType
from safehold.lists.exchanges.authorization import basic
from safehold.lists.exchanges.model import (
    Credentials,
    ExchangeOptions,
    ExchangeSettingsError,
    PageDamagedError,
)
from safehold.lists.exchanges.ncmec import base_of
from safehold.lists.opinions.model import OpinionUnfitError, Stance, Subject
from safehold.outbound.model import Call, Reply

NAMESPACE = "https://hashsharing.ncmec.org/hashsharing/v2"
TYPES = {SignalType.MD5: "MD5", SignalType.SHA1: "SHA1", SignalType.PDQ: "PDQ"}
_KINDS = ("image", "video")


def send(
    options: ExchangeOptions, credentials: Credentials, subject: Subject
) -> Generator[Call, Reply, None]:
    """The calls that tell an opinion; each is given its answer.

    Raises:
        OpinionUnfitError: there is no such kind of feedback, or no reason to give.
        PageDamagedError: an answer cannot be understood.
        ExchangeSettingsError: the settings lack something.
    """
    check(options, credentials)
    kind = TYPES.get(subject.signal)
    member, _, rest = subject.entry_id.partition("/")
    medium, _, own = rest.partition("/")
    if kind is None or medium not in _KINDS or not member.isdigit() or not own.strip("."):
        raise OpinionUnfitError
    base = f"{base_of(options)}/v2"
    headers = {"authorization": basic(credentials), "accept": "application/xml"}
    word = etree.Element("feedbackSubmission", {"xmlns": NAMESPACE})
    if subject.stance is Stance.AFFIRMATIVE:
        etree.SubElement(word, "affirmative")
    else:
        if not options.opinion_reason:
            raise OpinionUnfitError(
                "NCMEC takes a negative opinion with a reason only.",
                hint="Set 'opinion_reason' of the exchange to the id of one.",
            )
        reply = yield Call(
            f"{base}/feedback/{kind}/reasons",
            "GET",
            headers,
            timeout_seconds=options.timeout_seconds,
        )
        if options.opinion_reason not in _reasons(reply.body):
            raise OpinionUnfitError("NCMEC names no such reason for this kind of digest.")
        reasons = etree.SubElement(etree.SubElement(word, "negative"), "reasonIds")
        etree.SubElement(reasons, "guid").text = options.opinion_reason
    yield Call(
        f"{base}/entries/{member}/{quote(own, safe='')}/{kind}/feedback",
        "PUT",
        headers | {"content-type": "application/xml"},
        etree.tostring(word, xml_declaration=True, encoding="UTF-8"),
        timeout_seconds=options.timeout_seconds,
        read_answer=False,
    )


def check(options: ExchangeOptions, credentials: Credentials) -> None:
    """Raise `ExchangeSettingsError` where opinions could never be sent."""
    if not (credentials.user and credentials.password):
        raise ExchangeSettingsError("An exchange with NCMEC needs a user and a password.")


def _reasons(body: bytes) -> set[str]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise PageDamagedError from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise PageDamagedError
    return {one.get("guid", "") for one in root.iter() if isinstance(one.tag, str)} - {""}
