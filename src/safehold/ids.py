"""Names of things, as types of their own so that one cannot be passed for another."""

from __future__ import annotations

import secrets
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


class IdMaker:
    """Makes ids that nobody can guess and that sort by the time at which they were made.

    An id is 48 bits of milliseconds and 80 random bits, as 26 characters of Crockford's base 32
    in lower case (the form of a ULID).
    """

    def __init__(
        self, clock: Clock, random_bytes: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._clock = clock
        self._random_bytes = random_bytes

    def __call__(self) -> str:
        """A new id."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        number = int.from_bytes(
            milliseconds.to_bytes(6, "big") + self._random_bytes(_RANDOM_BYTES), "big"
        )
        letters = []
        for _ in range(ID_LENGTH):
            number, place = divmod(number, 32)
            letters.append(_ALPHABET[place])
        return "".join(reversed(letters))
