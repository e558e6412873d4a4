"""What all hotlines have in common. I/O-free."""

from __future__ import annotations

from safehold.reporting.authorities.forms import is_filed
from safehold.reporting.facts import FilingFacts
from safehold.reporting.model import AuthorityCode

_AUTHORITIES = (
    AuthorityCode.NCMEC,
    AuthorityCode.NCA,
    AuthorityCode.PHAROS,
    AuthorityCode.CYBERTIP_CA,
    AuthorityCode.OTHER,
)


def is_known_to_an_authority(facts: FilingFacts) -> bool:
    """Whether an authority has a report, so that a hotline's is a help and no more."""
    return is_filed(facts, *_AUTHORITIES)
