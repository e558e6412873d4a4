"""What keeps browsers' requests and answers apart from those of other sites."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.config.house import ConsoleOptions
from safehold.console.security import (
    Origins,
    ProxiesError,
    client_digest,
    networks,
    safe_next,
    security_headers,
    set_cookie,
)
from safehold.console.serve import origin_of
from safehold.runtime.listening import Binding, ListenError
from safehold.runtime.networks import client_address, neighbourhood
from safehold.users.roles import Role
from tests.console.conftest import KEY, ORIGIN, House, make_house
from tests.console.test_app import SOME


@pytest.fixture
def core() -> House:
    return make_house(SOME)


def policy(header: str) -> dict[str, str]:
    return dict(part.strip().partition(" ")[::2] for part in header.split(";"))


def test_every_answer_has_the_headers(core: House) -> None:
    client = core.client(Role.REVIEWER)
    answers = [
        client.get("/hello/you"),
        client.get("/nothing"),
        client.get("/broken"),
        client.post("/change", data={"word": "x"}),
        client.post("/change", data={"csrf": "wrong"}),
        core.browser().get("/hello/you"),
        core.browser().get(core.environment.static.url("console.css")),
        core.browser().get("/", headers={"Host": "elsewhere.example"}),
    ]
    for answer in answers:
        headers = answer.headers
        rules = policy(headers["content-security-policy"])
        assert rules["default-src"] == "'none'"
        assert rules["script-src"] == "'self'"
        assert rules["style-src"] == "'self'"
        assert rules["frame-ancestors"] == "'none'"
        assert rules["base-uri"] == "'none'"
        assert rules["form-action"] == "'self'"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "camera=()" in headers["permissions-policy"]
        assert "strict-transport-security" not in headers
        assert "server" not in headers
    assert all("no-store" in a.headers["cache-control"] for a in answers if "css" not in str(a.url))


def test_tls_is_asked_for_where_it_is_there(core: House) -> None:
    assert "Strict-Transport-Security" in security_headers(True)
    core.replace(secure=True)
    answer = core.browser().get("/sign-in")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-safehold-form=")
    assert {"Secure", "HttpOnly", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie


def test_cookies() -> None:
    assert set_cookie("safehold", "x", True) == (
        "__Host-safehold=x; Path=/; HttpOnly; SameSite=Strict; Secure"
    )
    assert set_cookie("safehold", "", False) == (
        "safehold=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"
    )
    assert "SameSite=Lax" in set_cookie("safehold-kept", "x", True)
    assert "Max-Age=600" in set_cookie("safehold-kept", "x", True)


def test_another_name_for_this_address_opens_nothing(core: House) -> None:
    """DNS rebinding: a site of somebody else's that was given this address."""
    client = core.client(Role.REVIEWER)
    for host in ("elsewhere.example:8460", "localhost:8461", "", "localhost:8460.elsewhere"):
        assert client.get("/hello/you", headers={"Host": host}).status_code == 421, host
    for host in ("localhost:8460", "127.0.0.1:8460", "[::1]:8460", "LOCALHOST:8460"):
        assert client.get("/hello/you", headers={"Host": host}).status_code == 200, host


def test_other_sites_can_link_and_load_nothing(core: House) -> None:
    client = core.client(Role.REVIEWER)

    def asked(site: str, mode: str, dest: str) -> int:
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
        return client.get("/hello/you", headers=headers).status_code

    assert asked("cross-site", "no-cors", "image") == 403
    assert asked("cross-site", "cors", "empty") == 403
    assert asked("same-site", "no-cors", "script") == 403
    assert asked("cross-site", "navigate", "iframe") == 403
    assert asked("same-origin", "no-cors", "image") == 200
    assert asked("none", "navigate", "document") == 200


