"""Looking: each preview belongs to a view that was opened on purpose, by this person, here."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
from PIL import Image

from safehold.custodian.interface import CustodianAwayError, Previewed, PreviewError
from safehold.users.roles import Role
from tests.console.conftest import House
from tests.console.deciding import Office, alike, exact, later, text_of


@pytest.fixture
def office(house: House) -> Office:
    return Office(house)


def test_nothing_loads_before_somebody_looks(office: Office) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    page = browser.get(f"/cases/{case_id}").text
    assert "data-look" in page
    assert "<img" not in page
    assert "/stills/" not in page
    assert office.custodian.shown == []
    assert not [kind for kind in office.kinds(case_id) if kind.startswith("view.")]


def test_a_view_is_on_record_before_and_after_each_preview(office: Office) -> None:
    case_id = office.case(alike())
    user, browser = office.reviewer(name="anna")
    browser.post(f"/cases/{case_id}/take")
    evidence = office.evidence_of(case_id)[0]
    opened = browser.post(
        f"/cases/{case_id}/views/script", json={"evidence_id": evidence.evidence_id}
    )
    told = opened.json()
    assert told["sharpen"] is True
    assert told["colour"] is True
    assert told["seconds"] == office.parts.options.view_seconds
    assert told["left"] == office.parts.options.views_per_day - 1
    assert office.kinds(case_id)[-1] == "view.opened"
    assert office.custodian.shown == []

    still = browser.get(told["still"] + "?level=blurred")
    assert still.status_code == 200
    assert still.headers["Content-Type"] == "image/jpeg"
    assert still.headers["Cache-Control"] == "no-store"
    assert still.headers["Content-Disposition"] == "inline"
    assert still.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert still.headers["X-Stills"] == "1"
    picture = Image.open(io.BytesIO(still.content))
    assert max(picture.size) <= office.parts.options.small_side
    assert not picture.getexif()
    [shown] = office.custodian.shown
    assert shown.object_name == evidence.object_name
    assert shown.access.actor == f"user:{user.user_id}"
    assert shown.access.reason.startswith("view:")
    assert shown.wish.level == "blurred"
    assert "anna" in shown.wish.mark

    office.house.clock.advance(later(4))
    ended = browser.post(told["end"], json={"sharp_seconds": "2.5"})
    assert ended.json() == {"looked": True, "left": office.parts.options.views_per_day - 1}
    assert office.kinds(case_id)[-3:] == ["view.opened", "view.shown", "view.ended"]
    data = office.events(case_id)[-1].draft.data
    assert data["seconds"] == 4
    assert data["sharp_seconds"] == 0  # nothing sharp was ever shown


def test_sharp_seconds_are_those_of_sharp_stills(office: Office) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    view_id = office.open_view(case_id, browser)
    for level in ("blurred", "grey", "colour"):
        answer = browser.get(f"/views/{view_id}/stills/0?level={level}")
        assert answer.status_code == 200
    office.house.clock.advance(later(6))
    browser.post(f"/views/{view_id}/end/script", json={"sharp_seconds": "3.2", "sharp_stills": [0]})
    view = office.view(view_id)
    assert view.sharp_seconds == pytest.approx(3.2)
    assert view.sharp == {0}
    assert view.colour == {0}
    assert view.viewed_whole
    levels = [
        event.draft.data["level"]
        for event in office.events(case_id)
        if event.draft.kind == "view.shown"
    ]
    assert levels == ["blurred", "grey", "colour"]


@pytest.mark.parametrize("told", ["nan", "inf", "much", "[]"])
def test_seconds_that_are_no_number_are_refused(office: Office, told: str) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    view_id = office.open_view(case_id, browser)
    answer = browser.post(f"/views/{view_id}/end/script", json={"sharp_seconds": told})
    assert answer.status_code == 400
    assert office.view(view_id).ended is None


def test_ones_own_bounds_hold(office: Office) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer(colour=False, view_seconds=5)
    browser.post(f"/cases/{case_id}/take")
    evidence_id = office.evidence_of(case_id)[0].evidence_id
    told = browser.post(f"/cases/{case_id}/views/script", json={"evidence_id": evidence_id}).json()
    assert told["colour"] is False
    assert told["seconds"] == 5
    assert browser.get(told["still"] + "?level=colour").status_code == 410
    assert browser.get(told["still"] + "?level=grey").status_code == 200


def test_who_never_sharpens_gets_nothing_sharp(office: Office) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer(sharpen=False)
    browser.post(f"/cases/{case_id}/take")
    view_id = office.open_view(case_id, browser)
    assert browser.get(f"/views/{view_id}/stills/0?level=grey").status_code == 410
    assert browser.get(f"/views/{view_id}/stills/0").status_code == 200


def test_no_preview_by_a_direct_address(office: Office) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    evidence = office.evidence_of(case_id)[0]
    for made_up in ("nothing", case_id, evidence.evidence_id, evidence.object_name):
        assert browser.get(f"/views/{made_up}/stills/0").status_code == 410
        assert browser.get(f"/views/{made_up}").status_code == 410
    assert office.custodian.shown == []


def test_no_preview_after_the_end(office: Office) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer()
    view_id = office.looked(case_id, browser)
    shown = len(office.custodian.shown)
    # The back button asks again, since nothing may be kept: and gets nothing.
    assert browser.get(f"/views/{view_id}/stills/0").status_code == 410
    assert browser.get(f"/views/{view_id}").status_code == 410
    assert len(office.custodian.shown) == shown


def test_no_preview_once_its_time_is_over(office: Office) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    view_id = office.open_view(case_id, browser)
    office.house.clock.advance(later(office.parts.options.view_seconds))
    assert browser.get(f"/views/{view_id}/stills/0").status_code == 410
    assert office.custodian.shown == []
    assert office.views.end_stale() == 1
    assert office.kinds(case_id)[-1] == "view.ended"


def test_no_preview_of_anothers_view(office: Office) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer()
    _, other = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    view_id = office.open_view(case_id, browser)
    assert other.get(f"/views/{view_id}/stills/0").status_code == 410
    assert other.get(f"/views/{view_id}").status_code == 410
    assert other.post(f"/views/{view_id}/end/script", json={}).status_code == 410
    assert other.post(f"/views/{view_id}/end").status_code == 410
    assert office.custodian.shown == []
    assert office.view(view_id).ended is None


def test_no_preview_in_another_session_of_the_same_person(office: Office) -> None:
    case_id = office.case(alike())
    user, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    view_id = office.open_view(case_id, browser)
    elsewhere = office.house.client(user=user)
    assert elsewhere.get(f"/views/{view_id}/stills/0").status_code == 410
    assert office.custodian.shown == []
    assert browser.get(f"/views/{view_id}/stills/0").status_code == 200


@pytest.mark.parametrize("role", [Role.OFFICER, Role.AUDITOR, Role.ADMIN])
def test_no_preview_for_other_roles(office: Office, role: Role) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    view_id = office.open_view(case_id, browser)
    _, other = office.person(role)
    evidence_id = office.evidence_of(case_id)[0].evidence_id
    wanted = {"evidence_id": evidence_id}
    assert other.get(f"/views/{view_id}/stills/0").status_code == 403
    assert other.get(f"/views/{view_id}").status_code == 403
    assert other.post(f"/cases/{case_id}/views", data=wanted).status_code == 403
    assert other.post(f"/cases/{case_id}/views/script", json=wanted).status_code == 403
    assert office.custodian.shown == []


def test_no_preview_after_signing_out(office: Office) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    view_id = office.open_view(case_id, browser)
    office.house.sign_in.found.clear()
    answer = browser.get(f"/views/{view_id}/stills/0")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/sign-in")
    assert answer.content == b""
    assert office.custodian.shown == []
    nobody = office.house.browser()
    assert nobody.get(f"/views/{view_id}/stills/0").status_code == 303


def test_no_view_without_the_lock(office: Office) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer()
    evidence_id = office.evidence_of(case_id)[0].evidence_id
    wanted = {"evidence_id": evidence_id}
    assert browser.post(f"/cases/{case_id}/views/script", json=wanted).status_code == 409
    assert browser.post(f"/cases/{case_id}/views", data=wanted).status_code == 409
    assert "view.opened" not in office.kinds(case_id)


def test_no_view_by_get_or_without_a_token(office: Office) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    wanted = {"evidence_id": office.evidence_of(case_id)[0].evidence_id}
    assert browser.get(f"/cases/{case_id}/views").status_code == 405
    browser.csrf = "another"
    assert browser.post(f"/cases/{case_id}/views/script", json=wanted).status_code == 403
    assert "view.opened" not in office.kinds(case_id)


def test_no_view_of_evidence_of_another_case(office: Office) -> None:
    case_id = office.case(alike())
    other = office.case(alike())
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    wanted = {"evidence_id": office.evidence_of(other)[0].evidence_id}
    assert browser.post(f"/cases/{case_id}/views/script", json=wanted).status_code == 404
    assert "view.opened" not in office.kinds(other)


def test_a_preview_that_cannot_be_made_is_on_record(office: Office) -> None:
    case_id = office.case(reasons=("decode_failed",))
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    view_id = office.open_view(case_id, browser)
    office.custodian.failure = PreviewError()
    answer = browser.get(f"/views/{view_id}/stills/0")
    assert answer.status_code == 422
    assert office.kinds(case_id)[-1] == "view.failed"
    # Somebody has tried, so what cannot be read can be cleared.
    office.custodian.failure = None
    browser.post(f"/views/{view_id}/end/script", json={})
    cleared = browser.post(f"/cases/{case_id}/clear", data={"reason": "unreadable", "sure": "yes"})
    assert cleared.status_code == 303


def test_that_there_is_no_further_still_is_no_look(office: Office) -> None:
    case_id = office.case(reasons=("damaged",))
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    view_id = office.open_view(case_id, browser)
    assert browser.get(f"/views/{view_id}/stills/7").status_code == 422
    assert "view.failed" not in office.kinds(case_id)
    ended = browser.post(f"/views/{view_id}/end/script", json={})
    assert ended.json()["looked"] is False
    cleared = browser.post(f"/cases/{case_id}/clear", data={"reason": "unreadable", "sure": "yes"})
    assert cleared.status_code == 403


def test_what_is_asked_for_by_head_was_not_shown(office: Office) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    view_id = office.open_view(case_id, browser)
    answer = browser.head(f"/views/{view_id}/stills/0")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    assert office.custodian.shown == []
    assert office.kinds(case_id)[-1] == "view.opened"
    assert browser.post(f"/views/{view_id}/end/script", json={}).json()["looked"] is False


def test_a_still_that_came_after_the_end_is_not_sent(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    view_id = office.open_view(case_id, browser)
    made = office.custodian.preview

    def slowly(*wanted: Any) -> Previewed:
        told = made(*wanted)
        browser.post(f"/views/{view_id}/end/script", json={})
        return told

    monkeypatch.setattr(office.custodian, "preview", slowly)
    answer = browser.get(f"/views/{view_id}/stills/0?level=grey")
    assert answer.status_code == 410
    assert not answer.content.startswith(b"\xff\xd8")
    assert office.view(view_id).sharp == frozenset()


def test_without_a_script_a_preview_hides_itself_too(office: Office) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    evidence_id = office.evidence_of(case_id)[0].evidence_id
    opened = browser.post(f"/cases/{case_id}/views", data={"evidence_id": evidence_id})
    office.house.clock.advance(later(5))
    page = browser.get(opened.headers["Location"])
    assert page.headers["Refresh"] == f"15;url=/cases/{case_id}?done=view_ended"


def test_a_custodian_that_is_away_is_said(office: Office) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    view_id = office.open_view(case_id, browser)
    office.custodian.failure = CustodianAwayError()
    assert browser.get(f"/views/{view_id}/stills/0").status_code == 503
    assert office.view(view_id).blurred == frozenset()


@pytest.mark.parametrize("address", ["stills/1000000000", "stills/-1", "stills/x", "stills/9"])
def test_stills_that_there_are_not(office: Office, address: str) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    view_id = office.open_view(case_id, browser)
    assert browser.get(f"/views/{view_id}/{address}").status_code in (400, 410)
    assert browser.get(f"/views/{view_id}/stills/0?level=original").status_code == 400
    assert office.custodian.shown == []


def test_the_budget_leads_to_the_quiet_page(house: House) -> None:
    office = Office(house, views_per_day=1)
    case_id = office.case(alike())
    _, browser = office.reviewer()
    office.looked(case_id, browser)
    wanted = {"evidence_id": office.evidence_of(case_id)[0].evidence_id}
    answer = browser.post(f"/cases/{case_id}/views", data=wanted)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/rest"
    script = browser.post(f"/cases/{case_id}/views/script", json=wanted)
    assert script.status_code == 429
    assert script.json()["code"] == "rest"
    assert "0 views are left today." in text_of(browser.get(f"/cases/{case_id}"))
    assert office.kinds(case_id).count("view.opened") == 1


def test_looking_without_a_script(office: Office) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    wanted = {"evidence_id": office.evidence_of(case_id)[0].evidence_id}
    answer = browser.post(f"/cases/{case_id}/views", data=wanted)
    address = answer.headers["Location"]
    page = browser.get(address)
    assert page.headers["Cache-Control"] == "no-store"
    assert f'src="{address}/stills/0"' in page.text
    assert 'alt="Preview, blurred"' in page.text
    assert page.text.count("<img") == 1
    assert browser.get(f"{address}/stills/0").status_code == 200
    assert office.custodian.shown[-1].wish.level == "blurred"
    assert "The next still" not in browser.get(address).text
    back = browser.post(f"{address}/end")
    assert back.headers["Location"] == f"/cases/{case_id}?done=view_ended"
    assert office.kinds(case_id)[-1] == "view.ended"
    assert "You have looked" in text_of(browser.get(f"/cases/{case_id}"))


def test_who_has_looked_is_shown_with_its_length(office: Office) -> None:
    case_id = office.case(exact())
    _, browser = office.reviewer(name="anna")
    browser.post(f"/cases/{case_id}/take")
    view_id = office.open_view(case_id, browser)
    browser.get(f"/views/{view_id}/stills/0")
    office.house.clock.advance(dt.timedelta(seconds=7))
    browser.post(f"/views/{view_id}/end/script", json={})
    said = text_of(browser.get(f"/cases/{case_id}"))
    assert "7 seconds" in said
    assert "blurred only" in said
