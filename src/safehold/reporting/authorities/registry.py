"""All authorities by their codes, and which of them a report is needed for. I/O-free."""

from __future__ import annotations

from collections.abc import Mapping

from safehold.reporting.authorities.cybertip_ca import CYBERTIP_CA
from safehold.reporting.authorities.inhope import INHOPE
from safehold.reporting.authorities.interface import Authority
from safehold.reporting.authorities.nca import NCA
from safehold.reporting.authorities.ncmec import NCMEC
from safehold.reporting.authorities.other import OTHER
from safehold.reporting.authorities.pharos import PHAROS
from safehold.reporting.authorities.point_de_contact import POINT_DE_CONTACT
from safehold.reporting.facts import FilingFacts
from safehold.reporting.model import AuthorityCode
from safehold.reporting.options import ReporterOptions, ReportingOptions

_MEMBERS: tuple[Authority, ...] = (
    NCMEC,
    NCA,
    PHAROS,
    POINT_DE_CONTACT,
    CYBERTIP_CA,
    INHOPE,
    OTHER,
)

AUTHORITIES: Mapping[AuthorityCode, Authority] = {one.code: one for one in _MEMBERS}
"""Each authority by its code."""


def needed(
    facts: FilingFacts, house: ReporterOptions, options: ReportingOptions
) -> tuple[AuthorityCode, ...]:
    """The authorities of the settings that still need a report, in the settings' order.

    A name in the settings that is no authority's is passed over: that nobody can be reported to
    is found elsewhere (`reporting.environment.can_report`).
    """
    known = [code for code in AuthorityCode if code in options.authorities]
    known.sort(key=lambda code: options.authorities.index(code.value))
    return tuple(code for code in known if AUTHORITIES[code].is_needed(facts, house))