def test_a_link_from_elsewhere_is_asked_for_once_more_by_the_browser(core: House) -> None:
    """Its session cookie is `SameSite=Strict`, and would look like nobody's."""
    link = {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    answer = core.browser().get("/hello/you?a=1", headers=link)
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["refresh"] == "0;url=/hello/you?a=1"
    odd = core.browser().get("/hello/a%0d%0aSet-Cookie:%20b%C3%A9", headers=link)
    assert odd.headers["refresh"] == "0;url=/hello/a%0d%0aSet-Cookie:%20b%C3%A9"
    assert "set-cookie" not in odd.headers
    back = core.browser().get("/back", headers=link)
    assert back.status_code == 200
    assert back.headers["refresh"] == "0;url=/"
    assert "location" not in back.headers
    assert "safehold=a-new-token" in back.headers["set-cookie"]


def test_what_a_session_is_bound_to(core: House) -> None:
    one = client_digest(KEY, "a", "b")
    assert len(one) == 16
    assert one == client_digest(KEY, "a", "b")
    others = [
        client_digest(KEY, "b", "b"),
        client_digest(KEY, "a", ""),
        client_digest(KEY, "", "ab"),
        client_digest(bytes(32), "a", "b"),
    ]
    assert one not in others
    assert len(set(others)) == len(others)


@pytest.mark.parametrize(
    ("peer", "forwarded", "behind", "expected"),
    [
        ("127.0.0.1", "192.0.2.1, 192.0.2.7", True, "192.0.2.7"),
        ("127.0.0.1", "192.0.2.7", False, "127.0.0.1"),
        ("192.0.2.9", "192.0.2.7", True, "192.0.2.9"),
        ("127.0.0.1", "", True, "127.0.0.1"),
        ("127.0.0.1", "not an address", True, "127.0.0.1"),
        ("::1", "2001:db8::1", True, "2001:db8::1"),
    ],
)
def test_addresses_behind_a_proxy(peer: str, forwarded: str, behind: bool, expected: str) -> None:
    proxies = networks(ConsoleOptions().proxies) if behind else ()
    assert client_address(peer, forwarded, proxies) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::1"),
        ("", ""),
    ],
)
def test_an_address_of_ipv6_counts_by_its_network(address: str, expected: str) -> None:
    assert neighbourhood(address) == expected


def test_proxies_in_other_networks() -> None:
    mapped = client_address("::ffff:127.0.0.1", "192.0.2.7", networks(["127.0.0.0/8"]))
    assert mapped == "192.0.2.7"
    inside = networks(["172.16.0.0/12", "fd00::/8"])
    assert client_address("172.18.0.3", "192.0.2.7", inside) == "192.0.2.7"
    assert client_address("127.0.0.1", "192.0.2.7", inside) == "127.0.0.1"
    assert client_address("a socket", "192.0.2.7", inside) == "a socket"
    with pytest.raises(ProxiesError):
        networks(["172.16.0.1/12"])


@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.example/",
        "//elsewhere.example",
        "/\\elsewhere.example",
        "\\\\elsewhere.example",
        "javascript:alert(1)",
        "cases/x",
        "/a\nb",
        "/a b",
        "",
        "/é",
    ],
)
def test_addresses_that_lead_out_are_not_followed(address: str) -> None:
    assert safe_next(address) == "/"
    assert safe_next(address, "") == ""


@given(st.text())
def test_whatever_is_followed_stays_here(address: str) -> None:
    found = safe_next(address)
    assert found.startswith("/")
    assert not found.startswith(("//", "/\\"))
    assert found in (address, "/")


def test_origins_of_other_hosts_stand_for_themselves() -> None:
    origins = Origins.of(["https://review.example"])
    assert origins.allowed == {"https://review.example"}
    assert origins.knows_host("review.example")
    assert origins.knows_host("review.example:443")
    assert not origins.knows_host("review.example:8443")
    assert not origins.knows_host("localhost")
    assert origins.is_own({"origin": "https://review.example"})
    assert not origins.is_own({"origin": "http://review.example"})
    assert not origins.is_own({})
    assert ORIGIN in Origins.of(["http://127.0.0.1:8460"]).allowed


PEM = Path("x.pem")


@pytest.mark.parametrize(
    ("binding", "told", "host", "expected"),
    [
        (Binding(), "", "127.0.0.1", "http://localhost:8460"),
        (Binding(), "https://review.example/", "127.0.0.1", "https://review.example"),
        (Binding(tls_certificate=PEM, tls_key=PEM), "", "10.0.0.5", "https://10.0.0.5:8460"),
        (Binding(tls_certificate=PEM, tls_key=PEM), "", "::1", "https://localhost:8460"),
    ],
)
def test_under_which_address(binding: Binding, told: str, host: str, expected: str) -> None:
    assert origin_of(binding, told, host, 8460) == expected


@pytest.mark.parametrize(
    ("binding", "told", "host"),
    [
        (Binding(behind_proxy=True), "", "10.0.0.5"),
        (Binding(tls_certificate=PEM, tls_key=PEM), "", "0.0.0.0"),
        (Binding(), "http://review.example", "127.0.0.1"),
        (Binding(), "review.example", "127.0.0.1"),
        (Binding(), "https://review.example/console", "127.0.0.1"),
    ],
)
def test_addresses_under_which_nobody_may_come(binding: Binding, told: str, host: str) -> None:
    with pytest.raises(ListenError):
        origin_of(binding, told, host, 8460)


def test_secrets_do_not_show(core: House) -> None:
    assert str(KEY) not in repr(dataclasses.replace(core.parts, client_key=KEY))
