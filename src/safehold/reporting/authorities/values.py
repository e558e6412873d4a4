"""What a checklist fills in by itself: one function for each answer. I/O-free.

Texts that a stranger chose (names, addresses, file names) lose their control characters and the
marks that turn the direction of writing, so that none can look like another line of the list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from safehold.cases.review.model import Annotation
from safehold.hashing.model import EXACT_LENGTHS
from safehold.reporting import known
from safehold.reporting.authorities.names import name_of
from safehold.reporting.authorities.phrases import Phrases
from safehold.reporting.facts import FactFile, FilingDetails, FilingFacts
from safehold.reporting.known import Connection, Device, How, Moment
from safehold.reporting.model import Relevance
from safehold.reporting.options import ReporterOptions

# Controls (C0, C1), line and paragraph separators, and marks of direction.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Sheet:
    """What an answer is made of."""

    facts: FilingFacts
    details: FilingDetails
    house: ReporterOptions
    phrases: Phrases


def plain(text: str) -> str:
    """One line of text, without anything that could look like more."""
    return _UNSAFE.sub("\ufffd", text)


def lines(text: str) -> str:
    """The same for a text of several lines, which stay apart."""
    return "\n".join(plain(line) for line in text.splitlines())


def moment(sheet: Sheet, found: Moment) -> str:
    """A moment in words: date, time, zone and who says so."""
    text = found.at.isoformat(sep=" ", timespec="seconds").replace("+00:00", " UTC")
    return f"{text} ({sheet.phrases.sources[found.source]})"


def _address(sheet: Sheet) -> str:
    return _lines(known.addresses(sheet.facts, sheet.details))


def _moment(sheet: Sheet) -> str:
    found = known.incident(sheet.facts, sheet.details).moment
    return _lines((moment(sheet, found), sheet.details.incident_time_words))


def _occurrences(sheet: Sheet) -> str:
    found = known.incident(sheet.facts, sheet.details)
    if found.occurrences < 2:
        return sheet.phrases.once if found.occurrences else ""
    return sheet.phrases.occurrences.format(
        count=found.occurrences, first=moment(sheet, found.first), last=moment(sheet, found.last)
    )


def _place(sheet: Sheet) -> str:
    return plain(sheet.details.platform or sheet.house.platform or sheet.facts.service)


def _each_file(sheet: Sheet, say: Callable[[FactFile], Iterable[str]]) -> str:
    name = sheet.phrases.file
    return "\n".join(
        name.format(number=number, text=plain(", ".join(say(file))))
        for number, file in enumerate(sheet.facts.files, start=1)
    )


def _kind(sheet: Sheet) -> str:
    phrases = sheet.phrases

    def say(file: FactFile) -> Iterable[str]:
        manifest = file.manifest
        names = (known.text_of(one, "file_name") for one in file.occurrences)
        yield from list(dict.fromkeys(name for name in names if name))[:1]
        if manifest.get("format"):
            yield str(manifest["format"])
        if manifest.get("width") and manifest.get("height"):
            yield phrases.pixels.format(width=manifest["width"], height=manifest["height"])
        if (manifest.get("frames") or 1) != 1:
            yield phrases.frames.format(frames=manifest["frames"])
        yield phrases.size.format(size=file.size)
        if file.relevance is Relevance.SUPPLEMENTAL:
            yield phrases.supplemental

    return _each_file(sheet, say)


def _public(sheet: Sheet) -> str:
    said = {known.is_public(file) for file in known.reported(sheet.facts)}
    if True in said:
        return sheet.phrases.yes
    return sheet.phrases.no if said == {False} else ""


def _found(sheet: Sheet) -> str:
    phrases = sheet.phrases
    words = {
        How.EXACT: phrases.found_exact,
        How.LIKENESS: phrases.found_likeness,
        How.OTHERWISE: phrases.found_otherwise,
    }
    return _each_file(sheet, lambda file: (words[known.how_found(file)],))


def _viewed(sheet: Sheet) -> str:
    phrases = sheet.phrases
    return _each_file(sheet, lambda file: (phrases.viewed if file.viewed else phrases.not_viewed,))


def _generated(sheet: Sheet) -> str:
    phrases = sheet.phrases

    def say(file: FactFile) -> Iterable[str]:
        said = []
        if known.is_said_generated(file):
            said.append(phrases.generated_claim)
        if Annotation.GENERATIVE_AI in file.annotations:
            said.append(phrases.generated_believed)
        return said or [phrases.not_generated]

    return _each_file(sheet, say)


def _digests(sheet: Sheet) -> str:
    def say(file: FactFile) -> Iterable[str]:
        for kind in EXACT_LENGTHS:
            if file.manifest.get(kind):
                yield f"{kind.value.upper()} {file.manifest[kind]}"

    return _each_file(sheet, say)


def _person(sheet: Sheet) -> str:
    phrases = sheet.phrases
    found = known.person(sheet.facts, sheet.details)
    if found is None:
        return phrases.unknown_person
    told = (
        *(phrases.identifier.format(text=one) for one in found.uploaders),
        *(phrases.screen_name.format(text=one) for one in found.screen_names),
        *(phrases.display_name.format(text=one) for one in found.display_names),
        *(phrases.email.format(text=one) for one in found.addresses),
        *(phrases.profile.format(text=one) for one in found.profile_urls),
        phrases.bio.format(text=found.bio) if found.bio else "",
        phrases.more.format(text=found.words) if found.words else "",
    )
    return _lines(told) or phrases.unknown_person


def _connections(sheet: Sheet) -> str:
    phrases = sheet.phrases

    def say(one: Connection) -> str:
        parts = [phrases.ip.format(text=one.ip)]
        if one.port is not None:
            parts.append(phrases.port.format(text=one.port))
        if one.at is not None:
            parts.append(moment(sheet, one.at))
        return ", ".join(parts)

    found = map(known.connection_of, known.occurrences(sheet.facts.files))
    return _lines(dict.fromkeys(say(one) for one in found if one is not None))


def _devices(sheet: Sheet) -> str:
    def say(one: Device) -> str:
        return ", ".join((f"{one.kind} {one.value}", *_said(sheet, one.at)))

    found = map(known.device_of, known.occurrences(sheet.facts.files))
    return _lines(dict.fromkeys(say(one) for one in found if one is not None))


def _said(sheet: Sheet, found: Moment | None) -> tuple[str, ...]:
    return (moment(sheet, found),) if found is not None else ()


def _account(sheet: Sheet) -> str:
    phrases, details = sheet.phrases, sheet.details
    states = {"temporarily": phrases.temporarily, "permanently": phrases.permanently}
    told = {"yes": phrases.notified, "no": phrases.not_notified}
    state = states.get(details.account_disabled, "")
    if not state:
        return ""
    since = f"{state} ({details.account_disabled_at})" if details.account_disabled_at else state
    return _lines((since, told.get(details.user_notified, "")))


def _reporter(sheet: Sheet) -> str:
    house = sheet.house
    return _lines((f"{house.first_name} {house.last_name}".strip(), house.organisation))


def _contact(sheet: Sheet) -> str:
    house, phrases = sheet.house, sheet.phrases
    name = f"{house.contact_first_name} {house.contact_last_name}".strip()
    mail, phone = house.contact_email or house.email, house.contact_phone or house.phone
    return _lines(
        (
            phrases.contact.format(text=name) if name else "",
            phrases.mail.format(text=mail) if mail else "",
            phrases.phone.format(text=phone) if phone else "",
            house.legal_url,
        )
    )


def _elsewhere(sheet: Sheet) -> str:
    return _lines(f"{name_of(code)}: {number}" for code, number in sheet.facts.filed_elsewhere)


def _police(sheet: Sheet) -> str:
    return ", ".join(plain(one) for one in (sheet.details.agency, sheet.details.agency_case) if one)


def _reference(sheet: Sheet) -> str:
    return _lines((sheet.facts.report_id, sheet.details.reference))


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(plain(text) for text in texts if text)


VALUES: Mapping[str, Callable[[Sheet], str]] = {
    "address": _address,
    "moment": _moment,
    "occurrences": _occurrences,
    "place": _place,
    "kind": _kind,
    "public": _public,
    # Whether something is still there cannot be known here, and is never guessed.
    "online": lambda sheet: "",
    "found": _found,
    "viewed": _viewed,
    "generated": _generated,
    "digests": _digests,
    "person": _person,
    "connections": _connections,
    "devices": _devices,
    "account": _account,
    "urgent": lambda sheet: lines(sheet.details.escalate),
    "words": lambda sheet: lines(sheet.details.words),
    "reporter": _reporter,
    "contact": _contact,
    "country": lambda sheet: plain(sheet.house.country),
    "kept": lambda sheet: sheet.phrases.kept.format(reference=sheet.facts.report_id),
    "elsewhere": _elsewhere,
    "police": _police,
    "prior": lambda sheet: _lines(sheet.facts.prior),
    "reference": _reference,
}
"""The answer to each question of a form, by its code; empty where a person must give it."""
