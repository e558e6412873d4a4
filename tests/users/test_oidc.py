"""An identity provider in place of the password, and what a bad one or a thief tries."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from safehold.outbound.model import OutboundOptions
from safehold.users.model import SignInError, SignInWaitError, Stage, User
from safehold.users.oidc import OidcError
from tests.users.house import ADDRESS, HERE, OPTIONS, T0, THERE, House
from tests.users.provider import CLIENT, SECRET, Provider, running_provider

ALLOWED = OutboundOptions(allow_private=True, allow_http=True)


@pytest.fixture(scope="module")
def shared() -> Iterator[Provider]:
    with running_provider(T0.timestamp()) as provider:
        yield provider


@pytest.fixture
def provider(shared: Provider) -> Provider:
    """The provider, as it says what is right."""
    shared.claims, shared.metadata, shared.token = {}, {}, None
    shared.algorithm = shared.key_id = "RS256"
    shared.signer, shared.status = "", 200
    shared.calls.clear()
    shared.forms.clear()
    return shared


def house_of(provider: Provider, outbound: OutboundOptions = ALLOWED, **options: Any) -> House:
    chosen: dict[str, Any] = {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SECRET,
    }
    return House(dataclasses.replace(OPTIONS, **chosen | options), outbound=outbound)


@pytest.fixture
def house(provider: Provider) -> House:
    return house_of(provider)


@pytest.fixture
def alex(house: House, provider: Provider) -> User:
    user = house.add()
    house.users.link_oidc(user.user_id, f"{provider.issuer} 248289761001", "operator")
    return user


def come_back(house: House, provider: Provider, **changes: str) -> str:
    address, kept = house.sign_in.oidc_begin(HERE)
    return house.sign_in.oidc_finish(kept, provider.agree(address) | changes, HERE, ADDRESS)


def refused(house: House, provider: Provider, **changes: str) -> None:
    with pytest.raises(SignInError) as caught:
        come_back(house, provider, **changes)
    assert caught.type is SignInError


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_the_provider_takes_the_place_of_the_password_alone(
    house: House, provider: Provider, alex: User, algorithm: str
) -> None:
    provider.algorithm = provider.key_id = algorithm
    assert house.sign_in.has_oidc
    token = come_back(house, provider)
    assert house.sign_in.session(token, HERE)[1].stage is Stage.FACTOR
    full = house.sign_in.totp(token, HERE, house.code(alex))
    assert house.sign_in.session(full, HERE)[1].stage is Stage.FULL


def test_what_goes_to_the_provider(house: House, provider: Provider, alex: User) -> None:
    address, kept = house.sign_in.oidc_begin(HERE)
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert query["scope"] == "openid"
    assert query["client_id"] == CLIENT
    assert query["redirect_uri"] == "https://review.example/sign-in/provider/back"
    assert len(query["state"]) == len(query["nonce"]) == len(query["code_challenge"]) == 43
    assert not [value for value in query.values() if value in kept]
    house.sign_in.oidc_finish(kept, provider.agree(address), HERE, ADDRESS)
    (form,) = provider.forms
    assert len(form["code_verifier"]) == 43
    assert "client_secret" not in form
    pair = base64.b64decode(form["authorization"].removeprefix("Basic ")).decode()
    assert pair == "safehold+console:a+secret%3A+of+the+console"


def test_a_secret_in_the_form_and_a_public_client(provider: Provider) -> None:
    provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    refused(house_of(provider), provider)
    assert provider.forms[-1]["client_secret"] == SECRET
    refused(house_of(provider, oidc_client_secret=""), provider)
    assert "client_secret" not in provider.forms[-1]
    assert provider.forms[-1]["client_id"] == CLIENT


def test_nobody_is_made_by_signing_in(house: House, provider: Provider, alex: User) -> None:
    provider.claims = {"sub": "somebody else"}
    before = house.told()
    refused(house, provider)
    assert [user.name for user in house.users.users()] == ["alex"]
    assert house.told() == before


def test_a_disabled_or_unfinished_user_does_not_come_in(
    house: House, provider: Provider, alex: User
) -> None:
    house.users.disable(alex.user_id, "operator")
    refused(house, provider)
    house.users.enable(alex.user_id, "operator")
    house.users.reset(alex.user_id, "operator")
    refused(house, provider)
    assert house.told(alex)[-1][2] == {"why": "oidc", "failures": 1}


def test_the_provider_is_no_way_around_the_wait(
    house: House, provider: Provider, alex: User
) -> None:
    for _ in range(OPTIONS.free_failures):
        with pytest.raises(SignInError):
            house.first(alex, "a wrong guess")
    with pytest.raises(SignInWaitError):
        come_back(house, provider)


def test_failures_count_for_the_address(provider: Provider) -> None:
    house = house_of(provider, address_failures=3)
    for _ in range(3):
        refused(house, provider)
    with pytest.raises(SignInWaitError):
        come_back(house, provider)


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "another"},
        {"state": ""},
        {"code": ""},
        {"code": "not-mine"},
        {"error": "access_denied"},
        {"iss": "https://evil.example"},
    ],
)
def test_wrong_returns_are_refused(
    house: House, provider: Provider, alex: User, changes: dict[str, str]
) -> None:
    refused(house, provider, **changes)
    assert come_back(house, provider, iss=provider.issuer)


def test_a_provider_that_names_itself_always_does(
    house: House, provider: Provider, alex: User
) -> None:
    provider.metadata = {"authorization_response_iss_parameter_supported": True}
    refused(house, provider)
    assert come_back(house, provider, iss=provider.issuer)


def test_a_return_belongs_to_the_browser_that_began(
    house: House, provider: Provider, alex: User
) -> None:
    """Nobody is signed in as an attacker who sends them the end of their own sign-in."""
    address, kept = house.sign_in.oidc_begin(HERE)
    query = provider.agree(address)
    _, other = house.sign_in.oidc_begin(HERE)
    for tried, client in ((kept, THERE), (other, HERE), ("", HERE), ("é", HERE), ("x", HERE)):
        with pytest.raises(SignInError):
            house.sign_in.oidc_finish(tried, query, client, ADDRESS)
    assert house.sign_in.oidc_finish(kept, query, HERE, ADDRESS)
    with pytest.raises(SignInError):
        house.sign_in.oidc_finish(kept, query, HERE, ADDRESS)


def test_a_return_that_comes_late_is_refused(house: House, provider: Provider, alex: User) -> None:
    address, kept = house.sign_in.oidc_begin(HERE)
    house.wait(minutes=OPTIONS.sign_in_minutes)
    with pytest.raises(SignInError):
        house.sign_in.oidc_finish(kept, provider.agree(address), HERE, ADDRESS)


NOW = int(T0.timestamp())


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": 3},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another client"},
        {"aud": None},
        {"aud": [CLIENT, "another client"]},
        {"azp": "another client"},
        {"sub": None},
        {"sub": ""},
        {"sub": "a\0"},
        {"sub": 248289761001},
        {"exp": NOW - 3600},
        {"exp": None},
        {"exp": "later"},
        {"iat": NOW + 3600},
        {"iat": NOW - 3600},
        {"iat": None},
    ],
)
def test_wrong_claims_are_refused(
    house: House, provider: Provider, alex: User, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    refused(house, provider)


def test_several_audiences_need_the_party(house: House, provider: Provider, alex: User) -> None:
    provider.claims = {"aud": [CLIENT, "another"], "azp": CLIENT}
    assert come_back(house, provider)


def stripped(provider: Provider, algorithm: str, secret: str = "") -> str:
    """A token that no key of the provider's has signed."""
    claims = {"iss": provider.issuer, "sub": "248289761001", "aud": CLIENT}
    claims |= {"iat": str(NOW), "exp": str(NOW + 300)}
    return jwt.encode(claims, secret, algorithm, headers={"kid": "RS256"})


