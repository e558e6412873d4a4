"""Signing records of destruction, after the custodian has looked itself that everything is gone.

What must be gone it takes from the audit log, which cannot be rewritten unseen: from its event of
the destruction, by which the row is judged. So whoever can write to the database alone cannot
have a destruction attested that was not one.
"""

from __future__ import annotations

from dataclasses import dataclass

from safehold.audit.chain import time_text
from safehold.cases.destruction import Destruction, DestructionError
from safehold.cases.names import KeyedNames
from safehold.custodian.interface import Attested, RequestError
from safehold.custodian.signing import CheckpointSigner
from safehold.ids import DestructionId
from safehold.reporting.package import statement
from safehold.reporting.records import ReportRecords, ReportTransaction
from safehold.vault.interface import BlobStore, ObjectMissingError

KIND = "destruction"
PURGED = "case.purged"
"""The audit event of a destruction, written as it is begun (`cases.destroying`)."""


@dataclass(frozen=True, slots=True)
class AttestingParts:
    """What attesting works with.

    Attributes:
        records: destructions and the audit log.
        names: keyed names, by which the objects of evidence are found.
        objects, keys: the vault's stores, in which is looked.
        signer: signs.
    """

    records: ReportRecords
    names: KeyedNames
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
            self._compare(transaction, found)
        self._look(found)
        text = _text(found)
        return Attested(text, self._parts.signer.sign_statement(text))

    def _compare(self, transaction: ReportTransaction, found: Destruction) -> None:
        """Raise `DestructionError` where the log says something else than the row."""
        said = [
            event.draft
            for event in transaction.audit.events_of(found.case_id)
            if event.draft.kind == PURGED
            and event.draft.data.get("destruction") == found.destruction_id
        ]
        wanted = {
            "evidence": found.evidence,
            "ground": found.ground.value,
            "key": found.key_name,
        }
        case = transaction.cases.find(found.case_id)
        if (
            len(said) != 1
            or any(said[0].data.get(name) != value for name, value in wanted.items())
            or said[0].actor != found.approved_by
            or (case is not None and case.key_name == found.key_name)
        ):
            raise DestructionError("The audit log says something else of this destruction.")

    def _look(self, found: Destruction) -> None:
        """Raise `DestructionError` where the key or an object is still there."""
        names = {*found.objects, *map(self._parts.names.object, found.evidence)}
        named = [(self._parts.objects, name) for name in sorted(names)]
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
