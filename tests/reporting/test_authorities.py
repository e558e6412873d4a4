"""Authorities: checklists that fill themselves, and when another report is enough."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from safehold.reporting.authorities.cybertip_ca import CYBERTIP_CA
from safehold.reporting.authorities.forms import FORM, FormAuthority
from safehold.reporting.authorities.interface import Authority
from safehold.reporting.authorities.nca import NCA
from safehold.reporting.authorities.pharos import PHAROS
from safehold.reporting.authorities.phrases import ENGLISH, FRENCH
from safehold.reporting.authorities.registry import AUTHORITIES, needed
from safehold.reporting.authorities.values import VALUES
from safehold.reporting.documents import Draft, Level
from safehold.reporting.facts import FilingDetails
from safehold.reporting.labels import FINDING_TEXTS
from safehold.reporting.model import AuthorityCode, Environment, Relevance
from safehold.reporting.options import ReporterOptions, ReportingOptions
from tests.reporting.filings import EXACT, HOUSE, LIKE, file, filing, occurrence

FORMS = [one for one in AUTHORITIES.values() if isinstance(one, FormAuthority)]
GOLDEN = Path(__file__).with_name("checklist_pharos.txt")


def answers(draft: Draft, name: str = "checklist.json") -> dict[str, str]:
    """Values by code of a draft's checklist."""
    return {item["code"]: item["value"] for item in told(draft, name)["items"]}


def told(draft: Draft, name: str = "checklist.json") -> dict[str, Any]:
    """A draft's checklist."""
    text = next(one.text for one in draft.documents if one.name == name)
    found: dict[str, Any] = json.loads(text)
    return found


def codes(draft: Draft, level: Level | None = None) -> set[str]:
    """Codes of a draft's findings."""
    return {one.code for one in draft.findings if level in (None, one.level)}


def test_every_code_has_its_authority() -> None:
    assert set(AUTHORITIES) == set(AuthorityCode)
    for code, one in AUTHORITIES.items():
        assert one.code is code
        assert one.name
        assert one.by_machine is (code is AuthorityCode.NCMEC)
    assert AUTHORITIES[AuthorityCode.PHAROS].language == "fr"
    assert AUTHORITIES[AuthorityCode.POINT_DE_CONTACT].language == "fr"


def test_both_languages_have_a_label_for_every_answer() -> None:
    assert set(ENGLISH.labels) == set(FRENCH.labels) == set(VALUES)


@pytest.mark.parametrize("form", FORMS, ids=lambda one: one.code.value)
def test_forms_are_whole(form: FormAuthority) -> None:
    """Every form asks the same things once, says what to do, and says it the same way twice."""
    facts = filing(authority=form.code, environment=Environment.FORM)
    first = form.draft(facts, FilingDetails(), HOUSE)
    assert first == form.draft(facts, FilingDetails(), HOUSE)
    assert first.is_complete
    for document in first.documents:
        if document.media_type != "application/json":
            continue
        checklist = json.loads(document.text)
        assert checklist["form"] == FORM
        assert checklist["authority"] == form.code
        assert not checklist["test"]
        asked = [item["code"] for item in checklist["items"]]
        assert len(asked) == len(set(asked))
        assert {"address", "moment", "online", "reporter", "contact", "reference"} <= set(asked)
        assert all(item["label"] for item in checklist["items"])
        assert {step["when"] for step in checklist["steps"]} == {"before", "during", "after"}
    assert {one.code for one in first.findings} <= set(FINDING_TEXTS)


def test_a_french_checklist_reads_as_a_whole() -> None:
    first = occurrence(1)
    second = occurrence(5, ip="2001:db8::7", port="", time="", url="https://galerie.example/p/7002")
    earlier = file(
        2, occurrence(3, file_name="avant.jpg"), relevance=Relevance.SUPPLEMENTAL, matches=(LIKE,)
    )
    facts = filing(
        replace(file(1, first, second), viewed=True),
        earlier,
        authority=AuthorityCode.PHAROS,
        environment=Environment.FORM,
        filed_elsewhere=(("ncmec", "4242"),),
    )
    details = FilingDetails(
        words="Signalé aussi par un utilisateur.\nLe compte a été créé la veille.",
        account_disabled="permanently",
        account_disabled_at="2026-11-20T12:00:00+01:00",
        user_notified="no",
        agency="Brigade de Villexemple",
        agency_case="2026/118",
        reference="Dossier 12",
    )
    draft = PHAROS.draft(facts, details, HOUSE)
    text = next(one.text for one in draft.documents if one.name == "checklist.txt")
    assert text == GOLDEN.read_text(encoding="utf-8")
    assert codes(draft, Level.MISSING) == set()


