"""The desks for reports and documents, joined from a home's settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from safehold.custodian.collecting import Collector, CollectorParts
from safehold.custodian.credentials import Credentials
from safehold.custodian.documents import DocumentParts, Documents
from safehold.custodian.opening import CaseOpener
from safehold.custodian.reporting import ReportDeskParts, Reporting
from safehold.custodian.schema_file import SchemaFile
from safehold.ids import DocumentId
from safehold.reporting.cybertip.journal import StepLog
from safehold.reporting.cybertip.transport import HttpTransport, Transport, base_of
from safehold.reporting.keeping import Keeper
from safehold.reporting.model import DocumentKind, Environment, Report
from safehold.runtime.service import ServiceRuntime
from safehold.vault.interface import ObjectMissingError
from safehold.vault.sealing import Identity


@dataclass(frozen=True, slots=True)
class Desks:
    """The two desks, and what others are made of too.

    Attributes:
        reports, documents: the desks.
        collector: reads and opens what reports and packages say.
        opener: opens what is sealed to cases.
    """

    reports: Reporting
    documents: Documents
    collector: Collector
    opener: CaseOpener


def make_desks(
    runtime: ServiceRuntime,
    identities: Sequence[Identity],
    schema: SchemaFile,
    log: StepLog | None = None,
) -> Desks:
    """Join the desks.

    Args:
        runtime: of the home.
        identities: of officers.
        schema: the schema in use.
        log: where steps are told, with ids and codes only.
    """
    settings, records = runtime.settings, runtime.records
    opener = CaseOpener(identities, runtime.objects, runtime.keys)
    collector = Collector(CollectorParts(opener, runtime.surfaces))
    keeper = Keeper(
        runtime.vault, runtime.officers.recipients, runtime.names, runtime.ids, runtime.clock
    )
    documents = Documents(DocumentParts(records, keeper, opener, runtime.clock))
    credentials = Credentials(settings.cybertip)

    def transport(environment: Environment) -> Transport:
        found = credentials.find(environment)
        base = base_of(environment, settings.cybertip)
        return HttpTransport(
            base, found.username, found.password, settings.cybertip, settings.outbound
        )

    def keep(report: Report, content: bytes) -> DocumentId:
        with records.read() as transaction:
            case = transaction.cases.find(report.case_id)
        if case is None:
            raise ObjectMissingError
        kept = keeper.keep(content, DocumentKind.RECEIPT, case, report.report_id)
        documents.add(kept, "system")
        return kept.document_id

    reports = Reporting(
        ReportDeskParts(
            records=records,
            collector=collector,
            opening=opener,
            keep=keep,
            transport=transport,
            environments=credentials.environments,
            schema=schema,
            clock=runtime.clock,
            house=settings.reporter,
            cybertip=settings.cybertip,
            log=log,
            named=runtime.names.sent,
        )
    )
    return Desks(reports, documents, collector, opener)
