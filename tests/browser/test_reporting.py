"""From a confirmed case to the authority's receipt, by two people who see no picture."""

from __future__ import annotations

import re

from playwright.sync_api import BrowserContext, Page, Request, expect

from safehold.custodian.compose import custodian_client
from safehold.testing.console_reports import sender
from tests.browser.window import House

PICTURES = ("/stills/", "/views", "preview")
VIEWED = re.compile(rb"<fileViewedByEsp>(true|false|1|0)</fileViewedByEsp>")


class Watched:
    """What windows have asked for."""

    def __init__(self, *windows: BrowserContext) -> None:
        self.asked: list[str] = []
        for window in windows:
            window.on("request", self._on_request)

    def _on_request(self, request: Request) -> None:
        self.asked.append(request.url)

    def pictures(self) -> list[str]:
        """Requests for anything that shows what was held."""
        return [url for url in self.asked if any(word in url for word in PICTURES)]


def sent(house: House) -> None:
    """Have what is approved sent, as `safehold work` does, by the real custodian."""
    runtime = house.site.runtime
    outcome = sender(runtime, custodian_client(runtime)).run(lambda: False)
    assert outcome.code == "ok", outcome


def test_from_a_case_to_the_receipt_without_a_look(house: House) -> None:
    simulator = house.site.made.simulator
    assert simulator is not None
    before = set(simulator.finished)
    noor, ada = house.page("noor"), house.page("ada")
    watched = Watched(noor.context, ada.context)
    last = house.site.events()[-1].seq

    address = begun(noor)
    text = fixed(noor)
    approved(ada, address, text)
    sent(house)
    expect(ada.get_by_text("The authority's number")).to_be_visible()  # by itself
    [number] = set(simulator.finished) - before
    filed(noor, address, str(number))

    # Nobody needed to look, and the authority was told so.
    found = simulator.finished[number]
    assert "An &lt;invented&gt; name" in found.xml.decode()
    details = [VIEWED.findall(file.details_xml) for file in found.files]
    assert details
    assert all(said == [b"false"] for said in details)
    assert watched.pictures() == []
    people = {f"user:{house.site.person(name).user.user_id}" for name in ("noor", "ada")}
    events = [one for one in house.site.events() if one.seq > last]
    kinds = {one.draft.kind for one in events if one.draft.actor in people}
    assert {"report.begun", "report.read", "report.fixed", "report.approved"} <= kinds
    assert not [kind for kind in kinds if kind.startswith(("view.", "custodian.preview"))]


def begun(noor: Page) -> str:
    """Begin a report about somebody of a confirmed case who has none yet; its address."""
    noor.goto("/reports")
    noor.get_by_role("link", name=re.compile("^Prepare a report")).first.click()
    expect(noor.get_by_text("This case is a demonstration's")).to_be_visible()
    free = noor.get_by_role("radio", name="NCMEC", disabled=False)
    person = noor.locator("section.card").filter(has=free).first
    person.get_by_role("radio", name="NCMEC").check()
    person.get_by_role("button", name="Begin the report").click()
    expect(noor.get_by_text("The report is begun.")).to_be_visible()
    expect(noor.get_by_text("goes to a simulator")).to_be_visible()
    return noor.url.partition("?")[0]


def fixed(noor: Page) -> str:
    """Add something, see it in the very document, and hand it over; the document."""
    noor.get_by_text("Add or change something").click()
    noor.get_by_label("Display name").fill("An <invented> name & more")
    noor.get_by_role("button", name="Keep it, and write the report anew").click()
    text = document(noor)
    assert "An &lt;invented&gt; name &amp; more" in text
    assert text.startswith("<?xml")
    noor.get_by_label("Yes, I have read the documents").check()
    noor.get_by_role("button", name="Fix it, and hand it").click()
    expect(noor.get_by_text("You have prepared it: somebody else")).to_be_visible()
    expect(noor.get_by_role("button", name="Approve the report")).to_have_count(0)
    return text


def approved(ada: Page, address: str, text: str) -> None:
    """Be the second person, who reads the same."""
    ada.goto(address)
    assert document(ada) == text
    ada.get_by_label("Yes, I have read the documents").check()
    ada.get_by_role("button", name="Approve the report").click()
    expect(ada.get_by_text("The report is approved.")).to_be_visible()
    expect(ada.get_by_text("No call was made yet.")).to_be_visible()


def filed(noor: Page, address: str, number: str) -> None:
    """See what became of it, and take the receipt."""
    noor.goto(address)
    expect(noor.get_by_text(number, exact=True).first).to_be_visible()
    expect(noor.get_by_text("Evidence is kept until")).to_be_visible()
    rows = noor.get_by_role("region", name="Calls to the authority").get_by_role("row")
    expect(rows.filter(has_text="Finish the report").last).to_contain_text("confirmed")
    with noor.expect_download() as receipt:
        noor.get_by_role("button", name="Download").last.click()
    assert receipt.value.path().read_bytes()


def document(page: Page) -> str:
    """The text of the report that is shown, exactly."""
    text = page.locator("#document-1").text_content()
    assert text is not None
    return text
