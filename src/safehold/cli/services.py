"""`safehold service`, `key` and `webhook`: who may ask, and where later decisions are told."""

from __future__ import annotations

import builtins
import datetime as dt
import json
from typing import TYPE_CHECKING, Annotated

import typer

from safehold.cli.options import HomeOption, JsonOption, open_service

if TYPE_CHECKING:
    from safehold.accounts.model import ApiKey

SERVICE_EXAMPLE = "Example: safehold service add forum"
KEY_EXAMPLE = "Example: safehold key add forum --label web --scope screen --scope digests"
WEBHOOK_EXAMPLE = "Example: safehold webhook add forum https://forum.example/safehold"

services = typer.Typer(
    no_args_is_help=True, help="Services (tenants) that may ask.", epilog=SERVICE_EXAMPLE
)
keys = typer.Typer(no_args_is_help=True, help="API keys of services.", epilog=KEY_EXAMPLE)
webhooks = typer.Typer(
    no_args_is_help=True, help="Where services hear of later decisions.", epilog=WEBHOOK_EXAMPLE
)

ServiceArgument = Annotated[str, typer.Argument(metavar="SERVICE", help="Name of the service.")]


@services.command("add", epilog=SERVICE_EXAMPLE)
def add_service(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits, '.', '_' and '-'.")],
    demo: Annotated[
        bool,
        typer.Option("--demo", help="A trial, for good: reports of its cases go to tests alone."),
    ] = False,
    home: HomeOption = None,
) -> None:
    """Add a service. Nothing of it is seen by any other."""
    with open_service(context, home) as runtime:
        service = runtime.accounts.add_service(name, demo=demo)
        print(f"{service.name}  {service.service_id}")


@services.command("list", epilog="Example: safehold service list --json")
def list_services(
    context: typer.Context, as_json: JsonOption = False, home: HomeOption = None
) -> None:
    """List the services."""
    with open_service(context, home) as runtime:
        for service in runtime.accounts.services():
            state = "disabled" if service.disabled else "active"
            if as_json:
                row = {"name": service.name, "id": service.service_id, "state": state}
                print(json.dumps(row | {"demo": service.demo}))
            else:
                demo = "  demo" if service.demo else ""
                print(f"{service.name}  {service.service_id}  {state}{demo}")


@services.command("disable", epilog="Example: safehold service disable forum")
def disable_service(context: typer.Context, name: ServiceArgument, home: HomeOption = None) -> None:
    """Refuse all keys of a service. Its cases stay."""
    with open_service(context, home) as runtime:
        runtime.accounts.disable(name)


@services.command("enable", epilog="Example: safehold service enable forum")
def enable_service(context: typer.Context, name: ServiceArgument, home: HomeOption = None) -> None:
    """Take the keys of a service again."""
    with open_service(context, home) as runtime:
        runtime.accounts.enable(name)


@keys.command("add", epilog=KEY_EXAMPLE)
def add_key(
    context: typer.Context,
    service: ServiceArgument,
    label: Annotated[str, typer.Option("--label", help="A word to tell keys apart.")] = "",
    scope: Annotated[
        builtins.list[str] | None,
        typer.Option(
            "--scope",
            help="screen, digests, flags or appeals; again for more. Default: all but digests.",
        ),
    ] = None,
    hold_status: Annotated[
        int,
        typer.Option("--hold-status", help="HTTP status of a hold, for callers that need another."),
    ] = 423,
    per_minute: Annotated[
        int | None, typer.Option("--per-minute", min=0, help="Calls a minute; 0 for no bound.")
    ] = None,
    days: Annotated[
        int | None, typer.Option("--days", min=1, help="For how many days it is taken.")
    ] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Make an API key. It is shown this once, and stored hashed."""
    from safehold.accounts.keys import KeyTerms
    from safehold.accounts.model import DEFAULT_SCOPES, Scope
    from safehold.cli.console import note
    from safehold.errors import UsageError

    try:
        scopes = frozenset(Scope(word) for word in scope) if scope else DEFAULT_SCOPES
    except ValueError:
        known = ", ".join(each.value for each in Scope)
        raise UsageError(f"--scope takes one of: {known}.") from None
    with open_service(context, home) as runtime:
        expires = runtime.clock.now() + dt.timedelta(days=days) if days else None
        terms = KeyTerms(label, scopes, hold_status, per_minute, expires)
        key, text = runtime.accounts.add_key(service, terms)
        if as_json:
            print(json.dumps(_key_row(key) | {"api_key": text}))
        else:
            note("The key is shown this once:")
            print(text)


@keys.command("list", epilog="Example: safehold key list forum")
def list_keys(
    context: typer.Context,
    service: ServiceArgument,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """List the keys of a service, without their secrets."""
    with open_service(context, home) as runtime:
        for key in runtime.accounts.keys(service):
            row = _key_row(key)
            print(json.dumps(row) if as_json else "  ".join(_word(v) for v in row.values()))


@keys.command("revoke", epilog="Example: safehold key revoke 01j9x3k7m2q8r5t6v1w4y0z2ab")
def revoke_key(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="Id of the key, as 'key list' shows it.")],
    home: HomeOption = None,
) -> None:
    """Refuse a key from now on; running servers do so within seconds."""
    from safehold.ids import KeyId

    with open_service(context, home) as runtime:
        runtime.accounts.revoke(KeyId(key))


@webhooks.command("add", epilog=WEBHOOK_EXAMPLE)
def add_webhook(
    context: typer.Context,
    service: ServiceArgument,
    url: Annotated[str, typer.Argument(help="Where it is posted to.")],
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Tell a service of later decisions. The signing secret is shown this once."""
    from safehold.cli.console import note

    with open_service(context, home) as runtime:
        webhook, secret = runtime.webhooks.add(runtime.service_id(service), url)
        if as_json:
            print(json.dumps({"id": webhook.webhook_id, "secret": secret}))
        else:
            note(f"Webhook {webhook.webhook_id}. Its signing secret is shown this once:")
            print(secret)


@webhooks.command("list", epilog="Example: safehold webhook list forum")
def list_webhooks(
    context: typer.Context,
    service: ServiceArgument,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """List the webhooks of a service, without their secrets."""
    with open_service(context, home) as runtime:
        for webhook in runtime.webhooks.list(runtime.service_id(service)):
            state = "disabled" if webhook.disabled else "active"
            row = {"id": webhook.webhook_id, "url": webhook.url, "state": state}
            print(json.dumps(row) if as_json else "  ".join(row.values()))


@webhooks.command("remove", epilog="Example: safehold webhook remove forum WEBHOOK_ID")
def remove_webhook(
    context: typer.Context,
    service: ServiceArgument,
    webhook: Annotated[str, typer.Argument(help="Id of the webhook.")],
    home: HomeOption = None,
) -> None:
    """Send nothing to a webhook any more."""
    from safehold.ids import WebhookId

    with open_service(context, home) as runtime:
        runtime.webhooks.remove(runtime.service_id(service), WebhookId(webhook))


def _word(value: object) -> str:
    """A value in a line for people: what is not set is a dash, so that columns stay in place."""
    return "-" if value in (None, "") else str(value)


def _key_row(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.key_id,
        "label": key.label,
        "scopes": ",".join(sorted(scope.value for scope in key.scopes)),
        "hold_status": key.hold_status,
        "per_minute": key.per_minute,
        "created": key.created.isoformat(timespec="seconds"),
        "expires": key.expires.isoformat(timespec="seconds") if key.expires else None,
        "state": "revoked" if key.revoked else "active",
    }
