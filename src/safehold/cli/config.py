"""`safehold config show`: the settings as they are in force."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Iterator, Mapping
from typing import Any

import typer

from safehold.cli.options import HomeOption, JsonOption

EXAMPLE = "Example: safehold config show"

app = typer.Typer(no_args_is_help=True, help="Settings.", epilog=EXAMPLE)

SECRET = ("password", "secret", "access_key", "api_key", "database", "webhook_url", "mail_to")
"""A setting with one of these words in its name is shown as set or not, never its value."""


@app.command("show", epilog=EXAMPLE)
def show(
    context: typer.Context,
    changed: bool = typer.Option(False, "--changed", help="Only those that are not the default."),
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Show every setting as it is in force. Secrets are shown as set, never themselves.

    A setting comes, first found first taken, from the command line, from an environment
    variable, from config.toml in the home, or is the default.
    """
    from safehold.config import Settings, load_settings

    settings = load_settings(home=home or context.obj)
    defaults = dict(flat(Settings.model_construct()))
    for name, value in flat(settings):
        if changed and defaults.get(name) == value:
            continue
        shown = _shown(name, value)
        print(json.dumps({"setting": name, "value": shown}) if as_json else f"{name} = {shown!r}")


def flat(settings: Any) -> Iterator[tuple[str, Any]]:
    """Every setting's dotted name and its value."""
    for name in type(settings).model_fields:
        yield from _flat(name, getattr(settings, name))


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _flat(f"{name}.{field.name}", getattr(value, field.name))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}", inner)
    else:
        yield name, value


def _shown(name: str, value: Any) -> Any:
    if any(word in name for word in SECRET) and not isinstance(value, bool):
        return "(set)" if value else ""
    if isinstance(value, enum.Enum):
        return value.value
    return value if isinstance(value, str | int | float | type(None)) else _plain(value)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else str(value)
