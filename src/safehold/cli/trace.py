"""`safehold trace`: whether a file is a copy of a picture that was generated here."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from safehold.cli.options import HomeOption, JsonOption, open_service, tell_missing_protections

if TYPE_CHECKING:
    from safehold.ids import UserId
    from safehold.ledger.model import Trace, Traced
    from safehold.runtime.service import ServiceRuntime
    from safehold.screening import Examination

EXAMPLE = "Example: safehold trace picture.png --as olga"
_BAR = 10
"""Characters of the bar that stands for likeness."""


def trace(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A picture.")],
    user: Annotated[
        str,
        typer.Option("--as", metavar="USER", help="Who asks: a user with the role of officer."),
    ],
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> int:
    """Find who had a picture generated here, by an exact or near copy of it.

    Looks through what the gate has released. Account, models, seed and job are opened by the
    custodian; where it does not answer, times and ids are told. Every trace is in the audit log,
    also one that finds nothing. A near copy is a likeness, which somebody has to look at.

    Exit code 1 where it is a copy, 0 where it is not, 2 where it is not known to be one and could
    not be read whole.
    """
    from safehold.errors import UsageError
    from safehold.media.model import Fault
    from safehold.runtime.ledger import make_tracing

    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        raise UsageError("The file cannot be opened.") from None
    try:
        with open_service(context, home, workers=1) as runtime:
            tracing = make_tracing(runtime)
            user_id = tracing.allow(user)
            examination = _examined(runtime, descriptor)
            with _progress(runtime, hidden=as_json) as seen:
                made = tracing.trace(user_id, examination.exact, examination.variants, seen)
            opened = _opened(runtime, user_id, made) if made.found else {}
            names = _services(runtime)
    finally:
        os.close(descriptor)
    rows = [_row(one, names, opened) for one in made.found]
    fault = examination.fault.value if examination.fault else None
    if as_json:
        print(json.dumps({"trace": made.trace_id, "error": fault, "found": rows}))
    else:
        _show(rows, fault)
    if rows:
        return 1
    return 0 if examination.fault in (None, Fault.UNSUPPORTED) else 2


def _examined(runtime: ServiceRuntime, descriptor: int) -> Examination:
    """Digests and variants, made by a locked worker."""
    from safehold.screening import read_outcome, with_exact_digests

    pool = runtime.workers
    pool.submit(descriptor, runtime.examine_options.as_request())
    outcomes = pool.completed(None)
    while not outcomes:
        outcomes = pool.completed(None)
    tell_missing_protections(runtime)
    # What is too large to be decoded may be the very file all the same.
    return with_exact_digests(descriptor, read_outcome(outcomes[0]))


@contextmanager
def _progress(runtime: ServiceRuntime, *, hidden: bool) -> Iterator[Callable[[int], None]]:
    """A bar of how many releases were compared, where somebody watches."""
    from safehold.cli.console import progress_bar

    with progress_bar("pictures", hidden=hidden) as progress:
        if progress is None:
            yield lambda count: None
            return
        with runtime.records.read() as transaction:
            task = progress.add_task("Comparing", total=transaction.ledger.count())
        yield lambda count: progress.advance(task, count)


def _opened(runtime: ServiceRuntime, user_id: UserId, made: Trace) -> Mapping[str, Any]:
    """What the custodian tells of each release, by id; nothing where it does not answer."""
    from safehold.cli.console import note
    from safehold.custodian.compose import custodian_client
    from safehold.custodian.interface import CustodianAwayError

    content = io.BytesIO()
    try:
        custodian_client(runtime).open_releases(f"user:{user_id}", made.trace_id, content)
    except CustodianAwayError as error:
        note(f"{error.message} Times and ids are told alone. [{error.code}]")
        return {}
    told: Mapping[str, Any] = json.loads(content.getvalue())["releases"]
    return told


def _services(runtime: ServiceRuntime) -> Mapping[str, str]:
    with runtime.records.read() as transaction:
        return {one.service_id: one.name for one in transaction.accounts.services()}


def _row(one: Traced, names: Mapping[str, str], opened: Mapping[str, Any]) -> dict[str, Any]:
    release = one.release
    row: dict[str, Any] = {
        "release": release.release_id,
        "at": release.at.isoformat(timespec="seconds"),
        "service": names.get(release.service_id, release.service_id),
        "api": release.api,
        "exact": one.exact,
        "distance": one.distance,
        "variant": one.variant,
        "orientation": one.orientation,
    }
    sealed = opened.get(release.release_id, {})
    if "error" in sealed:
        row["not_opened"] = sealed["error"]
    # What was sealed comes last, and never in the place of what the ledger says itself.
    return row | {name: said for name, said in sealed.get("told", {}).items() if name not in row}


def _show(rows: list[dict[str, Any]], fault: str | None) -> None:
    """The same for people."""
    from safehold.cli.console import printable

    if fault:
        print(f"Could not be read whole: {fault}")
    if not rows:
        print("Nothing like it is among what was generated here and is still known.")
    for row in rows:
        print(f"{_likeness(row)}  {row['at']}  {printable(row['service'])}  {row['api']}")
        shown = ("release", "not_opened", "account", "address", "models", "seed", "job", "words")
        for name in shown:
            for line in _text(row.get(name, "")).split("\n"):
                if line:
                    print(f"    {name}: {printable(line)}")


def _likeness(row: Mapping[str, Any]) -> str:
    """How near it is: a bar, and in words."""
    if row["exact"]:
        return "█" * _BAR + "  the same file"
    # At 32 bits nothing is alike any more.
    distance = int(row["distance"])
    full = max(0, _BAR - round(distance * _BAR / 32))
    turned = "" if row["orientation"] == "original" else f", {row['orientation']}"
    return "█" * full + "░" * (_BAR - full) + f"  {distance} bits away{turned}"


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_text(one) for one in value)
    if isinstance(value, dict):
        return " ".join(_text(said) for said in value.values())
    return str(value)
