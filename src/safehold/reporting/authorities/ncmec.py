"""NCMEC's CyberTipline, the United States' clearing house: the one with a machine interface.

Source: 18 USC 2258A asks providers to report as soon as reasonably possible after they know of
it; no other report takes the place of that.
"""

from __future__ import annotations

from dataclasses import dataclass

from safehold.reporting.authorities.forms import is_filed
from safehold.reporting.authorities.names import NAMES
from safehold.reporting.documents import Draft
from safehold.reporting.facts import FilingDetails, FilingFacts
from safehold.reporting.model import AuthorityCode
from safehold.reporting.options import ReporterOptions


@dataclass(frozen=True, slots=True)
class Ncmec:
    """The CyberTipline."""

    @property
    def code(self) -> AuthorityCode:
        """Which one."""
        return AuthorityCode.NCMEC

    @property
    def name(self) -> str:
        """Its name."""
        return NAMES[self.code]

    @property
    def language(self) -> str:
        """English."""
        return "en"

    @property
    def by_machine(self) -> bool:
        """The custodian sends."""
        return True

    def draft(self, facts: FilingFacts, details: FilingDetails, house: ReporterOptions) -> Draft:
        """The report's XML, and that of each file."""
        # lxml and all elements: a page of another authority does not pay for them.
        from safehold.reporting.cybertip.draft import draft

        return draft(facts, details, house)

    def is_needed(self, facts: FilingFacts, house: ReporterOptions) -> bool:
        """Always, until it is filed."""
        return not is_filed(facts, self.code)


NCMEC = Ncmec()
"""The CyberTipline."""
