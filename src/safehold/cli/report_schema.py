"""`safehold report schema`: the CyberTipline's schema in use."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Annotated

import typer

from safehold.cli.options import HomeOption, open_service

if TYPE_CHECKING:
    from safehold.custodian.interface import Custodian

REFRESH_EXAMPLE = "Example: safehold report schema refresh --yes"
SHOW_EXAMPLE = "Example: safehold report schema show"

app = typer.Typer(
    no_args_is_help=True, help="The CyberTipline's schema in use.", epilog=SHOW_EXAMPLE
)


@app.command("show", epilog=SHOW_EXAMPLE)
def show(context: typer.Context, home: HomeOption = None) -> None:
    """Show whether there is a schema in use, and what these models cannot write of it."""
    from safehold.custodian.compose import schema_file

    with open_service(context, home) as runtime:
        content = schema_file(runtime).read()
    if content is None:
        print("There is none; reports are checked by Safehold's own rules alone.")
        return
    print(f"sha256 {hashlib.sha256(content).hexdigest()}, {len(content)} bytes")
    _tell_unwritable(content)


@app.command("refresh", epilog=REFRESH_EXAMPLE)
def refresh(
    context: typer.Context,
    environment: Annotated[
        str,
        typer.Option(
            "--environment",
            help="production, test or simulator. Default: the first with credentials.",
        ),
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Take it into use without asking.")] = False,
    home: HomeOption = None,
) -> int:
    """Fetch the authority's present schema, show what changed, and take it into use.

    Nothing is written before you have agreed. Exit code 1 where it differs and was not taken.
    """
    from safehold.custodian.compose import custodian_client, schema_file
    from safehold.reporting.cybertip.schema import Schema, changes

    with open_service(context, home) as runtime:
        custodian = custodian_client(runtime)
        fetched = io.BytesIO()
        custodian.fetch_schema(environment or _environment(custodian), fetched)
        new = fetched.getvalue()
        Schema.parse(new)  # What is no schema is refused before anything is asked.
        file = schema_file(runtime)
        old = file.read()
        if old == new:
            print("The schema in use is the present one.")
            return 0
        if old is None:
            print("There was no schema in use.")
        else:
            for change in changes(old, new):
                print(f"{change.kind}  {change.path}  {change.what}")
        _tell_unwritable(new)
        if not yes and not typer.confirm("Take it into use?", err=True):
            return 1
        file.write(new)
    print("It is in use. Reports that are fixed from now on are checked by it.")
    return 0


def _environment(custodian: Custodian) -> str:
    """The first environment with credentials. Raises `NotConfiguredError`."""
    from safehold.reporting.model import NotConfiguredError

    found = custodian.status().environments
    for name in ("production", "test", "simulator"):
        if name in found:
            return name
    raise NotConfiguredError


def _tell_unwritable(content: bytes) -> None:
    """Name the elements that the schema requires and that reports made here cannot have."""
    from safehold.cli.console import note
    from safehold.reporting.cybertip.writable import unwritable

    for path in unwritable(content):
        note(f"Safehold cannot write what this schema requires: {path}")
