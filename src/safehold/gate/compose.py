"""The gate's parts, joined from a home."""

from __future__ import annotations

import dataclasses
import importlib
import re
import sys
from dataclasses import dataclass, field

from safehold.accounts.model import CANARY_SERVICE, UnknownServiceError
from safehold.config.gates import GateOptions
from safehold.engine.checks import home_checks
from safehold.engine.classifying import LazyClassifiers
from safehold.engine.judging import Rulebook
from safehold.engine.remote import lazy_matchers
from safehold.gate.interface import Adapter
from safehold.gate.model import Api, GateSetupError
from safehold.gate.parts import GateParts
from safehold.gate.ports import ReleaseBook, RepeatWatch
from safehold.gate.rules.moderation import Moderation
from safehold.gate.rules.rulebook import WatchedRulebook
from safehold.gate.upstream import Base, Upstream
from safehold.ids import ListName, ServiceId
from safehold.policy.surfaces import SurfaceOptions
from safehold.runtime.log import Log, json_log
from safehold.runtime.networks import Network, parse_networks
from safehold.runtime.service import ServiceRuntime
from safehold.runtime.trust import make_suppression_view

_HEADER = re.compile(r"[A-Za-z0-9-]{0,64}")


@dataclass(frozen=True, slots=True)
class GatePlan:
    """What a gate is asked to be.

    Attributes:
        upstream: address of the generation service.
        api: the shape of its API.
        options: bounds and choices.
        behind_proxy: whether a proxy stands before the gate, whose word on callers counts.
    """

    upstream: str = field(repr=False)
    api: Api
    options: GateOptions
    behind_proxy: bool = False


def gate_parts(
    runtime: ServiceRuntime,
    plan: GatePlan,
    log: Log | None = None,
    adapter: Adapter | None = None,
) -> GateParts:
    """All parts of a gate, made here and now in the thread that owns `runtime`.

    `adapter` takes the place of the one that speaks the plan's API.

    Raises:
        GateSetupError, GateRulesError, UnknownServiceError: it cannot be as it is asked to be.
    """
    settings, options = runtime.settings, plan.options
    log = log or json_log(sys.stdout)
    base = Base.of(plan.upstream)
    if _HEADER.fullmatch(options.account_header) is None:
        raise GateSetupError("The setting gate.account_header is no name of a header.")
    service = _service(runtime, options)
    surface = _surface(runtime, options)
    proxies = _networks(options.proxies, "gate.proxies") if plan.behind_proxy else ()
    monitors = _networks(options.monitors, "gate.monitors")
    classifiers = tuple(
        dataclasses.replace(one, name=name) for name, one in settings.classifiers.items()
    )
    asking = LazyClassifiers(classifiers, settings.outbound, runtime.clock)
    return GateParts(
        adapter=adapter or _adapter(plan.api, options),
        upstream=lambda: Upstream(base, options, settings.outbound),
        options=options,
        server=settings.server,
        service=service,
        proxies=proxies,
        monitors=monitors,
        rulebook=Rulebook.of(surface, settings.policy, ListName(CANARY_SERVICE), canary=False),
        rules=WatchedRulebook(options.terms, options.models, log),
        moderating=Moderation(classifiers, options.moderation, asking),
        repeats=_repeats(runtime, service),
        book=_book(runtime, service),
        recorder=runtime.recorder,
        names=runtime.names,
        lists=runtime.lists,
        screening=runtime.screening,
        pool=runtime.new_workers,
        request=runtime.examine_options.as_request(),
        clock=runtime.clock,
        ids=runtime.ids,
        log=log,
        write_threads=settings.intake.write_threads,
        classifiers=classifiers,
        asking=asking,
        matchers=lazy_matchers(settings, runtime.clock),
        keeping=runtime.keeper if runtime.surfaces.keep_digests else None,
        suppressing=make_suppression_view(runtime),
        checks=home_checks(runtime),
    )


def _service(runtime: ServiceRuntime, options: GateOptions) -> ServiceId:
    if not options.service:
        raise GateSetupError(
            "The gate needs the service to which its cases belong.",
            hint="Name it by --service, or in the setting gate.service.",
        )
    with runtime.records.read() as transaction:
        service = transaction.accounts.service_named(options.service)
    if service is None or options.service == CANARY_SERVICE:
        raise UnknownServiceError
    if service.disabled is not None:
        raise GateSetupError("That service is disabled.", hint="Run: safehold service enable NAME")
    return service.service_id


def _surface(runtime: ServiceRuntime, options: GateOptions) -> SurfaceOptions:
    surface = runtime.surfaces.find(options.service, options.surface)
    if surface is None:
        raise GateSetupError(
            "There is no such surface.", hint="'safehold config show' names the surfaces there are."
        )
    if not surface.enabled:
        # What is allowed unread at other doors would here pass on whatever is generated.
        raise GateSetupError(
            "That surface is switched off, so the gate could check nothing.",
            hint="Set its 'enabled', or name another by --surface.",
        )
    return surface


def _networks(texts: tuple[str, ...], setting: str) -> tuple[Network, ...]:
    try:
        return parse_networks(texts)
    except ValueError:
        raise GateSetupError(
            f"The setting {setting} names something that is no network.",
            hint="Write networks such as 172.16.0.0/12 or fd00::/8.",
        ) from None


def _adapter(api: Api, options: GateOptions) -> Adapter:
    module = importlib.import_module(f"safehold.gate.apis.{api.value}")
    adapter: Adapter = module.adapter(options)
    return adapter


def _repeats(runtime: ServiceRuntime, service: ServiceId) -> RepeatWatch:
    from safehold.gate.repeats import RepeatParts, Repeats

    return Repeats(
        RepeatParts(
            records=runtime.records,
            service_id=service,
            options=runtime.settings.repeats,
            clock=runtime.clock,
            ids=runtime.ids,
            alarms=runtime.alarm_messages,
            secret=runtime.secret_sealer.open,
        )
    )


def _book(runtime: ServiceRuntime, service: ServiceId) -> ReleaseBook:
    from safehold.gate.recording import ReleaseRecorder

    return ReleaseRecorder(runtime.ledger, service)
