"""The whole table of roles and pages.

What each role may do is written out here once more, so that a changed permission, or a page with
another one than was meant, is seen.
"""

from __future__ import annotations

import dataclasses
import re

import pytest

from safehold.console.pages import signin
from safehold.console.routes import ROUTES
from safehold.console.visit import Reply, Route, Visit
from safehold.users.model import Stage
from safehold.users.roles import GRANTS, Role
from tests.console.conftest import House, make_house

OWN = {
    "home",
    "rest",
    "account",
    "account_preferences",
    "account_password",
    "account_confirm",
    "account_totp",
    "account_totp_confirm",
    "account_totp_remove",
    "account_passkey",
    "account_passkey_options",
    "account_passkey_add",
    "account_passkey_remove",
    "account_session_end",
    "account_sessions_end",
}
READING = {"queue", "case", "group", "approvals", "approval", "approval_withdraw", "lists"}
REVIEWING = {
    "queue_next",
    "case_take",
    "case_release",
    "case_pass",
    "case_confirm",
    "case_clear",
    "case_escalate",
    "case_more",
    "case_note",
    "case_propose",
    "case_words",
    "group_decide",
    "group_split",
    "view_open",
    "view_open_script",
    "view",
    "view_still",
    "view_end",
    "view_end_script",
}
HOLDING = {"holds", "case_hold", "hold_lift", "retention_propose", "case_destroy"}
REPORTING = {
    "reports",
    "case_report",
    "report",
    "report_approve",
    "report_send_back",
    "kept_document",
}
PREPARING = {
    "report_begin",
    "report_details",
    "report_file_add",
    "report_file_remove",
    "report_fix",
    "report_abandon",
    "report_resolve",
    "report_acknowledge",
}
RETENTION = {"retention", "retention_records", "retention_statement", "retention_signature"}
MANAGING = {
    "users",
    "user_add",
    "user",
    "user_roles",
    "user_reset",
    "user_disable",
    "user_enable",
    "user_sessions_end",
    "user_provider",
}
PUBLISHED = {"transparency", "transparency_csv", "transparency_json"}
AUDITING = {"audit", "audit_event", "audit_verify", "audit_checkpoints"}

TABLE: dict[Role, set[str]] = {
    Role.REVIEWER: OWN | READING | REVIEWING,
    Role.APPROVER: OWN
    | READING
    | REVIEWING
    | HOLDING
    | REPORTING
    | RETENTION
    | {"approval_approve", "approval_refuse", "figures"}
    | PUBLISHED,
    Role.OFFICER: OWN
    | READING
    | HOLDING
    | REPORTING
    | PREPARING
    | RETENTION
    | {"case_words", "case_export", "approval_file"},
    Role.AUDITOR: OWN | AUDITING | PUBLISHED | RETENTION | {"lists", "figures", "health"},
    Role.ADMIN: OWN | MANAGING | {"lists", "health"},
}

SIGNING_IN = {route.name for route in signin.ROUTES}
NO_EVIDENCE = {Role.AUDITOR, Role.ADMIN}
EVIDENCE = {
    "view_open",
    "view_open_script",
    "view",
    "view_still",
    "case_words",
    "approval_file",
    "report",
    "kept_document",
}


def stand_in(visit: Visit) -> Reply:
    """In place of every page: who gets here was let in."""
    return Reply(b"let in")


@pytest.fixture(scope="module")
def doors() -> House:
    """All routes of the console, with nothing behind them."""
    return make_house([dataclasses.replace(route, handler=stand_in) for route in ROUTES])


def ask(house: House, route: Route, token: str, csrf: str | None = None) -> str:
    """What becomes of a request: `let in`, `refused`, or `sign in`."""
    path = re.sub(r"\{\w+\}", "x", route.path)
    with house.browser(token) as browser:
        if csrf is not None:
            browser.csrf = csrf
        if route.method == "GET":
            answer = browser.get(path)
        elif route.uploads:
            answer = browser.post(path, files={"document": b"a letter"})
        elif route.streams:
            answer = browser.post(path, json={})
        else:
            answer = browser.post(path)
    if answer.status_code == 200:
        assert answer.content == b"let in"
        return "let in"
    if answer.status_code == 403:
        return "refused"
    if route.streams:
        assert answer.status_code == 401
        assert answer.json()["code"] == "session"
    else:
        assert answer.status_code == 303
        location = answer.headers["location"]
        assert location.startswith(("/sign-in", "/set-up")) or location == "/"
    return "sign in"


def test_the_table_names_every_page_and_no_other() -> None:
    named = set().union(*TABLE.values())
    assert named == {route.name for route in ROUTES if route.permission is not None}
    assert set(TABLE) == set(Role)
    assert {route.name for route in ROUTES if route.permission is None} == SIGNING_IN


@pytest.mark.parametrize("role", list(Role))
def test_each_role_reaches_its_pages_and_no_others(doors: House, role: Role) -> None:
    token = doors.session(doors.user(role))
    for route in ROUTES:
        if route.permission is None:
            continue
        expected = "let in" if route.name in TABLE[role] else "refused"
        assert ask(doors, route, token) == expected, route.name
        assert (route.permission in GRANTS[role]) == (expected == "let in"), route.name


def test_who_opens_no_evidence_opens_none() -> None:
    for role in NO_EVIDENCE:
        assert not TABLE[role] & (EVIDENCE | REVIEWING | REPORTING | READING - {"lists"})
    assert {route.name for route in ROUTES} >= EVIDENCE


def test_several_roles_reach_what_each_of_them_does(doors: House) -> None:
    token = doors.session(doors.user(Role.AUDITOR, Role.ADMIN))
    for route in ROUTES:
        if route.permission is not None:
            together = TABLE[Role.AUDITOR] | TABLE[Role.ADMIN]
            assert (ask(doors, route, token) == "let in") == (route.name in together), route.name


@pytest.mark.parametrize("stage", [None, Stage.FACTOR, Stage.SETUP])
def test_who_has_not_signed_in_reaches_nothing_but_that(doors: House, stage: Stage | None) -> None:
    token = "" if stage is None else doors.session(doors.user(*Role), stage)
    for route in ROUTES:
        if route.permission is not None:
            assert ask(doors, route, token) == "sign in", route.name
        elif route.method == "GET":
            assert ask(doors, route, token) == "let in", route.name


def test_no_form_is_taken_without_its_token(doors: House) -> None:
    token = doors.session(doors.user(*Role))
    other = doors.sign_in.csrf("another session")
    posts = [route for route in ROUTES if route.method == "POST"]
    assert len(posts) > 30
    for route in posts:
        assert ask(doors, route, token) == "let in", route.name
        # A form of signing in that is too old leads back there, and does nothing else.
        kind = route.permission is None and not route.streams
        for wrong in ("", "x", other):
            expected = "sign in" if kind and route.name != "sign_out" else "refused"
            assert ask(doors, route, token, wrong) == expected, route.name
        if route.permission is None:
            assert ask(doors, route, "", other) == ("sign in" if kind else "refused"), route.name


def test_methods() -> None:
    assert {route.method for route in ROUTES} == {"GET", "POST"}
    assert not [route.name for route in ROUTES if route.streams and route.method == "GET"]
