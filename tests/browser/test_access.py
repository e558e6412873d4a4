"""Every page of every role: no complaint of axe-core's, in light, dark, narrow and enlarged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, ViewportSize

from safehold.testing.console_tour import OUTSIDE, Stop, tour
from tests.browser.window import House

SERIOUS = ("serious", "critical")
WIDE: ViewportSize = {"width": 1280, "height": 900}
NARROW: ViewportSize = {"width": 400, "height": 800}
ZOOMED: ViewportSize = {"width": 640, "height": 450}
"""What is left of a wide window at 200 %."""

COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
ALL = {"resultTypes": ["violations"]}


def serious(page: Page, where: str, options: dict[str, Any]) -> list[str]:
    """What axe-core finds that is serious."""
    found = page.evaluate(f"axe.run({json.dumps(options)}).then(found => found.violations)")
    return [
        f"{where}: {one['id']} ({one['impact']}) at {node['target']}: {node['failureSummary']}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


def look(page: Page, stop: Stop) -> list[str]:
    """Everything that is wrong with a page, in all forms."""
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")
    page.goto(stop.address)
    page.evaluate("document.querySelectorAll('details:not([name])').forEach(d => d.open = true)")
    page.evaluate(AXE_SCRIPT)
    found = serious(page, f"{stop.name} light", ALL)
    page.emulate_media(color_scheme="dark")
    found += serious(page, f"{stop.name} dark", COLOURS)
    for size in (ZOOMED, NARROW):
        page.set_viewport_size(size)
        across: int = page.evaluate("document.scrollingElement.scrollWidth")
        if across > size["width"]:
            found.append(f"{stop.name}: {across} px wide in a window of {size['width']} px")
    found += serious(page, f"{stop.name} narrow", ALL)
    return found


@pytest.mark.parametrize("name", ["robin", "ada", "noor", "sam"])
def test_nothing_serious_is_found_on_any_page(house: House, name: str) -> None:
    page = house.page(name)
    stops = tour(house.site)[name]
    for stop in stops:
        if stop.name == "case-taken":
            page.goto(stop.address)
            page.get_by_role("button", name="Take the case").click()
    found = [line for stop in stops for line in look(page, stop)]
    assert found == [], "\n".join(found)


def test_nothing_serious_is_found_before_signing_in(house: House) -> None:
    page = house.page()
    found = [line for stop in OUTSIDE for line in look(page, stop)]
    assert found == [], "\n".join(found)
