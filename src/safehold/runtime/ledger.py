"""The ledger and tracing, joined from a home."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from safehold.ledger.service import LedgerParts, LedgerService, Write
from safehold.ledger.tracing import Tracing, TracingParts
from safehold.vault.sealing import seal

if TYPE_CHECKING:
    from collections.abc import Callable

    from safehold.cases.records import Transaction
    from safehold.runtime.service import ServiceRuntime


def make_ledger(runtime: ServiceRuntime) -> LedgerService:
    """The ledger. Its writes share transactions with those of cases."""
    officers, commit = runtime.officers, runtime.commit

    def write(job: Write) -> None:
        # The transactions of a home have every store, the ledger among them.
        commit.run(cast("Callable[[Transaction], None]", job))

    return LedgerService(
        LedgerParts(
            records=runtime.records,
            seal=lambda content: seal(officers.recipients(), content),
            names=runtime.names,
            ids=runtime.ids,
            clock=runtime.clock,
            options=runtime.settings.ledger,
            commit=write,
        )
    )


def make_tracing(runtime: ServiceRuntime) -> Tracing:
    """What traces files for people."""
    return Tracing(TracingParts(runtime.records, runtime.ledger, runtime.ids, runtime.clock))
