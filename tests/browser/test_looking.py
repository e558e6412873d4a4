"""Looking: deliberate, small and blurred first, bounded in time, and never past the audit log."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Page, Request, expect

from safehold.audit.model import Event
from safehold.cases.model import Case
from safehold.cases.review.model import View
from safehold.policy.model import Verdict
from safehold.testing.console_tour import waiting
from tests.browser.window import House, drawn_sharp, is_still, look

IMAGE = """
address => new Promise(done => {
  const image = new Image();
  image.onload = () => done('there');
  image.onerror = () => done('gone');
  image.src = address;
})
"""
"""Whether a picture is behind an address."""

FETCH = """
async ({address, cache}) => {
  try {
    const answer = await fetch(address, {cache, mode: 'same-origin'});
    return [answer.status, answer.headers.get('content-type') || ''];
  } catch (error) {
    return [0, ''];
  }
}
"""
"""What a script of the page gets for an address: status and kind; 0 where it gets nothing."""


@dataclass
class Looking:
    """A case that is taken and can be looked at.

    Attributes:
        asked: addresses of previews that the page has asked for, in order.
        since: number of the last event in the audit log before.
    """

    house: House
    page: Page
    case: Case
    asked: list[str] = field(default_factory=list)
    since: int = 0

    def look(self) -> None:
        """Look, and wait for the blurred preview."""
        look(self.page)

    def shown(self, what: str) -> None:
        """Wait until the preview is `blurred` or `sharp`."""
        if what == "sharp":
            drawn_sharp(self.page)
        expect(self.page.get_by_role("img", name=f"Preview, {what}")).to_be_visible()

    def hidden(self) -> None:
        """Nothing of a preview is left on the page, and the console knows that it ended."""
        expect(self.page.get_by_text("The preview is hidden again.")).to_be_visible()
        expect(self.page.locator("#look img")).to_have_count(0)
        expect(self.page.locator("#look-stage")).to_be_hidden()
        self.ended()

    def ended(self) -> None:
        """Wait until the page's last word has come."""
        for _ in range(400):
            if self.events()[-1].draft.kind == "view.ended":
                return
            self.page.wait_for_timeout(25)
        raise AssertionError("the view has not ended")

    def width(self) -> int:
        """How wide the preview is in its own pixels."""
        picture = self.page.locator("#look-picture img")
        expect(picture).to_have_js_property("complete", True)
        width: int = picture.evaluate("image => image.naturalWidth")
        return width

    def events(self) -> list[Event]:
        """Events of looking at the case."""
        events = self.house.site.events()
        mine = [
            one for one in events if one.draft.subject == self.case.case_id and one.seq > self.since
        ]
        return [one for one in mine if one.draft.kind.startswith("view.")]

    def fetch(self, page: Page, address: str, cache: str = "default") -> tuple[int, str]:
        """What a script of another page gets for the address of a preview."""
        status, kind = page.evaluate(FETCH, {"address": address, "cache": cache})
        return status, kind

    def last(self) -> View:
        """The last view of the case."""
        with self.house.site.runtime.records.read() as transaction:
            return transaction.reviews.views(self.case.case_id)[-1]

    def used(self) -> int:
        """Views of the reviewer's within a day."""
        site = self.house.site
        return site.runtime.views.budget(site.person("robin").user).used


@pytest.fixture
def looking(house: House, robin: Page) -> Iterator[Looking]:
    """A similar match that the reviewer has taken; given back in the end."""
    # The day's pause is for people; here one person does what many do.
    house.site.clock.advance(dt.timedelta(minutes=11))
    case = waiting(house.site, Verdict.HOLD)[-1]
    made = Looking(house, robin, case, since=house.site.events()[-1].seq)

    def on_request(request: Request) -> None:
        if "/stills/" in request.url:
            made.asked.append(request.url)

    robin.on("request", on_request)
    house.take(robin, case)
    yield made
    user = house.site.person("robin").user
    house.site.runtime.reviews.release(case.case_id, user)


def test_nothing_is_fetched_before_somebody_looks(looking: Looking) -> None:
    page = looking.page
    page.wait_for_load_state("networkidle")
    page.reload(wait_until="networkidle")
    assert looking.asked == []
    assert page.locator("main img").count() == 0
    assert looking.events() == []
    before = looking.used()
    looking.look()
    assert [address.split("level=")[1] for address in looking.asked] == ["blurred"]
    assert looking.width() <= 240
    assert looking.used() == before + 1
    expect(page.locator("#look-left")).to_have_text(f"Views left today: {200 - before - 1}.")


def test_it_is_sharp_only_while_it_is_held(looking: Looking) -> None:
    page = looking.page
    looking.look()
    hold = page.get_by_role("button", name="Hold to sharpen")
    expect(hold).to_be_focused()
    page.keyboard.down("Space")
    looking.shown("sharp")
    assert looking.width() > 240
    page.keyboard.up("Space")
    looking.shown("blurred")
    assert looking.width() <= 240
    hold.hover()
    page.mouse.down()
    looking.shown("sharp")
    page.mouse.move(1, 1)
    page.mouse.up()
    looking.shown("blurred")
    levels = [address.split("level=")[1] for address in looking.asked]
    assert levels == ["blurred", "grey", "grey"]


