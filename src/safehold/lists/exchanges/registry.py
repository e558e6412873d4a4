"""From the settings of an exchange to what builds its calls."""

from __future__ import annotations

import importlib
from collections.abc import Generator, Mapping
from typing import Protocol

from safehold.lists.exchanges.interface import Exchange
from safehold.lists.exchanges.model import (
    Credentials,
    ExchangeKind,
    ExchangeOptions,
    ExchangeSettingsError,
)
from safehold.lists.opinions.model import Subject
from safehold.outbound.model import Call, Reply

PAGED: Mapping[ExchangeKind, str] = {
    ExchangeKind.NCMEC: "safehold.lists.exchanges.ncmec",
    ExchangeKind.STOPNCII: "safehold.lists.exchanges.stopncii",
    ExchangeKind.THREATEXCHANGE: "safehold.lists.exchanges.threatexchange",
}
"""The modules of the kinds that come in pages."""


OPINIONS: Mapping[ExchangeKind, str] = {
    kind: f"safehold.lists.exchanges.{kind.value}_feedback" for kind in PAGED
}
"""The modules that tell opinions."""


class TellsOpinions(Protocol):
    """What a module that tells opinions has."""

    def send(
        self, options: ExchangeOptions, credentials: Credentials, subject: Subject, /
    ) -> Generator[Call, Reply, None]:
        """The calls that tell an opinion; each is given its answer.

        Raises:
            OpinionUnfitError: the source has no word for it.
        """
        ...

    def check(self, options: ExchangeOptions, credentials: Credentials, /) -> None:
        """Raise `ExchangeSettingsError` where opinions could never be sent."""
        ...


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


def opinions(name: str, options: ExchangeOptions) -> TellsOpinions:
    """What tells opinions to an exchange.

    Raises:
        ExchangeSettingsError: it takes none.
    """
    module = OPINIONS.get(kind_of(name, options))
    if module is None:
        raise ExchangeSettingsError(
            f"The exchange {name} takes no opinions.", hint="Leave out its setting 'opinions'."
        )
    found: TellsOpinions = importlib.import_module(module)
    return found


def exchange(kind: ExchangeKind, options: ExchangeOptions, credentials: Credentials) -> Exchange:
    """What builds the calls of an exchange of many pages.

    Raises:
        ExchangeSettingsError: the settings lack something.
    """
    module: _Module = importlib.import_module(PAGED[kind])
    return module.make(options, credentials)
