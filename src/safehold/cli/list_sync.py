"""`safehold list sync`: bring lists up to date from where they are shared."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from safehold.cli.options import HomeOption, JsonOption, open_service

if TYPE_CHECKING:
    from safehold.lists.sync.model import SyncState
    from safehold.lists.sync.service import Standing, SyncService
    from safehold.runtime.service import ServiceRuntime

SYNC_EXAMPLE = (
    "Examples: safehold list sync\n\nsafehold list sync partner --full\n\n"
    "safehold list sync --status --json"
)


def sync(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(help="Exchanges of the settings. Default: all.")
    ] = None,
    status: Annotated[
        bool, typer.Option("--status", help="Show where each stands, and call nobody.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Ask for everything anew, from the very beginning.")
    ] = False,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> int:
    """Bring the lists of exchanges up to date, each from where its last sync ended.

    Safe to stop at any moment and to run twice at once: the next goes on where this one was.
    Rows that cannot be read are left out and counted. Exit code 2 when there were such rows or
    pages, 70 when an exchange could not be synchronised.
    """
    from safehold.errors import UsageError

    with open_service(context, home, ready=False) as runtime:
        service = runtime.sync
        chosen = names or list(service.names())
        for name in chosen:
            service.standing(name)  # an unknown name ends it before anything is called
        worst = 0
        for name in chosen:
            if status:
                standing = service.standing(name)
                _say(standing_form(standing, runtime.clock.now()), as_json=as_json)
                continue
            try:
                state = _run(service, name, full=full)
            except UsageError as error:
                if len(chosen) == 1:
                    raise
                # The settings of one are no reason to leave out the others.
                place = service.standing(name).list_name
                form = {"exchange": name, "list": place, "code": error.code, "message": str(error)}
                _say(form, as_json=as_json)
                worst = 70
                continue
            if state is not None:
                _tell(runtime, state)
            form = standing_form(service.standing(name), runtime.clock.now())
            if state is None:
                form["code"] = "sync_overtaken"
            _say(form, as_json=as_json)
            worst = max(worst, _exit_code(state))
    return worst


def _run(service: SyncService, name: str, *, full: bool) -> SyncState | None:
    """One run with a progress bar; None where another process runs the same."""
    from safehold.cli.console import progress_bar
    from safehold.lists.sync.model import SyncOvertakenError

    with progress_bar("rows") as bar:
        task = bar.add_task(name, total=None) if bar else None

        def told(state: SyncState) -> None:
            if bar is not None and task is not None:
                bar.update(task, completed=state.counts.rows)

        try:
            return service.run(name, told=told, full=full)
        except SyncOvertakenError:
            return None


def _tell(runtime: ServiceRuntime, state: SyncState) -> None:
    """Say in the audit log what changed."""
    from safehold.audit.model import EventDraft

    counts = state.counts
    changed = {
        "added": counts.added,
        "updated": counts.updated,
        "withdrawn": counts.withdrawn,
        "pages": counts.pages,
    }
    if counts.added or counts.updated or counts.withdrawn:
        at, subject = runtime.clock.now(), state.list_name
        event = EventDraft("list.synced", at, "system", subject=subject, data=changed)
        with runtime.records.write() as transaction:
            transaction.audit.append([event])


def _exit_code(state: SyncState | None) -> int:
    if state is None:
        return 0
    if state.code != "ok":
        return 70
    return 2 if state.counts.faults or state.counts.pages_lost else 0


def standing_form(standing: Standing, now: dt.datetime) -> dict[str, Any]:
    """Where an exchange stands, for machines."""
    state = standing.state
    form: dict[str, Any] = {"exchange": standing.name, "list": standing.list_name}
    if state is None:
        return form | {"code": "never", "good": None, "age_seconds": None}
    counts = state.counts
    return form | {
        "code": state.code,
        "good": state.good.isoformat() if state.good else None,
        "age_seconds": int((now - state.good).total_seconds()) if state.good else None,
        "under_way": state.began is not None,
        "failures": state.failures,
        "pages": counts.pages,
        "rows": counts.rows,
        "added": counts.added,
        "updated": counts.updated,
        "withdrawn": counts.withdrawn,
        "tombstones": counts.tombstones,
        "unusable": dict(counts.unusable),
        "faults": dict(counts.faults),
        "pages_lost": counts.pages_lost,
    }


def _say(form: dict[str, Any], *, as_json: bool) -> None:
    from safehold.cli.console import note

    if as_json:
        print(json.dumps(form))
        return
    if form["code"] == "never":
        note(f"{form['exchange']}: never synchronised.")
        return
    if "message" in form:
        note(f"{form['exchange']} ({form['code']}): {form['message']}")
        return
    if "rows" not in form:
        note(f"{form['exchange']}: another process synchronises it.")
        return
    note(
        f"{form['exchange']} ({form['code']}): {form['rows']:,} rows in {form['pages']:,} pages, "
        f"{form['added']:,} entries added, {form['updated']:,} updated, "
        f"{form['withdrawn']:,} withdrawn; last good: {form['good'] or 'never'}."
    )
    for what in ("unusable", "faults"):
        for code, number in form[what].items():
            note(f"  {number:,} {what}: {code}")
    if form["pages_lost"]:
        note(f"  {form['pages_lost']:,} pages could not be read and were passed over.")
