"""Where reports go, and what is missing so that anything can be reported."""

from __future__ import annotations

import datetime as dt

import pytest

from safehold.accounts.model import Service
from safehold.ids import ServiceId
from safehold.reporting.environment import (
    NO_AUTHORITY,
    NO_PRODUCTION,
    can_report,
    environment_of,
)
from safehold.reporting.model import AuthorityCode, Environment
from safehold.reporting.options import CybertipOptions, ReportingOptions

NOW = dt.datetime(2026, 3, 4, tzinfo=dt.UTC)
REAL = Service(ServiceId("one"), "shop", NOW)
TRIAL = Service(ServiceId("two"), "trial", NOW, demo=True)
SIMULATED = CybertipOptions(simulator="http://127.0.0.1:9")
WITH_ALL = CybertipOptions(
    username="a", test_username="b", simulator="http://127.0.0.1:9", password_file="c"
)


@pytest.mark.parametrize("cybertip", [CybertipOptions(), SIMULATED, WITH_ALL])
def test_what_is_no_trial_goes_to_production_alone(cybertip: CybertipOptions) -> None:
    assert environment_of(AuthorityCode.NCMEC, REAL, cybertip) is Environment.PRODUCTION


@pytest.mark.parametrize(
    ("cybertip", "expected"),
    [
        (CybertipOptions(), Environment.TEST),
        (CybertipOptions(username="a"), Environment.TEST),
        (SIMULATED, Environment.SIMULATOR),
        (WITH_ALL, Environment.SIMULATOR),
    ],
)
def test_trials_never_go_to_production(cybertip: CybertipOptions, expected: Environment) -> None:
    assert environment_of(AuthorityCode.NCMEC, TRIAL, cybertip) is expected


@pytest.mark.parametrize(
    "authority", [one for one in AuthorityCode if one is not AuthorityCode.NCMEC]
)
def test_all_other_authorities_have_forms(authority: AuthorityCode) -> None:
    for service in (REAL, TRIAL):
        assert environment_of(authority, service, WITH_ALL) is Environment.FORM


@pytest.mark.parametrize(
    ("authorities", "cybertip", "environments", "missing"),
    [
        ((), CybertipOptions(), (), (NO_AUTHORITY,)),
        (("nobody",), CybertipOptions(), (), (NO_AUTHORITY,)),
        # Tests and simulators are nobody to report to.
        ((), WITH_ALL, ("simulator", "test"), (NO_PRODUCTION,)),
        ((), SIMULATED, ("simulator",), (NO_AUTHORITY,)),
        (("ncmec",), SIMULATED, ("simulator",), (NO_PRODUCTION,)),
        (("ncmec",), WITH_ALL, ("production",), ()),
        ((), WITH_ALL, ("production",), ()),
        (("pharos",), CybertipOptions(), (), ()),
        (("ncmec", "pharos"), CybertipOptions(), (), ()),
    ],
)
def test_what_is_missing_to_report(
    authorities: tuple[str, ...],
    cybertip: CybertipOptions,
    environments: tuple[str, ...],
    missing: tuple[str, ...],
) -> None:
    assert can_report(ReportingOptions(authorities=authorities), cybertip, environments) == missing
