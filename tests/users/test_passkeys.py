"""Passkeys as second factors, with an authenticator in software."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.users.model import SessionError, SignInError, SignInWaitError, Stage, User
from safehold.users.passkeys import MOST, PasskeyError, PasskeyParty, clean_label
from safehold.users.service import LastFactorError
from tests.users.authenticator import Authenticator
from tests.users.house import ADDRESS, HERE, OPTIONS, PASSWORD, REVIEWER, House


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def device() -> Authenticator:
    return Authenticator()


@pytest.fixture
def alex(house: House, device: Authenticator) -> User:
    """Somebody whose only second factor is a passkey, and who has signed out."""
    user, code = house.users.add("alex", REVIEWER, "operator")
    token = house.sign_in.setup(code, HERE, ADDRESS)
    house.sign_in.set_password(token, HERE, PASSWORD)
    full = register(house, token, device)
    assert full != token
    assert house.sign_in.session(full, HERE)[1].stage is Stage.FULL
    house.sign_in.sign_out(full)
    return house.changed(user)


def register(house: House, token: str, device: Authenticator, label: str = "a key") -> str:
    options = house.sign_in.register_options(token, HERE)
    return house.sign_in.register_passkey(token, HERE, device.create(options), label)


def enter(house: House, user: User, device: Authenticator) -> str:
    token = house.first(user)
    options = house.sign_in.passkey_options(token, HERE)
    return house.sign_in.passkey(token, HERE, device.get(options))


def test_signing_in_with_a_passkey(house: House, alex: User, device: Authenticator) -> None:
    for _ in range(2):
        token = enter(house, alex, device)
        assert house.sign_in.session(token, HERE)[1].stage is Stage.FULL
    (passkey,) = house.users.passkeys(alex.user_id)
    assert (passkey.label, passkey.sign_count) == ("a key", device.count)
    assert ("user.signed_in", f"user:{alex.user_id}", {"factor": "passkey"}) in house.told(alex)


def test_what_browsers_are_asked(house: House, alex: User, device: Authenticator) -> None:
    token = house.first(alex)
    asked = json.loads(house.sign_in.passkey_options(token, HERE))
    assert asked["rpId"] == "review.example"
    assert asked["userVerification"] == "preferred"
    assert [each["id"] for each in asked["allowCredentials"]] == [
        json.loads(device.get(json.dumps(asked)))["id"]
    ]
    full = enter(house, alex, device)
    asked = json.loads(house.sign_in.register_options(full, HERE))
    assert asked["attestation"] == "none"
    assert asked["authenticatorSelection"]["userVerification"] == "preferred"
    assert len(asked["excludeCredentials"]) == 1


def test_an_answer_is_taken_once(house: House, alex: User, device: Authenticator) -> None:
    device.counts, device.count = False, 0
    with house.records.write() as transaction:
        transaction.users.count_passkey(device.credential_id, 0)
    token = house.first(alex)
    answer = device.get(house.sign_in.passkey_options(token, HERE))
    house.sign_in.passkey(token, HERE, answer)
    with pytest.raises(SessionError):
        house.sign_in.passkey(token, HERE, answer)
    again = house.first(alex)
    with pytest.raises(SignInError):
        house.sign_in.passkey(again, HERE, answer)
    house.sign_in.passkey_options(again, HERE)
    with pytest.raises(SignInError):
        house.sign_in.passkey(again, HERE, answer)


def test_a_challenge_is_answered_once_rightly_or_wrongly(
    house: House, alex: User, device: Authenticator
) -> None:
    token = house.first(alex)
    options = house.sign_in.passkey_options(token, HERE)
    with pytest.raises(SignInError):
        house.sign_in.passkey(token, HERE, "{}")
    with pytest.raises(SignInError):
        house.sign_in.passkey(token, HERE, device.get(options))


def test_a_challenge_is_answered_in_time(house: House, alex: User, device: Authenticator) -> None:
    token = enter(house, alex, device)
    options = house.sign_in.register_options(token, HERE)
    house.wait(minutes=OPTIONS.sign_in_minutes)
    with pytest.raises(PasskeyError):
        house.sign_in.register_passkey(token, HERE, Authenticator(2).create(options), "late")


def test_a_challenge_is_of_one_kind_and_one_session(
    house: House, alex: User, device: Authenticator
) -> None:
    one, other = house.first(alex), house.first(alex)
    options = house.sign_in.passkey_options(one, HERE)
    house.sign_in.passkey_options(other, HERE)
    with pytest.raises(SignInError):
        house.sign_in.passkey(other, HERE, device.get(options))
    full = enter(house, alex, device)
    house.sign_in.begin_totp(full, HERE)
    with pytest.raises(PasskeyError):
        house.sign_in.register_passkey(full, HERE, Authenticator(2).create(options_of(options)), "")


def options_of(asked: str) -> str:
    return json.dumps(json.loads(asked) | {"rp": {"id": "review.example"}})


def forged(device: Authenticator, asked: str) -> str:
    """Another authenticator under this one's name."""
    other = Authenticator(3)
    other.credential_id = device.credential_id
    return other.get(asked)


Attack = Callable[[Authenticator, str], str]


