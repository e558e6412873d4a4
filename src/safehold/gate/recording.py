"""Releases, as the ledger keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from safehold.gate.model import Account, Generation
from safehold.gate.ports import Passed
from safehold.ids import ServiceId
from safehold.ledger.model import Making, NewRelease

if TYPE_CHECKING:
    from safehold.ledger.service import LedgerService


class ReleaseRecorder:
    """Records releases. `safehold.gate.ports.ReleaseBook`; blocks, durable at return."""

    def __init__(self, ledger: LedgerService, service: ServiceId) -> None:
        self._ledger = ledger
        self._service = service

    def add(self, account: Account, about: Generation, passed: Sequence[Passed]) -> None:
        """See `ReleaseBook`."""
        if not passed:
            return
        making = Making(
            service_id=self._service,
            account=account.pseudonym,
            api=about.api.value,
            at=max(one.at for one in passed),
            told=_told(account, about),
            words=about.words,
        )
        self._ledger.add(making, [NewRelease(one.sha256, one.pdq, one.quality) for one in passed])


def _told(account: Account, about: Generation) -> dict[str, Any]:
    """What is sealed of a making."""
    models = [
        {"name": model.name, "digest": model.digest} if model.digest else {"name": model.name}
        for model in about.models
    ]
    told = {
        "account": account.name,
        "address": account.address,
        "models": models,
        "seed": about.seed,
        "job": about.job,
    }
    return {name: value for name, value in told.items() if value}
