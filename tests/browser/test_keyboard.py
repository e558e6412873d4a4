"""From signing in to a decision by the keyboard alone: the focus is always somewhere, and seen."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from safehold.cases.model import CaseState
from safehold.ids import CaseId
from tests.browser.window import House, drawn_sharp

MOST_TABS = 80

FOCUS = """
() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const style = getComputedStyle(at);
  const box = at.getBoundingClientRect();
  const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
  const words = at.getAttribute('aria-label') || at.innerText || at.name || at.id;
  return {words, seen: outlined && box.width > 0 && box.height > 0};
}
"""
"""What has the focus, and whether it is outlined; null where nothing has."""


def tab_to(page: Page, words: str) -> None:
    """Tab until something has the focus; at each step it must be seen where that is."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUS)
        assert at is not None, f"the focus is lost on the way to {words}"
        assert at["seen"], f"the focus is not seen at {at['words']}"
        if re.match(words, at["words"]):
            return
    raise AssertionError(f"no way to {words}")


def test_from_signing_in_to_a_decision(house: House) -> None:
    page = house.page()
    page.goto("/sign-in")
    expect(page.locator("#name")).to_be_focused()
    page.keyboard.type("robin")
    page.keyboard.press("Tab")
    page.keyboard.type(house.site.person("robin").password)
    page.keyboard.press("Enter")
    expect(page.locator("#code")).to_be_focused()
    page.keyboard.type(house.site.code("robin"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()

    tab_to(page, "Skip to the content")
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    tab_to(page, "Matches")
    page.keyboard.press("j")
    first = page.evaluate(FOCUS)
    page.keyboard.press("j")
    second = page.evaluate(FOCUS)
    assert first["words"] != second["words"]
    assert second["seen"]
    page.keyboard.press("k")
    assert page.evaluate(FOCUS) == first

    page.keyboard.press("n")
    expect(page.get_by_text("The case is yours until")).to_be_visible()
    case_id = CaseId(page.url.split("/cases/")[1].split("?")[0])
    user = house.site.person("robin").user
    if house.site.runtime.reviews.dossier(case_id, user).needs_view:
        page.keyboard.press("l")
        expect(page.locator("#look-hold")).to_be_focused()
        expect(page.locator("#look-said")).to_contain_text("A blurred preview is shown.")
        page.keyboard.down("Space")
        drawn_sharp(page)
        page.keyboard.up("Space")
        with page.expect_response("**/end/script"):
            page.keyboard.press("Escape")
        assert page.evaluate(FOCUS) is not None
    page.keyboard.press("c")
    expect(page.locator("details[open] input[name=classification]").first).to_be_visible()
    assert page.evaluate(FOCUS) is not None
    tab_to(page, "Confirm the case")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The case is confirmed.")).to_be_visible()
    assert house.site.runtime.reviews.dossier(case_id, user).case.state is CaseState.CONFIRMED


def test_help_lists_the_keys_of_a_page(house: House, robin: Page) -> None:
    robin.goto("/queue")
    robin.keyboard.press("?")
    dialog = robin.get_by_role("dialog", name="Keys of this page")
    expect(dialog).to_be_visible()
    for key, meaning in (("n", "Take the next case"), ("j", "To the next row")):
        row = dialog.locator("dl > div").filter(has=robin.locator(f"kbd:text-is('{key}')"))
        expect(row).to_contain_text(meaning)
    robin.keyboard.press("n")
    assert robin.url.endswith("/queue")
    robin.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_keys_can_be_turned_off(house: House, robin: Page) -> None:
    robin.goto("/queue")
    robin.keyboard.press("?")
    robin.get_by_label("Single keys do something").uncheck()
    robin.keyboard.press("Escape")
    robin.keyboard.press("n")
    robin.goto("/queue")
    robin.keyboard.press("j")
    expect(robin.locator("[data-row] th a").first).not_to_be_focused()
    robin.keyboard.press("?")
    expect(robin.get_by_role("dialog")).to_have_count(0)
    robin.get_by_role("button", name="Keys of this page").click()
    robin.get_by_label("Single keys do something").check()
