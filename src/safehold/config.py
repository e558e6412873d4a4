"""Settings: every package's options in one place, and the only reader of the environment.

A setting comes, first found first taken, from the command line, from an environment variable
(`SAFEHOLD_` and the name; two underscores go down a level: `SAFEHOLD_MEDIA__MAX_PIXELS`), from
`config.toml` in the home, or is the default that stands in each options class.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from safehold.errors import UsageError
from safehold.hashing.borders import BorderOptions
from safehold.matching.match import MatchOptions
from safehold.media.limits import ArchiveLimits, MediaLimits
from safehold.policy.model import PolicyOptions

PREFIX = "SAFEHOLD_"
CONFIG_FILE = "config.toml"


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
    matching: MatchOptions = MatchOptions()
    policy: PolicyOptions = PolicyOptions()

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
        home = init_settings().get("home") or env_settings().get("home") or default_home()
        toml = TomlConfigSettingsSource(settings_cls, Path(home) / CONFIG_FILE)
        return init_settings, env_settings, toml


def load_settings(**given: Any) -> Settings:
    """Read all settings; those in `given` that are not None stand before all others.

    Raises:
        SettingsError: a name or a value is not possible. The message names the setting and
            never its value, which may be a secret.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        where = ", ".join(".".join(str(part) for part in e["loc"]) for e in error.errors())
        raise SettingsError(
            f"These settings cannot be used: {where}.",
            hint="docs/reference/settings.md names every setting and what it may be.",
        ) from error
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"The file {CONFIG_FILE} in the home cannot be read.", hint="It must be valid TOML."
        ) from error


def debugging() -> bool:
    """Whether internal errors are shown whole, with their traceback (`SAFEHOLD_DEBUG=1`)."""
    return bool(os.environ.get(PREFIX + "DEBUG"))
