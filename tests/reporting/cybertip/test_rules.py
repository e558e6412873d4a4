"""Every rule that the schema misses is found, with its place; what keeps them has no breach."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from safehold.reporting.cybertip import rules
from safehold.reporting.cybertip.common_elements import (
    Address,
    AssociatedAccount,
    AssociatedAccountType,
    Email,
    Hash,
    IpCaptureEvent,
    NameValuePair,
    Person,
    Phone,
)
from safehold.reporting.cybertip.file_elements import (
    PLACEHOLDER_FILE,
    Details,
    FileAnnotations,
    FileClassification,
    FileDetails,
    FileRelevance,
    MetadataType,
)
from safehold.reporting.cybertip.report_elements import (
    BatchedReport,
    BatchedReportReason,
    CellPhoneIncident,
    EmailIncident,
    IntendedRecipient,
    LawEnforcement,
    NewsgroupIncident,
    PersonOrUserReported,
    Reporter,
    Victim,
    WebPageIncident,
)
from safehold.reporting.cybertip.rules import HASH_DIGITS, Breach, check_file, check_report
from safehold.reporting.cybertip.schema import Schema
from safehold.reporting.cybertip.xml import write_file_details, write_report
from safehold.reporting.labels import FINDING_TEXTS
from tests.reporting.cybertip.elements import MOMENT, least_report

FILE = FileDetails(7, "ab" * 16)
PERSON_EMAIL = (Email("Someone@mail.example"),)
PERSON = PersonOrUserReported(Person(email=PERSON_EMAIL))
LINKED = AssociatedAccount(AssociatedAccountType.LINKED, email=PERSON_EMAIL)
BATCH = BatchedReport(BatchedReportReason.VIRAL_POTENTIAL_MEME)
MEME = FileAnnotations(potential_meme=True)
LONG = "x" * 3001

_SUMMARY = least_report().incident_summary
_ODD = dt.timezone(dt.timedelta(minutes=1, seconds=1))
_FAR = dt.timezone(dt.timedelta(hours=14, minutes=1))


def at(moment: dt.datetime) -> dict[str, Any]:
    return {"incident_summary": replace(_SUMMARY, incident_date_time=moment)}


def summary(**changes: Any) -> dict[str, Any]:
    return {"incident_summary": replace(_SUMMARY, **changes)}


def reported(*people: Any, **changes: Any) -> dict[str, Any]:
    return {"person_or_user_reported": people or (PersonOrUserReported(**changes),)}


def person(**changes: Any) -> dict[str, Any]:
    return reported(person_or_user_reported_person=Person(**changes))


def captured(ip: str, **changes: Any) -> dict[str, Any]:
    return reported(ip_capture_event=(IpCaptureEvent("192.0.2.1"), IpCaptureEvent(ip, **changes)))


def phoned(**changes: Any) -> dict[str, Any]:
    return {"internet_details": (WebPageIncident(), CellPhoneIncident(**changes))}


ONE = "report/personOrUserReported[1]"
SUMMARY = "report/incidentSummary"
OF_REPORTS: list[tuple[str, str, dict[str, Any]]] = [
    ("time_zone_missing", f"{SUMMARY}/incidentDateTime", at(MOMENT.replace(tzinfo=None))),
    ("time_zone_wrong", f"{SUMMARY}/incidentDateTime", at(MOMENT.replace(tzinfo=_ODD))),
    ("time_zone_wrong", f"{SUMMARY}/incidentDateTime", at(MOMENT.replace(tzinfo=_FAR))),
    (
        "time_zone_missing",
        f"{ONE}/personOrUserReportedPerson/email[1]/@verificationDate",
        person(email=(Email("a@b.example", verification_date=MOMENT.replace(tzinfo=None)),)),
    ),
    ("text_too_long", f"{SUMMARY}/escalateToHighPriority", summary(escalate_to_high_priority=LONG)),
    ("text_too_long", f"{SUMMARY}/platform", summary(platform="x" * 257)),
    ("text_blank", f"{SUMMARY}/escalateToHighPriority", summary(escalate_to_high_priority=" ")),
    ("text_blank", "report/lawEnforcement/agencyName", {"law_enforcement": LawEnforcement("")}),
    (
        "text_blank",
        f"{ONE}/personOrUserReportedPerson/email[1]",
        person(email=(Email(" "),)),
    ),
    (
        "text_wrong",
        "report/internetDetails[2]/cellPhoneIncident/phoneNumber/@countryCallingCode",
        phoned(phone_number=Phone("1", country_calling_code="33")),
    ),
    (
        "code_unknown",
        f"{ONE}/personOrUserReportedPerson/address[2]/country",
        person(address=(Address(country="FR"), Address(country="France"))),
    ),
    (
        "code_unknown",
        f"{ONE}/personOrUserReportedPerson/address[1]/state",
        person(address=(Address(state="XX"),)),
    ),
    ("number_range", f"{ONE}/personOrUserReportedPerson/age", person(age=-1)),
    ("number_range", f"{ONE}/priorCTReports[1]", reported(prior_ct_reports=(0,))),
    ("number_range", f"{ONE}/priorCTReports[2]", reported(prior_ct_reports=(1, 2**63))),
    ("number_range", f"{ONE}/ipCaptureEvent[2]/port", captured("192.0.2.7", port=0)),
    ("number_range", f"{ONE}/ipCaptureEvent[2]/port", captured("192.0.2.7", port=65_536)),
    *(
        (
            "number_range",
            f"report/internetDetails[2]/cellPhoneIncident/{name}",
            phoned(**{name: value}),
        )
        for name, value in (
            ("latitude", 90.1),
            ("latitude", float("nan")),
            ("longitude", -180.1),
            ("longitude", float("inf")),
        )
    ),
    *(
        ("ip_wrong", f"{ONE}/ipCaptureEvent[2]/ipAddress", captured(ip))
        for ip in ("", "192.0.2.256", "192.0.2.7:80", "192.0.2.0/24", "fe80::1%eth0", "a.example")
    ),
    (
        "no_reporter_email",
        "report/reporter/reportingPerson",
        {"reporter": Reporter(Person(first_name="A"))},
    ),
    (
        "email_without_person",
        "report/internetDetails[2]/emailIncident/emailAddress[2]",
        {
            "internet_details": (
                WebPageIncident(),
                EmailIncident((Email("someone@MAIL.example"), Email("other@mail.example"))),
            ),
            **reported(PERSON),
        },
    ),
    (
        "email_without_person",
        "report/internetDetails[1]/newsgroupIncident/emailAddress[1]",
        {"internet_details": (NewsgroupIncident("n", (Email("reports@house.example"),)),)},
    ),
    ("many_people", "report/personOrUserReported", reported(PERSON, PERSON)),
    ("batch_people", "report/batchedReport", {"batched_report": BATCH, **reported(PERSON)}),
    (
        "batch_people",
        "report/batchedReport",
        {"batched_report": BATCH, "victim": (Victim(Person()),), **reported(PERSON, PERSON)},
    ),
    (
        "batch_people",
        "report/batchedReport",
        {
            "batched_report": BATCH,
            "intended_recipient": (IntendedRecipient(),),
            **reported(PERSON, PERSON),
        },
    ),
]

OF_FILES: list[tuple[str, str, dict[str, Any]]] = [
    ("exif_without_file", "exifViewedByEsp", {"exif_viewed_by_esp": True}),
    ("exif_without_file", "exifViewedByEsp", {"exif_viewed_by_esp": False}),
    (
        "exif_without_file",
        "exifViewedByEsp",
        {"exif_viewed_by_esp": True, "file_viewed_by_esp": False},
    ),
    ("meme_twice", "potentialMeme", {"potential_meme": False, "file_annotations": MEME}),
    *(
        (
            "supplemental_meme",
            "fileRelevance",
            {"file_relevance": FileRelevance.SUPPLEMENTAL_REPORTED, **meme},
        )
        for meme in ({"potential_meme": True}, {"file_annotations": MEME})
    ),
    (
        "supplemental_classified",
        "industryClassification",
        {
            "file_relevance": FileRelevance.SUPPLEMENTAL_REPORTED,
            "industry_classification": FileClassification.A1,
        },
    ),
    *(
        ("hash_wrong", "originalFileHash[1]", {"original_file_hash": (Hash(value, kind),)})
        for value, kind in (
            ("ab" * 16, "SHA1"),
            ("ab" * 31, "sha-256"),
            ("zz" * 16, "MD5"),
            ("ab" * 15 + "é\n", "md5"),
            ("ab" * 16 + "\n", "md5"),
        )
    ),
    ("pairs_missing", "details[1]", {"details": (Details(MetadataType.EXIF, ()),)}),
    (
        "text_blank",
        "details[1]/nameValuePair[2]/name",
        {"details": (Details(None, (NameValuePair("a", ""), NameValuePair("", "a"))),)},
    ),
    ("text_wrong", "fileId", {"file_id": ""}),
    *(
        ("text_wrong", "locationOfFile", {"location_of_file": place})
        for place in (
            *("", "a.png", "/p/7", "//house.example/p", "https:house.example", "https:///p"),
            *(
                "s3://bucket/p",
                "https://house.example/a b",
                "https://house.example/é",
                "http://:80",
            ),
            *("https://house.example:99999/", "https://house.example:x/", "http://[::1/p"),
            *("https://house.example/<p>", "https://house.example/p\n", " https://house.example"),
        )
    ),
    ("number_range", "reportId", {"report_id": -1}),
]


@pytest.mark.parametrize(("code", "path", "changes"), OF_REPORTS)
def test_a_report_that_breaks_one_rule(code: str, path: str, changes: dict[str, Any]) -> None:
    assert check_report(least_report(**changes)) == (Breach(code, path),)


@pytest.mark.parametrize(("code", "path", "changes"), OF_FILES)
def test_a_file_that_breaks_one_rule(code: str, path: str, changes: dict[str, Any]) -> None:
    assert check_file(replace(FILE, **changes)) == (Breach(code, f"fileDetails/{path}"),)


@pytest.mark.parametrize(
    "place",
    [
        "https://house.example",
        "HTTP://192.0.2.7:8080/p/7?q=a%20b&r=1#s",
        "ftp://[2001:db8::7]/p",
    ],
)
def test_where_a_file_stood_is_a_url(place: str) -> None:
    assert check_file(replace(FILE, location_of_file=place)) == ()


def test_placeholders_are_for_drafts() -> None:
    draft = FileDetails(0, PLACEHOLDER_FILE)
    assert check_file(draft) == ()
    assert [one.code for one in check_file(draft, sent=True)] == ["id_missing"] * 2
    assert check_file(FILE, sent=True) == ()


def test_only_members_classify() -> None:
    classified = replace(FILE, industry_classification=FileClassification.B2)
    assert check_file(classified, member=True) == ()
    assert [one.code for one in check_file(classified, member=False)] == ["not_a_member"]
    assert check_file(FILE, member=False) == ()


def test_the_file_of_a_batch_is_a_meme() -> None:
    assert [one.code for one in check_file(FILE, batched=True)] == ["batch_not_meme"]
    for said in ({"potential_meme": True}, {"file_annotations": MEME}):
        assert check_file(replace(FILE, **said), True) == ()


VALID_REPORTS: list[Callable[[], dict[str, Any]]] = [
    dict,
    lambda: {"batched_report": BATCH, **reported(PERSON, PERSON)},
    lambda: captured("2001:db8::7", port=65_535),
    lambda: phoned(latitude=-90.0, longitude=180.0, phone_number=Phone("1", extension="7")),
    lambda: summary(escalate_to_high_priority="x" * 3000),
    lambda: at(MOMENT.replace(tzinfo=dt.timezone(dt.timedelta(hours=-14)))),
    lambda: {
        "internet_details": (EmailIncident((Email("SOMEONE@mail.example"),)),),
        "victim": (Victim(Person(email=(Email("someone@mail.example"),))),),
    },
    lambda: {
        "internet_details": (EmailIncident((Email("someone@mail.example"),)),),
        **reported(associated_account=(LINKED,)),
    },
    lambda: {
        "internet_details": (EmailIncident((Email("someone@mail.example"),)),),
        "victim": (Victim(Person(), associated_account=(LINKED,)),),
    },
    lambda: {
        "internet_details": (NewsgroupIncident("n", (Email("a@mail.example"),)),),
        "intended_recipient": (IntendedRecipient(Person(email=(Email("a@mail.example"),))),),
    },
]


@pytest.mark.parametrize("changes", VALID_REPORTS)
def test_reports_that_keep_the_rules(changes: Callable[[], dict[str, Any]], schema: Schema) -> None:
    report = least_report(**changes())
    assert check_report(report) == ()
    assert schema.validate(write_report(report)) == ()


@pytest.mark.parametrize("kind", [*HASH_DIGITS, "PhotoDNA"])
def test_files_that_keep_the_rules(kind: str, schema: Schema) -> None:
    digits = HASH_DIGITS.get(kind, 9)
    details = replace(
        FILE,
        original_file_hash=(Hash("aB" * (digits // 2), kind), Hash("0" * digits, kind)),
        file_viewed_by_esp=False,
        exif_viewed_by_esp=False,
        file_relevance=FileRelevance.SUPPLEMENTAL_REPORTED,
        file_annotations=FileAnnotations(viral=True),
    )
    assert check_file(details, sent=True) == ()
    assert schema.validate(write_file_details(details)) == ()


def test_every_code_is_told_tested_and_has_its_words() -> None:
    told = (rules.__doc__ or "").split("Codes:\n")[1]
    codes = {
        code
        for names in re.findall(r"^    ([a-z_, ]+):", told, re.MULTILINE)
        for code in names.split(", ")
    }
    alone = {"id_missing", "not_a_member", "batch_not_meme"}
    assert {code for code, _, _ in [*OF_REPORTS, *OF_FILES]} | alone == codes
    assert codes <= set(FINDING_TEXTS)
