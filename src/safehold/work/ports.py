"""What jobs are, and what they need of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from safehold.work.schedule import Timing

OK = "ok"
"""The code of what went well."""

Stop = Callable[[], bool]
"""Whether the process is about to end; a long job asks between its steps."""


class Log(Protocol):
    """The part of a structlog logger that is used. It is given ids, codes and numbers only."""

    def info(self, event: str, **fields: Any) -> Any:
        """Say something that is as it should be."""
        ...

    def warning(self, event: str, **fields: Any) -> Any:
        """Say something that should not be."""
        ...

    def error(self, event: str, **fields: Any) -> Any:
        """Say something that an operator must look into."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended.

    Attributes:
        code: `ok`, or a stable code of what failed.
        counts: how much was done, by a word; what is 0 may be left out.
    """

    code: str = OK
    counts: Mapping[str, int] = field(default_factory=dict)


class Job(Protocol):
    """Something that is done again and again. It is run by one thread at a time."""

    @property
    def name(self) -> str:
        """Its name in the log."""
        ...

    @property
    def timing(self) -> Timing:
        """How often it is done."""
        ...

    def run(self, stop: Stop) -> Outcome:
        """Do what is due. A `SafeholdError` counts as a failure with its code."""
        ...


class Quiet:
    """A log that says nothing."""

    def info(self, event: str, **fields: Any) -> None:
        """Nothing."""

    def warning(self, event: str, **fields: Any) -> None:
        """Nothing."""

    def error(self, event: str, **fields: Any) -> None:
        """Nothing."""
