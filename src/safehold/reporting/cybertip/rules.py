"""What the CyberTipline's schema and documentation require of reports and files. I/O-free.

The schema is not shipped, and it takes what the documentation forbids (a moment without a time
zone, a reporting person without a mail address, an impossible port). Lengths, ranges, patterns and
codes stand at the models' fields (`marks`); what concerns several fields stands here. No clock is
read: nothing is said of moments in the future.

Codes:
    time_zone_missing, time_zone_wrong: of a moment; the schema takes whole minutes up to 14 hours.
    text_too_long, text_blank, text_wrong, code_unknown, number_range, ip_wrong: of one value.
    hash_wrong: the digest is not hex of the length that its kind has.
    no_reporter_email: the reporting person has no mail address.
    email_without_person: an address of an email or newsgroup incident stands with no person.
    many_people: only a batched report is about several people or users.
    batch_people: a batched report is about several, and about no victims or recipients.
    batch_not_meme: the file of a batched report is one that is passed on as a meme.
    exif_without_file: EXIF is said to have been viewed, or not, and the file is not so.
    meme_twice: a file has `potentialMeme` or annotations, not both.
    supplemental_meme, supplemental_classified: not allowed for supplemental files.
    not_a_member: only members of the industry's hash sharing classify.
    pairs_missing: a group of metadata is empty.
    id_missing: the placeholders of the authority's ids would be sent.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from safehold.reporting.cybertip.common_elements import AssociatedAccount, Email, Hash, Person
from safehold.reporting.cybertip.file_elements import (
    PLACEHOLDER_FILE,
    PLACEHOLDER_REPORT,
    Details,
    FileDetails,
    FileRelevance,
)
from safehold.reporting.cybertip.marks import (
    Bound,
    Longest,
    Mark,
    Matching,
    ModelField,
    Must,
    OneOf,
    Within,
    camel,
    fields_of,
)
from safehold.reporting.cybertip.report_elements import (
    CybertipReport,
    EmailIncident,
    NewsgroupIncident,
)

MAX_OFFSET: Final = dt.timedelta(hours=14)
"""The greatest time zone of `xs:dateTime` (XML Schema part 2, section 3.2.7)."""

HASH_DIGITS: Final[Mapping[str, int]] = {
    "MD5": 32,
    "SHA1": 40,
    "SHA224": 56,
    "SHA256": 64,
    "SHA384": 96,
    "SHA512": 128,
}
"""Hex digits of kinds of digests; other kinds may be sent too and are not checked."""


URL_SCHEMES: Final = frozenset({"http", "https", "ftp"})
"""Those of URLs where a file may be said to stand."""

_URL: Final = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
"""The characters of RFC 3986, section 2."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that is not kept.

    Attributes:
        code: which.
        path: where, counted from 1: `report/victim[1]/deviceId[2]/idType`, `.../email[1]/@type`.
    """

    code: str
    path: str


def check_report(report: CybertipReport) -> tuple[Breach, ...]:
    """The rules that a report does not keep, in the order of its elements."""
    return (*_values(report, "report"), *_report(report))


def check_file(
    details: FileDetails, batched: bool = False, *, member: bool = True, sent: bool = False
) -> tuple[Breach, ...]:
    """The rules that file details do not keep.

    Args:
        details: of the file.
        batched: whether they belong to a batched report.
        member: whether the reporter is a member of the industry's hash sharing.
        sent: whether they are to be sent as they are: a draft may have placeholders.
    """
    found = (*_values(details, "fileDetails"), *_file(details))
    if not member and details.industry_classification is not None:
        found = (*found, Breach("not_a_member", "fileDetails/industryClassification"))
    if batched and not _is_meme(details):
        found = (*found, Breach("batch_not_meme", "fileDetails"))
    return (*found, *_placeholders(details)) if sent else found


def is_url(text: str) -> bool:
    """Whether a text is an absolute URL with a host, as `locationOfFile` must be (RFC 3986)."""
    if not _URL.fullmatch(text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in URL_SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of a port, or of brackets
        return False


def _report(report: CybertipReport) -> Iterator[Breach]:
    if not report.reporter.reporting_person.email:
        yield Breach("no_reporter_email", "report/reporter/reportingPerson")
    several = len(report.person_or_user_reported) > 1
    if report.batched_report is None:
        if several:
            yield Breach("many_people", "report/personOrUserReported")
    elif not several or report.victim or report.intended_recipient:
        yield Breach("batch_people", "report/batchedReport")
    known = {_folded(email) for email in _emails(report)}
    for number, incident in enumerate(report.internet_details, start=1):
        if isinstance(incident, EmailIncident | NewsgroupIncident):
            where = f"report/internetDetails[{number}]/{camel(type(incident).__name__)}"
            for place, email in enumerate(incident.email_address, start=1):
                if _folded(email) not in known:
                    yield Breach("email_without_person", f"{where}/emailAddress[{place}]")


def _emails(report: CybertipReport) -> Iterator[Email]:
    """The mail addresses of those whom a report is about."""
    people: list[Person | AssociatedAccount | None] = []
    for reported in report.person_or_user_reported:
        people += [reported.person_or_user_reported_person, *reported.associated_account]
    for victim in report.victim:
        people += [victim.victim_person, *victim.associated_account]
    people += [recipient.intended_recipient_person for recipient in report.intended_recipient]
    for person in people:
        if person is not None:
            yield from person.email


def _folded(email: Email) -> str:
    return email.address.strip().casefold()


def _file(details: FileDetails) -> Iterator[Breach]:
    exif, viewed = details.exif_viewed_by_esp, details.file_viewed_by_esp
    if exif is not None and (viewed is None or (exif and not viewed)):
        yield Breach("exif_without_file", "fileDetails/exifViewedByEsp")
    if details.potential_meme is not None and details.file_annotations is not None:
        yield Breach("meme_twice", "fileDetails/potentialMeme")
    if details.file_relevance is FileRelevance.SUPPLEMENTAL_REPORTED:
        annotations = details.file_annotations
        if details.potential_meme is not None or (annotations and annotations.potential_meme):
            yield Breach("supplemental_meme", "fileDetails/fileRelevance")
        if details.industry_classification is not None:
            yield Breach("supplemental_classified", "fileDetails/industryClassification")


def _is_meme(details: FileDetails) -> bool:
    annotations = details.file_annotations
    return bool(details.potential_meme or (annotations and annotations.potential_meme))


def _placeholders(details: FileDetails) -> Iterator[Breach]:
    if details.report_id == PLACEHOLDER_REPORT:
        yield Breach("id_missing", "fileDetails/reportId")
    if details.file_id == PLACEHOLDER_FILE:
        yield Breach("id_missing", "fileDetails/fileId")


def _values(model: Any, path: str) -> Iterator[Breach]:
    """What is wrong with single values, all the way down."""
    model_type: type = type(model)
    for field in fields_of(model_type):
        value = getattr(model, field.attribute)
        for where, one in _each(field, value, path):
            for bound in field.bounds:
                if not _holds(bound, one):
                    yield Breach(_code(bound), where)
            if isinstance(one, dt.datetime):
                yield from _moment(one, where)
            elif dataclasses.is_dataclass(one):
                yield from _values(one, where)
    if isinstance(model, Hash) and not _is_digest(model):
        yield Breach("hash_wrong", path)
    if isinstance(model, Details) and not model.name_value_pair:
        yield Breach("pairs_missing", path)


def _each(field: ModelField, value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The values of a field, each with its path."""
    if value is None:
        return
    if not isinstance(value, tuple):
        attribute = "@" if field.mark is Mark.ATTRIBUTE else ""
        yield path if field.mark is Mark.TEXT else f"{path}/{attribute}{field.name}", value
        return
    for number, one in enumerate(value, start=1):
        inner = f"/{camel(type(one).__name__)}" if field.mark is Mark.CHOICE else ""
        yield f"{path}/{field.name}[{number}]{inner}", one


