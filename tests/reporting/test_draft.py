"""Drafts for the CyberTipline: what they say follows from what is known, and from nothing else."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from safehold.cases.review.model import Annotation
from safehold.reporting.cybertip import xml
from safehold.reporting.cybertip.draft import draft
from safehold.reporting.cybertip.incidents import FILE_ANNOTATIONS
from safehold.reporting.documents import Draft, Level
from safehold.reporting.facts import FilingDetails, FilingFacts
from safehold.reporting.labels import FINDING_TEXTS
from safehold.reporting.model import Relevance
from safehold.reporting.options import ReporterOptions
from tests.reporting.filings import EXACT, HOUSE, LIKE, T0, file, filing, occurrence
from tests.reporting.reading import codes, text_of, values
from tests.reporting.varied import ESCAPED, MEMBER, NOBODY, SUPPLEMENT, VARIED


def made(
    facts: FilingFacts, details: FilingDetails | None = None, house: ReporterOptions = HOUSE
) -> Draft:
    """A draft."""
    return draft(facts, details or FilingDetails(), house)


@pytest.mark.parametrize("viewed", [True, False])
def test_viewed_is_said_outright_and_exif_is_viewed_by_nobody(viewed: bool) -> None:
    one = made(filing(file(1, viewed=viewed, claims=({"generative": True},))))
    assert values(one, "fileViewedByEsp", "file-1.xml") == ["true" if viewed else "false"]
    assert values(one, "exifViewedByEsp", "file-1.xml") == ["false"]
    told = " ".join(values(one, "additionalInfo", "file-1.xml"))
    assert ("without having seen" in told) is not viewed
    assert (("never_viewed", "file-1") in codes(one, Level.NOTE)) is not viewed


def test_each_file_has_its_own_answer_to_viewed() -> None:
    one = made(filing(file(1, viewed=True), SUPPLEMENT))
    assert values(one, "fileViewedByEsp", "file-1.xml") == ["true"]
    assert values(one, "fileViewedByEsp", "file-2.xml") == ["false"]


def test_unknown_people_are_not_made_one() -> None:
    both = (occurrence(1, **NOBODY), occurrence(2, ip="198.51.100.9", **NOBODY))
    one = made(filing(file(1, *both)))
    assert values(one, "personOrUserReported") == []
    assert ("no_person", "") in codes(one, Level.ADVICE)
    assert one.is_complete
    # Nothing is lost: the first address stands with the file, the others in its words.
    assert values(one, "ipCaptureEvent/ipAddress", "file-1.xml") == ["203.0.113.7"]
    assert "198.51.100.9" in " ".join(values(one, "additionalInfo", "file-1.xml"))


@pytest.mark.parametrize(
    "given",
    [{"uploader": "u" * 256}, {"device_type": " ", "device_id": "7"}, {"device_id": "  "}],
)
def test_what_a_caller_may_say_keeps_no_report_from_being_fixed(given: dict[str, str]) -> None:
    """An officer cannot mend what a service has said."""
    one = made(filing(file(1, occurrence(1, **given))))
    assert one.is_complete, one.findings
    for text in filter(str.strip, given.values()):
        assert text in text_of(one, "report.xml") or text == "7"


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59-14:00", "2026-11-21T08:01:03Z"])
def test_nothing_was_uploaded_after_it_was_received(time: str) -> None:
    one = made(filing(file(1, occurrence(1, time=time))))
    received = T0.isoformat()
    assert values(one, "incidentSummary/incidentDateTime") == [received]
    assert values(one, "uploadedToEspTimestamp", "file-1.xml") == [received]
    assert ("no_time", "") in codes(one, Level.ADVICE)


def test_every_address_port_and_moment_is_told_once() -> None:
    found = (
        occurrence(1),
        occurrence(2),
        occurrence(3, port=51235),
        occurrence(4, time="2026-11-20T10:00:00Z"),
        occurrence(5, ip="2001:db8::7", port=""),
        occurrence(6, ip=""),
    )
    one = made(filing(file(1, *found)))
    path = "personOrUserReported/ipCaptureEvent"
    told = [
        (event.findtext("ipAddress"), event.findtext("port"), event.findtext("dateTime"))
        for event in xml.parse(text_of(one, "report.xml").encode()).findall(path)
    ]
    assert told == [
        ("203.0.113.7", "51234", "2026-11-20T09:01:00+01:00"),
        ("203.0.113.7", "51235", "2026-11-20T09:01:00+01:00"),
        ("2001:db8::7", None, "2026-11-20T09:01:00+01:00"),
        ("203.0.113.7", "51234", "2026-11-20T10:00:00+00:00"),
    ]


def test_a_supplemental_file_is_neither_classified_nor_a_meme() -> None:
    one = made(filing(file(1, classification="A1"), SUPPLEMENT), house=MEMBER)
    assert values(one, "industryClassification", "file-1.xml") == ["A1"]
    assert values(one, "fileRelevance", "file-2.xml") == ["Supplemental Reported"]
    assert values(one, "industryClassification", "file-2.xml") == []
    assert values(one, "fileAnnotations/potentialMeme", "file-2.xml") == []
    assert values(one, "fileAnnotations/viral", "file-2.xml") == ["true"]
    assert ("supplemental_untold", "file-2") in codes(one, Level.NOTE)
    assert one.is_complete


def test_a_supplemental_file_is_not_the_incident() -> None:
    early = file(
        2,
        occurrence(1, time="2020-01-01T00:00:00Z", url="https://galerie.example/old"),
        relevance=Relevance.SUPPLEMENTAL,
    )
    one = made(filing(file(1), early))
    assert values(one, "incidentSummary/incidentDateTime") == ["2026-11-20T09:01:00+01:00"]
    assert values(one, "internetDetails/webPageIncident/url") == ["https://galerie.example/p/7001"]
    assert values(one, "locationOfFile", "file-2.xml") == ["https://galerie.example/old"]


@pytest.mark.parametrize("place", ["albums/7/a.png", "https://galerie.example/a b", "é://x"])
def test_a_place_that_is_no_url_is_told_in_words(place: str) -> None:
    one = made(filing(file(1, occurrence(1, url=place))))
    assert values(one, "locationOfFile", "file-1.xml") == []
    told = "\n".join(values(one, "additionalInfo", "file-1.xml"))
    assert f"as the service names it: {place}" in told
    assert one.is_complete
    usual = made(filing(file(1)))
    assert "as the service names it" not in text_of(usual, "file-1.xml")


def test_the_officer_s_place_is_one_only_as_a_url() -> None:
    facts = filing(file(1, occurrence(1, url="")))
    for place, told in (("https://galerie.example/a", ["https://galerie.example/a"]), ("a", [])):
        one = made(facts, FilingDetails(url=place))
        assert values(one, "locationOfFile", "file-1.xml") == told
        assert values(one, "internetDetails/webPageIncident/url") == [place]


def test_a_classification_is_told_by_members_alone() -> None:
    facts = filing(file(1, classification="A1"))
    assert values(made(facts), "industryClassification", "file-1.xml") == []
    assert values(made(facts, house=MEMBER), "industryClassification", "file-1.xml") == ["A1"]


@pytest.mark.parametrize("annotation", list(Annotation))
def test_each_annotation_is_a_flag_of_its_own(annotation: Annotation) -> None:
    one = made(filing(file(1, annotations=frozenset({annotation.value}))))
    root = xml.parse(text_of(one, "file-1.xml").encode())
    flags = root.find("fileAnnotations")
    assert flags is not None
    assert [child.text for child in flags] == ["true"]
    assert len(set(FILE_ANNOTATIONS.values())) == len(Annotation)


def test_generated_is_what_the_reviewer_believes_or_what_is_shown() -> None:
    """Anybody can write into a photograph that a model made it: that alone marks nothing."""
    path = "fileAnnotations/generativeAi"
    believed = made(filing(file(1, annotations=frozenset({"generative_ai"}))))
    claim = {"form": "c2pa", "tier": "verified", "generative": True, "place": "png/caBX"}
    pasted = {
        "form": "a1111",
        "tier": "declared",
        "generative": True,
        "place": "png/tEXt/parameters",
    }
    said = made(filing(file(1, claims=(claim,))))
    only_said = made(filing(file(1, claims=(pasted,))))
    contradicts = made(filing(file(1, claims=(claim,), conflicts=("camera_and_generator",))))
    other = made(filing(file(1, claims=({"text": "taken so", "generative": False},))))
    assert values(believed, path, "file-1.xml") == ["true"]
    assert values(said, path, "file-1.xml") == ["true"]
    assert values(only_said, path, "file-1.xml") == []
    assert values(contradicts, path, "file-1.xml") == []
    assert "says of itself" in text_of(only_said, "file-1.xml")
    assert values(other, path, "file-1.xml") == []
    assert "png/caBX" in text_of(said, "file-1.xml")


def test_no_list_is_named() -> None:
    one = made(filing(file(1, matches=(EXACT, LIKE)), SUPPLEMENT))
    assert "secret-list" not in "".join(document.text for document in one.documents)


def test_what_strangers_wrote_cannot_leave_its_element() -> None:
    facts, details, house = VARIED["escaping"]
    one = draft(facts, details, house)
    safe = ESCAPED.replace("\u0007", "\ufffd")
    assert values(one, "originalFileName", "file-1.xml") == [safe]
    assert values(one, "personOrUserReported/displayName") == [safe]
    assert values(one, "additionalInfo")[0].startswith(safe)


def test_a_time_without_a_zone_is_never_sent() -> None:
    one = made(filing(file(1, occurrence(1, time="2026-11-20T09:01:00"))))
    assert values(one, "incidentSummary/incidentDateTime") == [T0.isoformat()]
    assert "received" in values(one, "incidentSummary/incidentDateTimeDescription")[0]
    assert ("no_time", "") in codes(one, Level.ADVICE)


def test_the_officer_s_moment_stands_before_all_others() -> None:
    details = FilingDetails(incident_time="2026-11-18T00:00:00Z", incident_time_words="By the log.")
    one = made(filing(), details)
    assert values(one, "incidentSummary/incidentDateTime") == ["2026-11-18T00:00:00+00:00"]
    words = values(one, "incidentSummary/incidentDateTimeDescription")[0]
    assert words.startswith("As stated by the reporting person.")
    assert words.endswith("By the log.")


def test_a_scan_does_not_say_when_something_was_uploaded() -> None:
    facts, details, house = VARIED["scan"]
    one = draft(facts, details, house)
    assert values(one, "uploadedToEspTimestamp", "file-1.xml") == []
    assert values(one, "ipCaptureEvent/dateTime", "file-1.xml") == []
    assert "scan" in values(one, "incidentSummary/incidentDateTimeDescription")[0]


def test_what_everybody_could_see() -> None:
    def told(*public: bool | None) -> list[str]:
        found = (occurrence(n, public=said) for n, said in enumerate(public, start=1))
        return values(made(filing(file(1, *found))), "publiclyAvailable", "file-1.xml")

    assert told(False, True) == ["true"]
    assert told(False, False) == ["false"]
    assert told(False, None) == told(None) == []


def test_a_trial_says_so_first() -> None:
    facts, details, house = VARIED["demo"]
    assert values(draft(facts, details, house), "additionalInfo")[0].startswith("TEST REPORT")
    assert "TEST" not in text_of(made(filing()), "report.xml")


@pytest.mark.parametrize(
    ("code", "details", "house"),
    [
        ("no_reporter_email", FilingDetails(), replace(HOUSE, email="")),
        ("incident_type_wrong", FilingDetails(incident_type="unheard_of"), HOUSE),
        ("annotation_wrong", FilingDetails(annotations=("unheard_of",)), HOUSE),
        ("incident_time_wrong", FilingDetails(incident_time="2026-11-20T09:01:00"), HOUSE),
    ],
)
def test_what_cannot_be_taken_is_missing_and_never_cut(
    code: str, details: FilingDetails, house: ReporterOptions
) -> None:
    one = made(filing(), details, house)
    assert not one.is_complete
    assert (code, "") in codes(one, Level.MISSING)
    assert len(one.documents) == 2


def test_an_impossible_address_is_missing_with_its_file() -> None:
    one = made(filing(file(1, occurrence(1, ip="somewhere"))))
    assert not one.is_complete
    assert {where for _, where in codes(one, Level.MISSING)} == {"report", "file-1"}
    assert {found for found, _ in codes(one, Level.MISSING)} <= set(FINDING_TEXTS)


def test_moments_keep_their_zone() -> None:
    zone = dt.timezone(dt.timedelta(hours=-5))
    at = dt.datetime(2026, 11, 20, 3, 1, 2, tzinfo=zone)
    one = made(filing(file(1, occurrence(1, time=at.isoformat()))))
    assert values(one, "uploadedToEspTimestamp", "file-1.xml") == ["2026-11-20T03:01:02-05:00"]
