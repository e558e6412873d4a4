"""`safehold list`: add, show, remove lists."""

from __future__ import annotations

import builtins
import datetime as dt
import enum
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from safehold.cli import list_entries, list_opinions, list_share, list_suppressions, list_sync
from safehold.cli.options import HomeOption, JsonOption, open_runtime, open_service

if TYPE_CHECKING:
    from safehold.audit.model import Detail
    from safehold.lists.importing import ImportReport
    from safehold.lists.model import ListInfo
    from safehold.runtime.service import ServiceRuntime

E = TypeVar("E", bound=enum.StrEnum)

ADD_EXAMPLE = (
    "Examples: safehold list add partner hashes.csv --tier confirmed\n\n"
    "safehold list add old-md5s digests.txt --type md5"
)
SHOW_EXAMPLE = "Example: safehold list show --json"
REMOVE_EXAMPLE = "Example: safehold list remove partner"

app = typer.Typer(
    no_args_is_help=True,
    help="Lists of digests that are looked for.",
    epilog=ADD_EXAMPLE,
)


app.command("sync", epilog=list_sync.SYNC_EXAMPLE)(list_sync.sync)
app.command("share", epilog=list_share.EXAMPLE)(list_share.share)
app.command("opinions", epilog=list_opinions.EXAMPLE)(list_opinions.opinions)
app.command("quarantined", epilog=list_entries.QUARANTINED_EXAMPLE)(list_entries.quarantined)
app.command("release", epilog=list_entries.RELEASE_EXAMPLE)(list_entries.release)
app.command("suppressions", epilog=list_suppressions.SHOW_EXAMPLE)(list_suppressions.suppressions)
app.command("suppression-end", epilog=list_suppressions.END_EXAMPLE)(
    list_suppressions.suppression_end
)


@app.command("add", epilog=ADD_EXAMPLE)
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The list; made if there is none of that name.")],
    file: Annotated[Path, typer.Argument(help="csv, jsonl, or one digest a line.")],
    type: Annotated[
        str | None,
        typer.Option("--type", help="Type of digest lines: md5, sha1, sha256 or pdq."),
    ] = None,
    tier: Annotated[
        str | None,
        typer.Option(
            "--tier",
            help="confirmed, suspected, local, negative or observe. A new list is suspected; "
            "only an exact match with a confirmed one blocks.",
        ),
    ] = None,
    format: Annotated[
        str | None, typer.Option("--format", help="csv, jsonl or lines. Default: by content.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Withdraw entries that the file does not name.")
    ] = False,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> int:
    """Add the digests in FILE to the list NAME.

    Adding the same file again changes nothing. Rows that cannot be used are counted and shown
    with their line numbers; the others are taken. Exit code 2 when there were such rows.
    """
    from safehold.cli.console import note, progress_bar
    from safehold.hashing.model import SignalType
    from safehold.lists.detect import ListFormat
    from safehold.lists.model import Tier

    signal = _choice(SignalType, "--type", type)
    trust = _choice(Tier, "--tier", tier)
    form = _choice(ListFormat, "--format", format)
    with open_service(context, home, ready=False) as runtime:
        lists = runtime.lists
        with progress_bar("bytes") as bar:
            task = bar.add_task("reading", total=None) if bar else None

            def progress(done: int, total: int) -> None:
                if bar is not None and task is not None:
                    bar.update(task, completed=done, total=total)

            def building(done: int) -> None:
                if bar is not None and task is not None:
                    bar.update(task, description="building", completed=done, total=None)

            report = lists.add(
                name,
                file,
                type=signal,
                tier=trust,
                format=form,
                replace=replace,
                progress=progress,
                build_progress=building,
            )
        if report.list_info is not None:
            info = report.list_info
            changed = {"version": info.version, "tier": info.tier.value}
            _audit(runtime, "list.changed", info.name, changed)
    if as_json:
        print(json.dumps(_report_form(report)))
    else:
        for line in _report_lines(name, report):
            note(line)
    return 2 if report.bad_rows else 0


