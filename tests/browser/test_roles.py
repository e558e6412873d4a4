"""What a role may not open is refused at its address, and does not stand in the navigation.

The whole table of roles and routes is walked without a browser in `tests/console/test_roles.py`.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from safehold.policy.model import Verdict
from tests.browser.window import House

PAGES = {
    "/queue": {"robin", "ada", "noor"},
    "/cases/{case}": {"robin", "ada", "noor"},
    "/approvals": {"robin", "ada", "noor"},
    "/reports": {"ada", "noor"},
    "/holds": {"ada", "noor"},
    "/retention": {"ada", "noor", "sam"},
    "/retention/records": {"ada", "noor", "sam"},
    "/figures": {"ada", "sam"},
    "/lists": {"robin", "ada", "noor", "sam"},
    "/audit": {"sam"},
    "/audit/checkpoints": {"sam"},
    "/health": {"sam"},
    "/users": {"sam"},
    "/account": {"robin", "ada", "noor", "sam"},
    "/rest": {"robin", "ada", "noor", "sam"},
}


@pytest.mark.parametrize("name", ["robin", "ada", "noor", "sam"])
def test_each_role_opens_its_own_pages_alone(house: House, name: str) -> None:
    page = house.page(name)
    case = house.case(Verdict.HOLD)
    for address, who in PAGES.items():
        answer = page.goto(address.format(case=case.case_id))
        assert answer is not None
        assert answer.status == (200 if name in who else 403), address
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    links = page.get_by_role("navigation", name="Pages").get_by_role("link")
    shown = {link.get_attribute("href") for link in links.all()}
    assert shown <= {address for address, who in PAGES.items() if name in who}


def test_whoever_is_not_signed_in_opens_nothing(house: House) -> None:
    page = house.page()
    case = house.case(Verdict.HOLD)
    for address in PAGES:
        page.goto(address.format(case=case.case_id))
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert case.case_id[-10:] not in page.locator("main").inner_text()


def test_an_officer_and_an_auditor_cannot_look(house: House) -> None:
    case = house.case(Verdict.HOLD)
    officer = house.page("noor")
    officer.goto(f"/cases/{case.case_id}")
    expect(officer.get_by_text("Your role does not decide cases.")).to_be_visible()
    expect(officer.locator("#look")).to_have_count(0)
    for name in ("noor", "sam"):
        page = house.page(name)
        page.goto("/rest")
        status = page.evaluate(
            """async address => {
              const token = document.querySelector('meta[name="csrf"]').content;
              const headers = {'Content-Type': 'application/json', 'X-CSRF': token};
              return (await fetch(address, {method: 'POST', headers, body: '{}'})).status;
            }""",
            f"/cases/{case.case_id}/views/script",
        )
        assert status == 403
