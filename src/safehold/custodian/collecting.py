"""All that is known for a report, read from the records and opened here: nobody is believed.

What a report says of a file follows from these rules:

1. Occurrences are those of the report's person alone: the same pseudonym within the service, and
   for an unknown person those without one.
2. A file was **viewed** where a person's view of exactly this evidence has ended with every still
   of the whole file shown sharp, and the audit log says the same: that it was opened for this
   evidence, that each still was shown sharp, and that it has ended.
3. Classification and annotations are those of the confirmation that stands; without one the file
   is not confirmed.
4. A context that is sealed to a key that was destroyed says nothing; anything else that cannot be
   opened is an error.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from safehold.audit.model import Event
from safehold.cases.model import (
    Case,
    CaseState,
    DecisionRecord,
    Evidence,
    Occurrence,
    UnknownCaseError,
)
from safehold.cases.review import rules
from safehold.cases.review.model import View, ViewLevel
from safehold.custodian.opening import Opening
from safehold.ids import CaseId, ReportId
from safehold.policy.surfaces import Surfaces
from safehold.reporting import documents
from safehold.reporting.documents import Document, Draft
from safehold.reporting.facts import FactFile, FactOccurrence, FilingDetails, FilingFacts
from safehold.reporting.model import (
    AuthorityCode,
    Environment,
    Relevance,
    Report,
    ReportChangedError,
    ReportFile,
    ReportState,
    ReportStateError,
)
from safehold.reporting.records import ReportTransaction
from safehold.vault.sealing import DamagedError, KeyMismatchError

_ORIGIN = frozenset({"claims", "conflicts", "passages"})
"""What of a manifest is the file's word on its own making."""

_SHARP = frozenset({ViewLevel.GREY.value, ViewLevel.COLOUR.value})


@dataclass(frozen=True, slots=True)
class CollectorParts:
    """What collecting works with.

    Attributes:
        opening: opens what is sealed to cases.
        surfaces: of the home's settings.
    """

    opening: Opening
    surfaces: Surfaces


