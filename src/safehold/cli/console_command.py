"""`safehold console`: the review console."""

from __future__ import annotations

import functools
from typing import Annotated

import typer

from safehold.cli.options import (
    BehindProxyOption,
    HomeOption,
    HostOption,
    JsonOption,
    TlsCertificateOption,
    TlsKeyOption,
    open_service,
)
from safehold.cli.serve import end_when_told

EXAMPLE = "Examples: safehold console --port 8460\n\nsafehold console --demo"


def console(
    context: typer.Context,
    host: HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 for any.")] = 8460,
    behind_proxy: BehindProxyOption = False,
    tls_certificate: TlsCertificateOption = None,
    tls_key: TlsKeyOption = None,
    demo: Annotated[
        bool,
        typer.Option("--demo", help="A console filled with drawn pictures, in a folder that goes."),
    ] = False,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Show the pages in which people decide held cases. Holds no key that opens evidence.

    Evidence is shown as small previews, which the custodian has made: it must run too. Logs are
    JSON lines on standard output, with ids only. It ends with SIGTERM or Ctrl-C, once the pages
    that are under way are answered.

    With --demo a home of its own is made and filled, and names, passwords and codes of some
    invented people are shown (--json: as one JSON line).
    """
    from safehold.runtime.listening import Binding

    binding = Binding(host, port, behind_proxy, tls_certificate, tls_key)
    if demo:
        from safehold.cli.console_demo import show

        show(binding, as_json=as_json)
        return
    from safehold.cli.console import note
    from safehold.console.compose import console_parts
    from safehold.console.serve import ConsoleServer

    with open_service(context, home) as runtime:
        parts = functools.partial(console_parts, runtime)
        server = ConsoleServer(parts, binding, runtime.settings.console)
        end_when_told(server.end)
        note(f"The console listens; people reach it at {server.origin}")
        server.run()
