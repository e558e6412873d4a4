"""The page of lists."""

from __future__ import annotations

import datetime as dt
from typing import Any

from safehold.console.pages.lists import shown_lists
from safehold.hashing.model import SignalType
from safehold.ids import ListName
from safehold.lists.model import ListInfo, Tier
from safehold.policy.surfaces import SurfaceOptions, Surfaces
from safehold.users.roles import Role
from tests.console.conftest import NOW, House

HOUR = dt.timedelta(hours=1)


def a_list(name: str, hours: float = 1, **fields: Any) -> ListInfo:
    values: dict[str, Any] = {
        "name": ListName(name),
        "tier": Tier.CONFIRMED,
        "source": "file",
        "created": NOW - 1000 * HOUR,
        "updated": NOW - hours * HOUR,
        "version": 3,
        "counts": {SignalType.PDQ: 11, SignalType.MD5: 12},
        "active": 1234,
        "other": 56,
    }
    return ListInfo(**values | fields)


SURFACES = {
    "public": SurfaceOptions(required_lists=("partner", "absent"), max_list_age_hours=24),
    "storage": SurfaceOptions(required_lists=("partner",)),
    "private_message": SurfaceOptions(enabled=False, required_lists=("never",)),
}


def test_faults_are_those_of_the_surfaces_that_require_a_list() -> None:
    infos = [a_list("partner", hours=30), a_list("fresh"), a_list("aged", hours=100)]
    absent, aged, fresh, partner = shown_lists(infos, SURFACES, NOW, 48 * HOUR)
    assert (absent.info, absent.missing_on, absent.required_by) == (None, ("public",), ("public",))
    assert (aged.is_old, aged.stale_on, aged.required_by) == (True, (), ())
    assert (fresh.is_old, fresh.missing_on, fresh.stale_on) == (False, (), ())
    assert partner.required_by == ("public", "storage")
    assert (partner.stale_on, partner.missing_on, partner.is_old) == (("public",), (), False)


def test_no_age_is_old_where_none_is_set() -> None:
    [shown] = shown_lists([a_list("aged", hours=9999)], {}, NOW, None)
    assert not shown.is_old


def test_the_page_says_what_is_wrong(house: House) -> None:
    infos = [a_list("partner", hours=30), a_list("aged", hours=100), a_list("safehold.canary")]
    house.replace(lists=lambda: infos, surfaces=Surfaces(SURFACES))
    page = house.client(Role.REVIEWER).get("/lists")
    assert page.status_code == 200
    assert "1,234" in page.text
    assert "too old for public" in page.text
    assert "missing for public" in page.text
    assert "2 lists that are required are missing or too old" in page.text
    assert 'badge-warning">old<' in page.text
    assert "safehold.canary" not in page.text
    assert "private_message" in page.text


def test_a_house_without_lists(house: House) -> None:
    page = house.client(Role.AUDITOR).get("/lists")
    assert "There are no lists yet." in page.text
    assert "missing or too old" not in page.text


def test_every_role_may_read_lists(house: House) -> None:
    for role in Role:
        assert house.client(role).get("/lists").status_code == 200, role
