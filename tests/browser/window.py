"""Windows at a console: what a test does in a browser, and what a browser complains of."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, expect

from safehold.cases.model import Case, CaseState
from safehold.policy.model import Verdict
from safehold.testing.console_site import Site
from safehold.testing.console_tour import waiting

REFUSALS = "Failed to load resource"
"""How Chromium reports any answer of 400 and more; tests look at these themselves."""


class House:
    """A console, and windows at it.

    Attributes:
        site: the console.
        complaints: what pages or their policy have complained of.
    """

    def __init__(self, site: Site, chromium: Browser, doors: dict[str, Any]) -> None:
        self.site = site
        self.complaints: list[str] = []
        self._chromium = chromium
        self._doors = doors
        self._windows: list[BrowserContext] = []

    def window(self, name: str = "", **options: Any) -> BrowserContext:
        """A window; of somebody who is signed in, or of nobody."""
        chosen = {
            "locale": "en-GB",
            "base_url": self.site.origin,
            "reduced_motion": "reduce",
            **options,
        }
        if name:
            chosen["storage_state"] = self._door(name)
        window = self._chromium.new_context(**chosen)
        window.set_default_timeout(10_000)
        window.on("console", self._on_console)
        window.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self._windows.append(window)
        return window

    def page(self, name: str = "", **options: Any) -> Page:
        """A page in a window of its own."""
        return self.window(name, **options).new_page()

    def case(self, verdict: Verdict, *, tier: str = "") -> Case:
        """An open case of an exact match (`BLOCK`) or a similar one that nobody has seen."""
        found = waiting(self.site, verdict, tier=tier)
        with self.site.runtime.records.read() as transaction:
            return next(one for one in found if not transaction.reviews.views(one.case_id))

    def state(self, case: Case) -> CaseState:
        """Where a case stands now."""
        user = self.site.person("robin").user
        return self.site.runtime.reviews.dossier(case.case_id, user).case.state

    def take(self, page: Page, case: Case) -> None:
        """Open a case and take it."""
        page.goto(f"/cases/{case.case_id}")
        page.get_by_role("button", name="Take the case").click()
        expect(page.get_by_text("The case is yours for another")).to_be_visible()

    def sign_in(self, page: Page, name: str) -> None:
        """Sign in by password and authenticator app."""
        page.goto("/sign-in")
        password(page, name, self.site.person(name).password)
        page.get_by_label("Code from your authenticator app").fill(self.site.code(name))
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()

    def kinds(self, subject: str) -> list[str]:
        """Kinds of the events of something in the audit log, the oldest first."""
        return [one.draft.kind for one in self.site.events() if one.draft.subject == subject]

    def close(self) -> None:
        """Close all windows; fails where something was complained of."""
        for window in self._windows:
            window.close()
        assert not self.complaints, self.complaints

    def _door(self, name: str) -> Any:
        if name not in self._doors:
            page = self.page()
            self.sign_in(page, name)
            self._doors[name] = page.context.storage_state()
            page.context.close()
        return self._doors[name]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(REFUSALS):
            self.complaints.append(f"{message.type}: {message.text}")


def password(page: Page, name: str, word: str) -> None:
    """The first step of signing in."""
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(word)
    page.get_by_role("button", name="Go on").click()


def look(page: Page) -> None:
    """Look at the case that is shown, blurred, and wait until the picture is there."""
    page.locator(".case-look-button").first.click()
    expect(page.locator("#look-said")).to_contain_text("A blurred preview is shown.")
    expect(page.get_by_role("img", name="Preview, blurred")).to_be_visible()
    expect(page.locator("#look-picture img")).to_have_js_property("complete", True)


def drawn_sharp(page: Page) -> None:
    """Wait until the preview is sharp, and the page has noted that it was there to be seen."""
    picture = page.get_by_role("img", name="Preview, sharp")
    expect(picture).to_be_visible()
    # The page notes it when the picture is decoded; this comes after that.
    picture.evaluate("image => image.decode()")


def is_still(response: Response) -> bool:
    """Whether it is the answer to a request for a preview."""
    return "/stills/" in response.url