def test_each_view_and_its_length_is_in_the_audit_log(looking: Looking) -> None:
    page = looking.page
    looking.look()
    page.keyboard.down("Space")
    looking.shown("sharp")
    looking.house.site.clock.advance(dt.timedelta(seconds=7))
    with page.expect_response("**/end/script"):
        page.keyboard.up("Space")
        page.keyboard.press("Escape")
    looking.hidden()
    expect(page.get_by_text("You have looked since the case last changed.")).to_be_visible()
    opened, blurred, grey, ended = looking.events()
    user = looking.house.site.person("robin").user.user_id
    assert {one.draft.actor for one in looking.events()} == {f"user:{user}"}
    assert opened.draft.kind == "view.opened"
    assert [one.draft.kind for one in (blurred, grey)] == ["view.shown"] * 2
    assert [one.draft.data["level"] for one in (blurred, grey)] == ["blurred", "grey"]
    assert ended.draft.kind == "view.ended"
    assert ended.draft.data["seconds"] == 7
    assert looking.last().viewed_whole
    assert {one.draft.data["view"] for one in looking.events()} == {opened.draft.data["view"]}


def test_it_hides_itself_when_its_time_is_over(looking: Looking) -> None:
    page = looking.page
    page.clock.install()
    page.reload()
    looking.look()
    page.keyboard.down("Space")
    looking.shown("sharp")
    page.clock.fast_forward(21_000)
    looking.hidden()
    assert looking.events()[-1].draft.kind == "view.ended"


def test_it_hides_itself_when_the_window_is_left(looking: Looking) -> None:
    looking.look()
    with looking.page.expect_response("**/end/script"):
        looking.page.evaluate("window.dispatchEvent(new Event('blur'))")
    looking.hidden()


def test_no_preview_comes_from_anywhere_but_an_open_view(looking: Looking) -> None:
    """Direct address, cache, another role, another session, after the end, after signing out."""
    house, page = looking.house, looking.page
    with page.expect_response(is_still) as first:
        looking.look()
    address = first.value.url
    assert first.value.headers["cache-control"] == "no-store"
    logged = len(looking.events())

    # Going there by hand in a second tab shows it once more, since the view is open; that is
    # in the log too.
    tab = page.context.new_page()
    tab.goto("/rest")
    assert looking.fetch(tab, address) == (200, "image/jpeg")
    assert len(looking.events()) == logged + 1

    # What the browser has kept of it is nothing.
    assert looking.fetch(tab, address, "only-if-cached")[0] in (0, 504)
    page.context.set_offline(True)
    assert looking.fetch(tab, address, "force-cache") == (0, "")
    page.context.set_offline(False)

    # Another session of the same person, and other people.
    for name in ("robin-again", "ada", "noor", "sam", ""):
        other = house.page("" if name == "robin-again" else name)
        if name == "robin-again":
            house.sign_in(other, "robin")
        other.goto("/rest")
        status, kind = looking.fetch(other, address)
        assert not kind.startswith("image/"), name
        assert status in ((200,) if not name else (403, 410)), name
        answer = other.goto(address)
        assert answer is not None
        assert not answer.headers["content-type"].startswith("image/"), name

    logged = len(looking.events())
    with page.expect_response("**/end/script"):
        page.keyboard.press("Escape")
    looking.hidden()
    assert looking.fetch(tab, address)[0] == 410
    gone = tab.goto(address)
    assert gone is not None
    assert gone.status == 410
    assert len(looking.events()) == logged + 1
    assert looking.events()[-1].draft.kind == "view.ended"


def test_the_back_button_brings_no_preview_back(looking: Looking) -> None:
    page = looking.page
    looking.look()
    source = page.locator("#look-picture img").get_attribute("src")
    assert source is not None
    assert source.startswith("blob:")
    assert page.evaluate(IMAGE, source) == "there"
    page.goto("/rest")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Case")
    expect(page.locator("#look-picture img")).to_have_count(0)
    assert page.evaluate(IMAGE, source) == "gone"
    expect(page.get_by_role("button", name=re.compile("^Look"))).to_be_visible()
    # The page's last word may come after the next page has; it comes all the same.
    looking.ended()
    assert [one.split("level=")[1] for one in looking.asked] == ["blurred"]


def test_nothing_comes_after_signing_out(house: House, looking: Looking) -> None:
    page = house.page()
    house.sign_in(page, "robin")
    page.goto(f"/cases/{looking.case.case_id}")
    mine = Looking(house, page, looking.case)
    with page.expect_response(is_still) as first:
        mine.look()
    tab = page.context.new_page()
    tab.goto("/rest")
    tab.get_by_role("button", name="Sign out").click()
    expect(tab.get_by_text("You are signed out.")).to_be_visible()
    status, kind = mine.fetch(tab, first.value.url)
    assert (status, kind.startswith("image/")) == (200, False)
    assert tab.url.endswith("done=signed_out")
    page.keyboard.down("Space")
    expect(page.get_by_text("No preview can be shown.")).to_be_visible()
    expect(page.locator("#look-picture img")).to_have_count(0)
