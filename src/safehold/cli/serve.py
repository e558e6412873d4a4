"""`safehold serve` and `safehold custodian`: processes of the service."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from safehold.cli.options import (
    BehindProxyOption,
    HomeOption,
    HostOption,
    TlsCertificateOption,
    TlsKeyOption,
    WorkersOption,
    open_service,
)
from safehold.cli.passphrases import PassphraseOption

if TYPE_CHECKING:
    from safehold.vault.sealing import Identity

SERVE_EXAMPLE = "Example: safehold serve --host 0.0.0.0 --port 8450 --behind-proxy"
CUSTODIAN_EXAMPLE = "Example: safehold custodian --officer-key /media/stick/officer.key"

OfficerKeyOption = Annotated[
    Path | None,
    typer.Option(
        "--officer-key",
        metavar="FILE",
        help="The officer's identity. Default: officer.key in the home.",
    ),
]


def serve(
    context: typer.Context,
    host: HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 for any.")] = 8450,
    behind_proxy: BehindProxyOption = False,
    tls_certificate: TlsCertificateOption = None,
    tls_key: TlsKeyOption = None,
    workers: WorkersOption = None,
    home: HomeOption = None,
) -> None:
    """Check uploads over HTTP before they are stored. Holds no key that opens evidence.

    Logs are JSON lines on standard output, with ids only. It ends with SIGTERM or Ctrl-C, once
    the calls that are under way are answered.
    """
    from safehold.cli.console import note
    from safehold.engine.memory import keep_few_heaps
    from safehold.runtime.listening import Binding
    from safehold.server.compose import server_parts
    from safehold.server.serve import HttpServer

    keep_few_heaps()
    with open_service(context, home, workers=workers) as runtime:
        binding = Binding(host, port, behind_proxy, tls_certificate, tls_key)
        server = HttpServer(server_parts(runtime), binding)
        end_when_told(server.end)
        note(f"Listening on {server.address}")
        server.run()


def custodian(
    context: typer.Context,
    officer_key: OfficerKeyOption = None,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
) -> None:
    """Hold the officers' identities, and open evidence for those who may.

    It signs the audit log's checkpoints, checks and exports evidence, and wraps keys anew. It
    listens on a Unix socket in the home, and beyond this machine only with mutual TLS.
    """
    from safehold.cli.console import note
    from safehold.custodian.compose import addresses, local_custodian
    from safehold.custodian.server import ServeOptions, run
    from safehold.runtime.log import json_log

    with open_service(context, home) as runtime:
        file = officer_key or runtime.home.folder / "officer.key"
        identity = officer_identity(file, passphrase_file)
        made = local_custodian(runtime, [identity], json_log(sys.stderr))
        # One more than may wait, who is told so.
        options = ServeOptions(preview_threads=runtime.settings.previews.waiting + 1)
        stop = until_told()

        def log(call: str, code: str) -> None:
            with contextlib.suppress(OSError):  # a full disk keeps nobody from evidence
                print(f"custodian: {call} {code}", file=sys.stderr)

        with contextlib.closing(made):
            run(
                made,
                addresses(runtime),
                stop,
                options,
                log=log,
                ready=lambda _: note("The custodian is ready."),
            )


def officer_identity(file: Path, passphrase_file: Path | None) -> Identity:
    """The identity in a file; its passphrase comes from a file or is asked for."""
    from safehold.cli.passphrases import asked, from_file
    from safehold.vault.officers import OfficerKeyError, read_identity

    if passphrase_file is not None:
        return read_identity(file, from_file(passphrase_file))
    try:
        return read_identity(file, None)
    except OfficerKeyError:
        passphrase = asked()
        if passphrase is None:
            raise
        return read_identity(file, passphrase)


def end_when_told(end: Callable[[], None]) -> None:
    """Have SIGTERM and Ctrl-C end a server, until it holds them itself.

    Who ends it before that does not kill it.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end())


def until_told() -> threading.Event:
    """An event that SIGTERM and Ctrl-C set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
