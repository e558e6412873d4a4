"""The server's parts, joined from a home."""

from __future__ import annotations

import dataclasses
import sys

from safehold import __version__
from safehold.accounts.budgets import Budgets
from safehold.accounts.model import CANARY_SERVICE
from safehold.accounts.probing import ProbeWatch
from safehold.accounts.service import exchange_usage
from safehold.engine.checks import home_checks
from safehold.engine.classifying import LazyClassifiers
from safehold.engine.remote import lazy_matchers
from safehold.fleet.model import CanaryResult, Server
from safehold.ids import ListName, ServerId, ServiceId
from safehold.intake.model import Answer
from safehold.outbox.model import AlarmCode
from safehold.policy.model import Verdict
from safehold.reporting.environment import can_report
from safehold.reporting.model import Environment
from safehold.runtime.log import Log, json_log
from safehold.runtime.service import ServiceRuntime
from safehold.runtime.trust import make_suppression_view
from safehold.server.ports import Door, ServerParts

_UNREAD = bytes(16)
"""Stands for the bytes of items that were not read, since their surface is switched off."""


def server_parts(runtime: ServiceRuntime, log: Log | None = None) -> ServerParts:
    """All parts of a server, made here and now in the thread that owns `runtime`."""
    settings = runtime.settings
    budgets = Budgets()
    usage_id = runtime.ids()
    watch = ProbeWatch(settings.probing)
    classifiers = tuple(
        dataclasses.replace(options, name=name) for name, options in settings.classifiers.items()
    )

    def unread(service: ServiceId) -> Answer:
        return Answer(Verdict.ALLOW, runtime.intake.new_receipt(service, _UNREAD))

    def share_usage() -> None:
        exchange_usage(runtime.records, usage_id, budgets, runtime.clock.now())

    def seen(server: Server) -> None:
        with runtime.records.write() as transaction:
            transaction.fleet.seen(server)

    def gone(server_id: ServerId) -> None:
        with runtime.records.write() as transaction:
            transaction.fleet.gone(server_id)

    def canary(server_id: ServerId) -> CanaryResult | None:
        with runtime.records.read() as transaction:
            return transaction.fleet.canary(server_id)

    asking = LazyClassifiers(classifiers, settings.outbound, runtime.clock) if classifiers else None
    door = Door(
        keys=runtime.authenticator,
        recorder=runtime.recorder,
        receipts=runtime.receipts,
        statements=runtime.statements,
        unread=unread,
        spend=budgets.spend,
        exchange_usage=share_usage,
        watch=watch.note,
        alarm=runtime.raise_alarm,
        seen=seen,
        gone=gone,
        canary=canary,
        classifiers=asking,
        matchers=lazy_matchers(settings, runtime.clock),
        keeping=runtime.keeper if runtime.surfaces.keep_digests else None,
        suppressing=make_suppression_view(runtime),
    )
    return ServerParts(
        door=door,
        options=settings.server,
        budgets=settings.budgets,
        write_threads=settings.intake.write_threads,
        surfaces=runtime.surfaces,
        policy=settings.policy,
        names=runtime.names,
        lists=runtime.lists,
        screening=runtime.screening,
        pool=runtime.new_workers,
        request=runtime.examine_options.as_request(),
        classifiers=classifiers,
        canary_list=ListName(CANARY_SERVICE),
        checks=home_checks(runtime),
        notes=_notes(runtime),
        clock=runtime.clock,
        ids=runtime.ids,
        log=log or json_log(sys.stdout),
        software=__version__,
    )


def _notes(runtime: ServiceRuntime) -> tuple[str, ...]:
    """What an operator may want to know from the settings alone."""
    settings = runtime.settings
    # Whether the custodian has the password too, its alarm and the page of health say.
    named = (Environment.PRODUCTION.value,) if settings.cybertip.username else ()
    missing = can_report(settings.reporting, settings.cybertip, named)
    return (AlarmCode.REPORTING_UNREADY.value,) if missing else ()
