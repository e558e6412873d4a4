"""Who may do what: keys, scopes, budgets; and nothing of one service is seen by another."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from safehold.accounts.budgets import BudgetOptions
from safehold.accounts.keys import KeyTerms
from safehold.accounts.model import Scope
from safehold.policy.surfaces import SurfaceOptions
from tests.server.site import ALL, BLOCKED, CLEAN, HELD, Site, jpeg, opened, running

CALLS = (
    ("POST", "/v1/screen"),
    ("POST", "/v1/screen/digests"),
    ("GET", "/v1/receipts/abc"),
    ("POST", "/v1/receipts/abc/confirm"),
    ("PUT", "/v1/receipts/abc/bytes"),
    ("POST", "/v1/flags"),
    ("POST", "/v1/appeals"),
)


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_each_call_needs_a_key(site: Site, method: str, path: str) -> None:
    good = site.keys["shop"]
    for value in (
        None,
        "",
        "Bearer",
        "Bearer ",
        good,
        f"Basic {good}",
        f"Bearer {good[:-1]}",
        f"Bearer {good[:-6]}aaaaaa",
        f"Bearer {good} {good}",
        "Bearer sfh_" + "0" * 26 + "_" + "a" * 56,
        "Bearer " + "x" * 2000,
    ):
        headers = {} if value is None else {"Authorization": value}
        answer = site.call(method, path, b"x", headers, key=None)
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        # Whatever is wrong, nothing tells it apart.
        assert answer.json == {
            "type": "urn:safehold:problem:unauthorized",
            "title": "No valid API key",
            "status": 401,
            "code": "unauthorized",
            "detail": "The call has no valid API key.",
        }


@pytest.mark.parametrize(
    ("missing", "method", "path"),
    [
        (Scope.SCREEN, "POST", "/v1/screen"),
        (Scope.SCREEN, "GET", "/v1/receipts/abc"),
        (Scope.SCREEN, "POST", "/v1/receipts/abc/confirm"),
        (Scope.SCREEN, "PUT", "/v1/receipts/abc/bytes"),
        (Scope.DIGESTS, "POST", "/v1/screen/digests"),
        (Scope.FLAGS, "POST", "/v1/flags"),
        (Scope.APPEALS, "POST", "/v1/appeals"),
    ],
)
def test_each_call_needs_its_scope(site: Site, missing: Scope, method: str, path: str) -> None:
    name = f"without-{missing.value}"
    if name not in site.keys:
        site.add_key(name, "shop", KeyTerms(scopes=ALL - {missing}, per_minute=0))
    answer = site.call(method, path, b"{}", {"Content-Type": "application/json"}, key=name)
    assert (answer.status, answer.json["code"]) == (403, "forbidden")


def test_a_revoked_key_ends(site: Site) -> None:
    site.add_key("short", "shop")
    assert site.screen(CLEAN, key="short").status == 200
    site.runtime.accounts.revoke(site.key_ids["short"].key_id)
    # What is remembered of keys is believed for a few seconds; a new process believes nothing.
    fresh = site.parts.door.keys
    with pytest.raises(Exception, match="no valid API key"):
        fresh.refresh(site.keys["short"])


def test_nothing_of_a_service_is_seen_by_another(site: Site) -> None:
    sha256 = hashlib.sha256(HELD).hexdigest()
    for content in (CLEAN, HELD, BLOCKED):
        receipt = site.screen(content).json["receipt"]
        path = f"/v1/receipts/{receipt}"
        calls = [
            site.call("GET", path, key="forum"),
            site.send_json(f"{path}/confirm", {"sha256": sha256}, key="forum"),
            site.call("PUT", f"{path}/bytes", content, key="forum"),
            site.send_json("/v1/flags", {"receipt": receipt, "reason": "x"}, key="forum"),
            site.send_json("/v1/appeals", {"receipt": receipt, "text": "x"}, key="forum"),
        ]
        made_up = "A" * len(receipt)
        unknown = site.call("GET", f"/v1/receipts/{made_up}")
        for answer in calls:
            assert (answer.status, answer.json["code"]) == (404, "receipt_unknown")
            assert answer.body == unknown.body


def test_a_flag_of_one_service_holds_nothing_in_another(site: Site) -> None:
    content = jpeg(60)
    site.screen(content)
    flagged = site.send_json(
        "/v1/flags", {"sha256": hashlib.sha256(content).hexdigest(), "reason": "reported"}
    )
    assert flagged.status == 202
    assert site.screen(content, key="forum").json["verdict"] == "allow"


def test_budgets_of_keys_and_of_end_users(tmp_path: Path) -> None:
    surfaces = {
        "strict": SurfaceOptions(user_per_minute=1),
        "off": SurfaceOptions(enabled=False, legal_basis="none"),
    }
    with opened(tmp_path, surfaces=surfaces) as made:
        made.add_key("poor", "shop", KeyTerms(scopes=ALL, per_minute=3))
        made.add_key("rich", "shop", KeyTerms(scopes=ALL, per_minute=0))
        budgets = BudgetOptions(user_per_minute=2, flags_user_per_minute=1)
        with running(made, replace(made.parts, budgets=budgets)) as site:
            statuses = [site.screen(CLEAN, key="poor").status for _ in range(4)]
            assert statuses == [200, 200, 200, 429]
            refused = site.screen(CLEAN, key="poor")
            assert refused.json["code"] == "budget"
            assert 1 <= int(refused.headers["retry-after"]) <= 120

            def by(user: str, key: str = "rich", surface: str = "public") -> int:
                return site.screen(
                    CLEAN, key=key, Safehold_Uploader=user, Safehold_Surface=surface
                ).status

            assert [by("42"), by("42"), by("42"), by("43")] == [200, 200, 429, 200]
            # User 42 of another service is somebody else; a surface may be stricter.
            assert by("42", key="forum") == 200
            assert [by("42", surface="strict"), by("42", surface="strict")] == [200, 429]
            receipt = site.screen(HELD, key="rich").json["receipt"]
            flag = {"receipt": receipt, "reason": "x", "reporter": "r"}
            assert site.send_json("/v1/flags", flag, key="rich").status == 202
            assert site.send_json("/v1/flags", flag, key="rich").status == 429
            # A surface that is switched off: allowed unread, whatever it is.
            answer = site.screen(BLOCKED, key="rich", Safehold_Surface="off")
            assert (answer.status, answer.json["verdict"]) == (200, "allow")
            assert site.call("GET", "/health/ready", key=None).status == 200


def test_who_feels_for_the_limit_raises_an_alarm(site: Site) -> None:
    before = site.log.getvalue().count('"event": "probing"')
    for quality in (60, 65, 70, 75, 80, 90, 95):
        site.screen(jpeg(61, (640, 480), quality), Safehold_Uploader="prober")
    # Nothing of these was held: it is no probing.
    assert site.log.getvalue().count('"event": "probing"') == before
    site.screen(BLOCKED, Safehold_Uploader="prober-2")
    for quality in (60, 65, 70, 75, 80, 90, 95):
        site.screen(jpeg(1, (320, 240), quality), Safehold_Uploader="prober-2")
    assert site.log.getvalue().count('"event": "probing"') == before + 1
    assert "prober" not in site.log.getvalue()
