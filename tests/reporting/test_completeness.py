"""What is missing, what would help, and what is to be known: each finding comes and goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from safehold.cases.model import OccurrenceKind
from safehold.reporting import known
from safehold.reporting.cybertip import completeness
from safehold.reporting.documents import Level
from safehold.reporting.facts import FilingDetails, FilingFacts
from safehold.reporting.labels import FINDING_TEXTS
from safehold.reporting.model import Relevance
from safehold.reporting.options import ReporterOptions
from tests.reporting.filings import EXACT, HOUSE, LIKE, file, filing, occurrence

NOBODY = dict.fromkeys(
    ("uploader", "uploader_address", "screen_name", "display_name", "profile_url"), ""
)
FULL = filing(
    replace(
        file(1, occurrence(1), occurrence(2, ip="198.51.100.4", time="")),
        viewed=True,
    ),
    prior=("4241",),
)
SAID = FilingDetails(account_disabled="permanently", incident_time="2026-11-20T09:01:00+01:00")


def found(
    facts: FilingFacts = FULL, details: FilingDetails = SAID, house: ReporterOptions = HOUSE
) -> dict[str, Level]:
    """Codes of findings with their levels."""
    return {one.code: one.level for one in completeness.findings(facts, details, house)}


def one(**changes: Any) -> FilingFacts:
    """Facts with one file and one occurrence, changed."""
    return filing(file(1, occurrence(1, **changes)))


def test_nothing_is_found_where_all_is_known() -> None:
    assert found() == {}


@pytest.mark.parametrize(
    ("code", "level", "facts"),
    [
        ("no_person", Level.ADVICE, one(uploader="")),
        ("no_person", Level.ADVICE, filing(file(1, occurrence(1, **NOBODY)))),
        ("no_ip", Level.ADVICE, one(ip="")),
        ("no_port", Level.ADVICE, one(port="")),
        ("one_moment", Level.ADVICE, one()),
        ("no_email", Level.ADVICE, one(uploader_address="")),
        ("no_screen_name", Level.ADVICE, one(screen_name="")),
        ("no_profile_url", Level.ADVICE, one(profile_url="")),
        ("no_device", Level.ADVICE, one(device_id="")),
        ("no_address", Level.ADVICE, one(url="")),
        ("no_file_name", Level.ADVICE, one(file_name="")),
        ("public_unknown", Level.ADVICE, one(public=None)),
        ("no_digests", Level.ADVICE, filing(file(1, manifest={"md5": "0" * 32}))),
        ("no_file", Level.MISSING, filing(file(1, relevance=Relevance.SUPPLEMENTAL))),
        ("no_prior", Level.NOTE, filing()),
        ("other_people", Level.NOTE, filing(other_people=2)),
        ("filed_elsewhere", Level.NOTE, filing(filed_elsewhere=(("pharos", "1"),))),
        ("demo", Level.NOTE, filing(demo=True)),
        ("never_viewed", Level.NOTE, filing()),
        ("not_confirmed", Level.NOTE, filing(file(1, confirmed_at=None))),
        ("generated_claim", Level.NOTE, filing(file(1, claims=({"generative": True},)))),
        ("classification_untold", Level.NOTE, filing(file(1, classification="A1"))),
        ("urgency", Level.ADVICE, filing(file(1, annotations=frozenset({"live_streaming"})))),
        (
            "supplemental_untold",
            Level.NOTE,
            filing(
                file(1),
                file(
                    2,
                    relevance=Relevance.SUPPLEMENTAL,
                    annotations=frozenset({"potential_meme"}),
                ),
            ),
        ),
    ],
)
def test_what_facts_lack(code: str, level: Level, facts: FilingFacts) -> None:
    assert code not in found()
    assert found(facts)[code] is level


@pytest.mark.parametrize(
    ("code", "level", "details"),
    [
        ("no_time", Level.ADVICE, replace(SAID, incident_time="")),
        ("incident_time_wrong", Level.MISSING, replace(SAID, incident_time="2026-11-20T09:01:00")),
        ("account_time_wrong", Level.MISSING, replace(SAID, account_disabled_at="yesterday")),
        ("account_state_wrong", Level.MISSING, replace(SAID, account_disabled="gone")),
        ("account_state_wrong", Level.MISSING, replace(SAID, user_notified="perhaps")),
        ("account_state", Level.ADVICE, replace(SAID, account_disabled="")),
        ("urgency", Level.ADVICE, replace(SAID, annotations=("sextortion",))),
    ],
)
def test_what_an_officer_left_out(code: str, level: Level, details: FilingDetails) -> None:
    assert found(details=details)[code] is level


def test_urgency_is_not_asked_for_twice() -> None:
    details = replace(SAID, annotations=("sextortion",), escalate="A child is in danger now.")
    assert "urgency" not in found(details=details)


@pytest.mark.parametrize(
    ("code", "level", "field"),
    [
        ("no_reporter_email", Level.MISSING, "email"),
        ("no_reporter_name", Level.MISSING, "first_name"),
        ("no_reporter_phone", Level.ADVICE, "phone"),
        ("no_platform", Level.ADVICE, "platform"),
        ("no_terms", Level.ADVICE, "terms_of_service"),
        ("no_legal_url", Level.ADVICE, "legal_url"),
    ],
)
def test_what_the_settings_lack(code: str, level: Level, field: str) -> None:
    changes: dict[str, Any] = {field: ""}
    assert found(house=replace(HOUSE, **changes))[code] is level


def test_every_finding_has_words_and_what_is_missing_comes_first() -> None:
    facts = filing(file(1, occurrence(1, **NOBODY), confirmed_at=None), demo=True)
    told = completeness.findings(facts, FilingDetails(), ReporterOptions())
    assert {one.code for one in told} <= set(FINDING_TEXTS)
    levels = [list(Level).index(one.level) for one in told]
    assert levels == sorted(levels)
    assert {one.where for one in told} == {"", "file-1"}


def test_an_ipv6_address_needs_no_port() -> None:
    assert "no_port" not in found(one(ip="2001:db8::7", port=""))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20T09:01:00+01:00", "2026-11-20T09:01:00+01:00"),
        ("2026-11-20t09:01:00.5z", "2026-11-20T09:01:00.500000+00:00"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59+00:00"),
        ("2026-11-20T09:01:00+23:00", "2026-11-19T10:01:00+00:00"),
        ("2026-11-20T09:01:00", None),
        ("2026-11-20", None),
        ("0001-01-01T00:00:00+23:00", None),
        ("", None),
    ],
)
def test_times_have_a_zone_that_xml_can_write(text: str, expected: str | None) -> None:
    parsed = known.parse_time(text)
    assert (parsed.isoformat() if parsed else None) == expected


def test_two_unknown_people_do_not_become_one() -> None:
    first, second = occurrence(1, **NOBODY), occurrence(2, ip="198.51.100.9", **NOBODY)
    assert known.person(filing(file(1, first, second)), FilingDetails()) is None
    named = known.person(filing(file(1, first, second)), FilingDetails(screen_name="anna"))
    assert named is not None
    assert named.screen_names == ("anna",)
    assert named.connections == ()


def test_what_the_context_says_stands_before_what_an_officer_adds() -> None:
    person = known.person(filing(), FilingDetails(screen_name="anna", profile_bio="Bio."))
    assert person is not None
    assert person.screen_names == ("camille481",)
    assert person.bio == "Bio."


def test_a_scan_knows_nothing_of_the_upload() -> None:
    scanned = occurrence(1, kind=OccurrenceKind.SCAN, time="")
    assert known.uploaded(scanned) is None
    connection = known.connection_of(scanned)
    assert connection is not None
    assert connection.at is None
    assert known.moment_of(scanned).source is known.Source.RECEIPT


@pytest.mark.parametrize(
    ("matches", "how"),
    [
        ((EXACT, LIKE), known.How.EXACT),
        ((LIKE,), known.How.LIKENESS),
        ((), known.How.OTHERWISE),
        ((EXACT | {"conflict": True},), known.How.OTHERWISE),
        ((EXACT | {"tier": "negative"}, LIKE | {"tier": "observe"}), known.How.OTHERWISE),
    ],
)
def test_how_a_file_was_found(matches: tuple[dict[str, Any], ...], how: known.How) -> None:
    assert known.how_found(file(1, matches=matches)) is how
