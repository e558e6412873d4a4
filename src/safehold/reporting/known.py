"""What a case's contexts come to, for drafts and checklists alike. I/O-free.

Rules:
1. A moment is the caller's where it gave one with a zone, and not one after the receipt (by more
   than a day, for clocks and zones that are wrong), else Safehold's receipt. Which of the two it
   is stays with it. What a scan found was stored before, so its receipt says nothing
   about the upload.
2. Occurrences belong to one person where all of them name the same uploader, address, profile or
   screen name. Where they do not, nothing from the contexts is said of a person: two unknown
   people must not become one.
3. What the contexts say stands before what an officer adds; nothing is said twice.
"""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from safehold.cases.model import OccurrenceKind
from safehold.hashing.model import EXACT_LENGTHS
from safehold.lists.model import Tier
from safehold.reporting.facts import FactFile, FactOccurrence, FilingDetails, FilingFacts
from safehold.reporting.model import Relevance

_T = TypeVar("_T")
_NAMES_A_PERSON = ("uploader", "uploader_address", "profile_url", "screen_name")
_TIERS = frozenset({Tier.CONFIRMED, Tier.SUSPECTED, Tier.LOCAL})
_EXACT = frozenset(EXACT_LENGTHS)
_MAX_OFFSET = dt.timedelta(hours=14)
_CLOCKS_DIFFER = dt.timedelta(days=1)


class Source(enum.StrEnum):
    """Who says when something was."""

    OFFICER = "officer"
    CALLER = "caller"
    RECEIPT = "receipt"


class How(enum.StrEnum):
    """How a file was found, as authorities are told: never by which list."""

    EXACT = "exact"
    LIKENESS = "likeness"
    OTHERWISE = "otherwise"


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment with its zone, and who says so."""

    at: dt.datetime
    source: Source


@dataclass(frozen=True, slots=True)
class Connection:
    """From where something came; `at` is None where only the receipt of a scan is known."""

    ip: str = field(repr=False)
    port: int | None = field(repr=False)
    at: Moment | None


@dataclass(frozen=True, slots=True)
class Device:
    """The id of a device, of which kind it is, and when it was seen."""

    kind: str = field(repr=False)
    value: str = field(repr=False)
    at: Moment | None


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """What is known of the person whom a report is about. Texts are distinct, in order of time."""

    uploaders: tuple[str, ...] = field(repr=False)
    addresses: tuple[str, ...] = field(repr=False)
    screen_names: tuple[str, ...] = field(repr=False)
    display_names: tuple[str, ...] = field(repr=False)
    profile_urls: tuple[str, ...] = field(repr=False)
    connections: tuple[Connection, ...] = field(repr=False)
    devices: tuple[Device, ...] = field(repr=False)
    bio: str = field(repr=False)
    words: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Incident:
    """When it happened.

    Attributes:
        moment: the officer's, or that of the first occurrence.
        occurrences: how many there are, of the reported files.
        first, last: moments of the first and the last; the opening of the case where there are
            none.
    """

    moment: Moment
    occurrences: int
    first: Moment
    last: Moment


def parse_time(text: str) -> dt.datetime | None:
    """A moment of RFC 3339 with its zone; None where it is none, or has no zone.

    A leap second becomes the second before it, since Python has none. An offset that XML Schema
    cannot write (part 2, section 3.2.7.3: at most 14 hours, whole minutes) becomes UTC.
    """
    if len(text) >= 19 and text[17:19] == "60":
        text = f"{text[:17]}59{text[19:]}"
    try:
        found = dt.datetime.fromisoformat(text.upper())
        offset = found.utcoffset()
        if offset is None:
            return None
        if abs(offset) > _MAX_OFFSET or offset % dt.timedelta(minutes=1):
            return found.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None
    return found


def text_of(occurrence: FactOccurrence, name: str) -> str:
    """A text of the context, or an empty one."""
    found = occurrence.context.get(name)
    return found if isinstance(found, str) else ""


def moment_of(occurrence: FactOccurrence) -> Moment:
    """When an occurrence was, for sorting and for the incident (rule 1)."""
    said = parse_time(text_of(occurrence, "time"))
    if said is not None and (said - occurrence.at) <= _CLOCKS_DIFFER:
        return Moment(said, Source.CALLER)
    return Moment(occurrence.at.astimezone(dt.UTC), Source.RECEIPT)


def uploaded(occurrence: FactOccurrence) -> Moment | None:
    """When the file was uploaded; None where that is not known (rule 1)."""
    found = moment_of(occurrence)
    if found.source is Source.RECEIPT and occurrence.kind is OccurrenceKind.SCAN:
        return None
    return found


def connection_of(occurrence: FactOccurrence) -> Connection | None:
    """From where an occurrence came, or None."""
    ip = text_of(occurrence, "ip")
    if not ip:
        return None
    port = occurrence.context.get("port")
    usable = isinstance(port, int) and not isinstance(port, bool)
    return Connection(ip, port if usable else None, uploaded(occurrence))


def device_of(occurrence: FactOccurrence) -> Device | None:
    """The device of an occurrence, or None where its id or its kind is not known."""
    kind, value = text_of(occurrence, "device_type"), text_of(occurrence, "device_id")
    said = kind.strip() and value.strip()  # No authority takes an id of spaces.
    return Device(kind, value, uploaded(occurrence)) if said else None


def by_time(occurrences: Iterable[FactOccurrence]) -> tuple[FactOccurrence, ...]:
    """Occurrences by their moments, then by their ids."""
    return tuple(sorted(occurrences, key=lambda one: (moment_of(one).at, one.occurrence_id)))


def occurrences(files: Iterable[FactFile]) -> tuple[FactOccurrence, ...]:
    """All occurrences of some files, by time."""
    return by_time(one for file in files for one in file.occurrences)


def reported(facts: FilingFacts) -> tuple[FactFile, ...]:
    """The files that are reported, without supplemental ones."""
    return tuple(file for file in facts.files if file.relevance is Relevance.REPORTED)


def person(facts: FilingFacts, details: FilingDetails) -> KnownPerson | None:
    """What is known of the person, or None for an unknown one (rules 2 and 3)."""
    found = occurrences(facts.files)
    if not is_one_person(found):
        found = ()
    known = KnownPerson(
        uploaders=_texts(found, "uploader"),
        addresses=_texts(found, "uploader_address"),
        screen_names=_texts(found, "screen_name") or _given(details.screen_name),
        display_names=_texts(found, "display_name") or _given(details.display_name),
        profile_urls=_texts(found, "profile_url") or _given(details.profile_url),
        connections=_distinct(connection_of(one) for one in found),
        devices=_distinct(device_of(one) for one in found),
        bio=details.profile_bio,
        words=details.person_words,
    )
    said = (known.screen_names, known.display_names, known.profile_urls, known.bio, known.words)
    return known if found or any(said) else None


def is_one_person(found: Sequence[FactOccurrence]) -> bool:
    """Whether some occurrences surely belong to one person (rule 2)."""
    for name in _NAMES_A_PERSON:
        values = {text_of(one, name) for one in found}
        if len(values) == 1 and "" not in values:
            return True
    return False


def addresses(facts: FilingFacts, details: FilingDetails) -> tuple[str, ...]:
    """Where the reported files stand or were to stand, and where the officer says."""
    said = _texts(occurrences(reported(facts)), "url")
    return tuple(dict.fromkeys((*said, *_given(details.url))))


def incident(facts: FilingFacts, details: FilingDetails) -> Incident:
    """When it happened: the officer's moment, else the first occurrence, else the case."""
    moments = [moment_of(one) for one in occurrences(reported(facts))]
    if not moments:
        moments = [Moment(facts.opened.astimezone(dt.UTC), Source.RECEIPT)]
        count = 0
    else:
        count = len(moments)
    said = parse_time(details.incident_time)
    told = Moment(said, Source.OFFICER) if said is not None else moments[0]
    return Incident(told, count, moments[0], moments[-1])


