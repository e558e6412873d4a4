"""Verification of a home's audit log against the keys that sign its checkpoints."""

from __future__ import annotations

from pathlib import Path

from safehold.audit.note import CheckpointVerifier, NoteKey, read_checkpoints
from safehold.audit.verify import AuditReport, verify
from safehold.custodian.signing import PUBLIC_FILE, last_signed
from safehold.errors import UsageError
from safehold.runtime.service import ServiceRuntime


def checkpoint_verifier(runtime: ServiceRuntime, key: Path | None = None) -> CheckpointVerifier:
    """What tells whether checkpoints are genuine.

    Args:
        runtime: the home.
        key: a file of public keys; None for the home's own.

    Raises:
        UsageError, NoteError: the file of keys cannot be read.
    """
    public = key or runtime.home.custodian / PUBLIC_FILE
    try:
        texts = [line for line in public.read_text("ascii").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("The file of keys cannot be read.") from error
    return CheckpointVerifier(runtime.log_id, [NoteKey.parse(text) for text in texts])


def audit_report(
    runtime: ServiceRuntime, key: Path | None = None, anchored: Path | None = None
) -> AuditReport:
    """What verification of the audit log finds.

    Args:
        runtime: the home.
        key: as for `checkpoint_verifier`.
        anchored: a file of checkpoints that were kept elsewhere.

    Raises:
        UsageError, NoteError: the file of keys or of checkpoints cannot be read.
    """
    verifier = checkpoint_verifier(runtime, key)
    try:
        kept = read_checkpoints(anchored.read_text("utf-8")) if anchored else []
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("The file of checkpoints cannot be read.") from error
    # Before the log is read: what is signed meanwhile lies beyond what is read of it.
    remembered = last_signed(runtime.home.custodian, runtime.log_id)
    with runtime.records.read() as transaction:
        return verify(
            transaction.audit.events(),
            transaction.audit.head(),
            [*transaction.audit.checkpoints(), *kept],
            verifier,
            remembered,
        )
