"""From the settings of an exchange to what builds its calls."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Protocol

from safehold.lists.exchanges.interface import Exchange
from safehold.lists.exchanges.model import (
    Credentials,
    ExchangeKind,
    ExchangeOptions,
    ExchangeSettingsError,
)

PAGED: Mapping[ExchangeKind, str] = {
    ExchangeKind.NCMEC: "safehold.lists.exchanges.ncmec",
    ExchangeKind.STOPNCII: "safehold.lists.exchanges.stopncii",
    ExchangeKind.THREATEXCHANGE: "safehold.lists.exchanges.threatexchange",
}
"""The modules of the kinds that come in pages."""


class _Module(Protocol):
    """What a module of one kind has."""

    def make(self, options: ExchangeOptions, credentials: Credentials, /) -> Exchange:
        """The exchange of these settings."""
        ...


def kind_of(name: str, options: ExchangeOptions) -> ExchangeKind:
    """The kind that the settings name.

    Raises:
        ExchangeSettingsError: there is no such kind.
    """
    try:
        return ExchangeKind(options.kind)
    except ValueError:
        kinds = ", ".join(kind.value for kind in ExchangeKind)
        raise ExchangeSettingsError(
            f"The setting exchanges.{name}.kind names no kind of exchange.",
            hint=f"It is one of: {kinds}.",
        ) from None


def exchange(kind: ExchangeKind, options: ExchangeOptions, credentials: Credentials) -> Exchange:
    """What builds the calls of an exchange of many pages.

    Raises:
        ExchangeSettingsError: the settings lack something.
    """
    module: _Module = importlib.import_module(PAGED[kind])
    return module.make(options, credentials)
