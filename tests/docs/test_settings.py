"""The reference of settings says what the code does, and nothing else."""

from __future__ import annotations

import dataclasses
import enum
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from safehold.accounts.authenticator import AuthenticatorOptions
from safehold.config import PREFIX, Settings, load_settings
from safehold.config.settings import GROUPS, TABLES, SettingsError
from safehold.custodian.server import ServeOptions
from safehold.lists.importing import ImportLimits
from safehold.matching.linear import SearchOptions
from safehold.media.sandbox.interface import SandboxOptions
from safehold.outbox.schedule import DeliveryOptions
from safehold.scan.examine import FlowOptions
from safehold.storage.engine import PostgresOptions, SqliteOptions
from safehold.users.passwords import PasswordOptions
from safehold.vault.s3 import S3Options
from safehold.vault.vault import VaultOptions
from tests.docs.pages import code, reference, rows, section

PAGE = reference("settings.md")
ALL = rows(PAGE.split("## Other variables")[0])
SETTINGS = {code(row[0]): row for row in ALL if ".NAME." not in row[0]}
IN_TABLES = {code(row[0]): row for row in ALL if ".NAME." in row[0]}
FIXED = {code(row[0]): row for row in rows(section(PAGE, "Bounds that cannot be set yet"))}

WORDED = {
    "home": "`$XDG_DATA_HOME/safehold`, else `~/.local/share/safehold`",
    "database": "empty: the file `safehold.db` in the data folder",
    "kernel_cache": "`$XDG_CACHE_HOME/safehold/kernels`, else `~/.cache/safehold/kernels`",
    "workers": "number of cores",
}
"""Defaults that depend on the machine are said in words."""

MUST_BE_GIVEN = {
    "classifiers.NAME.url",
    "classifiers.NAME.kind",
    "classifiers.NAME.mark",
    "exchanges.NAME.kind",
    "matchers.NAME.kind",
}
"""Settings whose default is refused."""

NOT_SAID = {"surfaces.NAME.public"}
"""Settings without which nothing is said."""

NOT_BOUNDS = {
    SandboxOptions: {
        "job",
        "warm_up",
        "settings",
        "workers",
        "limits",
        "python_path",
        "environment",
        "python",
    },
    S3Options: {"endpoint", "region", "access_key_id", "secret_access_key", "allow_http"},
    ServeOptions: {"users"},
    DeliveryOptions: {"schedule_seconds"},
}
"""Fields that the program sets itself, or that other settings or pages tell."""

FIXED_KINDS = (
    ImportLimits,
    SearchOptions,
    FlowOptions,
    SandboxOptions,
    SqliteOptions,
    PostgresOptions,
    AuthenticatorOptions,
    VaultOptions,
    S3Options,
    ServeOptions,
    DeliveryOptions,
    PasswordOptions,
)


def flat_settings() -> dict[str, Any]:
    """Every setting's dotted name and default; fields of an options class one by one."""
    found: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        default = field.default
        if name in TABLES:
            continue
        if dataclasses.is_dataclass(default) and not isinstance(default, type):
            for inner in dataclasses.fields(default):
                found[f"{name}.{inner.name}"] = getattr(default, inner.name)
        else:
            found[name] = field
    return found


def flat_tables() -> dict[str, Any]:
    """Every setting of a table and its default. A table's name is the name of what it sets."""
    return {
        f"{table}.NAME.{field.name}": field.default
        for table, kind in TABLES.items()
        for field in dataclasses.fields(kind)
        if field.name != "name"
    }


def written(value: Any) -> str:
    """A default as the page writes it."""
    if value is None:
        return "as `policy`"
    if value in ("", ()):
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, enum.Enum):
        return f"`{value.value}`"
    return f"`{', '.join(value)}`" if isinstance(value, tuple) else f"`{value}`"


def test_every_setting_is_documented_and_none_is_invented() -> None:
    assert set(SETTINGS) == set(flat_settings())
    assert set(IN_TABLES) == set(flat_tables())
    assert set(GROUPS) == {name.split(".")[0] for name in SETTINGS if "." in name}


def test_every_default_is_right() -> None:
    worded = dict(WORDED)
    for name, default in flat_settings().items():
        expected = worded.pop(name) if isinstance(default, FieldInfo) else written(default)
        assert SETTINGS[name][2] == expected, name
    assert not worded
    for name, default in flat_tables().items():
        expected = "none" if name in MUST_BE_GIVEN else written(default)
        expected = "not said" if name in NOT_SAID else expected
        assert IN_TABLES[name][1] == expected, name


def test_every_variable_is_right() -> None:
    for name, row in SETTINGS.items():
        assert code(row[1]) == PREFIX + name.upper().replace(".", "__")


def another(default: Any) -> tuple[str, Any]:
    """A value that is not the default, as a variable gives it and as it is read."""
    if isinstance(default, bool):
        return str(not default).lower(), not default
    if isinstance(default, tuple):
        return "one, two:2", ("one", "two:2")
    if isinstance(default, enum.Enum):
        return "block", "block"
    if isinstance(default, int | float):
        return "7", 7
    return "tls", "tls"


def test_variables_set_what_they_are_said_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    defaults = flat_settings()
    monkeypatch.setenv("SAFEHOLD_HOME", str(tmp_path))
    grouped = {name: row for name, row in SETTINGS.items() if name not in WORDED}
    for name, row in grouped.items():
        monkeypatch.setenv(code(row[1]), another(defaults[name])[0])
    settings = Settings()
    for name in grouped:
        group, _, inner = name.partition(".")
        assert getattr(getattr(settings, group), inner) == another(defaults[name])[1], name
    assert settings.home == tmp_path


def test_tables_are_set_by_the_file_and_by_json(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text(
        '[surfaces.public]\nlists = ["a"]\n[surfaces."forum:avatars"]\nfail = "open"\n'
    )
    monkeypatch.setenv("SAFEHOLD_HOME", str(tmp_path))
    monkeypatch.setenv("SAFEHOLD_SURFACES", json.dumps({"public": {"threshold": 20}}))
    surfaces = load_settings().surfaces
    assert (surfaces["public"].lists, surfaces["public"].threshold) == (("a",), 20)
    assert surfaces["forum:avatars"].fail == "open"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SAFEHOLD_NO_SUCH_SETTING", "1"),
        ("SAFEHOLD_SERVER__NO_SUCH_SETTING", "1"),
        ("SAFEHOLD_SERVER", '{"no_such_setting": 1}'),
        ("SAFEHOLD_SURFACES", '{"public": {"no_such_setting": 1}}'),
        ("SAFEHOLD_SURFACES__PUBLIC__FAIL", "open"),
        ("SAFEHOLD_SURFACES", "{"),
        ("SAFEHOLD_ALARMS__SMTP_TLS", "some"),
        ("SAFEHOLD_SERVER__MAX_WAITING", "0"),
    ],
)
def test_what_is_no_setting_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        load_settings(home=tmp_path)
    assert value not in f"{caught.value.message} {caught.value.hint}" or value == "1"


def test_bounds_that_cannot_be_set_are_named() -> None:
    expected = {
        f"{kind.__name__}.{field.name}": str(field.default)
        for kind in FIXED_KINDS
        for field in dataclasses.fields(kind)
        if field.name not in NOT_BOUNDS.get(kind, set())
    }
    assert {name: code(row[1]) for name, row in FIXED.items()} == expected
