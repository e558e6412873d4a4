"""Whole drafts for the CyberTipline: twenty by the schema, and one to the last element."""

from __future__ import annotations

import safehold
from safehold.reporting.cybertip.draft import draft
from safehold.reporting.cybertip.incidents import DEFAULT_INCIDENT, INCIDENT_TYPES
from safehold.reporting.cybertip.schema import Schema
from safehold.reporting.facts import FilingDetails
from safehold.reporting.labels import FINDING_TEXTS
from tests.reporting.filings import HOUSE, file, filing, occurrence
from tests.reporting.reading import Tree, text_of, tree
from tests.reporting.varied import VARIED


def test_twenty_varied_reports_validate_against_the_schema(schema: Schema) -> None:
    assert len(VARIED) == 20
    texts = set()
    for name, (facts, details, house) in VARIED.items():
        one = draft(facts, details, house)
        assert one.is_complete, (name, one.findings)
        assert one == draft(facts, details, house), name
        for document in one.documents:
            assert schema.validate(document.text.encode("utf-8")) == (), (name, document.name)
        assert {found.code for found in one.findings} <= set(FINDING_TEXTS), name
        texts.add("".join(document.text for document in one.documents))
    assert len(texts) == 20


def test_a_report_says_all_that_is_known_and_nothing_more() -> None:
    facts = filing(
        file(
            1,
            occurrence(1),
            occurrence(2, ip="198.51.100.4", port=4000, time="", url="https://galerie.example/p/9"),
            annotations=frozenset({"viral"}),
        ),
        prior=("4241",),
    )
    details = FilingDetails(account_disabled="permanently", user_notified="no", words="More.")
    one = draft(facts, details, HOUSE)
    # Texts of the schema's own are taken from its model, where they stand once.
    incident = INCIDENT_TYPES[DEFAULT_INCIDENT].value
    assert tree(text_of(one, "report.xml")) == (
        "report",
        (),
        "",
        (
            (
                "incidentSummary",
                (),
                "",
                (
                    ("incidentType", (), incident, ()),
                    ("platform", (), "Galerie", ()),
                    ("incidentDateTime", (), "2026-11-20T09:01:00+01:00", ()),
                    (
                        "incidentDateTimeDescription",
                        (),
                        "Time of upload as recorded by the service. The reported files were"
                        " brought 2 times: first at 2026-11-20T09:01:00+01:00, last at"
                        " 2026-11-20T09:01:02+00:00.",
                        (),
                    ),
                ),
            ),
            (
                "internetDetails",
                (),
                "",
                (
                    (
                        "webPageIncident",
                        (),
                        "",
                        (
                            ("url", (), "https://galerie.example/p/7001", ()),
                            ("url", (), "https://galerie.example/p/9", ()),
                        ),
                    ),
                ),
            ),
            (
                "reporter",
                (),
                "",
                (
                    (
                        "reportingPerson",
                        (),
                        "",
                        (
                            ("firstName", (), "Alix", ()),
                            ("lastName", (), "Martin", ()),
                            ("phone", (), "+33 1 99 00 12 34", ()),
                            ("email", (), "signalements@galerie.example", ()),
                        ),
                    ),
                    ("companyTemplate", (), "Galerie Exemple", ()),
                    ("termsOfService", (), "Section 4 of the terms of use.", ()),
                    ("legalURL", (), "https://galerie.example/legal", ()),
                ),
            ),
            (
                "personOrUserReported",
                (),
                "",
                (
                    (
                        "personOrUserReportedPerson",
                        (),
                        "",
                        (("email", (), "camille@courriel.example", ()),),
                    ),
                    ("espIdentifier", (), "compte-481", ()),
                    ("espService", (), "galerie", ()),
                    ("screenName", (), "camille481", ()),
                    ("displayName", (), "Camille", ()),
                    ("profileUrl", (), "https://galerie.example/u/481", ()),
                    ip_event("203.0.113.7", "2026-11-20T09:01:00+01:00", "51234"),
                    ip_event("198.51.100.4", "2026-11-20T09:01:02+00:00", "4000"),
                    device("2026-11-20T09:01:00+01:00"),
                    device("2026-11-20T09:01:02+00:00"),
                    ("priorCTReports", (), "4241", ()),
                    ("accountPermanentlyDisabled", (("userNotified", "false"),), "true", ()),
                ),
            ),
            (
                "additionalInfo",
                (),
                "More.\nReference of the reporting company: 01report000000000000000000",
                (),
            ),
        ),
    )
    manifest = facts.files[0].manifest
    assert tree(text_of(one, "file-1.xml")) == (
        "fileDetails",
        (),
        "",
        (
            ("reportId", (), "0", ()),
            ("fileId", (), "0" * 32, ()),
            ("originalFileName", (), "vacances.png", ()),
            ("uploadedToEspTimestamp", (), "2026-11-20T09:01:00+01:00", ()),
            ("locationOfFile", (), "https://galerie.example/p/7001", ()),
            ("fileViewedByEsp", (), "false", ()),
            ("exifViewedByEsp", (), "false", ()),
            ("publiclyAvailable", (), "true", ()),
            ("fileRelevance", (), "Reported", ()),
            ("fileAnnotations", (), "", (("viral", (), "true", ()),)),
            ("originalFileHash", (("hashType", "MD5"),), manifest["md5"], ()),
            ("originalFileHash", (("hashType", "SHA1"),), manifest["sha1"], ()),
            ("originalFileHash", (("hashType", "SHA256"),), manifest["sha256"], ()),
            ip_event("203.0.113.7", "2026-11-20T09:01:00+01:00", "51234"),
            device("2026-11-20T09:01:00+01:00"),
            device("2026-11-20T09:01:02+00:00"),
            (
                "details",
                (("type", "HASH"),),
                "",
                tuple(pair(kind.upper(), manifest[kind]) for kind in ("md5", "sha1", "sha256")),
            ),
            (
                "details",
                (),
                "",
                (
                    pair("format", "png"),
                    pair("width", "640"),
                    pair("height", "480"),
                    pair("frames", "1"),
                    pair("size", "34567"),
                ),
            ),
            note("Found by an exact match with a list of known material."),
            note(
                "A person of the reporting company confirmed it at 2026-11-20T11:01:02+00:00,"
                " without having seen the whole of it."
            ),
            note("Brought 2 times; told above is the first."),
            note(
                "Again: 2026-11-20T09:01:02+00:00, IP 198.51.100.4, port 4000,"
                " https://galerie.example/p/9"
            ),
            note(f"Found and kept with Safehold {safehold.__version__}."),
        ),
    )


def ip_event(ip: str, at: str, port: str) -> Tree:
    """An IP capture event as values."""
    parts = (("ipAddress", ip), ("eventName", "Upload"), ("dateTime", at), ("port", port))
    return ("ipCaptureEvent", (), "", tuple((name, (), text, ()) for name, text in parts))


def device(at: str) -> Tree:
    """A device id as values."""
    parts = (
        ("idType", "IMEI"),
        ("idValue", "490154203237518"),
        ("eventName", "Upload"),
        ("dateTime", at),
    )
    return ("deviceId", (), "", tuple((name, (), text, ()) for name, text in parts))


def pair(name: str, value: str) -> Tree:
    """A name and a value."""
    return ("nameValuePair", (), "", (("name", (), name, ()), ("value", (), value, ())))


def note(text: str) -> Tree:
    """A file's additional information."""
    return ("additionalInfo", (), text, ())
