"""Twenty varied reports of invented cases."""

from __future__ import annotations

from dataclasses import replace

from safehold.cases.model import OccurrenceKind
from safehold.cases.review.model import Annotation
from safehold.reporting.cybertip.incidents import ANNOTATIONS, INCIDENT_TYPES
from safehold.reporting.facts import FilingDetails, FilingFacts
from safehold.reporting.model import Environment, Relevance
from safehold.reporting.options import ReporterOptions
from tests.reporting.filings import HOUSE, file, filing, occurrence

NOBODY = dict.fromkeys(
    ("uploader", "uploader_address", "screen_name", "display_name", "profile_url"), ""
)
ALONE = dict.fromkeys(
    (
        *NOBODY,
        "ip",
        "port",
        "time",
        "file_name",
        "url",
        "device_type",
        "device_id",
    ),
    "",
)
MEMBER = replace(HOUSE, hash_sharing_member=True)
CONTACT = replace(
    HOUSE,
    contact_first_name="Dominique",
    contact_last_name="Petit",
    contact_email="droit@galerie.example",
    contact_phone="+33 1 99 00 55 66",
    words="Open at all hours.",
)

ESCAPED = "<&>\"' ]]> \u0007 \U0001f5bc é"
SUPPLEMENT = file(
    2,
    occurrence(3, file_name="earlier.jpg"),
    relevance=Relevance.SUPPLEMENTAL,
    classification="B2",
    annotations=frozenset({"potential_meme", "viral"}),
)
VARIED: dict[str, tuple[FilingFacts, FilingDetails, ReporterOptions]] = {
    "plain": (filing(), FilingDetails(), HOUSE),
    "nothing known": (filing(file(1, occurrence(1, **ALONE))), FilingDetails(), HOUSE),
    "no occurrence": (
        filing(replace(file(1), occurrences=())),
        FilingDetails(),
        HOUSE,
    ),
    "viewed": (filing(file(1, viewed=True)), FilingDetails(), HOUSE),
    "unknown uploader": (filing(file(1, occurrence(1, **NOBODY))), FilingDetails(), HOUSE),
    "several addresses": (
        filing(file(1, *(occurrence(n, ip=f"198.51.100.{n}") for n in range(1, 6)))),
        FilingDetails(),
        HOUSE,
    ),
    "ipv6": (filing(file(1, occurrence(1, ip="2001:db8::7", port=""))), FilingDetails(), HOUSE),
    "scan": (
        filing(file(1, occurrence(1, kind=OccurrenceKind.SCAN, time=""))),
        FilingDetails(),
        HOUSE,
    ),
    "digests": (
        filing(file(1, occurrence(1, kind=OccurrenceKind.DIGESTS, public=None))),
        FilingDetails(),
        HOUSE,
    ),
    "supplemental": (filing(file(1), SUPPLEMENT), FilingDetails(), MEMBER),
    "member": (filing(file(1, classification="A1")), FilingDetails(), MEMBER),
    "annotations": (
        filing(file(1, annotations=frozenset(one.value for one in Annotation))),
        FilingDetails(annotations=ANNOTATIONS),
        HOUSE,
    ),
    "claims": (
        filing(
            file(1, claims=({"text": "the file says so", "generative": True, "seed": 7},)),
        ),
        FilingDetails(),
        HOUSE,
    ),
    "escaping": (
        filing(file(1, occurrence(1, file_name=ESCAPED, display_name=ESCAPED, url=ESCAPED))),
        FilingDetails(words=ESCAPED, person_words=ESCAPED, profile_bio=ESCAPED),
        replace(HOUSE, words=ESCAPED, terms_of_service=ESCAPED),
    ),
    "details": (
        filing(),
        FilingDetails(
            incident_type=list(INCIDENT_TYPES)[-1],
            incident_time="2026-11-19T23:59:59.25-05:00",
            incident_time_words="As the log of the service has it.",
            escalate="A child may be in danger now.",
            annotations=ANNOTATIONS[:2],
            platform="Galerie for phones",
            url="https://galerie.example/extra",
            words="More.",
            agency="Brigade de Villexemple",
            agency_case="2026/118",
        ),
        HOUSE,
    ),
    "disabled for a time": (
        filing(),
        FilingDetails(account_disabled="temporarily", user_notified="yes"),
        HOUSE,
    ),
    "disabled for good": (
        filing(),
        FilingDetails(
            account_disabled="permanently",
            account_disabled_at="2026-11-20T12:00:00+01:00",
            user_notified="no",
        ),
        HOUSE,
    ),
    "prior": (filing(prior=("4241", "not a number", "4242")), FilingDetails(), HOUSE),
    "demo": (filing(demo=True, environment=Environment.SIMULATOR), FilingDetails(), CONTACT),
    "told elsewhere": (
        filing(filed_elsewhere=(("pharos", "P-1"),), other_people=3),
        FilingDetails(),
        CONTACT,
    ),
}
