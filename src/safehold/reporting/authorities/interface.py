"""What every authority is to Safehold. I/O-free."""

from __future__ import annotations

from typing import Protocol

from safehold.reporting.documents import Draft
from safehold.reporting.facts import FilingDetails, FilingFacts
from safehold.reporting.model import AuthorityCode
from safehold.reporting.options import ReporterOptions


class Authority(Protocol):
    """One authority. Members are stateless; `authorities.registry` has them all."""

    @property
    def code(self) -> AuthorityCode:
        """Which one."""
        ...

    @property
    def name(self) -> str:
        """Its name in its own language."""
        ...

    @property
    def language(self) -> str:
        """The language of what goes to it, ISO 639-1."""
        ...

    @property
    def by_machine(self) -> bool:
        """Whether the custodian sends; else a person fills in a form by a checklist."""
        ...

    def draft(self, facts: FilingFacts, details: FilingDetails, house: ReporterOptions) -> Draft:
        """What a report would say. The same input gives the same bytes."""
        ...

    def is_needed(self, facts: FilingFacts, house: ReporterOptions) -> bool:
        """Whether a report is needed beside those that `facts.filed_elsewhere` names."""
        ...