@pytest.mark.filterwarnings("ignore:The HMAC key")
def test_tokens_that_nobody_signed_are_refused(
    house: House, provider: Provider, alex: User
) -> None:
    other = jwt.encode(
        {"sub": "248289761001"},
        rsa.generate_private_key(65537, 2048),
        "RS256",
        headers={"kid": "RS256"},
    )
    weak = [stripped(provider, "none"), stripped(provider, "HS256", "x" * 64), other, "x.y.z", ""]
    for token in weak:
        provider.token = token or "."
        refused(house, provider)


def test_a_key_is_used_for_its_own_algorithm(house: House, provider: Provider, alex: User) -> None:
    for algorithm, key_id in (("RS512", "RS256"), ("PS256", "RS256"), ("RS256", "ES256")):
        provider.algorithm, provider.key_id, provider.signer = algorithm, key_id, "RS256"
        refused(house, provider)
    provider.algorithm, provider.key_id = "RS256", "RS256"
    assert come_back(house, provider)


def test_a_provider_that_fails_is_told_apart(house: House, provider: Provider, alex: User) -> None:
    address, kept = house.sign_in.oidc_begin(HERE)
    query = provider.agree(address)
    house.wait(seconds=1)
    provider.status = 503
    with pytest.raises(OidcError):
        house.sign_in.oidc_finish(kept, query, HERE, ADDRESS)
    assert house.changed(alex).failures == 0


def test_new_keys_are_fetched_but_not_at_every_call(
    house: House, provider: Provider, alex: User
) -> None:
    assert come_back(house, provider)
    house.wait(seconds=61)
    provider.keys["new"] = rsa.generate_private_key(65537, 2048)
    try:
        provider.key_id = "new"
        assert come_back(house, provider)
        provider.calls.clear()
        provider.key_id = "unknown"
        for _ in range(3):
            refused(house, provider)
        assert provider.calls.count("/keys") == 0
        assert provider.calls.count("/.well-known/openid-configuration") == 0
    finally:
        del provider.keys["new"]


def test_short_keys_are_refused(house: House, provider: Provider, alex: User) -> None:
    provider.keys["short"] = rsa.generate_private_key(65537, 1024)
    try:
        provider.key_id = "short"
        with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
            refused(house, provider)
    finally:
        del provider.keys["short"]


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://169.254.169.254/"},
    ],
)
def test_a_provider_that_says_what_is_wrong_is_not_used(
    provider: Provider, metadata: dict[str, Any]
) -> None:
    provider.metadata = metadata
    with pytest.raises(OidcError):
        house_of(provider).sign_in.oidc_begin(HERE)


def test_addresses_that_may_not_be_called_are_not_called(provider: Provider) -> None:
    with pytest.raises(OidcError):
        house_of(provider, OutboundOptions()).sign_in.oidc_begin(HERE)
    assert provider.calls == []


def test_without_a_provider_there_is_none(provider: Provider) -> None:
    for house in (House(), house_of(provider, origin="")):
        assert not house.sign_in.has_oidc
        with pytest.raises(SignInError):
            house.sign_in.oidc_begin(HERE)
        with pytest.raises(SignInError):
            house.sign_in.oidc_finish("", {}, HERE, ADDRESS)


def test_nothing_secret_is_shown(house: House, provider: Provider, alex: User) -> None:
    assert SECRET not in repr(house.parts)
    assert json.dumps(house.parts.keys.totp.hex())[1:-1] not in repr(house.parts.keys)
