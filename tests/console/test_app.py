"""The console's core: what surrounds every page."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import threading
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import httpx
import pytest

from safehold.cases.model import UnknownCaseError
from safehold.cases.review.model import (
    LockedError,
    OnHoldError,
    RestError,
    TwoPeopleError,
    ViewNeededError,
    ViewRefusedError,
)
from safehold.config.house import ConsoleOptions
from safehold.console.app import STRANGERS_THREADS, THREADS
from safehold.console.bodies import read_form
from safehold.console.dispatch import CSRF_FIELD
from safehold.console.errors import FormError
from safehold.console.pages import home
from safehold.console.routing import RouteTable
from safehold.console.static_files import StaticFiles
from safehold.console.visit import Reply, Route, Visit
from safehold.custodian.interface import CustodianAwayError, PreviewError
from safehold.errors import SafeholdError
from safehold.users.model import SignInWaitError, Stage
from safehold.users.roles import Permission, Role
from tests.console.conftest import NOW, ORIGIN, Browser, House, make_house


def hello(visit: Visit) -> Reply:
    return Reply(f"hello {visit.me.name} {visit.path['word']}".encode())


def sign_in(visit: Visit) -> Reply:
    return Reply(f"sign in {visit.csrf} {visit.query.get('next', '')}".encode())


def enter(visit: Visit) -> Reply:
    assert visit.user is None
    return Reply(b"", 303, headers={"Location": "/"}, cookie="a-new-token", kept="")


def change(visit: Visit) -> Reply:
    return visit.redirect(visit.url("hello", word=visit.form["word"], done="saved"))


def told(visit: Visit) -> Reply:
    return Reply(f"{dict(visit.form)} {dict(visit.form_lists)}".encode())


def leave(visit: Visit) -> Reply:
    return Reply(b"", 303, headers={"Location": "/sign-in"}, cookie="")


def fail(visit: Visit) -> Reply:
    raise FAILURES[visit.path["code"]]


def broken(visit: Visit) -> Reply:
    raise KeyError("a name of somebody")


def titled(visit: Visit) -> Reply:
    return visit.page("error.html", message=visit.query["m"], hint="", error_status=200, until=None)


FAILURES: dict[str, Exception] = {
    "locked": LockedError(),
    "unknown": UnknownCaseError(),
    "two": TwoPeopleError(),
    "view": ViewNeededError(),
    "held": OnHoldError(),
    "rest": RestError(NOW + dt.timedelta(minutes=7)),
    "gone": ViewRefusedError(),
    "preview": PreviewError(),
    "away": CustodianAwayError(),
    "wait": SignInWaitError(12),
    "other": SafeholdError(),
}
STATUSES = {
    "locked": 409,
    "unknown": 404,
    "two": 403,
    "view": 403,
    "held": 403,
    "rest": 429,
    "gone": 410,
    "preview": 422,
    "away": 503,
    "wait": 429,
    "other": 400,
}

READ, DECIDE = Permission.CASES_READ, Permission.CASES_DECIDE
SOME = (
    *home.ROUTES,
    Route("GET", "/sign-in", "sign_in", None, sign_in),
    Route("POST", "/sign-in", "sign_in_password", None, enter),
    Route("GET", "/sign-in/factor", "sign_in_factor", None, sign_in),
    Route("GET", "/set-up", "set_up", None, sign_in),
    Route("GET", "/back", "sign_in_provider_back", None, enter),
    Route("POST", "/sign-out", "sign_out", None, leave),
    Route("GET", "/hello/{word}", "hello", READ, hello),
    Route("GET", "/hello/there", "there", READ, home.home),
    Route("POST", "/change", "change", DECIDE, change),
    Route("POST", "/told", "told", DECIDE, told),
    Route("POST", "/script", "script", DECIDE, told, streams=True),
    Route("GET", "/fail/{code}", "fail", READ, fail),
    Route("POST", "/fail/{code}", "fail_script", DECIDE, fail, streams=True),
    Route("GET", "/broken", "broken", READ, broken),
    Route("GET", "/titled", "titled", READ, titled),
)


@pytest.fixture
def core() -> House:
    return make_house(SOME)


def test_a_page_for_somebody_signed_in(core: House) -> None:
    answer = core.client(Role.REVIEWER, name="ada").get("/hello/you")
    assert answer.status_code == 200
    assert answer.text == "hello ada you"


def test_what_is_written_out_goes_before_what_is_variable() -> None:
    table = RouteTable(SOME)
    assert table.find("/hello/there")[0]["GET"].name == "there"
    routes, path = table.find("/hello/you")
    assert routes["GET"].name == "hello"
    assert path == {"word": "you"}
    assert table.find("/hello/") == ({}, {})
    assert table.find("/hello/a/b") == ({}, {})


def test_addresses_of_routes() -> None:
    table = RouteTable(SOME)
    assert table.url("hello", {"word": "a/b ?", "done": "x&y", "none": None, "empty": ""}) == (
        "/hello/a%2Fb%20%3F?done=x%26y"
    )
    with pytest.raises(KeyError):
        table.url("hello")
    with pytest.raises(KeyError):
        table.url("nobody")
    with pytest.raises(ValueError, match="two routes"):
        RouteTable([SOME[0], SOME[0]])


def test_no_such_page(core: House) -> None:
    answer = core.browser().get("/nothing/here")
    assert answer.status_code == 404
    assert "There is no such page." in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_another_method(core: House) -> None:
    answer = core.client(Role.REVIEWER).put("/change")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert core.client(Role.REVIEWER).delete("/hello/x").headers["allow"] == "GET, HEAD"


def test_head_is_a_get_without_a_body(core: House) -> None:
    client = core.client(Role.REVIEWER, name="ada")
    answer = client.head("/hello/you")
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["content-length"] == str(len("hello ada you"))


def test_who_is_signed_out_signs_in_and_comes_back(core: House) -> None:
    answer = core.browser().get("/hello/you?x=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Fhello%2Fyou%3Fx%3D1"
    assert core.browser().post("/change").headers["location"] == "/sign-in"


@pytest.mark.parametrize(
    ("stage", "step"), [(Stage.FACTOR, "/sign-in/factor"), (Stage.SETUP, "/set-up")]
)
def test_a_session_that_has_not_come_far_enough_opens_nothing(
    core: House, stage: Stage, step: str
) -> None:
    client = core.client(Role.REVIEWER, stage=stage)
    for path in ("/hello/you", "/", "/broken"):
        answer = client.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith(step)
    assert client.post("/change", data={"word": "x"}).headers["location"] == step


def test_a_session_of_another_browser_opens_nothing(core: House) -> None:
    client = core.client(Role.REVIEWER)
    assert client.get("/hello/you", headers={"User-Agent": "another"}).status_code == 303
    assert client.get("/hello/you").status_code == 200


def test_a_role_without_the_permission_is_told_so(core: House) -> None:
    answer = core.client(Role.ADMIN).get("/hello/you")
    assert answer.status_code == 403
    assert "Your role does not include this page." in answer.text


def test_forms_need_their_token(core: House) -> None:
    client = core.client(Role.REVIEWER)
    assert client.post("/change", data={"word": "x"}).headers["location"] == "/hello/x?done=saved"
    other = core.client(Role.REVIEWER)
    for token in ("", "x", other.csrf, "é"):
        assert client.post("/change", data={"word": "x", CSRF_FIELD: token}).status_code == 403
    assert client.post("/script", json={"a": 1}).status_code == 200
    assert client.post("/script", json={"a": 1}, headers={"X-CSRF": other.csrf}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:8461"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_forms_come_from_the_consoles_own_pages(core: House, headers: dict[str, str]) -> None:
    client = core.client(Role.REVIEWER)
    assert client.post("/change", data={"word": "x"}, headers=headers).status_code == 403


def test_a_form_that_says_nothing_of_where_it_comes_from_is_refused(core: House) -> None:
    client = core.client(Role.REVIEWER)
    del client.headers["origin"]
    assert client.post("/change", data={"word": "x"}).status_code == 303  # Sec-Fetch-Site says it
    del client.headers["sec-fetch-site"]
    assert client.post("/change", data={"word": "x"}).status_code == 403


def test_forms_before_signing_in_have_a_token_too(core: House) -> None:
    browser = core.browser()
    assert browser.post("/sign-in").headers["location"] == "/sign-in?done=too_late"
    browser = core.browser()
    browser.csrf = browser.get("/sign-in").text.split()[2]
    assert browser.cookies["safehold-form"]
    assert browser.get("/sign-in").text.split()[2] == browser.csrf
    answer = browser.post("/sign-in")
    assert answer.status_code == 303
    assert browser.cookies["safehold"] == "a-new-token"
    stolen = core.browser()
    stolen.csrf = browser.csrf
    assert stolen.post("/sign-in").headers["location"] == "/sign-in?done=too_late"
    assert "safehold" not in stolen.cookies


def test_a_form_of_signing_in_that_is_too_old_leads_to_where_its_sender_is(core: House) -> None:
    def sent(browser: Browser, address: str, **form: str) -> str:
        browser.csrf = "of another time"
        answer = browser.post(address, data=form)
        return str(answer.headers.get("location", answer.status_code))

    assert sent(core.browser(), "/sign-in", next="/titled") == (
        "/sign-in?done=too_late&next=%2Ftitled"
    )
    assert sent(core.browser(), "/sign-in", next="//elsewhere") == "/sign-in?done=too_late"
    steps = {Stage.FACTOR: "/sign-in/factor", Stage.SETUP: "/set-up"}
    for stage, step in steps.items():
        client = core.client(Role.REVIEWER, stage=stage)
        assert sent(client, "/sign-in") == f"{step}?done=too_late"
    signed_in = core.client(Role.REVIEWER)
    assert sent(signed_in, "/sign-in", next="/titled") == "/titled"
    assert sent(signed_in, "/sign-out") == "403"  # it did not happen, and that is said
    assert sent(core.browser(origin="https://elsewhere.example"), "/sign-in") == "403"


def test_pages_go_on_while_strangers_flood_the_sign_in() -> None:
    held, entered = threading.Event(), threading.Semaphore(0)

    def slow(visit: Visit) -> Reply:
        entered.release()
        assert held.wait(20)
        return Reply(b"at last")

    house = make_house((*SOME, Route("GET", "/slow", "slow", None, slow)))
    app = house.app()
    token = house.session(house.user(Role.REVIEWER))

    async def ask(address: str, cookie: str = "") -> int:
        transport = httpx.ASGITransport(cast(Any, app), client=("127.0.0.1", 50_000))
        headers = {"User-Agent": "a test", "Cookie": cookie}
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            return (await client.get(address, headers=headers)).status_code

    async def flooded() -> int:
        flood = [asyncio.create_task(ask("/slow")) for _ in range(THREADS + 4)]
        for _ in range(STRANGERS_THREADS):
            assert await asyncio.to_thread(entered.acquire, timeout=10)
        try:
            return await asyncio.wait_for(ask("/hello/x", f"safehold={token}"), 10)
        finally:
            held.set()
            assert await asyncio.gather(*flood) == [200] * len(flood)

    assert asyncio.run(flooded()) == 200


@pytest.mark.parametrize("text", ["\0", "a\0b"])
def test_what_no_text_can_be_is_refused(core: House, text: str) -> None:
    client = core.client(Role.REVIEWER)
    for named in ({"x": text}, {text: "x"}):
        answer = client.post("/script", json=named)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
        assert client.post("/told", data=named).status_code == 400
    assert client.get("/titled", params={"m": text}).status_code == 400
    assert client.get(f"/hello/{quote(text)}").status_code == 404
    assert not [line for line in core.lines() if line["event"] == "page_failed"]


@pytest.mark.parametrize("body", [rb'{"x": "\ud800"}', rb'{"\udfff": "x"}', rb'{"x": ["\u0000"]}'])
def test_halves_of_characters_are_refused(body: bytes) -> None:
    with pytest.raises(FormError):
        read_form(body, "application/json", streams=True)
    assert read_form(rb'{"x": "\ud83d\ude00"}', "application/json", streams=True)


@pytest.mark.parametrize(
    "path", ["[", "*", "@elsewhere/", "http://[/", "/titled?x", "/hello/x#y", "/ti\ntled", "℀"]
)
def test_paths_are_taken_as_they_are(core: House, path: str) -> None:
    """What is decoded is not read as an address once more; whatever comes has the headers."""
    sent: list[Any] = []

    async def asked() -> None:
        scope = {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": quote(path).encode(),
            "query_string": b"",
            "headers": [(b"host", b"localhost:8460")],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8460),
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await core.app()(scope, receive, send)

    asyncio.run(asked())
    headers = dict(sent[0]["headers"])
    assert sent[0]["status"] == (303 if path == "/hello/x#y" else 404)
    assert headers[b"cache-control"] == b"no-store" and b"content-security-policy" in headers


def test_signing_out_removes_the_cookie_and_what_the_browser_has_kept(core: House) -> None:
    client = core.client(Role.REVIEWER)
    answer = client.post("/sign-out")
    assert answer.headers["clear-site-data"] == '"cache"'
    assert "safehold=;" in answer.headers["set-cookie"]
    assert "Max-Age=0" in answer.headers["set-cookie"]


def test_a_script_gets_json(core: House) -> None:
    client = core.client(Role.REVIEWER)
    answer = client.post("/script", json={"a": 1, "b": ["x", True], "c": "y"})
    assert answer.text == (
        "{'a': '1', 'b': 'true', 'c': 'y'} {'a': ('1',), 'b': ('x', 'true'), 'c': ('y',)}"
    )
    refused = client.post("/fail/rest", json={})
    assert refused.status_code == 429
    assert refused.json() == {
        "code": "rest",
        "message": "It is time for a pause.",
        "hint": "",
        "until": "2026-03-02T09:37:00+00:00",
    }
    assert core.browser().post("/script", json={}).status_code == 401
    for body in (b"[1]", b"{", b'{"a": {"b": 1}}', b"\xff", b"[" * 10_000):
        bad = client.post("/script", json=None, content=body, headers=_json())
        assert bad.status_code == 400, body
    assert client.post("/script", data={"a": "1"}, headers={"X-CSRF": client.csrf}).status_code == (
        415
    )


def _json() -> dict[str, str]:
    return {"Content-Type": "application/json"}


def test_forms_have_fields_and_lists(core: House) -> None:
    client = core.client(Role.REVIEWER)
    answer = client.post("/told", data={"a": ["1", "2"], "b": ""})
    assert answer.text == "{'a': '2', 'b': ''} {'a': ('1', '2'), 'b': ('',)}"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for body, status in [(b"a=%ff", 400), (b"\xff", 400), (b"a=1&" * 3000, 400)]:
        bad = client.request("POST", "/told", content=body, headers=kind)
        assert bad.status_code == status, body[:10]
    assert client.get("/hello/you?a=%ff").status_code == 400


def test_a_form_that_is_too_large(core: House) -> None:
    core.replace(options=ConsoleOptions(max_form_bytes=100))
    client = core.client(Role.REVIEWER)
    assert client.post("/change", data={"word": "x" * 101}).status_code == 413


@pytest.mark.parametrize("code", sorted(FAILURES))
def test_errors_become_pages(core: House, code: str) -> None:
    answer = core.client(Role.REVIEWER).get(f"/fail/{code}")
    error = FAILURES[code]
    assert isinstance(error, SafeholdError)
    assert answer.status_code == STATUSES[code]
    assert error.message in answer.text
    assert ("retry-after" in answer.headers) == (code in ("rest", "wait"))
    if code == "rest":
        assert answer.headers["retry-after"] == "420"
        assert "09:37" in answer.text


def test_what_nobody_expected_is_said_without_its_words(core: House) -> None:
    answer = core.client(Role.REVIEWER).get("/broken")
    assert answer.status_code == 500
    assert "Something went wrong here." in answer.text
    assert "a name of somebody" not in answer.text + core.log.getvalue()
    assert core.lines()[-1]["event"] == "page_failed"
    assert core.lines()[-1]["exception"] == "KeyError"


def test_everything_is_escaped(core: House) -> None:
    client = core.client(Role.REVIEWER, name="<i>")
    page = client.get("/titled", params={"m": "<script>alert(1)</script>&\"'"}).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<i>" not in page


def test_logs_have_ids_and_nothing_else(core: House) -> None:
    user = core.user(Role.REVIEWER, name="lovelace")  # no word that an id could spell by chance
    client = core.client(user=user)
    client.get("/hello/you?word=secret-one")
    client.post("/change", data={"word": "secret-two"})
    core.browser().get("/hello/secret-three?next=secret-four")
    for line in core.lines():
        assert set(line) == {
            "event",
            "level",
            "timestamp",
            "request",
            "route",
            "status",
            "seconds",
            "user",
        }
    assert [(line["route"], line["status"]) for line in core.lines()] == [
        ("hello", 200),
        ("change", 303),
        ("hello", 303),
    ]
    assert core.lines()[0]["user"] == user.user_id
    for word in ("secret", "lovelace", "127.0.0.1", "a test", "token"):
        assert word not in core.log.getvalue()


def test_an_address_only_shows_words_of_the_table(core: House) -> None:
    client = core.client(Role.REVIEWER)
    assert 'class="flash"' in client.get("/titled?m=x&done=saved").text
    assert 'class="flash"' not in client.get("/titled?m=x&done=You+have+won").text


def test_files_that_never_change_under_their_address() -> None:
    files = StaticFiles({"a.css": b"one", "b.js": b"two"})
    address = files.url("a.css")
    assert files.find(address) == (b"one", "text/css; charset=utf-8", True)
    assert files.find("/static/earlier/a.css") == (b"one", "text/css; charset=utf-8", False)
    assert StaticFiles({"a.css": b"other", "b.js": b"two"}).url("a.css") != address
    for path in ("/static/a.css", "/static//a.css", "/static/x/../a.css", "/static/x/none.css"):
        assert files.find(path) is None, path
    with pytest.raises(KeyError):
        files.url("none.css")


def test_static_files_are_kept_and_pages_are_not(core: House) -> None:
    client = core.browser()
    css = client.get(core.environment.static.url("console.css"))
    assert css.headers["content-type"] == "text/css; charset=utf-8"
    assert css.headers["cache-control"] == "public, max-age=31536000, immutable"
    old = client.get("/static/0000/console.css")
    assert old.headers["cache-control"] == "no-store"
    for path in ("/static/x/../../app.py", "/static/x/%2e%2e/app.py", "/static/x/..%2fapp.py"):
        assert client.get(path).status_code == 404, path


def test_every_file_of_the_package_has_a_known_type() -> None:
    folder = Path(__file__).parents[2] / "src" / "safehold" / "console" / "static"
    files = StaticFiles()
    for path in folder.iterdir():
        assert files.find(files.url(path.name)), path.name


def test_languages(core: House) -> None:
    page = core.client(Role.REVIEWER).get("/titled?m=x", headers={"Accept-Language": "fr-CA"})
    assert '<html lang="fr">' in page.text
    chosen = core.client(Role.REVIEWER, language="en")
    assert '<html lang="en">' in chosen.get("/titled?m=x", headers={"Accept-Language": "fr"}).text


def test_a_file_is_sent_in_pieces_and_closed() -> None:
    made: list[io.BytesIO] = []

    def file(visit: Visit) -> Reply:
        made.append(io.BytesIO(b"x" * 600_000))
        return Reply(b"", media_type="application/octet-stream", file=made[-1])

    house = make_house((*SOME, Route("GET", "/file", "file", READ, file)))
    client = house.client(Role.REVIEWER)
    assert client.get("/file").content == b"x" * 600_000
    answer = client.head("/file")
    assert answer.status_code == 200
    assert answer.content == b""
    assert all(one.closed for one in made)
    assert len(made) == 2