@app.command("show", epilog=SHOW_EXAMPLE)
def show(context: typer.Context, as_json: JsonOption = False, home: HomeOption = None) -> int:
    """Show the lists: tier, version, age, and how many digests of each type they hold."""
    import sys

    from rich.table import Table

    from safehold.cli.console import console

    with open_runtime(context, home) as runtime:
        infos = runtime.lists.show()
        now = runtime.clock.now()
    if as_json or not sys.stdout.isatty():
        for info in infos:
            print(json.dumps(_info_form(info, now)))
        return 0
    table = Table(title=f"{len(infos)} list(s)")
    for column in ("list", "tier", "version", "updated", "checked", "active", "other", "digests"):
        table.add_column(column, justify="right" if column in ("active", "other") else "left")
    for info in infos:
        counts = ", ".join(f"{n:,} {signal.value}" for signal, n in info.counts.items() if n)
        table.add_row(
            info.name,
            info.tier.value,
            str(info.version),
            info.updated.strftime("%Y-%m-%d %H:%M UTC"),
            info.checked.strftime("%Y-%m-%d %H:%M UTC") if info.checked else "",
            f"{info.active:,}",
            f"{info.other:,}",
            counts,
        )
    console().print(table)
    return 0


@app.command("remove", epilog=REMOVE_EXAMPLE)
def remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The list.")],
    home: HomeOption = None,
) -> int:
    """Remove the list NAME, its entries and its snapshots."""
    from safehold.cli.console import note

    with open_service(context, home, ready=False) as runtime:
        runtime.lists.remove(name)
        _audit(runtime, "list.removed", name)
    note(f"List {name} is removed.")
    return 0


def _audit(
    runtime: ServiceRuntime, kind: str, name: str, data: Mapping[str, Detail] | None = None
) -> None:
    """Say in the audit log that a list was changed: it decides what is let through."""
    from safehold.audit.model import EventDraft

    event = EventDraft(kind, runtime.clock.now(), "system", subject=name, data=data or {})
    with runtime.records.write() as transaction:
        transaction.audit.append([event])


def _choice(kind: builtins.type[E], option: str, value: str | None) -> E | None:
    from safehold.errors import UsageError

    if value is None:
        return None
    try:
        return kind(value.lower())
    except ValueError:
        allowed = ", ".join(member.value for member in kind)
        raise UsageError(f"{option} cannot be that.", hint=f"It is one of: {allowed}.") from None


def _info_form(info: ListInfo, now: dt.datetime) -> dict[str, object]:
    return {
        "name": info.name,
        "tier": info.tier.value,
        "source": info.source,
        "version": info.version,
        "created": info.created.isoformat(),
        "updated": info.updated.isoformat(),
        "checked": info.checked.isoformat() if info.checked else None,
        "age_seconds": int((now - info.confirmed).total_seconds()),
        "active": info.active,
        "other": info.other,
        "digests": {signal.value: count for signal, count in info.counts.items()},
    }


def _report_form(report: ImportReport) -> dict[str, object]:
    return {
        "rows": report.rows_read,
        "added": report.entries_added,
        "updated": report.entries_updated,
        "unchanged": report.entries_unchanged,
        "withdrawn": report.entries_withdrawn,
        "bad_rows": report.bad_rows,
        "bad_by_code": dict(report.bad_by_code),
        "dropped_by_code": dict(report.dropped_by_code),
        "bad_row_samples": [
            {"line": line, "code": code, "message": message}
            for line, code, message in report.bad_row_samples
        ],
        "warnings": list(report.warnings),
        "version": report.list_info.version if report.list_info else None,
    }


def _report_lines(name: str, report: ImportReport) -> list[str]:
    lines = [
        f"{report.rows_read:,} rows: {report.entries_added:,} entries added, "
        f"{report.entries_updated:,} updated, {report.entries_unchanged:,} unchanged"
        + (f", {report.entries_withdrawn:,} withdrawn" if report.entries_withdrawn else "")
        + (f", {report.bad_rows:,} bad rows" if report.bad_rows else "")
        + "."
    ]
    lines += [f"  warning: {warning}" for warning in report.warnings]
    lines += [
        f"  line {line}: {message} [{code}]" for line, code, message in report.bad_row_samples
    ]
    more = report.bad_rows - len(report.bad_row_samples)
    if more > 0:
        lines.append(f"  and {more:,} more bad rows.")
    if report.list_info is not None:
        info = report.list_info
        lines.append(
            f"List {name} ({info.tier.value}) is at version {info.version}, "
            f"with {info.active:,} active entries."
        )
    return lines
