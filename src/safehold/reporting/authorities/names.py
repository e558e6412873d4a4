"""The authorities' names, each in its own language. I/O-free."""

from __future__ import annotations

from collections.abc import Mapping

from safehold.reporting.model import AuthorityCode

NAMES: Mapping[AuthorityCode, str] = {
    AuthorityCode.NCMEC: "NCMEC CyberTipline",
    AuthorityCode.NCA: "National Crime Agency",
    AuthorityCode.PHAROS: "PHAROS",
    AuthorityCode.POINT_DE_CONTACT: "Point de Contact",
    AuthorityCode.CYBERTIP_CA: "Cybertip.ca",
    AuthorityCode.INHOPE: "INHOPE hotline",
    AuthorityCode.OTHER: "Other authority",
}


def name_of(code: str) -> str:
    """The name of an authority; what is no code stands as it is."""
    try:
        return NAMES[AuthorityCode(code)]
    except ValueError:
        return code
