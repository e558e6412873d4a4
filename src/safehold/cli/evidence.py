"""`safehold audit`, `vault` and `case`: what is kept, and whether it is whole."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from safehold.cli.options import HomeOption, JsonOption, open_service

if TYPE_CHECKING:
    from safehold.reporting.records import ReportTransaction
    from safehold.runtime.service import ServiceRuntime
    from safehold.vault.verify import SealedItem

VERIFY_EXAMPLE = "Example: safehold audit verify --anchored checkpoints.txt"

audit = typer.Typer(no_args_is_help=True, help="The audit log.", epilog=VERIFY_EXAMPLE)
vault = typer.Typer(
    no_args_is_help=True, help="The vault.", epilog="Example: safehold vault verify"
)
cases = typer.Typer(no_args_is_help=True, help="Cases.", epilog="Example: safehold case list")


@audit.command("verify", epilog=VERIFY_EXAMPLE)
def verify_audit(
    context: typer.Context,
    anchored: Annotated[
        Path | None,
        typer.Option("--anchored", metavar="FILE", help="Checkpoints that were kept elsewhere."),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            "--key", metavar="FILE", help="Public key of checkpoints. Default: the home's."
        ),
    ] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> int:
    """Verify the audit log from its first event to its last, and against signed checkpoints.

    Names the first event that was altered, is missing, stands elsewhere or was cut off. Exit
    code 1 where something is wrong.
    """
    from safehold.custodian.verifying import audit_report

    with open_service(context, home) as runtime:
        report = audit_report(runtime, key, anchored)
    problems = [
        {"kind": p.kind.value, "event": p.seq, "vouched_until": p.since} for p in report.problems
    ]
    if as_json:
        summary = {
            "whole": report.whole,
            "events": report.events,
            "checkpoints": report.checkpoints,
            "vouched_until": report.since,
            "problems": problems,
        }
        print(json.dumps(summary))
    else:
        print(f"{report.events} events, {report.checkpoints} checkpoints that agree")
        for problem in problems:
            print(f"{problem['kind']} at event {problem['event']}")
        if report.whole:
            print("The audit log is whole.")
    return 0 if report.whole else 1


@audit.command("checkpoints", epilog="Example: safehold audit checkpoints > checkpoints.txt")
def print_checkpoints(context: typer.Context, home: HomeOption = None) -> None:
    """Print the signed checkpoints, to be kept where this machine cannot reach them."""
    with open_service(context, home) as runtime, runtime.records.read() as transaction:
        print("\n".join(checkpoint.note for checkpoint in transaction.audit.checkpoints()), end="")


@vault.command("verify", epilog="Example: safehold vault verify --deep")
def verify_vault(
    context: typer.Context,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Also have the custodian open each object."),
    ] = False,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> int:
    """Check that evidence, kept documents and wrapped keys are there and unaltered; needs no key.

    Exit code 1 where something is missing, altered or unknown.
    """
    from safehold.cli.console import note

    with open_service(context, home) as runtime:
        findings = vault_findings(runtime)
        if deep:
            findings = itertools.chain(findings, deep_findings(runtime))
        found = 0
        for kind, name, item in findings:
            found += 1
            row = {"kind": kind, "name": name, "evidence": item}
            print(json.dumps(row) if as_json else "  ".join(row.values()))
    if not as_json:
        note("The vault is whole." if not found else f"{found} findings.")
    return 1 if found else 0


def vault_findings(runtime: ServiceRuntime) -> Iterator[tuple[str, str, str]]:
    """What is missing, altered or unknown: its kind, the object's name, the id of what it holds.

    The id is that of the evidence or of the kept document; empty for orphans and keys.
    """
    from safehold.vault.verify import Verifier

    def still_named(name: str) -> bool:
        with runtime.records.read() as now:
            return any(item.object_name == name for item in sealed_items(now)) or (
                name in key_names(now)
            )

    with runtime.records.read() as transaction:
        verifier = Verifier(runtime.objects, runtime.keys, runtime.clock, still_named)
        for finding in verifier.run(sealed_items(transaction), key_names(transaction)):
            yield finding.kind.value, finding.name, finding.evidence_id


def sealed_items(transaction: ReportTransaction) -> Iterator[SealedItem]:
    """All objects that the vault should have: evidence, then kept documents."""
    from safehold.vault.verify import SealedRecord

    yield from transaction.cases.all_evidence()
    for kept in transaction.reports.all_documents():
        yield SealedRecord(kept.document_id, kept.object_name, kept.sealed_size, kept.sealed_sha256)


def key_names(transaction: ReportTransaction) -> Iterator[str]:
    """Names of all wrapped keys that there should be: of cases, then of kept documents."""
    yield from transaction.cases.key_names()
    for kept in transaction.reports.all_documents():
        yield kept.key_name


def deep_findings(runtime: ServiceRuntime) -> Iterator[tuple[str, str, str]]:
    """What the custodian cannot open, or what opens to other bytes than were recorded."""
    from safehold.custodian.compose import custodian_client
    from safehold.custodian.interface import Access, CustodianAwayError
    from safehold.errors import SafeholdError

    custodian = custodian_client(runtime)
    with runtime.records.read() as transaction:
        for item in transaction.cases.all_evidence():
            case = transaction.cases.find(item.case_id)
            if case is None:
                continue
            access = Access(case.key_name, case.case_id, "system", "verify")
            try:
                checked = custodian.check(access, item.object_name)
            except CustodianAwayError:
                raise
            except SafeholdError as error:
                yield error.code, item.object_name, item.evidence_id
                continue
            same = runtime.names.content(case.service_id, checked.sha256) == case.content
            if not same or checked.size != item.size:
                yield "content_differs", item.object_name, item.evidence_id
        for kept in transaction.reports.all_documents():
            access = Access(kept.key_name, kept.case_id, "system", "verify")
            try:
                checked = custodian.check(access, kept.object_name)
            except CustodianAwayError:
                raise
            except SafeholdError as error:
                yield error.code, kept.object_name, kept.document_id
                continue
            if checked.size != kept.size:
                yield "content_differs", kept.object_name, kept.document_id


@cases.command("list", epilog="Example: safehold case list --state open --json")
def list_cases(
    context: typer.Context,
    state: Annotated[str | None, typer.Option("--state", help="Only cases in this state.")] = None,
    queue: Annotated[str | None, typer.Option("--queue", help="Only cases of this queue.")] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """List cases: ids, states and moments, and nothing of persons or pictures."""
    import dataclasses

    from safehold.cases.model import CaseFilter, CaseState, Queue
    from safehold.errors import UsageError

    try:
        wanted = CaseFilter(
            state=CaseState(state) if state else None, queue=Queue(queue) if queue else None
        )
    except ValueError:
        raise UsageError("There is no such state or queue of cases.") from None
    with open_service(context, home) as runtime:
        while page := runtime.cases.list(wanted):
            for case in page:
                row = {
                    "case": case.case_id,
                    "service": case.service_id,
                    "state": case.state.value,
                    "queue": case.queue.value,
                    "verdict": case.verdict.value,
                    "surface": case.surface,
                    "opened": case.opened.isoformat(timespec="seconds"),
                }
                print(json.dumps(row) if as_json else "  ".join(row.values()))
            wanted = dataclasses.replace(wanted, after=page[-1].case_id)
