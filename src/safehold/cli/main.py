"""The command `safehold`: its subcommands, and what becomes of errors.

Exit codes: 0 nothing found, 1 something found, 2 nothing found but something could not be
checked, 64 the command line or its input cannot be used, 70 an internal error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from safehold import __version__
from safehold.cli import (
    backup,
    config,
    console_command,
    demo,
    evidence,
    gate,
    hash_command,
    init,
    inspect_command,
    lists,
    officers,
    peers,
    report,
    retention,
    scan,
    serve,
    services,
    trace,
    transparency,
    up,
    users,
    work,
)
from safehold.cli.console import note
from safehold.errors import SafeholdError, UsageError

EXIT_USAGE = 64
EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="safehold",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Find listed abuse imagery and its edits, stop it, and hold it as evidence.\n\n"
        "A match is a reason to look, and says nothing about any person."
    ),
    epilog="Example: safehold list add partner hashes.csv --tier confirmed && safehold scan /srv",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"safehold {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(
            "--home", metavar="DIR", help="The data folder. Default: SAFEHOLD_HOME, or the XDG one."
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Options that stand before the command."""
    context.obj = home


app.command("scan", epilog=scan.EXAMPLE)(scan.scan)
app.command("hash", epilog=hash_command.EXAMPLE)(hash_command.hash_paths)
app.command("inspect", epilog=inspect_command.EXAMPLE)(inspect_command.inspect)
app.command("trace", epilog=trace.EXAMPLE)(trace.trace)
app.command("demo", epilog=demo.EXAMPLE)(demo.demo)
app.add_typer(lists.app, name="list")
app.command("init", epilog=init.EXAMPLE)(init.init)
app.command("serve", epilog=serve.SERVE_EXAMPLE)(serve.serve)
app.command("gate", epilog=gate.EXAMPLE)(gate.gate)
app.command("custodian", epilog=serve.CUSTODIAN_EXAMPLE)(serve.custodian)
app.command("console", epilog=console_command.EXAMPLE)(console_command.console)
app.command("work", epilog=work.WORK_EXAMPLE)(work.work)
app.command("up", epilog=up.EXAMPLE)(up.up)
app.command("canary", epilog=work.CANARY_EXAMPLE)(work.canary)
app.add_typer(services.services, name="service")
app.add_typer(services.keys, name="key")
app.add_typer(services.webhooks, name="webhook")
app.add_typer(officers.app, name="officer")
app.add_typer(peers.app, name="peer")
app.add_typer(users.app, name="user")
app.add_typer(evidence.cases, name="case")
app.add_typer(evidence.audit, name="audit")
app.add_typer(evidence.vault, name="vault")
app.add_typer(report.app, name="report")
app.add_typer(retention.app, name="retention")
app.add_typer(backup.app, name="backup")
app.command("transparency", epilog=transparency.EXAMPLE)(transparency.transparency)
app.add_typer(config.app, name="config")


def main(arguments: Sequence[str]) -> int:
    """Run one command line; returns its exit code."""
    try:
        code = app(args=list(arguments), prog_name="safehold", standalone_mode=False)
        return int(code or 0)
    except typer.Exit as done:
        return done.exit_code
    except TyperException as error:
        _show_usage(error)
        return EXIT_USAGE
    except (typer.Abort, KeyboardInterrupt):
        note("Interrupted.")
        return EXIT_INTERRUPTED
    except SafeholdError as error:
        note(f"safehold: {error.message} [{error.code}]")
        if error.hint:
            note(f"  {error.hint}")
        return EXIT_USAGE if isinstance(error, UsageError) else EXIT_INTERNAL
    except SystemExit as end:
        # The command-line library makes exit code 1 of a closed pipe, which would say "found".
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        return EXIT_INTERNAL
    except Exception as error:
        from safehold.config import debugging

        # What the system says (a full disk) holds no name; any other text might.
        said = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
        note(f"safehold: internal error ({type(error).__name__}{said}) [internal]")
        note("  Please report it; SAFEHOLD_DEBUG=1 shows where it happened.")
        if debugging():
            raise
        return EXIT_INTERNAL


def _show_usage(error: TyperException) -> None:
    """Show what is wrong with a command line, as the command-line library words it."""
    show = getattr(error, "show", None)
    if show is None:
        note(f"safehold: {error} [usage]")
    else:
        show()


def open_standard_streams() -> None:
    """Open /dev/null where the caller closed stdin, stdout or stderr.

    Else the next file that is opened would take the place, and be written to as the terminal.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
            os.set_inheritable(number, True)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


def run() -> None:
    """The entry point of the installed command."""
    open_standard_streams()
    code = main(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError:
        # The rest cannot be written; else Python would try again at its end, and fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = EXIT_INTERNAL
    sys.exit(code)
