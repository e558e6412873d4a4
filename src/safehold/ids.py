"""Names of things, as types of their own so that one cannot be passed for another."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import NewType

from safehold.clock import Clock

ListName = NewType("ListName", str)
"""The name of a list, unique within a home: lower-case letters, digits, `-`, `_`, `.`."""

EntryId = NewType("EntryId", str)
"""The id of an entry within its list: the source's own, or one derived from keyed digests."""

ServiceId = NewType("ServiceId", str)
KeyId = NewType("KeyId", str)
CaseId = NewType("CaseId", str)
EvidenceId = NewType("EvidenceId", str)
OccurrenceId = NewType("OccurrenceId", str)
StatementId = NewType("StatementId", str)
DecisionId = NewType("DecisionId", str)
WebhookId = NewType("WebhookId", str)
MessageId = NewType("MessageId", str)
ServerId = NewType("ServerId", str)
UserId = NewType("UserId", str)
ViewId = NewType("ViewId", str)
ProposalId = NewType("ProposalId", str)
NoteId = NewType("NoteId", str)
HoldId = NewType("HoldId", str)
ReportId = NewType("ReportId", str)
DocumentId = NewType("DocumentId", str)
DestructionId = NewType("DestructionId", str)
ReleaseId = NewType("ReleaseId", str)
ChunkId = NewType("ChunkId", str)
SuppressionId = NewType("SuppressionId", str)

ID_LENGTH = 26
"""Characters of an id that `IdMaker` makes."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM_BYTES = 10
_STEP_BYTES = 8


class IdMaker:
    """Makes ids that nobody can guess and that sort in the order in which they were made.

    An id is 48 bits of milliseconds and 80 random bits, as 26 characters of Crockford's base 32
    in lower case (the form of a ULID). Those of one millisecond from one maker grow by a random
    step of 64 bits, so that records of one moment keep their order and the next id stays unknown.
    One maker may serve several threads.
    """

    def __init__(
        self, clock: Clock, random_bytes: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self._lock = threading.Lock()
        self._milliseconds = -1
        self._last = 0

    def __call__(self) -> str:
        """A new id."""
        with self._lock:
            number = self._next()
        letters = []
        for _ in range(ID_LENGTH):
            number, place = divmod(number, 32)
            letters.append(_ALPHABET[place])
        return "".join(reversed(letters))

    def _next(self) -> int:
        milliseconds = int(self._clock.now().timestamp() * 1000)
        if milliseconds == self._milliseconds:
            self._last += 1 + int.from_bytes(self._random_bytes(_STEP_BYTES), "big")
        else:
            # The highest bit is left free for the steps: an id must not run into the next moment.
            start = int.from_bytes(self._random_bytes(_RANDOM_BYTES), "big") >> 1
            self._milliseconds = milliseconds
            self._last = (milliseconds << 8 * _RANDOM_BYTES) | start
        return self._last
