"""The desk for packages, joined from a home's settings."""

from __future__ import annotations

from collections.abc import Iterator

from safehold import __version__
from safehold.audit.model import Event
from safehold.audit.note import CheckpointVerifier, sign_checkpoint
from safehold.audit.verify import verify
from safehold.custodian.desks import Desks
from safehold.custodian.interface import CheckpointRefusedError
from safehold.custodian.packaging import Packaging, PackagingParts, VerifiedLog
from safehold.custodian.signing import CheckpointSigner, last_signed
from safehold.runtime.service import ServiceRuntime

_TRIES = 5


def make_packaging(runtime: ServiceRuntime, desks: Desks, signer: CheckpointSigner) -> Packaging:
    """Join the desk.

    Args:
        runtime: of the home.
        desks: the other desks, with what opens and collects.
        signer: signs checkpoints and statements.
    """
    log = _Log(runtime, signer)
    return Packaging(
        PackagingParts(
            records=runtime.records,
            collector=desks.collector,
            opening=desks.opener,
            signer=signer,
            checkpoint=log.checkpoint,
            verified=log.verified,
            log_id=runtime.log_id,
            ids=runtime.ids,
            clock=runtime.clock,
            software=f"Safehold {__version__}",
        )
    )


class _Log:
    """The home's audit log, with the key that signs its checkpoints."""

    def __init__(self, runtime: ServiceRuntime, signer: CheckpointSigner) -> None:
        self._runtime = runtime
        self._signer = signer
        self._genuine = CheckpointVerifier(runtime.log_id, [signer.key])

    def checkpoint(self) -> None:
        """Sign the head of the log, and keep the checkpoint.

        Raises:
            CheckpointRefusedError: the log does not go on from what was signed last.
        """
        for left in reversed(range(_TRIES)):
            with self._runtime.records.read() as transaction:
                end = transaction.audit.head()
            now, key = self._runtime.clock.now(), self._signer.key
            try:
                made = sign_checkpoint(self._runtime.log_id, end, now, key, self._signer.sign)
                break
            except CheckpointRefusedError:
                # The log may have grown meanwhile, and its new head have been signed.
                if not left:
                    raise
        with self._runtime.records.write() as transaction:
            there = transaction.audit.checkpoints()
            if not any(one.seq == made.seq and self._genuine(one) for one in there):
                transaction.audit.add_checkpoint(made)

    def verified(self, cases: frozenset[str]) -> VerifiedLog:
        """Verify the log, and keep the events of some cases as they pass.

        Checkpoints of earlier keys vouch for nothing here.
        """
        remembered = last_signed(self._runtime.home.custodian, self._runtime.log_id)
        found: list[Event] = []

        def passing(events: Iterator[Event]) -> Iterator[Event]:
            for event in events:
                if event.draft.subject in cases:
                    found.append(event)
                yield event

        with self._runtime.records.read() as transaction:
            checkpoints = tuple(filter(self._genuine, transaction.audit.checkpoints()))
            report = verify(
                passing(transaction.audit.events()),
                transaction.audit.head(),
                checkpoints,
                self._genuine,
                remembered,
            )
        return VerifiedLog(report, tuple(found), checkpoints)
