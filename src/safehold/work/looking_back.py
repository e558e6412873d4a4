"""Looking back, joined from a home; and by which rules kept items are decided."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from safehold.accounts.model import CANARY_SERVICE
from safehold.audit.model import EventDraft
from safehold.cases.receipt import ReceiptSealer
from safehold.cases.records import Transaction
from safehold.engine.judging import Rulebook
from safehold.ids import ListName, ServiceId
from safehold.lists.building import metadata_of
from safehold.outbox.model import Alarm, AlarmCode
from safehold.policy.model import Verdict
from safehold.retro.deciding import Decider, DeciderParts
from safehold.retro.finding import Bounds
from safehold.retro.sealing import KeptSealer
from safehold.retro.service import RetroParts, RetroService
from safehold.retro.tidying import Tidier

if TYPE_CHECKING:
    from safehold.lists.model import ListInfo
    from safehold.matching.interface import OpenList, SnapshotEntry
    from safehold.retro.interface import KeptRecords
    from safehold.runtime.service import ServiceRuntime
    from safehold.screening import Rules


class SurfaceRulings:
    """The rules of surfaces as servers have them, but that faults count for nothing."""

    def __init__(self, runtime: ServiceRuntime) -> None:
        self._runtime = runtime
        self.hidden = frozenset({CANARY_SERVICE})

    def name(self, service_id: ServiceId) -> str | None:
        """The name of a service; None where there is none any more."""
        with self._runtime.records.read() as transaction:
            service = transaction.accounts.service(service_id)
        return service.name if service is not None else None

    def days(self, service_id: ServiceId, surface: str) -> float:
        """For how many days digests of what is allowed are kept."""
        name = self.name(service_id)
        options = self._runtime.surfaces.find(name, surface) if name is not None else None
        return options.keep_digests_days if options is not None else 0.0

    def rules(self, service_id: ServiceId, surface: str) -> Rules | None:
        """The rules of a surface as they are now; None where there is none any more."""
        name = self.name(service_id)
        options = self._runtime.surfaces.find(name, surface) if name is not None else None
        if options is None:
            return None
        base, canaries = self._runtime.settings.policy, ListName(CANARY_SERVICE)
        rules = Rulebook.of(options, base, canaries, canary=False).plain_rules()
        allow = Verdict.ALLOW
        policy = replace(rules.policy, fault=allow, damaged=allow, unsupported=allow)
        return replace(rules, policy=policy)

    def counts(self, service_id: ServiceId, surface: str, name: str) -> bool:
        """Whether a list counts on a surface."""
        rules = self.rules(service_id, surface)
        if rules is None or name in rules.hidden:
            return False
        return rules.lists is None or name in rules.lists


def make_tidier(runtime: ServiceRuntime, rulings: SurfaceRulings) -> Tidier:
    """What packs and forgets kept digests."""
    return Tidier(
        kept_records(runtime),
        KeptSealer(runtime.digest_key),
        runtime.ids,
        runtime.clock,
        runtime.settings.retro,
        rulings.days,
    )


def make_retro(runtime: ServiceRuntime, rulings: SurfaceRulings) -> RetroService:
    """What looks back."""
    settings, key = runtime.settings, runtime.digest_key
    sealer = KeptSealer(key)
    decider = Decider(
        DeciderParts(
            records=kept_records(runtime),
            sealer=sealer,
            receipts=ReceiptSealer(key),
            rulings=rulings,
            open_lists=runtime.lists.open,
            screening=runtime.screening,
            record=runtime.recorder.record,
            tell_flood=functools.partial(_tell_flood, runtime),
            clock=runtime.clock,
        )
    )
    matching = settings.matching
    return RetroService(
        RetroParts(
            records=kept_records(runtime),
            lists=runtime.list_store,
            open_lists=runtime.lists.open,
            changed=_changed(runtime),
            decider=decider,
            rulings=rulings,
            sealer=sealer,
            clock=runtime.clock,
            bounds=Bounds(matching.threshold, matching.quality_floor, settings.retro.max_hits),
            options=settings.retro,
            growth=settings.growth,
        )
    )


def kept_records(runtime: ServiceRuntime) -> KeptRecords:
    """The records of a home, which have kept digests."""
    return cast("KeptRecords", runtime.records)


def _changed(runtime: ServiceRuntime) -> Callable[[Sequence[SnapshotEntry], ListInfo], OpenList]:
    def opened(entries: Sequence[SnapshotEntry], info: ListInfo) -> OpenList:
        from safehold.matching.changed import ChangedList

        return ChangedList(entries, metadata_of(info, runtime.clock.now()), runtime.digest_key)

    return opened


def _tell_flood(runtime: ServiceRuntime, name: ListName, entries: int) -> None:
    now = runtime.clock.now()
    alarm = Alarm(AlarmCode.RETRO_FLOODED, now, str(name))
    event = EventDraft(
        "list.retro_flooded", now, "system", subject=str(name), data={"entries": entries}
    )

    def write(transaction: Transaction) -> None:
        transaction.audit.append([event])
        transaction.outbox.add(runtime.alarm_messages(alarm))

    runtime.commit.run(write)
