"""What the custodian works with, and the desks at which further things are done for it.

Each desk is a file of its own (`reporting`, `documents`, `packaging`, `attesting`, `releases`);
a custodian without one refuses what it would do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from safehold.audit.model import EventDraft
from safehold.clock import Clock
from safehold.custodian.interface import (
    Access,
    Attested,
    Composed,
    NoViewError,
    PreviewWish,
    Sent,
)
from safehold.custodian.previews import Previews
from safehold.custodian.signing import CheckpointSigner
from safehold.vault.interface import BlobStore, KeyStore
from safehold.vault.officers import OfficersFile
from safehold.vault.sealing import Identity, Writer


class ReportDesk(Protocol):
    """Composes, fixes and sends reports."""

    def environments(self) -> tuple[str, ...]:
        """Environments to which there are credentials, sorted."""
        ...

    def compose(self, access: Access, report_id: str, output: Writer) -> Composed:
        """See `Custodian.compose_report`."""
        ...

    def fix(self, access: Access, report_id: str, digest: bytes) -> None:
        """See `Custodian.fix_report`."""
        ...

    def send(self, access: Access, report_id: str) -> Sent:
        """See `Custodian.send_report`."""
        ...

    def fetch_schema(self, environment: str, output: Writer) -> int:
        """See `Custodian.fetch_schema`."""
        ...


class DocumentDesk(Protocol):
    """Keeps documents, each under a key of its own."""

    def keep(self, access: Access, kind: str, report_id: str, content: bytes) -> str:
        """See `Custodian.keep_document`."""
        ...

    def read(self, access: Access, document_id: str, output: Writer) -> int:
        """See `Custodian.read_document`."""
        ...


class PackageDesk(Protocol):
    """Makes evidence packages."""

    def package(
        self, access: Access, report_id: str, recipient: tuple[str, str], output: Writer
    ) -> int:
        """See `Custodian.package`; `recipient` is one that the operator named, and its name."""
        ...


class AttestDesk(Protocol):
    """Signs statements of what the custodian has looked at itself."""

    def destruction(self, destruction_id: str) -> Attested:
        """See `Custodian.attest_destruction`."""
        ...


class ReleaseDesk(Protocol):
    """Opens what is sealed of releases."""

    def open(self, actor: str, trace_id: str, output: Writer) -> int:
        """See `Custodian.open_releases`."""
        ...


def no_views(access: Access, wish: PreviewWish, object_name: str) -> None:
    """Where nobody can look at anything. Raises `NoViewError`."""
    raise NoViewError


@dataclass(frozen=True, slots=True)
class CustodianParts:
    """What the custodian works with.

    Attributes:
        identities: of officers; one is enough.
        objects, keys: the vault's stores.
        officers: to whom keys are wrapped. Only the operator may write to the file.
        recipients: to whom it may export beside the officers. The same holds.
        signer: of checkpoints.
        audit: appends an event; it is on the disk when this returns.
        clock: the present moment.
        views: raises `NoViewError` unless a view is open for exactly the preview of an object
            that is asked for, and the audit log says so (`open_views.OpenViews`).
        previews: has previews made; None where there are to be none.
        reports, documents, packages, attesting, releases: the desks, or None.
    """

    identities: Sequence[Identity] = field(repr=False)
    objects: BlobStore
    keys: KeyStore
    officers: OfficersFile
    recipients: OfficersFile
    signer: CheckpointSigner
    audit: Callable[[EventDraft], None]
    clock: Clock
    views: Callable[[Access, PreviewWish, str], None] = no_views
    previews: Previews | None = None
    reports: ReportDesk | None = None
    documents: DocumentDesk | None = None
    packages: PackageDesk | None = None
    attesting: AttestDesk | None = None
    releases: ReleaseDesk | None = None
