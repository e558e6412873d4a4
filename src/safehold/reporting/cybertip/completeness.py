"""What a report lacks, and what would make it more useful to those who read it. I/O-free.

What is advised follows what NCMEC's schema has fields for, and what investigators miss most in
reports of platforms (Stanford Internet Observatory, "How to Fix the Online Child Exploitation
Reporting System", 2024: who it is, from where, when, whether a person saw the file, what is
urgent). What the authority requires of the XML itself says `rules`.
"""

from __future__ import annotations

from collections.abc import Iterator

from safehold.cases.review.model import Annotation
from safehold.reporting import known
from safehold.reporting.documents import Finding, Level
from safehold.reporting.facts import FactFile, FilingDetails, FilingFacts
from safehold.reporting.model import Relevance
from safehold.reporting.options import ReporterOptions

URGENT_FILES = frozenset(
    {Annotation.INFANT, Annotation.LIVE_STREAMING, Annotation.PHYSICAL_HARM, Annotation.VIOLENCE}
)
"""Annotations of files that ask for a thought about urgency."""

URGENT_REPORTS = frozenset(
    {
        "sextortion",
        "csam_solicitation",
        "minor_to_minor_interaction",
        "sadistic_online_exploitation",
    }
)
"""Annotations of reports that do."""

ACCOUNT_STATES = ("", "temporarily", "permanently")
NOTIFIED = ("", "yes", "no")
DIGESTS = ("md5", "sha1", "sha256")


def findings(
    facts: FilingFacts, details: FilingDetails, house: ReporterOptions
) -> tuple[Finding, ...]:
    """All that is missing, advised or to be known, in this order."""
    found = [
        *(Finding(code, Level.MISSING) for code in _missing(facts, details, house)),
        *(Finding(code, Level.ADVICE) for code in _of_person(facts, details)),
        *(Finding(code, Level.ADVICE) for code in _of_incident(facts, details)),
        *(Finding(code, Level.ADVICE) for code in _of_house(house)),
        *(Finding(code, Level.NOTE) for code in _notes(facts)),
    ]
    for number, file in enumerate(facts.files, start=1):
        where = f"file-{number}"
        found += [Finding(code, level, where) for code, level in _of_file(file, house)]
    order = list(Level)
    return tuple(sorted(found, key=lambda one: order.index(one.level)))


def _missing(facts: FilingFacts, details: FilingDetails, house: ReporterOptions) -> Iterator[str]:
    if not house.email:
        yield "no_reporter_email"
    if not (house.first_name and house.last_name):
        yield "no_reporter_name"
    if not known.reported(facts):
        yield "no_file"
    if details.incident_time and known.parse_time(details.incident_time) is None:
        yield "incident_time_wrong"
    if details.account_disabled_at and known.parse_time(details.account_disabled_at) is None:
        yield "account_time_wrong"
    if details.account_disabled not in ACCOUNT_STATES or details.user_notified not in NOTIFIED:
        yield "account_state_wrong"


def _of_person(facts: FilingFacts, details: FilingDetails) -> Iterator[str]:
    person = known.person(facts, details)
    if person is None or not person.uploaders:
        yield "no_person"
    if not any(map(known.connection_of, known.occurrences(facts.files))):
        yield "no_ip"
    if person is None:
        return
    if any(one.port is None and known.is_ipv4(one.ip) for one in person.connections):
        yield "no_port"
    if len({one.at for one in person.connections}) == 1:
        yield "one_moment"
    if not person.addresses:
        yield "no_email"
    if not person.screen_names:
        yield "no_screen_name"
    if not person.profile_urls:
        yield "no_profile_url"
    if not person.devices:
        yield "no_device"
    if not details.account_disabled:
        yield "account_state"


def _of_incident(facts: FilingFacts, details: FilingDetails) -> Iterator[str]:
    found = known.occurrences(known.reported(facts))
    if not details.incident_time and any(
        known.moment_of(one).source is known.Source.RECEIPT for one in found
    ):
        yield "no_time"
    if not known.addresses(facts, details):
        yield "no_address"
    said = {code for file in facts.files for code in file.annotations}
    if not details.escalate and (said & URGENT_FILES or URGENT_REPORTS & set(details.annotations)):
        yield "urgency"


def _of_house(house: ReporterOptions) -> Iterator[str]:
    if not (house.phone or house.contact_phone):
        yield "no_reporter_phone"
    if not house.platform:
        yield "no_platform"
    if not house.terms_of_service:
        yield "no_terms"
    if not house.legal_url:
        yield "no_legal_url"


def _notes(facts: FilingFacts) -> Iterator[str]:
    if not facts.prior:
        yield "no_prior"
    if facts.other_people:
        yield "other_people"
    if facts.filed_elsewhere:
        yield "filed_elsewhere"
    if facts.demo:
        yield "demo"


def _of_file(file: FactFile, house: ReporterOptions) -> Iterator[tuple[str, Level]]:
    if not all(file.manifest.get(name) for name in DIGESTS):
        yield "no_digests", Level.ADVICE
    if not any(known.text_of(one, "file_name") for one in file.occurrences):
        yield "no_file_name", Level.ADVICE
    if known.is_public(file) is None:
        yield "public_unknown", Level.ADVICE
    if not file.viewed:
        yield "never_viewed", Level.NOTE
    if file.confirmed_at is None:
        yield "not_confirmed", Level.NOTE
    if known.is_said_generated(file):
        yield "generated_claim", Level.NOTE
    if file.classification and not house.hash_sharing_member:
        yield "classification_untold", Level.NOTE
    if file.relevance is Relevance.SUPPLEMENTAL and (
        Annotation.POTENTIAL_MEME in file.annotations
        or (file.classification and house.hash_sharing_member)
    ):
        yield "supplemental_untold", Level.NOTE
