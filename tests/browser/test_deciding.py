"""Queue and decisions: what needs no look, what needs one, what needs two people, and locks."""

from __future__ import annotations

import datetime as dt
import re

from playwright.sync_api import Page, expect

from safehold.cases.model import CaseState
from safehold.policy.model import Verdict
from tests.browser.window import House, drawn_sharp, look


def look_sharp(page: Page) -> None:
    """Look at the case's picture, sharp, and hide it again."""
    look(page)
    page.keyboard.down("Space")
    drawn_sharp(page)
    page.keyboard.up("Space")
    with page.expect_response("**/end/script"):
        page.keyboard.press("Escape")


def test_the_queue_is_filtered(house: House, robin: Page) -> None:
    robin.goto("/queue")
    rows = robin.locator("[data-row]")
    everything = rows.count()
    robin.get_by_text("Filter and order").click()
    robin.get_by_label("Tier").select_option("suspected")
    robin.get_by_label("Order").select_option("oldest")
    robin.get_by_role("button", name="Show", exact=True).click()
    robin.wait_for_url("**tier=suspected**")
    expect(rows.first).to_contain_text("suspected list")
    assert 0 < rows.count() < everything
    assert rows.count() == rows.filter(has_text="suspected list").count()
    expect(robin.get_by_label("Tier")).to_have_value("suspected")
    robin.get_by_role("link", name="Show all").click()
    expect(rows).to_have_count(everything)


def test_the_next_case_is_taken(house: House, robin: Page) -> None:
    robin.goto("/queue")
    robin.get_by_role("button", name="Take the next case").click()
    expect(robin.get_by_text("The case is yours until")).to_be_visible()
    first = robin.url
    robin.get_by_role("button", name="Pass on").click()
    expect(robin.get_by_text("The case is left to somebody else.")).to_be_visible()
    robin.get_by_role("button", name="Take the next case").click()
    expect(robin.get_by_text("The case is yours until")).to_be_visible()
    assert robin.url.split("?")[0] != first.split("?")[0]
    robin.get_by_role("button", name="Give back").click()
    expect(robin.get_by_text("The case is free for others.")).to_be_visible()


def test_an_exact_match_of_a_confirmed_list_needs_no_look(house: House, robin: Page) -> None:
    case = house.case(Verdict.BLOCK, tier="confirmed")
    house.take(robin, case)
    expect(robin.get_by_text("It can be confirmed without a look.")).to_be_visible()
    robin.locator("summary", has_text=re.compile(r"^Confirm")).click()
    robin.get_by_role("radio", name="B2").check()
    robin.get_by_role("button", name="Confirm the case").click()
    expect(robin.get_by_text("The case is confirmed.")).to_be_visible()
    assert house.state(case) is CaseState.CONFIRMED
    assert not [kind for kind in house.kinds(case.case_id) if kind.startswith("view.")]


def test_a_similar_match_is_confirmed_after_a_look_alone(house: House, robin: Page) -> None:
    house.site.clock.advance(dt.timedelta(minutes=11))
    case = house.case(Verdict.HOLD)
    house.take(robin, case)
    expect(robin.get_by_text("A look is needed before this")).to_be_visible()
    confirm = robin.get_by_role("button", name="Confirm the case")
    robin.locator("summary", has_text=re.compile(r"^Confirm")).click()
    with robin.expect_navigation() as refused:
        confirm.click()
    assert refused.value is not None
    assert refused.value.status == 403
    assert house.state(case) is CaseState.OPEN
    robin.goto(f"/cases/{case.case_id}")
    look_sharp(robin)
    robin.locator("summary", has_text=re.compile(r"^Confirm")).click()
    confirm.click()
    expect(robin.get_by_text("The case is confirmed.")).to_be_visible()
    assert house.state(case) is CaseState.CONFIRMED


def test_an_exact_match_is_cleared_by_two_people(house: House, robin: Page) -> None:
    house.site.clock.advance(dt.timedelta(minutes=11))
    ada = house.page("ada")
    # Nobody is the second person of their own proposal.
    own = house.case(Verdict.BLOCK)
    house.take(ada, own)
    look_sharp(ada)
    propose(ada)
    ada.goto("/approvals")
    row = ada.get_by_role("row").filter(has_text=own.case_id[-10:])
    expect(row).to_contain_text("ada")
    row.get_by_role("link").click()
    expect(ada.get_by_role("button", name="Approve")).to_have_count(0)
    ada.get_by_role("button", name="Withdraw it").click()
    expect(ada.get_by_text("Withdrawn.")).to_be_visible()

    case = house.case(Verdict.BLOCK)
    house.take(robin, case)
    look_sharp(robin)
    propose(robin)
    assert house.state(case) is CaseState.OPEN
    robin.goto("/approvals")
    row = robin.get_by_role("row").filter(has_text=case.case_id[-10:]).first
    row.get_by_role("link").click()
    expect(robin.get_by_role("button", name="Approve")).to_have_count(0)
    address = robin.url

    ada.goto(address)
    expect(ada.get_by_text("approved by somebody who has looked too")).to_be_visible()
    house.site.runtime.reviews.release(case.case_id, house.site.person("robin").user)
    house.take(ada, case)
    look_sharp(ada)
    ada.goto(address)
    ada.get_by_role("checkbox").check()
    ada.get_by_role("button", name="Approve").click()
    expect(ada.get_by_text("Approved.")).to_be_visible()
    assert house.state(case) is CaseState.CLEARED


def propose(page: Page) -> None:
    """Propose to clear the case that is shown."""
    page.locator("summary", has_text="Propose to clear").first.click()
    panel = page.locator("details.case-choice[open]")
    panel.get_by_role("radio").first.check()
    panel.get_by_role("checkbox").check()
    panel.get_by_role("button", name="Propose the clearing").click()
    expect(page.get_by_text("Proposed. Somebody else has to approve it.")).to_be_visible()


def test_a_lock_ends_by_itself(house: House, robin: Page) -> None:
    ada = house.page("ada")
    case = house.case(Verdict.BLOCK)
    house.take(robin, case)
    ada.goto(f"/cases/{case.case_id}")
    expect(ada.get_by_text("robin works on this case.")).to_be_visible()
    expect(ada.get_by_role("button", name="Take the case")).to_have_count(0)
    house.site.clock.advance(dt.timedelta(minutes=16))
    house.take(ada, case)
    # What the first one still has on the page does nothing any more.
    robin.locator("summary", has_text=re.compile(r"^Confirm")).click()
    with robin.expect_navigation() as late:
        robin.get_by_role("button", name="Confirm the case").click()
    assert late.value is not None
    assert late.value.status == 409
    assert house.state(case) is CaseState.OPEN
    robin.goto(f"/cases/{case.case_id}")
    expect(robin.get_by_text("ada works on this case.")).to_be_visible()
    ada.get_by_role("button", name="Give back").click()
