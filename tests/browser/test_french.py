"""Every page in French: its language is said, and no sentence of it is English."""

from __future__ import annotations

import re
from importlib import resources

import pytest
from babel.messages.pofile import read_po
from playwright.sync_api import Page, expect

from safehold.testing.console_tour import OUTSIDE, tour
from tests.browser.window import House

WORDS = 3
"""Texts of fewer words may be the same in both languages, or stand in another text."""


def english() -> list[str]:
    """The English texts that are another in French, without those that hold values."""
    file = resources.files("safehold.console") / "catalogs" / "fr.po"
    with file.open("rb") as source:
        catalog = read_po(source, locale="fr")
    return [
        one.id
        for one in catalog
        if isinstance(one.id, str)
        and one.id != one.string
        and "{" not in one.id
        and len(one.id.split()) >= WORDS
    ]


def left_over(page: Page, texts: list[str]) -> list[str]:
    """English texts that can be read on a page, hidden panels too.

    What is marked as not to be translated, such as a document in an authority's language, is none
    of the console's.
    """
    said: str = page.evaluate(
        """() => {
          const body = document.body.cloneNode(true);
          body.querySelectorAll("[translate=no]").forEach((element) => element.remove());
          return body.textContent;
        }"""
    )
    shown = re.sub(r"\s+", " ", said)
    return [text for text in texts if text in shown]


@pytest.mark.parametrize("name", ["robin", "ada", "noor", "sam"])
def test_every_page_is_french(house: House, name: str) -> None:
    page = house.page(name, locale="fr-FR")
    texts = english()
    assert len(texts) > 100
    found = {}
    for stop in tour(house.site)[name]:
        page.goto(stop.address)
        assert page.locator("html").get_attribute("lang") == "fr", stop.name
        if left := left_over(page, texts):
            found[stop.name] = left
    assert not found, found


def test_the_door_is_french(house: House) -> None:
    page = house.page(locale="fr-FR")
    for stop in OUTSIDE:
        page.goto(stop.address)
        assert page.locator("html").get_attribute("lang") == "fr"
        assert left_over(page, english()) == []


def test_the_language_is_chosen(house: House) -> None:
    page = house.page("noor")
    page.goto("/account")
    page.get_by_label("Language").select_option("fr")
    page.get_by_role("button", name="Save preferences").click()
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    page.goto("/queue")
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    page.goto("/account")
    page.locator("#language").select_option("")
    page.locator("#language").locator("xpath=ancestor::form").get_by_role("button").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
