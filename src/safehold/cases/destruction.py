"""Destroying a case's evidence: what is written of it, and the port behind which that is kept."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from safehold.errors import SafeholdError
from safehold.ids import CaseId, DestructionId, DocumentId, EvidenceId, ServiceId


class Ground(enum.StrEnum):
    """Why evidence is destroyed."""

    RETENTION_OVER = "retention_over"
    """The time for which it must be kept is over."""

    CLEARED = "cleared"
    """It was cleared, nobody was told of it, and the time for an appeal is over."""

    EARLY = "early"
    """Two people want it before its time; it was not reported and no law holds it."""

    AUTHORITY = "authority"
    """An authority asks for it, with a document that is kept."""


@dataclass(frozen=True, slots=True)
class Destruction:
    """One destruction. Its row is there before anything is destroyed, and stays.

    Attributes:
        destruction_id, case_id, service_id: ids.
        ground: why.
        begun: when it was decided and written; from then on no record names what is destroyed.
        requested_by, approved_by: actors of the audit log (`user:ID`); both `system` where
            nobody had to be asked.
        evidence: ids of the evidence.
        document_id: the authority's document, or None.
        reference: the authority's reference, a code, or empty.
        objects, key_name: names in the vault of what is, or is to be, destroyed. They are keyed
            and tell nothing; by them it can be looked whether it is gone.
        destroyed: when everything was gone from the stores in use, or None.
        copies_until: when the last copy in a backup of the key store is gone.
        statement, signature: the signed record; empty until it is signed.
    """

    destruction_id: DestructionId
    case_id: CaseId
    service_id: ServiceId
    ground: Ground
    begun: dt.datetime
    requested_by: str
    approved_by: str
    evidence: tuple[EvidenceId, ...]
    document_id: DocumentId | None = None
    reference: str = ""
    objects: tuple[str, ...] = ()
    key_name: str = ""
    destroyed: dt.datetime | None = None
    copies_until: dt.datetime | None = None
    statement: bytes = field(default=b"", repr=False)
    signature: bytes = b""


class DestructionStore(Protocol):
    """Destructions. It takes part in a transaction (`records`). Nothing is ever removed."""

    def add(self, destruction: Destruction) -> None:
        """Add a destruction."""
        ...

    def update(self, destruction: Destruction) -> None:
        """Write what can change: destroyed, copies, statement, signature."""
        ...

    def find(self, destruction_id: DestructionId, *, lock: bool = False) -> Destruction | None:
        """One destruction."""
        ...

    def of_case(self, case_id: CaseId) -> Sequence[Destruction]:
        """A case's destructions, in order of time."""
        ...

    def unfinished(self, limit: int) -> Sequence[Destruction]:
        """Those of which something is still to be destroyed, the oldest first."""
        ...

    def unsigned(self, limit: int) -> Sequence[Destruction]:
        """Those that are carried out and whose record is not signed, the oldest first."""
        ...

    def newest(self, limit: int) -> Sequence[Destruction]:
        """All, the newest first."""
        ...


class DestructionError(SafeholdError):
    """Something of what was to be destroyed is still there."""

    code = "destruction"
    default_message = "Something that was to be destroyed is still there."
    default_hint = "'safehold retention run' goes on with it."


class RetentionError(SafeholdError):
    """The evidence must still be kept."""

    code = "retention"
    default_message = "This evidence must still be kept."
    default_hint = "Its page says until when. An authority's written request goes before that."
