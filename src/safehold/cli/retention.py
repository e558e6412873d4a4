"""`safehold retention`: until when what is kept, destroying what is over, and its records."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from safehold.cli.options import HomeOption, JsonOption, open_service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from safehold.cases.destruction import Destruction
    from safehold.retention.model import RetentionClock
    from safehold.retention.service import RetentionService
    from safehold.runtime.service import ServiceRuntime

SHOW_EXAMPLE = "Example: safehold retention show --due"
RUN_EXAMPLE = "Example: safehold retention run"
RECORD_EXAMPLE = "Example: safehold retention record"
LISTED = 500
"""Rows that are read at a time, and records that are listed."""

app = typer.Typer(no_args_is_help=True, help="Until when evidence is kept.", epilog=SHOW_EXAMPLE)


@app.command("show", epilog=SHOW_EXAMPLE)
def show(
    context: typer.Context,
    case: Annotated[str, typer.Argument(metavar="CASE", help="Id of one case. Default: all.")] = "",
    due: Annotated[bool, typer.Option("--due", help="Only those whose time is over.")] = False,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Show until when each case's evidence is kept, by which rule, and who holds it."""
    from safehold.ids import CaseId

    with open_service(context, home) as runtime:
        service = runtime.retention
        if case:
            clocks: Iterator[RetentionClock] = iter([service.clock_of(CaseId(case))])
        else:
            clocks = _all(service, "due" if due else None)
        for clock in clocks:
            if due and clock.state != "due":
                continue
            row = {
                "case": clock.case_id,
                "state": clock.state.value,
                "rule": clock.rule.value,
                "since": clock.since.isoformat(timespec="seconds"),
                "until": clock.until.isoformat(timespec="seconds") if clock.until else None,
                "holds": clock.holds,
                "reported": clock.reported,
            }
            _print(row, as_json=as_json)


@app.command("run", epilog=RUN_EXAMPLE)
def run(context: typer.Context, as_json: JsonOption = False, home: HomeOption = None) -> int:
    """Destroy what goes by itself, finish what was begun, and have records signed.

    It does what `safehold work` does, and may be run and broken off at any time. Exit code 2
    where a record could not be signed: the custodian is away, or something is still there.
    """
    from safehold.cli.console import note, progress_bar
    from safehold.custodian.compose import custodian_client

    with open_service(context, home) as runtime:
        custodian = custodian_client(runtime)

        def attest(destruction: Destruction) -> tuple[bytes, bytes]:
            made = custodian.attest_destruction(destruction.destruction_id)
            return made.text, made.signature

        with progress_bar("cases", hidden=as_json) as bar:
            task = bar.add_task("Looking", total=None) if bar is not None else None

            def looked() -> bool:
                if bar is not None and task is not None:
                    bar.advance(task)
                return False

            done = runtime.retention.run(attest, looked)
        with runtime.records.read() as transaction:
            unsigned = len(transaction.destructions.unsigned(LISTED))
    names = ("destroyed", "finished", "signed", "due", "warn")
    row: dict[str, Any] = {name: done.get(name, 0) for name in names} | {"unsigned": unsigned}
    if as_json:
        print(json.dumps(row))
    else:
        print(", ".join(f"{name} {number}" for name, number in row.items()))
        if row["due"]:
            note("What is due is destroyed by two people: 'safehold retention show --due'.")
        if unsigned:
            note("Some records are not signed yet. Is the custodian there?")
    return 2 if unsigned else 0


@app.command("record", epilog=RECORD_EXAMPLE)
def record(
    context: typer.Context,
    destruction: Annotated[
        str, typer.Argument(metavar="ID", help="Id of one destruction. Default: list the last.")
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="DIR", help="New folder for record, signature and public key."
        ),
    ] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> int:
    """Print the signed record of a destruction, or list the last of them.

    With --output what OpenSSL needs to verify it is written too. Exit code 2 where the record
    is not signed yet.
    """
    from safehold.cli.console import note
    from safehold.errors import UsageError
    from safehold.ids import DestructionId

    with open_service(context, home) as runtime:
        if not destruction:
            for one in runtime.retention.destructions(LISTED):
                _print(_summary(one), as_json=as_json)
            return 0
        found = runtime.retention.record(DestructionId(destruction))
        if found is None:
            raise UsageError("There is no such destruction.")
        if not found.signature:
            note("This record is not signed yet. Is the custodian there?")
            return 2
        if output is not None:
            _write(runtime, found, output)
        if as_json:
            text = found.statement.decode("ascii")
            signed = {"statement": text, "signature": found.signature.hex()}
            print(json.dumps(_summary(found) | signed))
            return 0
    sys.stdout.flush()
    sys.stdout.buffer.write(found.statement)
    return 0


def _all(service: RetentionService, state: str | None) -> Iterator[RetentionClock]:
    after = ""
    while page := service.list(state, after, LISTED):
        yield from page
        after = page[-1].case_id


def _summary(found: Destruction) -> dict[str, Any]:
    return {
        "destruction": found.destruction_id,
        "case": found.case_id,
        "ground": found.ground.value,
        "begun": found.begun.isoformat(timespec="seconds"),
        "destroyed": found.destroyed.isoformat(timespec="seconds") if found.destroyed else None,
        "copies_until": (
            found.copies_until.isoformat(timespec="seconds") if found.copies_until else None
        ),
        "signed": bool(found.signature),
    }


def _print(row: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(row))
        return
    told = (
        f"{name}={value}" if isinstance(value, bool | int) else value for name, value in row.items()
    )
    print("  ".join("-" if word is None else str(word) for word in told))


def _write(runtime: ServiceRuntime, found: Destruction, folder: Path) -> None:
    """Write record, signature and the public keys, as OpenSSL reads them."""
    from safehold.audit.note import NoteKey
    from safehold.custodian.signing import PUBLIC_FILE
    from safehold.errors import UsageError
    from safehold.reporting.package.statement import is_signed, key_pem

    try:
        lines = (runtime.home.custodian / PUBLIC_FILE).read_text("ascii").splitlines()
        keys = [NoteKey.parse(line).public for line in lines if line.strip()]
        folder.mkdir(mode=0o700, parents=True)
        (folder / "record.txt").write_bytes(found.statement)
        (folder / "record.sig").write_bytes(found.signature)
        for key in keys:
            if is_signed(found.statement, found.signature, key):
                (folder / "key.pem").write_bytes(key_pem(key))
    except OSError as error:
        raise UsageError("The folder is there already, or cannot be written.") from error
