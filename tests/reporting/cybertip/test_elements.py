"""Writing reports and file details: by the schema, escaped, flags said or left out."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.reporting.cybertip import xml
from safehold.reporting.cybertip.common_elements import (
    AccountPermanentlyDisabled,
    Email,
    EmailType,
    Hash,
    Person,
)
from safehold.reporting.cybertip.file_elements import (
    PLACEHOLDER_FILE,
    PLACEHOLDER_REPORT,
    FileAnnotations,
    FileDetails,
)
from safehold.reporting.cybertip.report_elements import (
    CybertipReport,
    PersonOrUserReported,
    ReportAnnotations,
)
from safehold.reporting.cybertip.rules import check_file, check_report
from safehold.reporting.cybertip.schema import Schema
from safehold.reporting.cybertip.xml import XmlError, parse, with_ids, write_file_details
from tests.reporting.cybertip.elements import MOMENT, kept_files, kept_reports, least_report

FILE = FileDetails(PLACEHOLDER_REPORT, PLACEHOLDER_FILE, file_name="a.png")


@settings(max_examples=40)
@given(report=kept_reports())
def test_all_reports_that_keep_the_rules_keep_the_schema(
    schema: Schema, report: CybertipReport
) -> None:
    assert check_report(report) == ()
    content = xml.write_report(report)
    assert schema.validate(content) == ()
    assert content == xml.write_report(report)


@settings(max_examples=40)
@given(details=kept_files())
def test_all_file_details_that_keep_the_rules_keep_the_schema(
    schema: Schema, details: FileDetails
) -> None:
    assert check_file(details) == ()
    assert schema.validate(write_file_details(details)) == ()


@settings(max_examples=40)
@given(text=st.text(st.characters()))
def test_every_text_comes_back_as_it_was_but_for_what_xml_cannot_hold(text: str) -> None:
    email = Email(text, EmailType.WORK)
    person = PersonOrUserReported(Person(first_name=text, email=(email,)), display_name=(text,))
    content = xml.write_report(least_report(person_or_user_reported=(person,)))
    content.decode("utf-8")
    kept = "".join(one if _is_holdable(ord(one)) else "\ufffd" for one in text)
    root = parse(content).find("personOrUserReported")
    assert root is not None
    paths = ("displayName", "*/firstName", "*/email")
    assert [root.findtext(path) for path in paths] == [kept] * 3


def _is_holdable(code: int) -> bool:
    """XML 1.0, section 2.2, production 2."""
    return code in (9, 10, 13) or 32 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or code > 0xFFFF


@pytest.mark.parametrize("text", ["<a&b>", "]]>", "\"'", "é\U0001f600", "\0\x07\x1f\ufffe\ud800"])
def test_attributes_are_escaped_too(text: str) -> None:
    content = write_file_details(FileDetails(1, "f", original_file_hash=(_hash(text),)))
    element = parse(content).find("originalFileHash")
    assert element is not None
    assert element.get("hashType") == "".join(
        one if _is_holdable(ord(one)) else "\ufffd" for one in text
    )


def _hash(kind: str) -> Hash:
    return Hash("00", kind)


@given(chosen=st.sets(st.sampled_from([one.name for one in fields(FileAnnotations)])))
def test_a_flag_is_true_or_not_there(chosen: set[str]) -> None:
    all_said = {one.name: one.name in chosen for one in fields(FileAnnotations)}
    content = write_file_details(replace(FILE, file_annotations=FileAnnotations(**all_said)))
    found = parse(content).find("fileAnnotations")
    assert found is not None
    assert [one.text for one in found] == ["true"] * len(chosen)
    assert len({one.tag for one in found}) == len(chosen)
    assert b"false" not in content


def test_flags_of_reports_are_left_out_as_well() -> None:
    report = least_report()
    summary = replace(report.incident_summary, report_annotations=ReportAnnotations(spam=True))
    content = xml.write_report(replace(report, incident_summary=summary))
    found = parse(content).find("incidentSummary/reportAnnotations")
    assert found is not None
    assert [(one.tag, one.text) for one in found] == [("spam", "true")]


def test_other_answers_are_said_outright() -> None:
    for viewed, said in ((True, "true"), (False, "false"), (None, None)):
        content = write_file_details(replace(FILE, file_viewed_by_esp=viewed))
        assert parse(content).findtext("fileViewedByEsp") == said
    disabled = AccountPermanentlyDisabled(False, user_notified=False, disabled_date=MOMENT)
    person = PersonOrUserReported(account_permanently_disabled=disabled)
    root = parse(xml.write_report(least_report(person_or_user_reported=(person,))))
    element = root.find("personOrUserReported/accountPermanentlyDisabled")
    assert element is not None
    assert (element.text, {str(name): text for name, text in element.attrib.items()}) == (
        "false",
        {"disabledDate": "2026-11-20T09:01:00+01:00", "userNotified": "false"},
    )


def test_a_document_is_utf_8_with_declaration_and_indented() -> None:
    assert (
        write_file_details(replace(FILE, file_name="é", additional_info=("b", "a")))
        == (
            "<?xml version='1.0' encoding='UTF-8'?>\n"
            "<fileDetails>\n"
            "  <reportId>0</reportId>\n"
            f"  <fileId>{'0' * 32}</fileId>\n"
            "  <fileName>é</fileName>\n"
            "  <additionalInfo>b</additionalInfo>\n"
            "  <additionalInfo>a</additionalInfo>\n"
            "</fileDetails>\n"
        ).encode()
    )


@settings(max_examples=20)
@given(details=kept_files())
def test_the_authority_s_ids_change_nothing_else(details: FileDetails) -> None:
    draft = replace(details, report_id=PLACEHOLDER_REPORT, file_id=PLACEHOLDER_FILE)
    sent = with_ids(write_file_details(draft), 4_242, "ab" * 16)
    wanted = write_file_details(replace(details, report_id=4_242, file_id="ab" * 16))
    assert sent.rstrip() == wanted.rstrip()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"secret",
        b"<a>",
        b"<a>\0</a>",
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a [<!ENTITY x "secret">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/secret.dtd"><a/>',
        b"<a>&x;</a>",
        b"<?xml version='1.0' encoding='nothing'?><a/>",
    ],
)
def test_what_is_no_safe_xml_is_refused_without_quoting_it(content: bytes) -> None:
    with pytest.raises(XmlError) as raised:
        parse(content)
    assert "secret" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize("content", [b"<fileDetails/>", b"<fileDetails><reportId/></fileDetails>"])
def test_ids_are_set_in_file_details_alone(content: bytes) -> None:
    for one in (content, xml.write_report(least_report())):
        with pytest.raises(XmlError):
            with_ids(one, 1, "a")


def test_models_do_not_show_what_they_hold() -> None:
    person = Person(first_name="Camille", date_of_birth=dt.date(2000, 1, 2))
    assert "Camille" not in repr(person) and "2000" not in f"{person}"
