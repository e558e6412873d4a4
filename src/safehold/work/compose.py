"""The jobs of `safehold work` and its canaries, joined from a home's settings."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Mapping, Sequence

from safehold.audit.model import EventDraft
from safehold.cases.destruction import Destruction
from safehold.custodian.compose import custodian_client, reporting_stands
from safehold.custodian.interface import Custodian
from safehold.errors import UsageError
from safehold.fleet.model import CanaryResult
from safehold.ids import CaseId, ServerId
from safehold.lists.model import list_name
from safehold.outbox.delivery import Deliverer, DeliverySettings
from safehold.outbox.model import AlarmCode
from safehold.runtime.service import NotReadyHomeError, ServiceRuntime
from safehold.work.alarms import Alarms
from safehold.work.canary.door import DoorOptions
from safehold.work.canary.model import CanaryCode, CanaryParts, Pace
from safehold.work.canary.picture import PURPOSE
from safehold.work.canary.run import Canaries
from safehold.work.jobs.canary import SendCanaries
from safehold.work.jobs.checkpoint import LogIdentity, SignCheckpoint
from safehold.work.jobs.compact import Compact
from safehold.work.jobs.deadlines import Deadlines
from safehold.work.jobs.deliver import Deliver
from safehold.work.jobs.floods import SetFloodsAside
from safehold.work.jobs.forget import Forget, Keeping
from safehold.work.jobs.local_list import LocalList, LocalListParts
from safehold.work.jobs.opinions import TellOpinions
from safehold.work.jobs.reports import SendReports
from safehold.work.jobs.retention import Retention
from safehold.work.jobs.retro import LookBack
from safehold.work.jobs.review import Review
from safehold.work.jobs.sync import SyncList
from safehold.work.jobs.watch import Watch, Watched
from safehold.work.looking_back import SurfaceRulings, make_retro, make_tidier
from safehold.work.ports import Job, Log, Quiet
from safehold.work.schedule import Timing
from safehold.work.setting_aside import flood_parts
from safehold.work.telling import opinion_parts


def work_jobs(runtime: ServiceRuntime, log: Log) -> Sequence[Job]:
    """All jobs, made here and now in the thread that owns `runtime`.

    Raises:
        NotReadyHomeError: `safehold init` was not run.
        UsageError: a file that the settings name cannot be read.
    """
    settings, options = runtime.settings, runtime.settings.work
    records, clock = runtime.records, runtime.clock
    alarms = _alarms(runtime)
    custodian = custodian_client(runtime)

    def every(minutes: float) -> Timing:
        return Timing(minutes * 60.0, options.jitter, options.retry_seconds)

    delivery = DeliverySettings(outbound=settings.outbound, alarms=settings.alarms)
    sealer, rulings, retro = runtime.secret_sealer, SurfaceRulings(runtime), settings.retro
    watched = Watched(
        lists=runtime.lists,
        surfaces=runtime.surfaces,
        room=runtime.room,
        records=records,
        custodian=custodian.status,
        bounds=settings.intake,
        reports=lambda: reporting_stands(runtime, custodian),
    )
    keeping = Keeping(
        answers=dt.timedelta(days=settings.intake.answer_days),
        messages=dt.timedelta(days=options.message_days),
        usage=dt.timedelta(minutes=options.usage_minutes),
        servers=dt.timedelta(hours=options.server_hours),
        rows=options.forget_rows,
    )
    jobs: list[Job] = [
        Deliver(
            Deliverer(records, clock, runtime.ids, sealer, delivery),
            every(options.deliver_seconds / 60.0),
        ),
        Deadlines(runtime.cases, every(options.deadline_minutes)),
        Review(runtime.reviews, runtime.views, every(options.deadline_minutes)),
        Forget(records, clock, keeping, every(options.forget_minutes), runtime.ledger.forget),
        SignCheckpoint(
            records,
            custodian,
            LogIdentity(runtime.log_id),
            clock,
            alarms,
            every(options.checkpoint_minutes),
        ),
        Watch(watched, clock, alarms, every(options.check_minutes)),
        Compact(runtime.lists, every(settings.growth.compact_minutes)),
        LookBack(
            make_retro(runtime, rulings),
            make_tidier(runtime, rulings),
            every(retro.minutes or options.forget_minutes),
            looks=bool(retro.minutes),
        ),
        SetFloodsAside(
            flood_parts(runtime), every(settings.flood.minutes or options.forget_minutes)
        ),
        SendReports(
            runtime.reports,
            lambda case_id: _key_name(runtime, case_id),
            custodian,
            every(settings.reporting.send_seconds / 60.0),
        ),
        Retention(
            runtime.retention,
            lambda destruction: _attested(custodian, destruction),
            lambda due, near: _tell_retention(alarms, due, near),
            every(settings.retention.minutes),
        ),
    ]
    jobs += [
        SyncList(
            name,
            runtime.sync,
            alarms,
            lambda subject, counts: _tell_synced(runtime, subject, counts),
            clock,
            every(exchange.minutes),
        )
        for name, exchange in sorted(settings.exchanges.items())
        if exchange.minutes
    ]
    if any(exchange.opinions for exchange in settings.exchanges.values()):
        jobs.append(TellOpinions(opinion_parts(runtime), every(options.deadline_minutes)))
    if settings.review.local_list:
        jobs.append(LocalList(_local_list(runtime), every(options.deadline_minutes)))
    if options.canary_minutes:
        pace = Pace(
            dt.timedelta(minutes=options.canary_minutes),
            dt.timedelta(minutes=options.canary_retry_minutes),
        )
        canaries = make_canaries(runtime, log)
        expected = (options.servers, alarms)
        jobs.append(SendCanaries(canaries, records, clock, pace, expected))
    return jobs


def _local_list(runtime: ServiceRuntime) -> LocalListParts:
    return LocalListParts(
        name=list_name(runtime.settings.review.local_list),
        records=runtime.records,
        lists=runtime.list_store,
        syncs=runtime.syncs,
        quality_floor=runtime.settings.matching.quality_floor,
        clock=runtime.clock,
        tell=lambda subject, counts: _tell_synced(runtime, subject, counts),
    )


def _tell_synced(runtime: ServiceRuntime, subject: str, counts: Mapping[str, int]) -> None:
    event = EventDraft("list.synced", runtime.clock.now(), "system", subject=subject, data=counts)
    with runtime.records.write() as transaction:
        transaction.audit.append([event])


def _attested(custodian: Custodian, destruction: Destruction) -> tuple[bytes, bytes]:
    made = custodian.attest_destruction(destruction.destruction_id)
    return made.text, made.signature


def _tell_retention(alarms: Alarms, due: int, near: int) -> None:
    if due:
        alarms.write(AlarmCode.RETENTION_DUE)
    if near:
        alarms.write(AlarmCode.RETENTION_NEAR)


def make_canaries(runtime: ServiceRuntime, log: Log) -> Canaries:
    """What sends canaries.

    Raises:
        NotReadyHomeError: `safehold init` was not run.
        UsageError: a file that the settings name cannot be read.
    """
    options = runtime.settings.work
    try:
        api_key = runtime.home.canary_key.read_text("ascii").strip()
    except OSError as error:
        raise NotReadyHomeError from error
    parts = CanaryParts(
        records=runtime.records,
        names=runtime.names,
        cases=runtime.cases,
        vault=runtime.vault,
        custodian=custodian_client(runtime),
        lists=runtime.lists,
        secret=runtime.digest_key.derive(PURPOSE),
        clock=runtime.clock,
    )
    door = DoorOptions(
        api_key, options.canary_seconds, _tls(options.canary_ca_file), options.canary_tls_name
    )
    return Canaries(parts, door, options.canary_list_seconds, _alarms(runtime), log)


def send_canaries(runtime: ServiceRuntime, log: Log | None = None) -> Sequence[CanaryResult]:
    """Send a canary through every server that runs, now.

    Where fewer run than `work.servers` says, the last result has the code `no_server` and no
    server's id.

    Raises:
        NotReadyHomeError: `safehold init` was not run.
        SafeholdError: the database, or the canaries' list, cannot be written.
    """
    canaries = make_canaries(runtime, log or Quiet())
    servers = canaries.servers()
    results = canaries.send(servers)
    if len(servers) >= max(1, runtime.settings.work.servers):
        return results
    missing = CanaryResult(ServerId(""), runtime.clock.now(), CanaryCode.NO_SERVER.value, 0.0)
    return (*results, missing)


def _key_name(runtime: ServiceRuntime, case_id: CaseId) -> str | None:
    with runtime.records.read() as transaction:
        case = transaction.cases.find(case_id)
    return case.key_name if case is not None else None


def _alarms(runtime: ServiceRuntime) -> Alarms:
    return Alarms(runtime.records, runtime.alarm_messages, runtime.clock)


def _tls(file: str) -> ssl.SSLContext | None:
    if not file:
        return None
    try:
        return ssl.create_default_context(cafile=file)
    except (OSError, ssl.SSLError) as error:
        raise UsageError("The file of the setting work.canary_ca_file cannot be read.") from error
