"""`safehold list quarantined` and `safehold list release`: entries that were set aside."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from safehold.cli.options import HomeOption, JsonOption, open_service

QUARANTINED_EXAMPLE = "Example: safehold list quarantined partner --json"
RELEASE_EXAMPLE = "Example: safehold list release 01kkmk6fr0j3v7q4m8x2n9c5ta"


def quarantined(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Of this list alone.")] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> int:
    """Show entries whose hashes were set aside since they matched too much.

    They match by their exact digests alone. What they held stays held: the queue of the console
    shows it as one group, and its number of open cases stands here.
    """
    from safehold.cases.review.model import QueueFilter
    from safehold.cli.console import console
    from safehold.lists.model import list_name
    from safehold.lists.trust.rules import shown_entry_id

    with open_service(context, home, ready=False) as runtime:
        wanted = list_name(name) if name is not None else None
        now = runtime.clock.now()
        with runtime.records.read() as transaction:
            found = [
                (one, transaction.reviews.count_queue(QueueFilter(aside=one.aside_id), now))
                for one in transaction.hits.asides(wanted)
            ]
    for aside, count in found:
        if as_json:
            form = {
                "id": aside.aside_id,
                "list": aside.list_name,
                "entry": shown_entry_id(aside.entry_id),
                "at": aside.at.isoformat(),
                "items": aside.items,
                "bound": aside.bound,
                "open_cases": count,
            }
            print(json.dumps(form))
        else:
            console().print(
                f"{aside.aside_id}  {aside.list_name}  "
                f"{shown_entry_id(aside.entry_id) or '(an id that may be a digest)'}  "
                f"{aside.at:%Y-%m-%d %H:%M} UTC  more than {aside.bound} items, "
                f"{count} open case(s)",
                highlight=False,
                markup=False,
            )
    if not found and not as_json:
        console().print("No entry is set aside.")
    return 0


def release(
    context: typer.Context,
    aside_id: Annotated[str, typer.Argument(metavar="ID", help="As 'quarantined' shows it.")],
    home: HomeOption = None,
) -> int:
    """Let an entry match by its hash again that was set aside.

    What it matched before does not count again.
    """
    from safehold.cli.console import note
    from safehold.errors import UsageError
    from safehold.work.jobs.floods import release as let_match

    with open_service(context, home, ready=False) as runtime:
        now = runtime.clock.now()
        with runtime.records.read() as transaction:
            aside = transaction.hits.aside(aside_id)
        if aside is None or not let_match(runtime.records, runtime.list_store, aside, now):
            raise UsageError(
                "Nothing of that id is set aside.", hint="'safehold list quarantined' shows them."
            )
    note(f"An entry of the list {aside.list_name} matches again.")
    return 0
