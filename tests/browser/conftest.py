"""A real Chromium at a real console, which is filled and runs by a clock that tests move.

One house and one browser serve all tests of this package, and end with it: while Playwright runs,
its event loop runs in the main thread, and other tests have loops of their own. Each test has
windows (contexts) of its own; who is signed in once need not do so again. Whatever a page or its
policy complains of fails the test.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from safehold.testing.console_reports import simulated
from safehold.testing.console_site import Site, running_site
from tests.browser.window import House

NOW = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    """The console."""
    with (
        tempfile.TemporaryDirectory(prefix="safehold-") as folder,
        simulated() as simulator,
        running_site(Path(folder) / "home", NOW, simulator=simulator) as running,
    ):
        yield running
        assert running.errors() == []


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Playwright."""
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="package")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """The system's Chromium; a machine without one fails the tests."""
    path = shutil.which("chromium")
    assert path, "these tests need the system's Chromium"
    arguments = ["--no-sandbox"] if os.getuid() == 0 else []
    browser = playwright.chromium.launch(executable_path=path, args=arguments)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def doors() -> dict[str, Any]:
    """What browsers keep of those who have signed in, by name."""
    return {}


@pytest.fixture
def house(site: Site, chromium: Browser, doors: dict[str, Any]) -> Iterator[House]:
    """The console, and windows at it."""
    made = House(site, chromium, doors)
    yield made
    made.close()


@pytest.fixture
def robin(house: House) -> Page:
    """A page of the reviewer's."""
    return house.page("robin")


@pytest.fixture
def stranger(house: House) -> BrowserContext:
    """A window of somebody who is not signed in."""
    return house.window()
