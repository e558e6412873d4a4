"""Signing in with both factors, setting up an account, and what happens after wrong tries."""

from __future__ import annotations

import datetime as dt
import re

from playwright.sync_api import Page, expect

from safehold.users.roles import Role
from tests.browser.window import House, password

WORD = "a plum tree beside the wall"


def set_up(house: House, page: Page, name: str) -> None:
    """A new reviewer takes a set-up code and chooses a password."""
    _, code = house.site.runtime.users.add(name, frozenset({Role.REVIEWER}), "operator")
    page.goto("/sign-in")
    page.get_by_role("link", name="I have a set-up code").click()
    page.get_by_role("textbox").fill(code)
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("New password", exact=True).fill(WORD)
    page.get_by_label("The new password again").fill(WORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Choose a second factor")).to_be_visible()


def test_password_and_code(house: House) -> None:
    page = house.page()
    page.goto("/queue?order=oldest")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    robin = house.site.person("robin")
    password(page, "robin", "a wrong password")
    expect(page.get_by_text("That did not work. Check the name and the password.")).to_be_visible()
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    password(page, "robin", robin.password)
    code = page.get_by_label("Code from your authenticator app")
    expect(code).to_be_focused()
    right = house.site.code("robin")
    code.fill("000000" if right != "000000" else "111111")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#code-error")).to_be_visible()
    code.fill(right)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    assert page.url.endswith("/queue?order=oldest")
    [cookie] = [one for one in page.context.cookies() if one["name"] == "safehold"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    # A password alone opens nothing, and a code is taken once.
    other = house.page()
    other.goto("/sign-in")
    password(other, "robin", robin.password)
    other.get_by_label("Code from your authenticator app").fill(right)
    other.get_by_role("button", name="Sign in").click()
    expect(other.locator("#code-error")).to_be_visible()
    other.goto("/queue")
    expect(other.get_by_role("heading", name="Queue")).to_have_count(0)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    page.goto("/queue")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_too_many_tries_have_to_wait(house: House) -> None:
    house.site.runtime.users.add("guessed", frozenset({Role.REVIEWER}), "operator")
    page = house.page()
    page.goto("/sign-in")
    waits = page.get_by_text(re.compile("Too many tries. Wait .* before the next."))
    for _ in range(6):
        expect(waits).to_have_count(0)
        password(page, "guessed", "a guess")
        expect(page.locator("#password-error, .people-wait").first).to_be_visible()
    expect(waits).to_be_visible()
    house.site.clock.advance(dt.timedelta(minutes=1))
    password(page, "guessed", "a guess")
    expect(page.locator("#password-error")).to_be_visible()


def test_an_account_is_set_up_with_an_authenticator_app(house: House) -> None:
    page = house.page()
    set_up(house, page, "newcomer")
    page.get_by_role("button", name="Set up an authenticator app").click()
    expect(page.get_by_role("img", name=re.compile("QR code"))).to_be_visible()
    secret = page.locator(".people-secret code").inner_text().replace(" ", "")
    page.get_by_label("Code from your authenticator app").fill(house.site.code_of(secret))
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Your account is set up.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    password(page, "newcomer", WORD)
    page.get_by_label("Code from your authenticator app").fill(house.site.code_of(secret))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()


def test_a_passkey_is_made_and_opens_the_console(house: House) -> None:
    page = house.page()
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    device = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    key = devices.send("WebAuthn.addVirtualAuthenticator", {"options": device})
    set_up(house, page, "keyholder")
    page.get_by_role("link", name="Set up a passkey").click()
    page.get_by_label("A name for it").fill("the blue one")
    page.get_by_role("button", name="Make a passkey").click()
    expect(page.get_by_text("Your account is set up.")).to_be_visible()
    expect(page.get_by_text("the blue one")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    password(page, "keyholder", WORD)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    # Without the key there is no way in, and the page says so.
    devices.send(
        "WebAuthn.removeCredential",
        {
            "authenticatorId": key["authenticatorId"],
            "credentialId": devices.send("WebAuthn.getCredentials", key)["credentials"][0][
                "credentialId"
            ],
        },
    )
    password(page, "keyholder", WORD)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text("The passkey was not used.")).to_be_visible()