def _holds(bound: Bound, value: Any) -> bool:
    match bound:
        case Longest(characters):
            return len(value) <= characters
        case Within(low, high):
            return bool(low <= value <= high)
        case Matching(pattern):
            return re.fullmatch(pattern, value) is not None
        case OneOf(codes):
            return value in codes
        case Must.NOT_BLANK:
            return bool(value.strip())
        case Must.IP_ADDRESS:
            return _is_ip(value)
        case Must.URL:
            return is_url(value)


def _code(bound: Bound) -> str:
    match bound:
        case Longest():
            return "text_too_long"
        case Within():
            return "number_range"
        case Matching() | Must.URL:
            return "text_wrong"
        case OneOf():
            return "code_unknown"
        case Must.NOT_BLANK:
            return "text_blank"
        case Must.IP_ADDRESS:
            return "ip_wrong"


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text  # A zone is of one machine and means nothing elsewhere.


def _moment(moment: dt.datetime, where: str) -> Iterator[Breach]:
    offset = moment.utcoffset()
    if offset is None:
        yield Breach("time_zone_missing", where)
    elif abs(offset) > MAX_OFFSET or offset % dt.timedelta(minutes=1):
        yield Breach("time_zone_wrong", where)


def _is_digest(found: Hash) -> bool:
    digits = HASH_DIGITS.get(found.hash_type.upper().replace("-", ""))
    return digits is None or re.fullmatch(f"[0-9A-Fa-f]{{{digits}}}", found.value) is not None
