"""The custodian and its callers, joined from a home's settings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from safehold.audit import chain
from safehold.audit.chain import End
from safehold.audit.model import EventDraft
from safehold.custodian.address import Address, TlsAddress, TlsFiles, UnixAddress
from safehold.custodian.client import CustodianClient
from safehold.custodian.interface import Custodian
from safehold.custodian.local import LocalCustodian
from safehold.custodian.open_views import OpenViews
from safehold.custodian.parts import CustodianParts
from safehold.custodian.previews import Previews
from safehold.custodian.schema_file import SchemaFile
from safehold.custodian.signing import CheckpointSigner
from safehold.errors import SafeholdError, UsageError
from safehold.reporting.standing import Standing, standing
from safehold.runtime.service import ServiceRuntime
from safehold.vault.officers import OfficersFile
from safehold.vault.sealing import Identity

if TYPE_CHECKING:
    from safehold.reporting.cybertip.journal import StepLog

SOCKET_FILE = "custodian.sock"
RECIPIENTS_FILE = "recipients.txt"
SCHEMA_FILE = "cybertip.xsd"


def addresses(runtime: ServiceRuntime) -> list[Address]:
    """Where the custodian listens: its Unix socket, and TCP where the settings name it."""
    options = runtime.settings.custodian
    socket = Path(options.socket) if options.socket else runtime.home.custodian / SOCKET_FILE
    found: list[Address] = [UnixAddress(socket)]
    if options.address:
        found.append(_tls_address(runtime))
    return found


def custodian_client(runtime: ServiceRuntime) -> CustodianClient:
    """Who asks the custodian: by TCP where the settings name an address, else by its socket."""
    options = runtime.settings.custodian
    return CustodianClient(addresses(runtime)[-1], options.timeout_seconds)


def local_custodian(
    runtime: ServiceRuntime, identities: Sequence[Identity], log: StepLog | None = None
) -> LocalCustodian:
    """The custodian itself, with the identities of officers. Who makes it closes it.

    Args:
        runtime: of the home.
        identities: of officers.
        log: where calls to authorities are told, with ids and codes only; None for nowhere.

    Raises:
        CheckpointKeyError, KeyMismatchError: the key that signs checkpoints cannot be opened.
    """

    def audit(event: EventDraft) -> None:
        with runtime.records.write() as transaction:
            transaction.audit.append([event])

    def leads(start: End, end: End) -> bool:
        with runtime.records.read() as transaction:
            return chain.leads(transaction.audit.events(after=start[0]), start, end)

    # Drafting and sending take libraries that only the custodian itself needs.
    from safehold.custodian.attesting import Attesting, AttestingParts
    from safehold.custodian.desks import make_desks
    from safehold.custodian.packing import make_packaging
    from safehold.custodian.releases import ReleaseParts, Releases

    desks = make_desks(runtime, identities, schema_file(runtime), log)
    folder = runtime.home.custodian
    signer = CheckpointSigner(folder, identities, leads)
    return LocalCustodian(
        CustodianParts(
            identities=identities,
            objects=runtime.objects,
            keys=runtime.keys,
            officers=runtime.officers,
            recipients=OfficersFile(folder / RECIPIENTS_FILE),
            signer=signer,
            audit=audit,
            clock=runtime.clock,
            views=OpenViews(runtime.records, runtime.clock),
            previews=Previews(runtime.settings.previews, runtime.settings.media),
            reports=desks.reports,
            documents=desks.documents,
            packages=make_packaging(runtime, desks, signer),
            attesting=Attesting(
                AttestingParts(
                    runtime.records, runtime.names, runtime.objects, runtime.keys, signer
                )
            ),
            releases=Releases(
                ReleaseParts(
                    records=runtime.records,
                    identities=identities,
                    audit=audit,
                    clock=runtime.clock,
                    open_for=dt.timedelta(minutes=runtime.settings.ledger.open_minutes),
                )
            ),
        )
    )


def schema_file(runtime: ServiceRuntime) -> SchemaFile:
    """The CyberTipline's schema in use."""
    chosen = runtime.settings.cybertip.schema_file
    return SchemaFile(Path(chosen) if chosen else runtime.home.custodian / SCHEMA_FILE)


def reporting_stands(runtime: ServiceRuntime, custodian: Custodian) -> Standing:
    """How reporting stands now. A custodian that is away has an alarm of its own."""
    settings = runtime.settings
    try:
        environments: Sequence[str] | None = custodian.status().environments
    except (SafeholdError, OSError):
        environments = None
    with runtime.records.read() as transaction:
        return standing(
            transaction, settings.reporting, settings.cybertip, environments, runtime.clock.now()
        )


def _tls_address(runtime: ServiceRuntime) -> TlsAddress:
    options = runtime.settings.custodian
    host, _, port = options.address.rpartition(":")
    if not host or not port.isdigit():
        raise UsageError("The setting custodian.address reads host:port.")
    files = TlsFiles(Path(options.certificate), Path(options.key), Path(options.authority))
    return TlsAddress(host.strip("[]"), int(port), files)