def is_public(file: FactFile) -> bool | None:
    """Whether everybody could see it; None where that is not known of every occurrence."""
    said = {one.public for one in file.occurrences}
    if True in said:
        return True
    return False if said == {False} else None


def how_found(file: FactFile) -> How:
    """By an equal digest, by likeness, or otherwise than by a list that holds.

    A digest that another of the same entry contradicts proves nothing; nor does a list that is
    only observed, or that says what something is not.
    """
    held = [
        match for match in file.matches if match.get("tier") in _TIERS and not match.get("conflict")
    ]
    if any(match.get("signal") in _EXACT for match in held):
        return How.EXACT
    return How.LIKENESS if held else How.OTHERWISE


def is_said_generated(file: FactFile) -> bool:
    """Whether the file says of itself that a model made it (a claim with `generative` true)."""
    return any(claim.get("generative") is True for claim in file.claims)


def is_shown_generated(file: FactFile) -> bool:
    """Whether more than the file's own word says that a model made it.

    Anybody can write into a photograph that a model made it, and have it looked at later for
    that. So only a signature that holds, by somebody who is trusted, with nothing that contradicts
    it, says so by itself; beyond that people decide. A known watermark is no more than a word:
    what puts it there is public, and puts it into any picture.
    """
    return not file.conflicts and any(
        claim.get("generative") is True and claim.get("tier") == "verified" for claim in file.claims
    )


def is_ipv4(ip: str) -> bool:
    """Whether this is an IPv4 address, of which many people may share one by ports."""
    try:
        return ipaddress.ip_address(ip).version == 4
    except ValueError:
        return False


def _given(text: str) -> tuple[str, ...]:
    return (text,) if text else ()


def _texts(found: Iterable[FactOccurrence], name: str) -> tuple[str, ...]:
    values = (text_of(one, name) for one in found)
    return tuple(dict.fromkeys(value for value in values if value))


def _distinct(found: Iterable[_T | None]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(one for one in found if one is not None))
