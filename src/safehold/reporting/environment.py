"""Where a report goes, and what is missing so that anything can be reported. I/O-free."""

from __future__ import annotations

from collections.abc import Sequence

from safehold.accounts.model import Service
from safehold.reporting.model import AuthorityCode, Environment
from safehold.reporting.options import CybertipOptions, ReportingOptions

NO_AUTHORITY = "no_authority"
"""The settings name no authority that is known."""
NO_PRODUCTION = "no_production_credentials"
"""NCMEC is all that is named, and there are no credentials of its production environment."""


def environment_of(
    authority: AuthorityCode, service: Service, cybertip: CybertipOptions
) -> Environment:
    """Where a report of a service's case goes.

    Cases of a demonstration go to the simulator, where one is named, or to the authority's tests;
    all others to production. Nothing that anybody chooses changes that.
    """
    if authority is not AuthorityCode.NCMEC:
        return Environment.FORM
    if not service.demo:
        return Environment.PRODUCTION
    return Environment.SIMULATOR if cybertip.simulator else Environment.TEST


def can_report(
    options: ReportingOptions, cybertip: CybertipOptions, environments: Sequence[str]
) -> tuple[str, ...]:
    """Codes of what is missing so that cases can be reported; none where somebody can be.

    Args:
        options: settings of reports.
        cybertip: settings of the CyberTipline.
        environments: to which the custodian has credentials.
    """
    named = {code for code in options.authorities if code in set(AuthorityCode)}
    if cybertip.username:
        named.add(AuthorityCode.NCMEC)
    if not named:
        return (NO_AUTHORITY,)
    if named == {AuthorityCode.NCMEC} and Environment.PRODUCTION not in environments:
        return (NO_PRODUCTION,)
    return ()
