"""`safehold list opinions`: what people decided about entries, as it goes back to exchanges."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from safehold.cli.options import HomeOption, JsonOption, open_service

EXAMPLE = (
    "Examples: safehold list opinions --state dead\n\n"
    "safehold list opinions --retry 01kkmk6fr0j3v7q4m8x2n9c5ta"
)


def opinions(
    context: typer.Context,
    state: Annotated[
        str | None, typer.Option("--state", help="pending, sent, dead or dropped. Default: all.")
    ] = None,
    retry: Annotated[
        str | None, typer.Option("--retry", metavar="ID", help="Send one again that is dead.")
    ] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> int:
    """Show the opinions that go back to exchanges, the newest first; or send one again.

    `safehold work` sends them. No digest and no id of an entry is shown.
    """
    import sys
    from dataclasses import replace

    from rich.table import Table

    from safehold.cli.console import console, note
    from safehold.errors import UsageError
    from safehold.lists.opinions.model import OpinionState

    try:
        wanted = OpinionState(state.lower()) if state is not None else None
    except ValueError:
        allowed = ", ".join(one.value for one in OpinionState)
        raise UsageError("--state cannot be that.", hint=f"It is one of: {allowed}.") from None
    with open_service(context, home, ready=False) as runtime:
        now = runtime.clock.now()
        if retry is not None:
            with runtime.records.write() as transaction:
                found = transaction.opinions.find(retry)
                if found is None or found.state is not OpinionState.DEAD:
                    raise UsageError(
                        "No opinion of that id was given up.",
                        hint="'safehold list opinions --state dead' shows them.",
                    )
                again = replace(found, state=OpinionState.PENDING, attempts=0, due=now)
                transaction.opinions.put(again)
            if as_json:
                print(json.dumps({"id": again.opinion_id, "state": again.state.value}))
            else:
                note("It is sent with the next run of 'safehold work'.")
            return 0
        with runtime.records.read() as transaction:
            shown = transaction.opinions.list(wanted)
    columns = ("id", "exchange", "list", "case", "stance", "state", "code", "attempts", "made")
    rows = [
        (
            one.opinion_id,
            one.exchange,
            str(one.list_name),
            str(one.case_id),
            one.stance.value,
            one.state.value,
            one.code,
            one.attempts,
            one.made.isoformat(),
        )
        for one in shown
    ]
    if as_json or not sys.stdout.isatty():
        for row in rows:
            print(json.dumps(dict(zip(columns, row, strict=True))))
        return 0
    table = Table(*columns, title=f"{len(rows)} opinion(s)")
    for row in rows:
        table.add_row(*(str(value) for value in row))
    console().print(table)
    return 0