class Collector:
    """Reads and opens what reports and packages say. It writes no audit event.

    Every method may raise what `Opening.unseal` does.
    """

    def __init__(self, parts: CollectorParts) -> None:
        self._parts = parts

    def facts(self, transaction: ReportTransaction, report: Report) -> FilingFacts:
        """All that is known for a report, of its person alone.

        Raises:
            UnknownCaseError: the case of the report or of a file is not there.
            ReportStateError: a file is not there any more, or is not of this person.
        """
        case = _case(transaction, report.case_id)
        files = tuple(self._file(transaction, report, named) for named in report.files)
        found = transaction.cases.occurrences(case.case_id)
        others = {one.uploader for one in found} - {report.uploader}
        return FilingFacts(
            report_id=report.report_id,
            case_id=report.case_id,
            authority=report.authority,
            environment=report.environment,
            service=_service(transaction, case),
            opened=case.opened,
            files=files,
            prior=_prior(transaction, report),
            filed_elsewhere=_elsewhere(transaction, report),
            other_people=len(others),
            demo=_is_demo(transaction, case),
        )

    def case_facts(self, transaction: ReportTransaction, case: Case) -> FilingFacts:
        """All that is known of a case: all its evidence and all people, for a package."""
        reading = _Reading(transaction, case)
        found = transaction.cases.occurrences(case.case_id)
        files = tuple(
            self._fact_file(reading, item, Relevance.REPORTED, found) for item in reading.evidence
        )
        return FilingFacts(
            report_id=ReportId(""),
            case_id=case.case_id,
            authority=AuthorityCode.OTHER,
            environment=Environment.FORM,
            service=_service(transaction, case),
            opened=case.opened,
            files=files,
            demo=_is_demo(transaction, case),
        )

    def details(self, transaction: ReportTransaction, report: Report) -> FilingDetails:
        """What an officer has added. Raises `DetailsError`."""
        if not report.sealed_details:
            return FilingDetails()
        key_name = _case(transaction, report.case_id).key_name
        return FilingDetails.parse(self._parts.opening.unseal(key_name, report.sealed_details))

    def documents(self, transaction: ReportTransaction, report: Report) -> Draft:
        """The documents of a report as they were fixed.

        Raises:
            ReportStateError: it is a draft.
            DocumentsError, ReportChangedError: they are not what they were.
        """
        if not report.sealed_documents:
            raise ReportStateError
        key_name = _case(transaction, report.case_id).key_name
        content = self._parts.opening.unseal(key_name, report.sealed_documents)
        draft = documents.from_json(content)
        if documents.digest(draft.documents) != report.digest:
            raise ReportChangedError("The documents of the report are not those that were fixed.")
        return draft

    def tells_views(
        self, transaction: ReportTransaction, report: Report, told: Iterable[Document]
    ) -> bool:
        """Whether fixed documents say of each file what the views say now (rule 2).

        Raises as `facts` does, and `XmlError` where a document is none.
        """
        from safehold.reporting.cybertip.calling import file_document, named
        from safehold.reporting.cybertip.xml import parse

        fixed = tuple(told)
        for number, file in enumerate(report.files):
            reading = _Reading(transaction, _case(transaction, file.case_id))
            item = reading.named(file)
            seen = item is not None and reading.has_seen(item)
            said = parse(named(fixed, file_document(number))).findtext("fileViewedByEsp")
            if said != ("true" if seen else "false"):
                return False
        return True

    def manifest(self, key_name: str, evidence: Evidence) -> Mapping[str, Any]:
        """What was known of evidence when it was stored. Raises `DamagedError`."""
        return _object(self._parts.opening.unseal(key_name, evidence.sealed_manifest))

    def _file(self, transaction: ReportTransaction, report: Report, named: ReportFile) -> FactFile:
        case = _case(transaction, named.case_id)
        reading = _Reading(transaction, case)
        item = reading.named(named)
        found = [
            one
            for one in transaction.cases.occurrences(case.case_id)
            if one.uploader == report.uploader
        ]
        elsewhere = case.case_id != report.case_id
        if (
            item is None
            or case.service_id != report.service_id
            or not found
            or (elsewhere and report.uploader is None)  # two unknown people are not one
        ):
            raise ReportStateError("A file of the report is gone, or is not of this person.")
        return self._fact_file(reading, item, named.relevance, found)

    def _fact_file(
        self,
        reading: _Reading,
        item: Evidence,
        relevance: Relevance,
        found: Sequence[Occurrence],
    ) -> FactFile:
        stands = reading.standing
        details = stands.details if stands is not None else {}
        manifest = dict(self.manifest(reading.case.key_name, item))
        claims, conflicts = rules.origin(reading.decisions)
        return FactFile(
            case_id=reading.case.case_id,
            evidence_id=item.evidence_id,
            relevance=relevance,
            size=item.size,
            manifest={name: value for name, value in manifest.items() if name not in _ORIGIN},
            occurrences=tuple(self._occurrence(reading, one) for one in found),
            viewed=reading.has_seen(item),
            classification=str(details.get("classification", "")),
            annotations=frozenset(str(one) for one in details.get("annotations", ())),
            claims=_objects(manifest.get("claims")) or claims,
            conflicts=tuple(map(str, manifest.get("conflicts") or ())) or conflicts,
            passages=_objects(manifest.get("passages")),
            matches=rules.distinct_matches(reading.decisions),
            confirmed_at=stands.at if stands is not None else None,
        )

    def _occurrence(self, reading: _Reading, one: Occurrence) -> FactOccurrence:
        surface = self._parts.surfaces.find(reading.service, one.surface)
        return FactOccurrence(
            occurrence_id=one.occurrence_id,
            at=one.at,
            kind=one.kind,
            surface=one.surface,
            public=surface.public if surface is not None else None,
            context=self._context(reading.case.key_name, one.sealed_context),
        )

    def _context(self, key_name: str, sealed: bytes) -> Mapping[str, Any]:
        try:
            return _object(self._parts.opening.unseal(key_name, sealed))
        except KeyMismatchError:
            return {}  # Sealed to a key of this case that was destroyed before.


