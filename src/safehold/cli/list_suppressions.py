"""`safehold list suppressions` and `suppression-end`: matches that people found to be wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from safehold.cli.options import HomeOption, JsonOption, open_service

if TYPE_CHECKING:
    from safehold.lists.trust.model import Suppression

SHOW_EXAMPLE = "Example: safehold list suppressions --json"
END_EXAMPLE = "Example: safehold list suppression-end 01hq3z5k2v8m4n6p7r9s0t1w2x"


def suppressions(
    context: typer.Context, as_json: JsonOption = False, home: HomeOption = None
) -> int:
    """Show the suppressions that stand: matches of single entries that people have cleared.

    Each holds for exactly the bytes of its case, within its service. An entry id that may be a
    digest is not shown.
    """
    import sys

    from rich.table import Table

    from safehold.cases.suppressing import Suppressions
    from safehold.cli.console import console

    with open_service(context, home, ready=False) as runtime:
        standing = Suppressions(runtime.records, runtime.clock).standing()
        services = {one.service_id: one.name for one in runtime.accounts.services()}
    forms = [_form(one, services.get(one.service_id, "")) for one in standing]
    if as_json or not sys.stdout.isatty():
        for form in forms:
            print(json.dumps(form))
        return 0
    columns = ("id", "service", "list", "entry", "case", "made", "by")
    table = Table(title=f"{len(forms)} suppression(s)")
    for column in columns:
        table.add_column(column)
    for form in forms:
        shown = form | {"entry": form["entry"] or "(not shown)", "by": ", ".join(form["by"])}
        table.add_row(*(str(shown[column]) for column in columns))
    console().print(table)
    return 0


def suppression_end(
    context: typer.Context,
    suppression_id: Annotated[
        str, typer.Argument(metavar="ID", help="As 'list suppressions' shows it.")
    ],
    home: HomeOption = None,
) -> int:
    """End the suppression ID: the same bytes are held again when next they come."""
    from safehold.cases.suppressing import Suppressions
    from safehold.cli.console import note
    from safehold.ids import SuppressionId

    with open_service(context, home, ready=False) as runtime:
        service = Suppressions(runtime.records, runtime.clock)
        ended = service.end(SuppressionId(suppression_id), "system")
    note(f"The suppression is ended; it was made by the clearing of case {ended.case_id}.")
    return 0


def _form(one: Suppression, service: str) -> dict[str, Any]:
    from safehold.lists.trust.rules import shown_entry_id

    return {
        "id": one.suppression_id,
        "service": service,
        "list": one.list_name,
        "entry": shown_entry_id(one.entry_id),
        "exact": one.exact,
        "case": one.case_id,
        "made": one.made.isoformat(),
        "by": list(one.made_by),
    }
