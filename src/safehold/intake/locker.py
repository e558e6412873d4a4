"""What is written to the vault before a record names it: a case's key and its bytes."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from dataclasses import dataclass, field
from typing import Any

from safehold.cases.model import Case, Evidence
from safehold.ids import CaseId, EvidenceId
from safehold.intake.model import DiskFullError, Submission
from safehold.intake.origin import sealed_reading
from safehold.intake.parts import IntakeParts
from safehold.vault.interface import VaultError


@dataclass(frozen=True, slots=True)
class Locked:
    """What is in the vault already, for a record that is about to be written.

    Attributes:
        case_id: of the case that it is for.
        recipient, key_name: of its age identity.
        is_new: whether the case's key was made for this.
        evidence: the bytes, or None where the case has them or none came.
        sealed_context: the context of persons.
    """

    case_id: CaseId
    recipient: str
    key_name: str
    is_new: bool
    evidence: Evidence | None
    sealed_context: bytes = field(repr=False)


class Locker:
    """Writes to the vault; every write is durable when it returns."""

    def __init__(self, parts: IntakeParts) -> None:
        self._parts = parts

    def lock(self, case: Case | None, context: bytes, submission: Submission | None) -> Locked:
        """Encrypt context, and the bytes of `submission` if there are any, to a case.

        Args:
            case: the case that the record will join; None to make the key of a new one.
            context: JSON of what is said of persons.
            submission: the item whose bytes are to be stored, or None.

        Raises:
            DiskFullError, VaultError: nothing was kept.
        """
        parts = self._parts
        if case is None:
            self._check_room()
            case_id = CaseId(parts.ids())
            key_name = parts.names.case_key(case_id)
            recipient = parts.vault.new_case_key(key_name, parts.officers())
        else:
            case_id, key_name, recipient = case.case_id, case.key_name, case.recipient
        sealed_context = parts.vault.seal(recipient, context)
        locked = Locked(case_id, recipient, key_name, case is None, None, sealed_context)
        if submission is None or submission.descriptor is None:
            return locked
        try:
            evidence = self._store(case_id, recipient, submission, parts.clock.now())
        except BaseException:
            self.discard(locked)
            raise
        return Locked(case_id, recipient, key_name, case is None, evidence, sealed_context)

    def discard(self, locked: Locked) -> None:
        """Remove what no record will name. What cannot be removed, `vault verify` finds."""
        with contextlib.suppress(VaultError, OSError):
            if locked.evidence is not None:
                self._parts.vault.delete(locked.evidence.object_name)
            if locked.is_new:
                self._parts.vault.shred(locked.key_name)

    def _check_room(self) -> None:
        free = self._parts.room()
        if free is not None and free < self._parts.options.min_free_bytes:
            raise DiskFullError

    def _store(
        self, case_id: CaseId, recipient: str, submission: Submission, now: dt.datetime
    ) -> Evidence:
        parts = self._parts
        assert submission.descriptor is not None
        self._check_room()
        evidence_id = EvidenceId(parts.ids())
        name = parts.names.object(evidence_id)
        stored = parts.vault.store(name, recipient, submission.descriptor, submission.sha256)
        manifest = parts.vault.seal(recipient, _manifest(submission, stored.size))
        return Evidence(
            evidence_id=evidence_id,
            case_id=case_id,
            object_name=name,
            size=stored.size,
            sealed_size=stored.sealed_size,
            sealed_sha256=stored.sealed_sha256,
            sealed_manifest=manifest,
            created=now,
        )


def _manifest(submission: Submission, size: int) -> bytes:
    """What is known of the bytes (`docs/formats/vault.md`): UTF-8 JSON with sorted keys."""
    examination = submission.screened.examination
    known: dict[str, Any] = {
        "received": submission.received.isoformat(),
        "sha256": submission.sha256.hex(),
        "size": size,
    }
    if examination.exact is not None:
        known["md5"] = examination.exact.md5.hex()
        known["sha1"] = examination.exact.sha1.hex()
    if examination.format is not None:
        known["format"] = examination.format
    if examination.width:
        known["width"], known["height"] = examination.width, examination.height
        known["frames"] = examination.frame_count
    known |= sealed_reading(examination.reading)
    return json.dumps(known, sort_keys=True, ensure_ascii=False).encode("utf-8")
