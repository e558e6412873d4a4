"""`safehold report`: what stands with reports to authorities, and sending them now."""

from __future__ import annotations

import datetime as dt
import io
import json
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from safehold.cli import report_package, report_schema
from safehold.cli.options import HomeOption, JsonOption, open_service

if TYPE_CHECKING:
    from safehold.custodian.interface import Access, Custodian, Sent
    from safehold.reporting.model import Report, ReportStep
    from safehold.runtime.service import ServiceRuntime

SHOW_EXAMPLE = "Example: safehold report show"
SEND_EXAMPLE = "Example: safehold report send"

app = typer.Typer(
    no_args_is_help=True, help="Reports to authorities.", epilog="Example: safehold report show"
)

app.add_typer(report_schema.app, name="schema")
app.command("export", epilog=report_package.EXPORT_EXAMPLE)(report_package.export)
app.command("verify", epilog=report_package.VERIFY_EXAMPLE)(report_package.verify)

ReportArgument = Annotated[
    str, typer.Argument(metavar="REPORT", help="Id of one report. Default: all.")
]


@app.command("show", epilog=SHOW_EXAMPLE)
def show(
    context: typer.Context,
    report: ReportArgument = "",
    documents: Annotated[
        bool,
        typer.Option(
            "--documents",
            help="Also what it says, with personal data. That is in the audit log.",
        ),
    ] = False,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Show where reports stand: ids, states, ages and counts, and nothing of persons.

    Of one report also its journal: each call to the authority and what is known of it. What a
    report says is told only with --documents, by the custodian.
    """
    from safehold.errors import UsageError
    from safehold.ids import ReportId

    if documents and not report:
        raise UsageError("--documents needs the id of one report.")
    with open_service(context, home) as runtime:
        if not report:
            _show_all(runtime, as_json=as_json)
            return
        found = runtime.reports.report(ReportId(report))
        _show_one(runtime, found, as_json=as_json)
        if documents:
            _show_documents(runtime, found, as_json=as_json)


@app.command("send", epilog=SEND_EXAMPLE)
def send(
    context: typer.Context,
    report: ReportArgument = "",
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> int:
    """Have the custodian send what two people have approved now, as `safehold work` does.

    Exit code 1 where a report needs a person, 2 where one has to wait or could not be sent.
    """
    from safehold.cli.console import progress_bar
    from safehold.custodian.compose import custodian_client
    from safehold.ids import ReportId
    from safehold.work.jobs.reports import BATCH

    results = []
    with open_service(context, home) as runtime:
        service, custodian = runtime.reports, custodian_client(runtime)
        due = [service.report(ReportId(report))] if report else list(service.due(BATCH))
        calls = sum(_calls(one) for one in due)
        with progress_bar("calls", hidden=as_json) as progress:
            task = progress.add_task("Sending", total=calls) if progress is not None else None
            for one in due:
                row: dict[str, Any] = {"report": one.report_id, "state": one.state.value}
                for sent in _steps(runtime, custodian, one):
                    row |= {"state": sent.state, "trouble": sent.trouble, "code": sent.code}
                    row |= {"wait_seconds": round(sent.wait_seconds)}
                    if progress is not None and task is not None:
                        progress.advance(task)
                results.append(row)
    for row in results:
        words = (row["report"], row["state"], row.get("trouble"), row.get("code"))
        print(json.dumps(row) if as_json else "  ".join(str(word) for word in words if word))
    states = {str(row["state"]) for row in results}
    if "needs_person" in states:
        return 1
    return 2 if states - {"filed"} else 0


def _steps(runtime: ServiceRuntime, custodian: Custodian, report: Report) -> Iterator[Sent]:
    """Every call of a report that can be made now; a refusal has the code of its error."""
    from safehold.custodian.interface import CustodianAwayError, Sent
    from safehold.errors import SafeholdError
    from safehold.work.jobs.reports import MAX_STEPS

    access = _access(runtime, report)
    for _ in range(MAX_STEPS):
        try:
            sent = custodian.send_report(access, report.report_id)
        except CustodianAwayError:
            raise
        except SafeholdError as error:
            sent = Sent(report.state.value, report.trouble.value, False, code=error.code)
        yield sent
        if not sent.more:
            return


def _access(runtime: ServiceRuntime, report: Report) -> Access:
    from safehold.cases.model import UnknownCaseError
    from safehold.custodian.interface import Access
    from safehold.work.jobs.reports import REASON

    with runtime.records.read() as transaction:
        case = transaction.cases.find(report.case_id)
    if case is None:
        raise UnknownCaseError
    return Access(case.key_name, case.case_id, "system", REASON.format(report.report_id))


def _calls(report: Report) -> int:
    """How many calls a report takes where nothing fails."""
    return 2 + 2 * len(report.files)


def _show_all(runtime: ServiceRuntime, *, as_json: bool) -> None:
    from safehold.reporting.interface import ReportFilter

    now = runtime.clock.now()
    counts = {state.value: number for state, number in runtime.reports.counts().items()}
    hours = runtime.settings.reporting.alarm_hours
    with runtime.records.read() as transaction:
        unreported = transaction.reports.count_unreported(now)
        late = transaction.reports.count_unreported(now - dt.timedelta(hours=hours))
    rows = [_row(one, now) for one in runtime.reports.reports(ReportFilter(limit=200))]
    if as_json:
        for row in rows:
            print(json.dumps(row))
        return
    _table(rows)
    print("  ".join(f"{state}: {number}" for state, number in sorted(counts.items())))
    print(f"Confirmed cases without a report: {unreported}, of which {late} for too long.")


def _show_one(runtime: ServiceRuntime, report: Report, *, as_json: bool) -> None:
    now = runtime.clock.now()
    row = _row(report, now)
    steps = [_step(step) for step in runtime.reports.steps(report.report_id)]
    if as_json:
        print(json.dumps(row | {"steps": steps}))
        return
    for name, value in row.items():
        print(f"{name}: {value}")
    _table(steps)


def _show_documents(runtime: ServiceRuntime, report: Report, *, as_json: bool) -> None:
    from safehold.cli.console import printable
    from safehold.custodian.compose import custodian_client

    content = io.BytesIO()
    access = _access(runtime, report)
    custodian_client(runtime).compose_report(access, report.report_id, content)
    if as_json:
        sys.stdout.buffer.write(content.getvalue() + b"\n")
        return
    told = json.loads(content.getvalue())
    for document in told["documents"]:
        print(f"\n--- {document['name']}")
        for line in str(document["text"]).splitlines():
            print(printable(line))
    for finding in told["findings"]:
        print(f"{finding['level']}: {finding['code']} {finding['where']}".rstrip())


def _row(report: Report, now: dt.datetime) -> dict[str, Any]:
    return {
        "report": report.report_id,
        "case": report.case_id,
        "authority": report.authority.value,
        "environment": report.environment.value,
        "state": report.state.value,
        "trouble": report.trouble.value,
        "files": len(report.files),
        "attempt": report.attempt,
        "hours": round((now - report.updated).total_seconds() / 3600, 1),
        "number": report.remote_id,
    }


def _step(step: ReportStep) -> dict[str, Any]:
    return {
        "number": step.number,
        "attempt": step.attempt,
        "call": step.kind.value,
        "file": "" if step.file is None else step.file + 1,
        "phase": step.phase.value,
        "at": step.at.isoformat(timespec="seconds"),
        "code": "" if step.code is None else step.code,
        "request": step.request_id,
    }


def _table(rows: Sequence[dict[str, Any]]) -> None:
    from rich.table import Table

    from safehold.cli.console import console, printable

    if not rows:
        return
    drawn = Table(*rows[0])
    for row in rows:
        drawn.add_row(*(printable(str(value)) for value in row.values()))
    console().print(drawn)
