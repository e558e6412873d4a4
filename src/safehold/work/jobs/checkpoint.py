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

from safehold.audit.chain import leads
from safehold.audit.model import GENESIS, AuditError, Checkpoint
from safehold.audit.note import CheckpointVerifier, NoteKey, sign_checkpoint
from safehold.cases.records import Records
from safehold.clock import Clock
from safehold.custodian.interface import (
    CheckpointRefusedError,
    CustodianAwayError,
    CustodianError,
)
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
    """Signs checkpoints. `safehold.custodian.client.CustodianClient` is one."""

    def public_key(self) -> NoteKey:
        """The public half of the key that signs."""
        ...

    def sign(self, text: bytes) -> bytes:
        """An Ed25519 signature (64 bytes). Refuses everything but checkpoints."""
        ...


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """Which log is signed.

    Attributes:
        log_id: 4 bytes that tell this log from others.
        older: public halves of keys that signed for it before the present one.
    """

    log_id: bytes
    older: Sequence[NoteKey] = ()


class SignCheckpoint:
    """Signs the head of the audit log, unless there is a checkpoint of it.

    Args:
        records: the unit of work.
        custodian: signs.
        identity: which log it is.
        clock: the present moment.
        alarms: where it is said that the custodian is away or the log is broken.
        timing: how often it is done.
    """

    name = "checkpoint"

    def __init__(
        self,
        records: Records,
        custodian: Signing,
        identity: LogIdentity,
        clock: Clock,
        alarms: Alarms,
        timing: Timing,
    ) -> None:
        self.timing = timing
        self._records = records
        self._custodian = custodian
        self._identity = identity
        self._clock = clock
        self._alarms = alarms
        self._refused = False

    def run(self, stop: Stop) -> Outcome:
        """Sign the head. An empty log is not signed, and alarms are written where it fails."""
        try:
            key = self._custodian.public_key()
            genuine = CheckpointVerifier(self._identity.log_id, (key, *self._identity.older))
            end = self._end(genuine)
            if end is None:
                return Outcome()
            sign, log_id = self._custodian.sign, self._identity.log_id
            checkpoint = sign_checkpoint(log_id, end, self._clock.now(), key, sign)
        except AuditChainBrokenError as error:
            self._alarms.write(AlarmCode.AUDIT_BROKEN)
            return Outcome(error.code)
        except CheckpointRefusedError as error:
            assert end is not None  # only what is to be signed can be refused
            return self._was_refused(genuine, end, error)
        except (CustodianError, OSError) as error:
            self._alarms.write(AlarmCode.CUSTODIAN_DOWN)
            return Outcome(CustodianAwayError.code if isinstance(error, OSError) else error.code)
        self._refused = False
        if not genuine(checkpoint):
            # Signed with another key than it says: nobody would believe it.
            self._alarms.write(AlarmCode.CUSTODIAN_DOWN)
            return Outcome(CustodianError.code)
        with self._records.write() as transaction:
            there = transaction.audit.checkpoints()
            # Another process may have been faster. What is not genuine is not in the way.
            if not any(c.seq == checkpoint.seq and genuine(c) for c in there):
                transaction.audit.add_checkpoint(checkpoint)
        return Outcome(counts={"signed": 1})

    def _was_refused(
        self, genuine: CheckpointVerifier, end: tuple[int, bytes], error: CheckpointRefusedError
    ) -> Outcome:
        """The custodian has signed a longer log, or another.

        Once may mean that another process had a later head signed at this moment; twice in a row
        that the log was cut back or rewritten.
        """
        with self._records.read() as transaction:
            last = _last(transaction.audit.checkpoints(), genuine)
        if last[0] >= end[0]:
            self._refused = False
            return Outcome()
        if self._refused:
            self._alarms.write(AlarmCode.AUDIT_BROKEN)
        self._refused = True
        return Outcome(error.code)

    def _end(self, genuine: CheckpointVerifier) -> tuple[int, bytes] | None:
        """Number and hash of the last event, if it is to be signed.

        Raises:
            AuditChainBrokenError: the log is not sound since its last checkpoint.
        """
        with self._records.read() as transaction:
            last = _last(transaction.audit.checkpoints(), genuine)
            head = transaction.audit.head()
            if head == last:
                return None
            if not leads(transaction.audit.events(after=last[0]), last, head):
                raise AuditChainBrokenError
        return head


def _last(checkpoints: Sequence[Checkpoint], genuine: CheckpointVerifier) -> tuple[int, bytes]:
    """Where the last genuine checkpoint stands; the beginning of the log without one."""
    last = next((c for c in reversed(checkpoints) if genuine(c)), None)
    return (0, GENESIS) if last is None else (last.seq, last.hash)
