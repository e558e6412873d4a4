"""Passphrases of officers: read from a file, asked for, or made."""

from __future__ import annotations

import base64
import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from safehold.errors import UsageError

PassphraseOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help="File whose first line is the passphrase of the officer's identity.",
    ),
]

_RANDOM_BYTES = 20


def from_file(file: Path) -> str:
    """The first line of a file. Raises `UsageError`."""
    try:
        line = file.read_text("utf-8").splitlines()[0].strip()
    except (OSError, UnicodeDecodeError, IndexError) as error:
        raise UsageError("The passphrase file cannot be read, or is empty.") from error
    if not line:
        raise UsageError("The passphrase file is empty.")
    return line


def asked() -> str | None:
    """What is typed at a terminal; None where there is none."""
    if not sys.stdin.isatty():
        return None
    return str(typer.prompt("Passphrase of the officer's identity", hide_input=True, err=True))


def new(file: Path | None) -> tuple[str, bool]:
    """A passphrase for a new identity, and whether it was made here and must be shown."""
    if file is not None:
        return from_file(file), False
    if sys.stdin.isatty():
        typed = typer.prompt(
            "Passphrase for the officer's identity (empty: one is made)",
            default="",
            hide_input=True,
            show_default=False,
            confirmation_prompt=True,
            err=True,
        )
        if typed:
            return str(typed), False
    letters = base64.b32encode(secrets.token_bytes(_RANDOM_BYTES)).decode("ascii").lower()
    return "-".join(letters[i : i + 4] for i in range(0, len(letters), 4)), True
