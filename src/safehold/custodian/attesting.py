"""Signing records of destruction, after the custodian has looked itself that everything is gone."""

from __future__ import annotations

from dataclasses import dataclass

from safehold.audit.chain import time_text
from safehold.cases.destruction import Destruction, DestructionError
from safehold.custodian.interface import Attested, RequestError
from safehold.custodian.signing import CheckpointSigner
from safehold.ids import DestructionId
from safehold.reporting.package import statement
from safehold.reporting.records import ReportRecords
from safehold.vault.interface import BlobStore, ObjectMissingError

KIND = "destruction"


@dataclass(frozen=True, slots=True)
class AttestingParts:
    """What attesting works with.

    Attributes:
        records: destructions.
        objects, keys: the vault's stores, in which is looked.
        signer: signs.
    """

    records: ReportRecords
    objects: BlobStore
    keys: BlobStore
    signer: CheckpointSigner


class Attesting:
    """A `parts.AttestDesk`. Safe to use from several threads."""

    def __init__(self, parts: AttestingParts) -> None:
        self._parts = parts

    def destruction(self, destruction_id: str) -> Attested:
        """See `Custodian.attest_destruction`.

        Raises:
            RequestError: there is no such destruction.
            DestructionError: it is not carried out, or something of it is still there.
        """
        with self._parts.records.read() as transaction:
            found = transaction.destructions.find(DestructionId(destruction_id))
        if found is None:
            raise RequestError("There is no such destruction.")
        if found.destroyed is None or found.copies_until is None:
            raise DestructionError
        self._look(found)
        text = _text(found)
        return Attested(text, self._parts.signer.sign_statement(text))

    def _look(self, found: Destruction) -> None:
        """Raise `DestructionError` where the key or an object is still there."""
        named = [(self._parts.objects, name) for name in found.objects]
        for store, name in (*named, (self._parts.keys, found.key_name)):
            try:
                with store.open(name):
                    raise DestructionError
            except ObjectMissingError:
                continue


def _text(found: Destruction) -> bytes:
    """What the record says (`docs/how-to/retention.md`)."""
    assert found.destroyed is not None
    assert found.copies_until is not None
    fields = [
        ("destruction", str(found.destruction_id)),
        ("case", str(found.case_id)),
        ("ground", found.ground.value),
        ("requested-by", found.requested_by),
        ("approved-by", found.approved_by),
        ("begun", time_text(found.begun)),
        ("destroyed", time_text(found.destroyed)),
        ("last-copy-expires", time_text(found.copies_until)),
        ("pieces", str(len(found.evidence))),
        *((f"evidence-{n}", str(one)) for n, one in enumerate(found.evidence, 1)),
    ]
    if found.document_id is not None:
        fields.append(("authority-document", str(found.document_id)))
    if found.reference:
        fields.append(("authority-reference", found.reference))
    fields.append(
        ("sealed-to-the-same-key", "context, statements, notes and reports' texts went with it")
    )
    return statement.write(KIND, fields)