def test_no_checklist_names_a_list_or_says_seen_what_nobody_saw() -> None:
    for one in FORMS:
        draft = one.draft(filing(file(1, matches=(EXACT, LIKE))), FilingDetails(), HOUSE)
        assert "secret-list" not in "".join(document.text for document in draft.documents)
        viewed = answers(draft).get("viewed")
        assert viewed is None or viewed.endswith((ENGLISH.not_viewed, FRENCH.not_viewed)), one.code


def test_what_a_stranger_wrote_stays_one_line() -> None:
    hostile = occurrence(1, file_name="a.png\n6. Forged\n    yes", screen_name="x\u2028y\u202ez")
    draft = PHAROS.draft(filing(file(1, hostile)), FilingDetails(), HOUSE)
    text = next(one.text for one in draft.documents if one.name == "checklist.txt")
    assert not any(line.startswith("6. Forged") for line in text.splitlines())
    assert "\u202e" not in text
    assert len(answers(draft)["kind"].splitlines()) == 1


def test_an_unknown_uploader_is_called_unknown_and_the_address_is_told() -> None:
    nobody = dict.fromkeys(
        ("uploader", "uploader_address", "screen_name", "display_name", "profile_url"), ""
    )
    both = (occurrence(1, **nobody), occurrence(2, ip="198.51.100.9", **nobody))
    found = answers(NCA.draft(filing(file(1, *both)), FilingDetails(), HOUSE))
    assert found["person"] == ENGLISH.unknown_person
    assert "203.0.113.7" in found["connections"]
    assert "198.51.100.9" in found["connections"]


def test_who_takes_addresses_alone_needs_one() -> None:
    facts = filing(file(1, occurrence(1, url="")))
    draft = CYBERTIP_CA.draft(facts, FilingDetails(), HOUSE)
    assert "address_required" in codes(draft, Level.MISSING)
    details = FilingDetails(url="https://galerie.example/p/7001")
    assert CYBERTIP_CA.draft(facts, details, HOUSE).is_complete
    assert PHAROS.draft(facts, FilingDetails(), HOUSE).is_complete


def test_canada_is_told_in_both_languages_and_nothing_of_the_person() -> None:
    draft = CYBERTIP_CA.draft(filing(), FilingDetails(), HOUSE)
    names = [one.name for one in draft.documents]
    assert names == ["checklist.json", "checklist.txt", "checklist.fr.json", "checklist.fr.txt"]
    english, french = answers(draft), answers(draft, "checklist.fr.json")
    assert list(english) == list(french)
    assert "person" not in english
    assert "camille" not in "".join(one.text for one in draft.documents)


def test_a_trial_says_so_in_every_document() -> None:
    for one in FORMS:
        draft = one.draft(filing(demo=True), FilingDetails(), HOUSE)
        assert told(draft)["test"] is True
        for document in draft.documents:
            if document.media_type == "text/plain":
                assert ENGLISH.test in document.text or FRENCH.test in document.text
        assert "demo" in codes(draft, Level.NOTE)


@pytest.mark.parametrize(
    ("filed", "still"),
    [
        ((), {"ncmec", "nca", "pharos", "point_de_contact", "cybertip_ca", "inhope", "other"}),
        (("ncmec",), {"pharos", "cybertip_ca", "other"}),
        (("pharos",), {"ncmec", "nca", "cybertip_ca", "other"}),
        (("inhope",), {"ncmec", "nca", "pharos", "point_de_contact", "cybertip_ca", "other"}),
        (("nca", "cybertip_ca"), {"ncmec", "pharos", "other"}),
    ],
)
def test_when_another_report_is_enough(filed: tuple[str, ...], still: set[str]) -> None:
    facts = filing(filed_elsewhere=tuple((code, "1") for code in filed))
    options = ReportingOptions(authorities=tuple(AuthorityCode))
    assert set(needed(facts, HOUSE, options)) == still


def test_what_is_needed_keeps_to_the_settings() -> None:
    options = ReportingOptions(authorities=("pharos", "nobody", "ncmec"))
    assert needed(filing(), HOUSE, options) == (AuthorityCode.PHAROS, AuthorityCode.NCMEC)
    assert needed(filing(), HOUSE, ReportingOptions()) == ()


def test_a_report_that_is_not_needed_says_so() -> None:
    at_ncmec = filing(filed_elsewhere=(("ncmec", "4242"),))
    assert "not_needed" in codes(NCA.draft(at_ncmec, FilingDetails(), HOUSE), Level.NOTE)
    assert "not_needed" not in codes(NCA.draft(filing(), FilingDetails(), HOUSE))


def test_a_house_that_nobody_named_is_filled_in_by_hand() -> None:
    draft = NCA.draft(filing(), FilingDetails(), ReporterOptions())
    assert answers(draft)["reporter"] == ""
    assert "no_reporter" in codes(draft, Level.ADVICE)
    assert ENGLISH.by_hand in draft.documents[1].text


def test_members_have_the_interface() -> None:
    def takes(one: Authority) -> str:
        return one.name

    assert len({takes(one) for one in AUTHORITIES.values()}) == len(AuthorityCode)