class _Reading:
    """A case and what people did with it, each part asked for once."""

    def __init__(self, transaction: ReportTransaction, case: Case) -> None:
        self.case = case
        self.service = _service(transaction, case)
        self.evidence = list(transaction.cases.evidence(case.case_id))
        self.decisions: list[DecisionRecord] = list(transaction.cases.decisions(case.case_id))
        self.views = list(transaction.reviews.views(case.case_id))
        self.events = transaction.audit.events_of(case.case_id)
        confirmed = case.state is CaseState.CONFIRMED
        self.standing = rules.standing(case, self.decisions) if confirmed else None

    def named(self, named: ReportFile) -> Evidence | None:
        """A file of a report, where it is this case's."""
        found = (one for one in self.evidence if one.evidence_id == named.evidence_id)
        return next(found, None)

    def has_seen(self, item: Evidence) -> bool:
        """Whether somebody has viewed the whole of a file."""
        return any(was_viewed(view, item, self.events) for view in self.views)


def was_viewed(view: View, evidence: Evidence, events: Iterable[Event]) -> bool:
    """Whether somebody has viewed a whole file, by record and audit log (rule 2). I/O-free.

    Args:
        view: of the records.
        evidence: the file.
        events: of the audit log about the case.
    """
    if view.evidence_id != evidence.evidence_id or not view.viewed_whole:
        return False
    actor = rules.actor(view.user_id)
    opened = ended = False
    shown: set[object] = set()
    for event in events:
        draft = event.draft
        if draft.actor != actor or draft.data.get("view") != view.view_id:
            continue
        if draft.kind == "view.opened":
            opened = draft.data.get("evidence") == evidence.evidence_id
        elif draft.kind == "view.shown" and draft.data.get("level") in _SHARP:
            shown.add(draft.data.get("still"))
        elif draft.kind == "view.ended":
            ended = True
    return opened and ended and shown >= set(range(view.frames))


def _prior(transaction: ReportTransaction, report: Report) -> tuple[str, ...]:
    """The authority's numbers of earlier reports about the same person, by time."""
    if report.uploader is None:
        return ()
    found = transaction.reports.filed_about(report.service_id, report.uploader)
    same = [
        one
        for one in found
        if one.report_id != report.report_id
        and (one.authority, one.environment) == (report.authority, report.environment)
    ]
    ordered = sorted(same, key=lambda one: (one.filed_at or one.updated, one.report_id))
    return tuple(dict.fromkeys(one.remote_id for one in ordered if one.remote_id))


def _elsewhere(transaction: ReportTransaction, report: Report) -> tuple[tuple[str, str], ...]:
    """Other authorities to which this person's part of this case was reported."""
    return tuple(
        (one.authority.value, one.remote_id)
        for one in transaction.reports.of_case(report.case_id)
        if one.state is ReportState.FILED
        and one.case_id == report.case_id
        and one.uploader == report.uploader
        and one.authority is not report.authority
    )


def _case(transaction: ReportTransaction, case_id: CaseId) -> Case:
    case = transaction.cases.find(case_id)
    if case is None:
        raise UnknownCaseError
    return case


def _service(transaction: ReportTransaction, case: Case) -> str:
    service = transaction.accounts.service(case.service_id)
    return service.name if service is not None else ""


def _is_demo(transaction: ReportTransaction, case: Case) -> bool:
    service = transaction.accounts.service(case.service_id)
    return service is not None and service.demo


def _objects(value: object) -> tuple[Mapping[str, Any], ...]:
    """The objects in a list of a manifest."""
    found = value if isinstance(value, list) else []
    return tuple(one for one in found if isinstance(one, dict))


def _object(content: bytes) -> Mapping[str, Any]:
    """A JSON object that was sealed. Raises `DamagedError`."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise DamagedError("What was sealed cannot be understood.")
    return found
