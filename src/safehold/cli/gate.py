"""`safehold gate`: the gate before a generation service."""

from __future__ import annotations

import dataclasses
from typing import Annotated

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
from safehold.cli.serve import end_when_told

EXAMPLE = (
    "Example: safehold gate --upstream http://127.0.0.1:7860 --api a1111 --service studio "
    "--port 8460"
)


def gate(
    context: typer.Context,
    upstream: Annotated[
        str,
        typer.Option("--upstream", metavar="URL", help="Address of the generation service."),
    ],
    api: Annotated[
        str,
        typer.Option("--api", metavar="API", help="Its API: openai, a1111, comfyui or invokeai."),
    ],
    service: Annotated[
        str | None,
        typer.Option("--service", metavar="NAME", help="To which cases and records belong."),
    ] = None,
    surface: Annotated[
        str | None,
        typer.Option("--surface", metavar="NAME", help="Whose settings and lists count."),
    ] = None,
    account_header: Annotated[
        str | None,
        typer.Option(
            "--account-header",
            metavar="NAME",
            help="Header in which your own front names the account.",
        ),
    ] = None,
    host: HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 for any.")] = 8460,
    behind_proxy: BehindProxyOption = False,
    tls_certificate: TlsCertificateOption = None,
    tls_key: TlsKeyOption = None,
    workers: WorkersOption = None,
    home: HomeOption = None,
) -> None:
    """Stand before a generation service, and let out only pictures that were checked.

    It generates nothing. What callers ask for goes on where your rules let it; what comes back is
    released by verdict on exactly those bytes, and everything else is withheld. Logs are JSON
    lines on standard output, with ids only. It ends with SIGTERM or Ctrl-C.
    """
    from safehold.cli.console import note
    from safehold.gate.compose import GatePlan, gate_parts
    from safehold.gate.model import Api, GateSetupError
    from safehold.gate.serve import GateServer
    from safehold.runtime.listening import Binding, check_binding

    binding = Binding(host, port, behind_proxy, tls_certificate, tls_key)
    check_binding(binding)
    if api not in set(Api):
        raise GateSetupError(
            "There is no such API.", hint="--api takes openai, a1111, comfyui or invokeai."
        )
    with open_service(context, home, workers=workers) as runtime:
        options = runtime.settings.gate
        options = dataclasses.replace(
            options,
            service=options.service if service is None else service,
            surface=options.surface if surface is None else surface,
            account_header=options.account_header if account_header is None else account_header,
        )
        plan = GatePlan(upstream, Api(api), options, behind_proxy)
        server = GateServer(gate_parts(runtime, plan), binding)
        end_when_told(server.end)
        note(f"Listening on {server.address}")
        server.run()
