"""Having the custodian sign how the audit log stands.

What is signed was checked before: from the last checkpoint that is genuine each event must follow
from the one before, up to the head. So a log that somebody altered after that checkpoint, without
making all later hashes anew, is not vouched for, and the operator is alarmed. What a checkpoint
vouches for already cannot be altered unseen (`safehold.audit.verify`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from safehold.audit.chain import UnreadableEventError, link
from safehold.audit.interface import AuditLog
from safehold.audit.model import GENESIS, AuditError, Checkpoint
from safehold.audit.note import CheckpointVerifier, NoteKey, sign_checkpoint
from safehold.cases.records import Records
from safehold.clock import Clock
from safehold.errors import SafeholdError
from safehold.outbox.model import AlarmCode
from safehold.work.alarms import Alarms
from safehold.work.ports import Outcome, Stop
from safehold.work.schedule import Timing


class AuditChainBrokenError(AuditError):
    """Events since the last checkpoint do not follow from one another."""

    code = "audit_chain"
    default_message = "The audit log is not a chain any more; it is not signed."
    default_hint = "'safehold audit verify' names the first event that is wrong."


class Signing(Protocol):
    """Signs the text of a checkpoint. `safehold.custodian.client.CustodianClient` is one."""

    def sign(self, text: bytes) -> bytes:
        """An Ed25519 signature (64 bytes). Refuses everything but checkpoints."""
        ...


@dataclass(frozen=True, slots=True)
class CheckpointKey:
    """Whose checkpoints are made.

    Attributes:
        log_id: 4 bytes that tell this log from others.
        key: the public half of the custodian's key.
        older: public halves that signed for this log before.
    """

    log_id: bytes
    key: NoteKey
    older: Sequence[NoteKey] = ()


class SignCheckpoint:
    """Signs the head of the audit log, unless there is a checkpoint of it.

    Args:
        records: the unit of work.
        custodian: signs.
        key: whose checkpoints are made.
        clock: the present moment.
        alarms: where it is said that the custodian is away or the log is broken.
        timing: how often it is done.
    """

    name = "checkpoint"

    def __init__(
        self,
        records: Records,
        custodian: Signing,
        key: CheckpointKey,
        clock: Clock,
        alarms: Alarms,
        timing: Timing,
    ) -> None:
        self.timing = timing
        self._records = records
        self._custodian = custodian
        self._key = key
        self._clock = clock
        self._alarms = alarms
        self._genuine = CheckpointVerifier(key.log_id, (key.key, *key.older))

    def run(self, stop: Stop) -> Outcome:
        """Sign the head. An empty log is not signed.

        Raises:
            SafeholdError: the custodian does not sign, or the database is away.
            AuditChainBrokenError: the log is not sound since its last checkpoint.
        """
        try:
            end = self._end()
        except AuditChainBrokenError:
            self._alarms.write(AlarmCode.AUDIT_BROKEN)
            raise
        if end is None:
            return Outcome()
        key = self._key
        try:
            checkpoint = sign_checkpoint(
                key.log_id, end, self._clock.now(), key.key, self._custodian.sign
            )
        except (SafeholdError, OSError) as error:
            self._alarms.write(AlarmCode.CUSTODIAN_DOWN)
            return Outcome(error.code if isinstance(error, SafeholdError) else "custodian_away")
        if not self._genuine(checkpoint):
            # Signed with another key than it says: no verifier would believe it.
            self._alarms.write(AlarmCode.CUSTODIAN_DOWN)
            return Outcome("custodian_key")
        with self._records.write() as transaction:
            there = transaction.audit.checkpoints()
            # Another process may have been faster. What is not genuine is not in the way.
            if not any(c.seq == checkpoint.seq and self._genuine(c) for c in there):
                transaction.audit.add_checkpoint(checkpoint)
        return Outcome(counts={"signed": 1})

    def _end(self) -> tuple[int, bytes] | None:
        """Number and hash of the last event, if it is to be signed."""
        with self._records.read() as transaction:
            last = self._last(transaction.audit.checkpoints())
            head = transaction.audit.head()
            if head == last:
                return None
            _check(transaction.audit, last, head)
        return head

    def _last(self, checkpoints: Sequence[Checkpoint]) -> tuple[int, bytes]:
        """Where the last genuine checkpoint stands; the beginning of the log without one."""
        genuine = (c for c in reversed(checkpoints) if self._genuine(c))
        last = next(genuine, None)
        return (0, GENESIS) if last is None else (last.seq, last.hash)


def _check(log: AuditLog, start: tuple[int, bytes], head: tuple[int, bytes]) -> None:
    """Check that the events from one place lead to the head. Raises `AuditChainBrokenError`."""
    seq, previous = start
    try:
        for event in log.events(after=seq):
            if seq == head[0]:
                break
            seq += 1
            made = link(previous, seq, event.draft)
            if (event.seq, event.previous, event.hash) != (seq, previous, made.hash):
                raise AuditChainBrokenError
            previous = event.hash
    except (UnreadableEventError, ValueError) as error:
        raise AuditChainBrokenError from error
    if (seq, previous) != head:
        raise AuditChainBrokenError
