"""Screenshots of every page of the console, to be looked at: light, dark and narrow.

    python benchmarks/console_screens.py --out FOLDER [--only WORD] [--language fr]

The house is one that is filled with drawn pictures; nothing of it is left. Needs Chromium.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from safehold.testing.console_site import Site, running_site
from safehold.testing.console_tour import OUTSIDE, Stop, tour
from safehold.testing.cybertip_simulator import Simulator

FORMS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
}


def main() -> int:
    """Make the screenshots that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="a folder")
    parser.add_argument("--only", default="", help="pages whose name has this word")
    parser.add_argument("--language", default="en", choices=("en", "fr"))
    parser.add_argument("--forms", nargs="+", default=list(FORMS), choices=list(FORMS))
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    path = shutil.which("chromium")
    if path is None:
        sys.stderr.write("Chromium is missing.\n")
        return 1
    arguments = ["--no-sandbox"] if os.getuid() == 0 else []
    with (
        tempfile.TemporaryDirectory(prefix="safehold-") as folder,
        Simulator() as simulator,
        running_site(
            Path(folder) / "home", dt.datetime.now(dt.UTC), demo=True, simulator=simulator
        ) as site,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        stops = tour(site)
        for name, pages in {"": OUTSIDE, **stops}.items():
            wanted = [stop for stop in pages if chosen.only in stop.name]
            if wanted:
                walk(site, browser, name, wanted, chosen)
        browser.close()
    return 0


def walk(
    site: Site, browser: Browser, name: str, stops: Sequence[Stop], chosen: argparse.Namespace
) -> None:
    """Photograph somebody's pages."""
    locale = {"en": "en-GB", "fr": "fr-FR"}[chosen.language]
    window = browser.new_context(locale=locale, base_url=site.origin, reduced_motion="reduce")
    page = window.new_page()
    if name:
        sign_in(site, page, name)
    kept = window.storage_state()
    window.close()
    for form in chosen.forms:
        options: dict[str, Any] = {
            "locale": locale,
            "base_url": site.origin,
            "reduced_motion": "reduce",
        }
        window = browser.new_context(**options, **FORMS[form], storage_state=kept)
        page = window.new_page()
        for stop in stops:
            page.goto(stop.address)
            if stop.name == "case-taken":
                page.locator("form[action$='/take'] button").click()
                page.locator(".case-look-button").first.click()
                page.locator("#look-picture img[src]").wait_for()
                # A window that changes its size loses the focus, and with it the preview.
                shot(page, chosen.out / f"{name}-look-{form}.png", whole=False)
                page.locator("summary[data-key=c]").click()
            shot(page, chosen.out / f"{name or 'nobody'}-{stop.name}-{form}.png")
        window.close()


def sign_in(site: Site, page: Page, name: str) -> None:
    """Sign in, whatever the language."""
    page.goto("/sign-in")
    page.locator("#name").fill(name)
    page.locator("#password").fill(site.person(name).password)
    page.locator("#password").press("Enter")
    page.locator("#code").fill(site.code(name))
    page.locator("#code").press("Enter")
    page.locator("form[action='/sign-out'] button").wait_for()


def shot(page: Page, file: Path, *, whole: bool = True) -> None:
    """The page, or what is seen of it, as a PNG file."""
    page.screenshot(path=file, full_page=whole, animations="disabled")


if __name__ == "__main__":
    sys.exit(main())
