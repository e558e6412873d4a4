"""`safehold init`: make a home ready for the service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from safehold.cli.options import HomeOption, JsonOption, open_service
from safehold.cli.passphrases import PassphraseOption

EXAMPLE = "Example: safehold init --officer-key /media/stick/officer.key --service forum"


def init(
    context: typer.Context,
    officer_key: Annotated[
        Path | None,
        typer.Option(
            "--officer-key",
            metavar="FILE",
            help="Where the officer's identity is written, or an age identity file that is taken. "
            "Default: officer.key in the home.",
        ),
    ] = None,
    officer: Annotated[str, typer.Option("--officer", help="The officer's name.")] = "officer",
    service: Annotated[
        str, typer.Option("--service", help="The first service (tenant).")
    ] = "default",
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> int:
    """Make database, keys, the first officer, and the first service with its API key.

    The API key is shown once. So is the passphrase of the officer's identity, where none was
    given. That identity opens all evidence: keep it, and its passphrase, off the server.
    """
    from safehold.cli.console import note
    from safehold.cli.passphrases import from_file, new
    from safehold.custodian.setting_up import Plan, set_up

    with open_service(context, home, ready=False) as runtime:
        file = officer_key or runtime.home.folder / "officer.key"
        taken = file.exists()
        if taken:
            # An identity in the clear needs no passphrase.
            passphrase, made_here = (from_file(passphrase_file) if passphrase_file else None), False
        else:
            passphrase, made_here = new(passphrase_file)
        made = set_up(runtime, Plan(officer, file, passphrase, service))
        told = {
            "service": service,
            "api_key": made.api_key,
            "officer_key": str(file),
            "recipient": made.recipient,
            "checkpoint_key": made.checkpoint_key,
        }
        if made_here and passphrase is not None:
            told["passphrase"] = passphrase
        if as_json:
            print(json.dumps(told))
            return 0
        note("The home is set up. What follows is shown once; keep it.")
        print(f"API key of service '{service}': {made.api_key}")
        if made_here:
            print(f"Passphrase of the officer's identity: {passphrase}")
        note(f"The officer's identity lies in {file}.")
        note("  It opens all evidence. Move it, with its passphrase, off this server;")
        note("  'safehold custodian --officer-key FILE' needs it while it runs.")
        note(f"Checkpoints of the audit log are signed by: {made.checkpoint_key}")
        note("Next: safehold up --officer-key FILE    (or serve, custodian and work by themselves)")
    return 0
