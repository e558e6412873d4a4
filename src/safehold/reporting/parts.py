"""What preparing and approving reports needs, joined by the composition root."""

from __future__ import annotations

from dataclasses import dataclass

from safehold.clock import Clock
from safehold.ids import IdMaker
from safehold.reporting.options import CybertipOptions, ReportingOptions
from safehold.reporting.records import ReportRecords
from safehold.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class ReportParts:
    """Stores and settings of reports.

    Attributes:
        records: reports, cases, people and audit log.
        vault: seals what an officer adds; nothing is opened here.
        ids, clock: new ids, the present moment.
        options, cybertip: settings.
    """

    records: ReportRecords
    vault: Vault
    ids: IdMaker
    clock: Clock
    options: ReportingOptions
    cybertip: CybertipOptions
