"""The reference of settings says what the code does, and nothing else."""

from __future__ import annotations

import dataclasses
from typing import Any

from pydantic.fields import FieldInfo

from safehold.config import PREFIX, Settings
from safehold.lists.importing import ImportLimits
from safehold.matching.linear import SearchOptions
from safehold.media.sandbox.interface import SandboxOptions
from safehold.scan.examine import FlowOptions
from safehold.storage.engine import SqliteOptions
from tests.docs.pages import code, reference, rows, section

PAGE = reference("settings.md")
SETTINGS = {code(row[0]): row for row in rows(PAGE.split("## Other variables")[0])}
FIXED = {code(row[0]): row for row in rows(section(PAGE, "Bounds that cannot be set yet"))}

WORDED = {
    "home": "`$XDG_DATA_HOME/safehold`, else `~/.local/share/safehold`",
    "database": "empty: the file `safehold.db` in the data folder",
    "kernel_cache": "`$XDG_CACHE_HOME/safehold/kernels`, else `~/.cache/safehold/kernels`",
    "workers": "number of cores",
}
"""Defaults that depend on the machine are said in words."""

NOT_BOUNDS = {
    "job",
    "warm_up",
    "settings",
    "workers",
    "limits",
    "python_path",
    "environment",
    "python",
}
"""Fields of `SandboxOptions` that are set by the program itself."""


def flat_settings() -> dict[str, Any]:
    """Every setting's dotted name and default; fields of an options class one by one."""
    found: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        default = field.default
        if dataclasses.is_dataclass(default) and not isinstance(default, type):
            for inner in dataclasses.fields(default):
                found[f"{name}.{inner.name}"] = getattr(default, inner.name)
        else:
            found[name] = field
    return found


def test_every_setting_is_documented_and_none_is_invented() -> None:
    assert set(SETTINGS) == set(flat_settings())


def test_every_default_is_right() -> None:
    for name, default in flat_settings().items():
        if isinstance(default, FieldInfo):
            assert SETTINGS[name][2] == WORDED.pop(name), name
        else:
            assert code(SETTINGS[name][2]) == str(default), name
    assert not WORDED


def test_every_variable_is_right() -> None:
    for name, row in SETTINGS.items():
        assert code(row[1]) == PREFIX + name.upper().replace(".", "__")


def test_variables_set_what_they_are_said_to_set(monkeypatch: Any, tmp_path: Any) -> None:
    monkeypatch.setenv("SAFEHOLD_HOME", str(tmp_path))
    for name, row in SETTINGS.items():
        if name not in WORDED_NAMES and not name.startswith("policy."):
            monkeypatch.setenv(code(row[1]), "7")
    monkeypatch.setenv("SAFEHOLD_POLICY__FAULT", "block")
    settings = Settings()
    for name in SETTINGS:
        group, _, inner = name.partition(".")
        if inner and group != "policy":
            assert getattr(getattr(settings, group), inner) == 7, name
    assert settings.policy.fault == "block"
    assert settings.home == tmp_path


WORDED_NAMES = frozenset(WORDED)


def test_bounds_that_cannot_be_set_are_named() -> None:
    expected = {}
    for kind in (ImportLimits, SearchOptions, FlowOptions, SandboxOptions, SqliteOptions):
        for field in dataclasses.fields(kind):
            if kind is not SandboxOptions or field.name not in NOT_BOUNDS:
                expected[f"{kind.__name__}.{field.name}"] = str(field.default)
    assert {name: code(row[1]) for name, row in FIXED.items()} == expected
