"""Settings: every package's options in one place, and the only reader of the environment.

A setting comes, first found first taken, from the command line, from an environment variable
(`SAFEHOLD_` and the name; two underscores go down a level: `SAFEHOLD_MEDIA__MAX_PIXELS`; several
words stand between commas), from `config.toml` in the home, or is the default that stands in each
options class. Tables of a name's own choosing (`surfaces`, `exchanges`) come from the file, or
whole as JSON from one variable.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pydantic_settings
from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from safehold.accounts.budgets import BudgetOptions
from safehold.accounts.probing import ProbeOptions
from safehold.cases.review.model import ReviewOptions
from safehold.classifiers.model import ClassifierOptions
from safehold.config.doors import CustodianOptions, ServerOptions, VaultPlaces, WorkOptions
from safehold.config.gates import GateOptions, RepeatOptions
from safehold.config.house import ConsoleOptions, PreviewOptions
from safehold.config.ranges import out_of_range
from safehold.errors import UsageError
from safehold.hashing.borders import BorderOptions
from safehold.intake.model import IntakeOptions
from safehold.ledger.model import LedgerOptions
from safehold.lists.exchanges.model import ExchangeOptions
from safehold.lists.growth import GrowthOptions
from safehold.lists.options import ListOptions
from safehold.lists.trust.floods import FloodOptions
from safehold.matching.match import MatchOptions
from safehold.media.limits import ArchiveLimits, MediaLimits
from safehold.outbound.model import OutboundOptions
from safehold.outbox.alarms import AlarmOptions
from safehold.policy.model import PolicyOptions
from safehold.policy.surfaces import SurfaceOptions
from safehold.provenance.model import ProvenanceOptions
from safehold.remote.model import MatcherOptions
from safehold.reporting.options import CybertipOptions, ReporterOptions, ReportingOptions
from safehold.retention.options import RetentionOptions
from safehold.retro.model import RetroOptions
from safehold.transparency.options import TransparencyOptions

PREFIX = "SAFEHOLD_"
CONFIG_FILE = "config.toml"
GROUPS = (
    "media",
    "archives",
    "borders",
    "provenance",
    "matching",
    "policy",
    "server",
    "work",
    "intake",
    "budgets",
    "probing",
    "vault",
    "custodian",
    "outbound",
    "alarms",
    "review",
    "console",
    "previews",
    "reporter",
    "cybertip",
    "reporting",
    "retention",
    "transparency",
    "gate",
    "repeats",
    "ledger",
    "growth",
    "retro",
    "flood",
)
"""Settings that are options classes of the packages."""
TABLES: Mapping[str, type] = {
    "surfaces": SurfaceOptions,
    "classifiers": ClassifierOptions,
    "lists": ListOptions,
    "exchanges": ExchangeOptions,
    "matchers": MatcherOptions,
}
"""Settings that are tables of options by name."""
OTHER_VARIABLES = frozenset({PREFIX + "DEBUG"})
"""Variables with our prefix that are no settings."""


class SettingsError(UsageError):
    """A setting has a name or a value that is not possible."""

    code = "settings"


def default_home(environment: dict[str, str] | os._Environ[str] = os.environ) -> Path:
    """Where data is kept when nothing else is said: the XDG data folder."""
    base = environment.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "safehold"


def default_kernel_cache(environment: dict[str, str] | os._Environ[str] = os.environ) -> Path:
    """Where compiled kernels are kept: a private folder in the XDG cache folder."""
    base = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "safehold" / "kernels"


class _Environment(EnvSettingsSource):
    """Environment variables, in which several words of one setting stand between commas."""

    def __call__(self) -> dict[str, Any]:
        found = super().__call__()
        for group in GROUPS:
            values = found.get(group)
            if not isinstance(values, dict):
                continue
            default = Settings.model_fields[group].default
            for name, value in values.items():
                if isinstance(value, str) and isinstance(getattr(default, name, None), tuple):
                    words = (word.strip() for word in value.split(","))
                    values[name] = tuple(word for word in words if word)
        return found


class Settings(BaseSettings):
    """All settings of one home."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="ignore"
    )
    home: Path = Field(default_factory=default_home)
    """The data folder: lists, keys, settings. `--home` or `SAFEHOLD_HOME`."""
    database: str = ""
    """Address of a PostgreSQL database (`postgresql+psycopg://...`); empty: a file in the home."""
    kernel_cache: Path = Field(default_factory=default_kernel_cache)
    """Folder of compiled kernels, made with mode 0700."""
    workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, le=1024)
    """How many worker processes decode."""
    media: MediaLimits = MediaLimits()
    archives: ArchiveLimits = ArchiveLimits()
    borders: BorderOptions = BorderOptions()
    provenance: ProvenanceOptions = ProvenanceOptions()
    matching: MatchOptions = MatchOptions()
    policy: PolicyOptions = PolicyOptions()
    server: ServerOptions = ServerOptions()
    work: WorkOptions = WorkOptions()
    intake: IntakeOptions = IntakeOptions()
    budgets: BudgetOptions = BudgetOptions()
    probing: ProbeOptions = ProbeOptions()
    vault: VaultPlaces = VaultPlaces()
    custodian: CustodianOptions = CustodianOptions()
    outbound: OutboundOptions = OutboundOptions()
    alarms: AlarmOptions = AlarmOptions()
    review: ReviewOptions = ReviewOptions()
    console: ConsoleOptions = ConsoleOptions()
    previews: PreviewOptions = PreviewOptions()
    reporter: ReporterOptions = ReporterOptions()
    cybertip: CybertipOptions = CybertipOptions()
    reporting: ReportingOptions = ReportingOptions()
    retention: RetentionOptions = RetentionOptions()
    transparency: TransparencyOptions = TransparencyOptions()
    gate: GateOptions = GateOptions()
    repeats: RepeatOptions = RepeatOptions()
    ledger: LedgerOptions = LedgerOptions()
    growth: GrowthOptions = GrowthOptions()
    retro: RetroOptions = RetroOptions()
    flood: FloodOptions = FloodOptions()
    surfaces: Mapping[str, SurfaceOptions] = Field(default_factory=dict)
    """Settings of surfaces, by name; `service:name` is of one service alone."""
    classifiers: Mapping[str, ClassifierOptions] = Field(default_factory=dict)
    """Classifiers of the operator's, by name."""
    lists: Mapping[str, ListOptions] = Field(default_factory=dict)
    """Settings of single lists, by name."""
    exchanges: Mapping[str, ExchangeOptions] = Field(default_factory=dict)
    """Exchanges from which lists come, by name."""
    matchers: Mapping[str, MatcherOptions] = Field(default_factory=dict)
    """Remote matchers that surfaces may name, by name."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line, environment, `config.toml` of the home."""
        environment = _Environment(settings_cls)
        home = init_settings().get("home") or environment().get("home") or default_home()
        toml = TomlConfigSettingsSource(settings_cls, Path(home) / CONFIG_FILE)
        return init_settings, environment, toml


