"""Joins the console's parts from a home."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

from safehold.console.health_lines import look
from safehold.console.ports import ConsoleParts
from safehold.console.routes import ROUTES
from safehold.console.templates_env import Environment
from safehold.custodian.compose import custodian_client
from safehold.custodian.verifying import audit_report, checkpoint_verifier

if TYPE_CHECKING:
    from safehold.audit.model import Checkpoint
    from safehold.ids import ServiceId
    from safehold.runtime.service import ServiceRuntime

CLIENT_PURPOSE = "safehold console client"
"""What the key is derived for under which sessions are bound to browsers."""


def console_parts(
    runtime: ServiceRuntime, origin: str = "", *, demo: bool = False, secure: bool | None = None
) -> ConsoleParts:
    """The console's parts.

    Args:
        runtime: the home.
        origin: the address under which people reach the console; the setting's by default.
        demo: whether every page says that it is a demonstration.
        secure: whether cookies are for TLS alone; by default where the address is of https.
    """
    settings = runtime.settings
    address = origin or settings.console.origin
    custodian = custodian_client(runtime)
    return ConsoleParts(
        records=runtime.records,
        users=runtime.users,
        sign_in=runtime.sign_in_at(address),
        reviews=runtime.reviews,
        views=runtime.views,
        reports=runtime.reports,
        retention=runtime.retention,
        transparency=runtime.transparency,
        custodian=custodian,
        lists=runtime.lists.show,
        service_names=functools.partial(service_names, runtime),
        verify_audit=functools.partial(audit_report, runtime),
        templates=Environment(ROUTES),
        clock=runtime.clock,
        options=dataclasses.replace(settings.console, origin=address),
        review=settings.review,
        secure=address.startswith("https://") if secure is None else secure,
        demo=demo,
        surfaces=runtime.surfaces,
        health=functools.partial(look, runtime, custodian),
        is_genuine=functools.partial(is_genuine, runtime),
        client_key=runtime.digest_key.derive(CLIENT_PURPOSE),
        reporter=settings.reporter,
        reporting=settings.reporting,
        cybertip=settings.cybertip,
    )


def service_names(runtime: ServiceRuntime) -> dict[ServiceId, str]:
    """Ids and names of the services there are."""
    with runtime.records.read() as transaction:
        return {one.service_id: one.name for one in transaction.accounts.services()}


def is_genuine(runtime: ServiceRuntime, checkpoint: Checkpoint) -> bool:
    """Whether a checkpoint has a right signature; the file of keys is read each time."""
    return checkpoint_verifier(runtime)(checkpoint)
