"""`safehold transparency`: figures of a period that may be published."""

from __future__ import annotations

import datetime as dt
import enum
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from safehold.cli.options import HomeOption, open_service
from safehold.errors import UsageError

if TYPE_CHECKING:
    from safehold.transparency.model import Publication

EXAMPLE = "Example: safehold transparency --since 2026-01-01 --until 2026-07-01 --format csv"


class Format(enum.StrEnum):
    """How figures are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def transparency(
    context: typer.Context,
    since: Annotated[str, typer.Option("--since", help="First day, YYYY-MM-DD (UTC).")],
    until: Annotated[str, typer.Option("--until", help="The day after the last.")],
    service: Annotated[
        str, typer.Option("--service", help="Of this service alone. Default: of all.")
    ] = "",
    form: Annotated[Format, typer.Option("--format", help="How to write them.")] = Format.TABLE,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write there instead.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Show figures of a period that may be published; small counts are not shown."""
    from safehold.transparency.texts import as_csv, as_json

    window = (_midnight(since), _midnight(until))
    with open_service(context, home) as runtime:
        made = runtime.transparency.publication(*window, service)
    if form is Format.TABLE and output is None:
        _show(made)
        return
    content = as_json(made) if form is Format.JSON else as_csv(made)
    if output is None:
        sys.stdout.buffer.write(content)
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise UsageError("The file cannot be written.") from error


def _midnight(text: str) -> dt.datetime:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError("A day reads YYYY-MM-DD.") from None
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def _show(made: Publication) -> None:
    from rich.table import Table

    from safehold.cli.console import console
    from safehold.transparency.texts import HIDDEN

    shown = console()
    for table in made.tables:
        title = f"{table.code} ({table.unit}; {', '.join(table.asked_by)})"
        drawn = Table("", table.unit.value, title=title, title_justify="left")
        for row in table.rows:
            drawn.add_row(row.code, HIDDEN if row.value is None else f"{row.value:g}")
        if table.total is not None:
            drawn.add_row("total", f"{table.total:g}")
        shown.print(drawn)
    shown.print(f"Counts below {made.least} are not shown, nor what would tell them.")
    shown.print(f"Asked for, and not in these records: {', '.join(made.not_counted)}.")