def _unknown_names(home: Path) -> Iterator[str]:
    """Names in the settings file and the environment that no setting has."""
    file = home / CONFIG_FILE
    for name, value in (tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}).items():
        yield from _unknown_in(name, value) if name in Settings.model_fields else (name,)
    for variable, value in os.environ.items():
        if not variable.startswith(PREFIX) or variable in OTHER_VARIABLES:
            continue
        name, *inner = variable.removeprefix(PREFIX).lower().split("__", 1)
        if inner:
            if name not in GROUPS or inner[0] not in _names(_group(name)):
                yield variable
        elif name not in Settings.model_fields:
            yield variable
        elif name in GROUPS or name in TABLES:
            yield from _unknown_in(name, json.loads(value))


def _unknown_in(name: str, value: object) -> Iterator[str]:
    """Unknown names in what is given for one group or one table."""
    if name in GROUPS and isinstance(value, dict):
        yield from (f"{name}.{inner}" for inner in value if inner not in _names(_group(name)))
    elif name in TABLES and isinstance(value, dict):
        yield from _unknown_in_table(name, value)


def _group(name: str) -> type:
    return type(Settings.model_fields[name].default)


def _names(options: type) -> set[str]:
    return {field.name for field in dataclasses.fields(options)}


def _unknown_in_table(table: str, value: Mapping[str, Any]) -> Iterator[str]:
    """Unknown names in a table of tables, such as `[surfaces.public]`."""
    for name, inner in value.items():
        if isinstance(inner, dict):
            unknown = inner.keys() - _names(TABLES[table])
            yield from (f"{table}.{name}.{field}" for field in sorted(unknown))


def load_settings(**given: Any) -> Settings:
    """Read all settings; those in `given` that are not None stand before all others.

    Raises:
        SettingsError: a name or a value is not possible. The message names the setting and
            never its value, which may be a secret.
    """
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
        wrong = [*_unknown_names(settings.home), *out_of_range(_options(settings))]
    except ValidationError as error:
        wrong = [".".join(str(part) for part in e["loc"]) for e in error.errors()]
    except pydantic_settings.SettingsError as error:
        raise SettingsError(
            "An environment variable that stands for a group of settings cannot be read.",
            hint=f"Name one setting in each, for example {PREFIX}MEDIA__MAX_PIXELS.",
        ) from error
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"The file {CONFIG_FILE} in the home cannot be read.", hint="It must be valid TOML."
        ) from error
    if wrong:
        raise SettingsError(
            f"These settings cannot be used: {', '.join(wrong)}.",
            hint="docs/reference/settings.md names every setting and what it may be.",
        )
    return settings


def _options(settings: Settings) -> Iterator[tuple[str, object]]:
    """Every options object of the settings, with the name by which ranges know it."""
    for group in GROUPS:
        yield group, getattr(settings, group)
    for table in TABLES:
        for options in getattr(settings, table).values():
            yield table, options


def variable(name: str) -> str:
    """An environment variable that a setting names; empty where it is not set."""
    return os.environ.get(name, "")


def debugging() -> bool:
    """Whether internal errors are shown whole, with their traceback (`SAFEHOLD_DEBUG=1`)."""
    return bool(os.environ.get(PREFIX + "DEBUG"))
