"""Options that several commands share, and where they lead."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from safehold.runtime import Runtime
    from safehold.runtime.service import ServiceRuntime

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="DIR",
        help="The data folder (lists, keys, settings). Default: SAFEHOLD_HOME, or the XDG folder.",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Worker processes. Default: one for each core."),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Write JSON, also when the output is a terminal.")
]

HostOption = Annotated[str, typer.Option("--host", help="Address to listen on.")]
BehindProxyOption = Annotated[
    bool,
    typer.Option(
        "--behind-proxy", help="A proxy with TLS stands before an address beyond loopback."
    ),
]
TlsCertificateOption = Annotated[
    Path | None, typer.Option("--tls-certificate", metavar="FILE", help="PEM file.")
]
TlsKeyOption = Annotated[Path | None, typer.Option("--tls-key", metavar="FILE", help="PEM file.")]


def open_runtime(
    context: typer.Context,
    home: Path | None = None,
    workers: int | None = None,
    **fixed: object,
) -> Runtime:
    """The runtime of the home that the command line, the environment or nothing names."""
    from safehold.cli.console import announce_compilation
    from safehold.config import load_settings
    from safehold.kernels.accelerate import KernelCache
    from safehold.runtime import Runtime

    settings = load_settings(home=home or context.obj, workers=workers, **fixed)
    runtime = Runtime(settings)
    KernelCache.configure(runtime.kernel_folder, announce_compilation)
    return runtime


def open_service(
    context: typer.Context, home: Path | None = None, *, ready: bool = True, **fixed: object
) -> ServiceRuntime:
    """The parts of the service in a home; with `ready`, one that `safehold init` has set up."""
    from safehold.cli.console import announce_compilation
    from safehold.config import load_settings
    from safehold.kernels.accelerate import KernelCache
    from safehold.runtime.service import ServiceRuntime

    runtime = ServiceRuntime(load_settings(home=home or context.obj, **fixed))
    KernelCache.configure(runtime.kernel_folder, announce_compilation)
    if ready:
        runtime.require_init()
    return runtime


def tell_missing_protections(runtime: Runtime) -> None:
    """Say which protections of the workers this machine does not give, if any."""
    from safehold.cli.console import note

    missing = runtime.missing_protections()
    if missing:
        note(f"This machine does not protect the decoders by: {', '.join(missing)}.")
        note("  docs/explanation/sandbox.md says what that means.")
