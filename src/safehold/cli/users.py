"""`safehold user`: who works in the review console."""

from __future__ import annotations

import builtins
import json
from typing import TYPE_CHECKING, Annotated

import typer

from safehold.cli.options import HomeOption, JsonOption, open_service

if TYPE_CHECKING:
    import datetime as dt

    from safehold.runtime.service import ServiceRuntime
    from safehold.users.model import User
    from safehold.users.roles import Role

EXAMPLE = "Example: safehold user add alex --role reviewer"
_BY = "operator"

app = typer.Typer(no_args_is_help=True, help="People of the review console.", epilog=EXAMPLE)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the user.")]
RoleOption = Annotated[
    builtins.list[str],
    typer.Option(
        "--role",
        help="reviewer, approver, officer, auditor or admin; again for more. Auditor and admin go "
        "with none of the others.",
    ),
]


@app.command("add", epilog=EXAMPLE)
def add_user(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits, '.', '_' and '-'.")],
    role: RoleOption,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Add a user. The set-up code is shown this once; with it they choose their own password."""
    with open_service(context, home) as runtime:
        user, code = runtime.users.add(name, _roles(role), _BY)
        _show_code(user, code, as_json)


@app.command("list", epilog="Example: safehold user list --json")
def list_users(
    context: typer.Context, as_json: JsonOption = False, home: HomeOption = None
) -> None:
    """List the users, their roles, and how far they have come."""
    with open_service(context, home) as runtime:
        now = runtime.clock.now()
        for user in runtime.users.users():
            row = _row(runtime, user, now)
            if as_json:
                print(json.dumps(row))
            else:
                roles = ",".join(sorted(user.roles))
                print(f"{user.name}  {user.user_id}  {roles}  {row['state']}")


@app.command("reset", epilog="Example: safehold user reset alex")
def reset_user(
    context: typer.Context, name: NameArgument, as_json: JsonOption = False, home: HomeOption = None
) -> None:
    """Remove a user's password, second factors and sessions. A new set-up code is shown."""
    with open_service(context, home) as runtime:
        user_id = runtime.users.named(name).user_id
        code = runtime.users.reset(user_id, _BY)
        _show_code(runtime.users.user(user_id), code, as_json)


@app.command("disable", epilog="Example: safehold user disable alex")
def disable_user(context: typer.Context, name: NameArgument, home: HomeOption = None) -> None:
    """Let a user sign in no more, and end their sessions."""
    with open_service(context, home) as runtime:
        runtime.users.disable(runtime.users.named(name).user_id, _BY)


@app.command("enable", epilog="Example: safehold user enable alex")
def enable_user(context: typer.Context, name: NameArgument, home: HomeOption = None) -> None:
    """Let a user sign in again."""
    with open_service(context, home) as runtime:
        runtime.users.enable(runtime.users.named(name).user_id, _BY)


@app.command("role", epilog="Example: safehold user role alex --role reviewer --role approver")
def set_roles(
    context: typer.Context, name: NameArgument, role: RoleOption, home: HomeOption = None
) -> None:
    """Give a user these roles in place of those they have, and end their sessions."""
    with open_service(context, home) as runtime:
        runtime.users.set_roles(runtime.users.named(name).user_id, _roles(role), _BY)


@app.command(
    "link",
    epilog="Example: safehold user link alex --issuer https://id.example --subject 248289761001",
)
def link_user(
    context: typer.Context,
    name: NameArgument,
    issuer: Annotated[
        str, typer.Option("--issuer", help="The identity provider, exactly as it names itself.")
    ],
    subject: Annotated[
        str, typer.Option("--subject", help="The user's subject ('sub') at that provider.")
    ],
    home: HomeOption = None,
) -> None:
    """Let a user sign in at an identity provider in place of the password."""
    with open_service(context, home) as runtime:
        runtime.users.link_oidc(runtime.users.named(name).user_id, f"{issuer} {subject}", _BY)


def _roles(words: builtins.list[str]) -> frozenset[Role]:
    from safehold.errors import UsageError
    from safehold.users.roles import Role

    try:
        return frozenset(Role(word) for word in words)
    except ValueError:
        known = ", ".join(each.value for each in Role)
        raise UsageError(f"--role takes one of: {known}.") from None


def _show_code(user: User, code: str, as_json: bool) -> None:
    """A set-up code goes to the output, what people need to know to the terminal."""
    from safehold.cli.console import note

    until = _moment(user.setup_until)
    if as_json:
        print(json.dumps({"name": user.name, "id": user.user_id, "code": code, "until": until}))
        return
    note(f"Set-up code of {user.name}, shown this once, taken until {until}:")
    print(code)


def _row(runtime: ServiceRuntime, user: User, now: dt.datetime) -> dict[str, object]:
    factors = ["passkey"] * len(runtime.users.passkeys(user.user_id))
    if user.totp is not None:
        factors.insert(0, "totp")
    return {
        "name": user.name,
        "id": user.user_id,
        "roles": sorted(user.roles),
        "state": _state(user, bool(factors), now),
        "factors": factors,
        "linked": bool(user.oidc),
        "created": _moment(user.created),
        "setup_until": _moment(user.setup_until),
    }


def _state(user: User, has_factor: bool, now: dt.datetime) -> str:
    if user.disabled is not None:
        return "disabled"
    if user.password and has_factor:
        return "waiting" if user.locked_until is not None and now < user.locked_until else "active"
    usable = user.setup_until is not None and now < user.setup_until
    return "setting_up" if usable else "needs_reset"


def _moment(value: dt.datetime | None) -> str | None:
    return None if value is None else value.isoformat(timespec="seconds")