@pytest.mark.parametrize(
    "attack",
    [
        lambda device, asked: device.get(asked, origin="https://review.example.evil.example"),
        lambda device, asked: device.get(asked, origin="http://review.example"),
        lambda device, asked: device.get(asked, challenge="AAAA"),
        lambda device, asked: device.get(asked, type="webauthn.create"),
        lambda device, asked: Authenticator(2).get(asked),
        lambda device, asked: changed(device.get(asked), "signature"),
        lambda device, asked: changed(device.get(asked), "authenticatorData"),
        forged,
        lambda device, asked: "x" * 100_000,
        lambda device, asked: "[]",
        lambda device, asked: '{"id": 3}',
        lambda device, asked: "\0",
    ],
)
def test_wrong_answers_are_refused_and_counted(
    house: House, alex: User, device: Authenticator, attack: Attack
) -> None:
    token = house.first(alex)
    asked = house.sign_in.passkey_options(token, HERE)
    with pytest.raises(SignInError):
        house.sign_in.passkey(token, HERE, attack(device, asked))
    assert house.changed(alex).failures == 1
    assert house.told(alex)[-1][2] == {"why": "passkey", "failures": 1}


def changed(answer: str, name: str) -> str:
    """An answer of which one letter is another."""
    made = json.loads(answer)
    text = made["response"][name]
    made["response"][name] = ("B" if text[0] == "A" else "A") + text[1:]
    return json.dumps(made)


def test_a_copied_authenticator_shows_by_its_counter(
    house: House, alex: User, device: Authenticator
) -> None:
    enter(house, alex, device)
    enter(house, alex, device)
    device.count -= 2
    with pytest.raises(SignInError):
        enter(house, alex, device)


def test_passkeys_wait_after_failures_too(house: House, alex: User, device: Authenticator) -> None:
    token = house.first(alex)
    for _ in range(OPTIONS.free_failures):
        with pytest.raises(SignInError):
            house.sign_in.passkey(token, HERE, "{}")
    with pytest.raises(SignInWaitError):
        house.sign_in.passkey_options(token, HERE)
    with pytest.raises(SignInWaitError):
        house.first(alex)


def test_another_passkey_and_never_the_last_removed(
    house: House, alex: User, device: Authenticator
) -> None:
    actor = f"user:{alex.user_id}"
    token = enter(house, alex, device)
    with pytest.raises(LastFactorError):
        house.users.remove_passkey(alex.user_id, device.credential_id, actor)
    with pytest.raises(PasskeyError):
        register(house, token, device)
    second = Authenticator(2)
    assert register(house, token, second, "  \n") == token, "a full session goes on"
    assert [each.label for each in house.users.passkeys(alex.user_id)] == ["a key", "passkey"]
    house.users.remove_passkey(alex.user_id, device.credential_id, actor)
    house.users.remove_passkey(alex.user_id, device.credential_id, actor)
    with pytest.raises(LastFactorError):
        house.users.remove_passkey(alex.user_id, second.credential_id, actor)
    with pytest.raises(SignInError):
        enter(house, alex, device)
    assert enter(house, alex, second)
    assert house.kinds(alex).count("factor_removed") == 1


def test_there_are_only_so_many(house: House, alex: User, device: Authenticator) -> None:
    token = enter(house, alex, device)
    for number in range(2, MOST + 1):
        register(house, token, Authenticator(number))
    with pytest.raises(PasskeyError):
        register(house, token, Authenticator(99))
    assert len(house.users.passkeys(alex.user_id)) == MOST


def test_a_passkey_of_somebody_else_opens_nothing(
    house: House, alex: User, device: Authenticator
) -> None:
    bo = house.add("bo")
    token = house.first(bo)
    with pytest.raises(PasskeyError):
        house.sign_in.passkey_options(token, HERE)
    options = house.sign_in.passkey_options(house.first(alex), HERE)
    with pytest.raises(SignInError):
        house.sign_in.passkey(token, HERE, device.get(options))


@pytest.mark.parametrize(
    "origin",
    ["", "https://192.0.2.1", "http://[::1]:8460", "review.example", "ftp://a.b", "https://a:x"],
)
def test_where_browsers_know_no_passkeys_there_are_none(origin: str) -> None:
    assert not PasskeyParty(origin, 60).works
    house = House(dataclasses.replace(OPTIONS, origin=origin))
    alex = house.add()
    with pytest.raises(PasskeyError):
        house.sign_in.register_options(house.enter(alex), HERE)


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ("http://localhost:8460", "http://localhost:8460"),
        ("https://Review.Example:443/", "https://review.example"),
    ],
)
def test_origins_are_what_browsers_say(origin: str, said: str) -> None:
    party = PasskeyParty(origin, 60)
    assert party.works
    device = Authenticator(origin=said)
    device.rp_id = said.split("//")[1].split(":", maxsplit=1)[0]
    house = House()
    user = house.add()
    options = party.registration(user, [], b"c" * 32)
    assert party.registered(device.create(options), b"c" * 32)[0] == device.credential_id


@given(st.text())
def test_labels_are_printable_and_short(text: str) -> None:
    label = clean_label(text)
    assert label.isprintable()
    assert 1 <= len(label) <= 64
    assert clean_label(label) == label
