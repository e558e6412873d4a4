"""What a report says is what records and audit log say, and of one person alone."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.audit.model import GENESIS, Event, EventDraft
from safehold.cases.model import Evidence
from safehold.cases.review.model import View, ViewLevel
from safehold.custodian.collecting import Collector, CollectorParts, was_viewed
from safehold.custodian.opening import CaseOpener
from safehold.ids import CaseId, EvidenceId, UserId, ViewId
from safehold.provenance.forms import claim_form
from safehold.provenance.model import (
    Claim,
    Conflict,
    Passage,
    PassageKind,
    Place,
    Reading,
    Tier,
)
from safehold.reporting.facts import FilingFacts
from safehold.reporting.model import Relevance, Report, ReportFile, ReportStateError
from tests.custodian.reported import NOW, TRIAL, Reported, reported

EVIDENCE = Evidence(EvidenceId("e1"), CaseId("c1"), "o", 1, 1, bytes(32), b"", NOW)
VIEW = View(
    view_id=ViewId("v1"),
    case_id=CaseId("c1"),
    evidence_id=EvidenceId("e1"),
    user_id=UserId("u1"),
    session=bytes(16),
    opened=NOW,
    until=NOW,
    ended=NOW,
    frames=2,
    whole=True,
    sharp=frozenset({0}),
    colour=frozenset({1}),
)
LOGGED: tuple[tuple[str, dict[str, str | int]], ...] = (
    ("view.opened", {"evidence": "e1"}),
    ("view.shown", {"level": "blurred", "still": 0}),
    ("view.shown", {"level": "grey", "still": 0}),
    ("view.shown", {"level": "colour", "still": 1}),
    ("view.ended", {"seconds": 3}),
)


def events(*chosen: int, actor: str = "user:u1", view: str = "v1") -> list[Event]:
    drafts = [
        EventDraft(kind, NOW, actor, subject="c1", data={"view": view, **data})
        for kind, data in (LOGGED[number] for number in chosen)
    ]
    return [Event(n, draft, GENESIS, GENESIS) for n, draft in enumerate(drafts, start=1)]


@given(st.sets(st.integers(0, len(LOGGED) - 1)))
def test_viewed_needs_every_event(chosen: set[int]) -> None:
    """Only a blurred still may be missing from the log."""
    assert was_viewed(VIEW, EVIDENCE, events(*sorted(chosen))) == ({0, 2, 3, 4} <= chosen)


@pytest.mark.parametrize(
    "changed",
    [
        {"ended": None},
        {"whole": False},
        {"frames": 3},
        {"frames": 0},
        {"evidence_id": EvidenceId("e2")},
        {"user_id": UserId("u2")},
        {"view_id": ViewId("v2")},
        {"colour": frozenset()},
    ],
)
def test_viewed_needs_the_record_too(changed: dict[str, object]) -> None:
    view = dataclasses.replace(VIEW, **changed)  # type: ignore[arg-type]
    assert not was_viewed(view, EVIDENCE, events(0, 1, 2, 3, 4))
    assert not was_viewed(VIEW, EVIDENCE, events(0, 1, 2, 3, 4, actor="user:u2"))
    assert not was_viewed(VIEW, EVIDENCE, events(0, 1, 2, 3, 4, view="v2"))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reported]:
    with reported(tmp_path_factory.mktemp("home"), "http://127.0.0.1:9") as made:
        yield made


def facts(house: Reported, report: Report) -> FilingFacts:
    runtime = house.runtime
    opener = CaseOpener([house.identity], runtime.objects, runtime.keys)
    collector = Collector(CollectorParts(opener, runtime.surfaces))
    with runtime.records.read() as transaction:
        return collector.facts(transaction, report)


def test_one_person_alone(house: Reported) -> None:
    house.upload(b"shared", uploader="u-2", ip="203.0.113.9", screen_name="another")
    house.upload(b"shared", uploader="u-1")
    case = house.case(b"shared", uploader="u-1", ip="198.51.100.8")
    found = facts(house, house.begin(case))
    [file] = found.files
    addresses = {one.context["ip"] for one in file.occurrences}
    assert (len(file.occurrences), addresses) == (2, {"198.51.100.7", "198.51.100.8"})
    assert {one.context["uploader"] for one in file.occurrences} == {"u-1"}
    assert {one.public for one in file.occurrences} == {True}
    assert (found.service, found.demo, found.other_people) == (TRIAL, True, 1)
    assert file.size == len(b"shared")
    assert len(file.manifest["md5"]) == 32
    assert (file.classification, file.annotations) == ("B2", frozenset({"generative_ai"}))
    assert file.confirmed_at is not None
    assert [match["list_name"] for match in file.matches] == ["partner"]
    [other] = facts(house, house.begin(case, "u-2")).files
    assert [one.context["screen_name"] for one in other.occurrences] == ["another"]


def test_what_a_file_says_of_its_making_comes_out_of_the_sealed_manifest(house: Reported) -> None:
    place = Place("png/tEXt/parameters", 57, 9, "ab" * 32)
    claim = Claim(Tier.DECLARED, "a1111", generative=True, place=place, seed="42")
    words = Passage(PassageKind.PROMPT, "a lighthouse at dawn", place)
    reading = Reading((place,), (claim,), (words,), (), (Conflict.CAMERA_AND_GENERATOR,))
    house.upload(b"made", reading, prompt="a teapot", generation="{}")
    report = house.begin(house.case(b"made"))
    [file] = facts(house, report).files
    assert file.claims == (claim_form(claim),)
    assert file.conflicts == ("camera_and_generator",)
    assert [one["text"] for one in file.passages] == ["a lighthouse at dawn"]
    assert not {"claims", "conflicts", "passages"} & set(file.manifest)
    said = house.read(house.custodian(), report)
    for text in ("a lighthouse at dawn", "a teapot", "camera_and_generator", "png/tEXt/parameters"):
        assert text in repr(said), text


def test_viewed_by_logged_views_alone(house: Reported) -> None:
    house.upload(b"looked at")
    house.look(house.find(b"looked at"))
    viewed = house.begin(house.case(b"looked at"))
    house.upload(b"blurred")
    house.look(house.find(b"blurred"), level=ViewLevel.BLURRED)
    blurred = house.begin(house.case(b"blurred"))
    assert facts(house, viewed).files[0].viewed is True
    assert facts(house, blurred).files[0].viewed is False


def test_a_file_of_somebody_else_is_refused(house: Reported) -> None:
    mine = house.begin(house.case(b"mine"))
    theirs = house.case(b"theirs", uploader="u-3")
    with house.runtime.records.read() as transaction:
        [evidence] = transaction.cases.evidence(theirs.case_id)
    named = ReportFile(theirs.case_id, evidence.evidence_id, Relevance.SUPPLEMENTAL)
    forged = dataclasses.replace(mine, files=(*mine.files, named))
    with pytest.raises(ReportStateError):
        facts(house, forged)
    gone = dataclasses.replace(named, evidence_id=EvidenceId("gone"))
    with pytest.raises(ReportStateError):
        facts(house, dataclasses.replace(mine, files=(gone,)))
    assert len(facts(house, mine).files) == 1


def test_supplemental_files_are_opened_with_their_own_keys(house: Reported) -> None:
    first, second = house.case(b"first", uploader="u-4"), house.case(b"second", uploader="u-4")
    report = house.begin(first, "u-4")
    [other] = house.runtime.reports.other_files(report.report_id)
    officer = house.people["officer"]
    house.runtime.reports.add_file(report.report_id, officer, other.evidence_id)
    found = facts(house, house.runtime.reports.report(report.report_id))
    assert [file.case_id for file in found.files] == [first.case_id, second.case_id]
    assert [file.relevance for file in found.files] == [Relevance.REPORTED, Relevance.SUPPLEMENTAL]
    assert first.key_name != second.key_name
    assert found.opened <= NOW + dt.timedelta(0)
