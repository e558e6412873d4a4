"""Settings, and the only reader of the environment."""

from safehold.config.ranges import RANGES
from safehold.config.settings import (
    CONFIG_FILE,
    GROUPS,
    PREFIX,
    Settings,
    SettingsError,
    debugging,
    default_home,
    default_kernel_cache,
    load_settings,
)

__all__ = [
    "CONFIG_FILE",
    "GROUPS",
    "PREFIX",
    "RANGES",
    "Settings",
    "SettingsError",
    "debugging",
    "default_home",
    "default_kernel_cache",
    "load_settings",
]
