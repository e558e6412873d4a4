"""`safehold officer`: to whom the keys of cases are wrapped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from safehold.cli.options import HomeOption, JsonOption, open_service
from safehold.cli.passphrases import PassphraseOption

EXAMPLE = "Example: safehold officer new berta --officer-key /media/stick/berta.key"

app = typer.Typer(no_args_is_help=True, help="Officers, who can open evidence.", epilog=EXAMPLE)

if TYPE_CHECKING:
    from safehold.runtime.service import ServiceRuntime

NameArgument = Annotated[str, typer.Argument(help="The officer's name.")]


@app.command("list", epilog="Example: safehold officer list")
def list_officers(
    context: typer.Context, as_json: JsonOption = False, home: HomeOption = None
) -> None:
    """List the officers and their public halves."""
    with open_service(context, home) as runtime:
        for officer in runtime.officers.read():
            row = {"name": officer.name, "recipient": officer.recipient}
            print(json.dumps(row) if as_json else "  ".join(row.values()))


@app.command("new", epilog=EXAMPLE)
def new_officer(
    context: typer.Context,
    name: NameArgument,
    officer_key: Annotated[
        Path,
        typer.Option("--officer-key", metavar="FILE", help="Where the identity is written."),
    ],
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
) -> None:
    """Make an officer's identity, and add the officer. Then run 'safehold officer rewrap'."""
    from safehold.cli.console import note
    from safehold.cli.passphrases import new
    from safehold.vault.officers import new_officer_identity, write_identity

    with open_service(context, home) as runtime:
        passphrase, made_here = new(passphrase_file)
        content, identity = new_officer_identity(passphrase)
        write_identity(officer_key, content)
        add_officer_named(runtime, name, identity.recipient)
        if made_here:
            note("The passphrase is shown this once:")
            print(passphrase)
        _remind()


@app.command("add", epilog="Example: safehold officer add berta age1...")
def add_officer(
    context: typer.Context,
    name: NameArgument,
    recipient: Annotated[str, typer.Argument(help="Public half of the officer's age identity.")],
    home: HomeOption = None,
) -> None:
    """Add an officer who has an age identity. Then run 'safehold officer rewrap'."""
    with open_service(context, home) as runtime:
        add_officer_named(runtime, name, recipient)
        _remind()


@app.command("remove", epilog="Example: safehold officer remove berta")
def remove_officer(context: typer.Context, name: NameArgument, home: HomeOption = None) -> None:
    """Remove an officer. Then run 'safehold officer rewrap', or old keys stay open to them."""
    from safehold.audit.model import EventDraft

    with open_service(context, home) as runtime:
        officer = runtime.officers.remove(name)
        with runtime.records.write() as transaction:
            event = EventDraft(
                "officer.removed", runtime.clock.now(), "system", subject=f"officer:{officer.name}"
            )
            transaction.audit.append([event])
        _remind()


@app.command("rewrap", epilog="Example: safehold officer rewrap")
def rewrap(context: typer.Context, home: HomeOption = None) -> int:
    """Have the custodian wrap the keys of all cases and documents to the officers of now.

    Exit code 1 where a key could not be wrapped.
    """
    from safehold.cli.evidence import key_names
    from safehold.custodian.compose import custodian_client

    with open_service(context, home) as runtime:
        with runtime.records.read() as transaction:
            names = list(key_names(transaction))
        done = custodian_client(runtime).rewrap(names, "system", "officers-changed")
        print(f"{done.done} keys wrapped anew, {done.missing} missing, {done.failed} failed")
    return 1 if done.missing or done.failed else 0


def add_officer_named(runtime: ServiceRuntime, name: str, recipient: str) -> None:
    """Add an officer, with an audit event."""
    from safehold.audit.model import EventDraft

    runtime.officers.add(name, recipient)
    with runtime.records.write() as transaction:
        event = EventDraft(
            "officer.added", runtime.clock.now(), "system", subject=f"officer:{name}"
        )
        transaction.audit.append([event])


def _remind() -> None:
    from safehold.cli.console import note

    note("Cases from now on are wrapped to the officers as they are now.")
    note("For those that are there: safehold officer rewrap")
