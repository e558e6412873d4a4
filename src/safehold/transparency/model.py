"""What figures are made of, and what is published. Ids of no person, no list's entry, no item."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from safehold.ids import ServiceId


class Method(enum.StrEnum):
    """How a case was found: the first of these that is true of policy's first decision."""

    EXACT = "exact"
    """By bytes that are listed."""

    SIMILAR = "similar"
    """By likeness to a listed picture."""

    FLAG = "flag"
    """By a flag of a user alone."""

    OTHER = "other"
    """By a classifier, or since it could not be checked."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision by people."""

    at: dt.datetime
    state: str
    """`confirmed`, `cleared` or `undone`."""

    generated: bool = False
    """Whether a reviewer believes that a model made the picture."""


@dataclass(frozen=True, slots=True)
class History:
    """A case, as far as figures need it.

    Attributes:
        opened, surface, verdict: of the case; the verdict is that of the case now.
        method: how it was found.
        lists: names of the lists that policy's first decision matched.
        rulings: by time.
        flags, appeals: moments, by time.
        filed: authority and moment of each report that was filed, by time.
    """

    opened: dt.datetime
    surface: str
    verdict: str
    method: Method
    lists: frozenset[str] = frozenset()
    rulings: tuple[Ruling, ...] = ()
    flags: tuple[dt.datetime, ...] = ()
    appeals: tuple[dt.datetime, ...] = ()
    filed: tuple[tuple[str, dt.datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class Orders:
    """What authorities asked for: legal holds that were set, destructions on their request."""

    holds: int
    destructions: int


@dataclass(frozen=True, slots=True)
class Window:
    """From a moment on, and before another; of one service, or of all but trials (`demo`)."""

    since: dt.datetime
    until: dt.datetime
    service_id: ServiceId | None = None

    def holds(self, at: dt.datetime) -> bool:
        """Whether a moment lies in it."""
        return self.since <= at < self.until


class TransparencyStore(Protocol):
    """Reads what figures are made of. It takes part in a transaction."""

    def histories(self, window: Window) -> Iterator[History]:
        """Cases of which anything lies in a window, without canaries; each whole, in any order.

        That is the opening, a decision by people, a flag, an appeal, or a filed report.
        """
        ...

    def orders(self, window: Window) -> Orders:
        """What authorities asked for."""
        ...


class Unit(enum.StrEnum):
    """What the numbers of a table are."""

    COUNT = "count"
    HOURS = "hours"
    PERCENT = "percent"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table.

    Attributes:
        code: what it is about: a stable code, or the name of a surface, a list, an authority.
        value: the number; None where it is not shown.
    """

    code: str
    value: float | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table that may be published.

    Attributes:
        code: a stable code.
        unit: of its numbers.
        rows: in the order in which they are shown.
        total: of a table of counts whose rows are parts of one whole; None where it is not shown
            or they are not.
        asked_by: who asks for it (`asked`).
    """

    code: str
    unit: Unit
    rows: tuple[Row, ...]
    total: float | None = None
    asked_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Publication:
    """Figures of a period.

    Attributes:
        window: the period.
        service: name of the service they are of, or empty for all.
        least: counts below it are not shown.
        tables: in order.
        not_counted: codes of what is asked for and Safehold cannot know (`asked`).
    """

    window: Window
    service: str
    least: int
    tables: tuple[Table, ...]
    not_counted: tuple[str, ...]
