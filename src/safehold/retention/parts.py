"""What retention works with, joined by the composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from safehold.cases.destroying import Destroyer
from safehold.cases.destruction import Destruction
from safehold.clock import Clock
from safehold.retention.interface import RetentionRecords
from safehold.retention.options import RetentionOptions

Attest = Callable[[Destruction], tuple[bytes, bytes]]
"""Has the record of a destruction signed: its text and the signature. Raises `SafeholdError`."""


@dataclass(frozen=True, slots=True)
class RetentionParts:
    """Stores and settings of retention.

    Attributes:
        records: cases, reports, holds, destructions and audit log.
        destroyer: destroys.
        clock: the present moment.
        options: how long.
    """

    records: RetentionRecords
    destroyer: Destroyer
    clock: Clock
    options: RetentionOptions
