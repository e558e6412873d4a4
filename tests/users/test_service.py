"""Adding users and changing them, and what the audit log says of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from safehold.ids import UserId
from safehold.users.model import (
    Preferences,
    SessionError,
    SignInError,
    UnknownUserError,
    User,
    UserExistsError,
    UserNameError,
)
from safehold.users.roles import Role, RolesError
from safehold.users.service import LastAdminError, OidcLinkError, PreferencesError
from tests.users.house import ADDRESS, HERE, OPTIONS, PASSWORD, REVIEWER, T0, House

ADMIN = frozenset({Role.ADMIN})
BY = "user:01admin"


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def alex(house: House) -> User:
    return house.add()


def is_in(house: House, token: str) -> bool:
    try:
        house.sign_in.session(token, HERE)
    except SessionError:
        return False
    return True


def test_adding_users(house: House) -> None:
    user, code = house.users.add("alex", REVIEWER, BY)
    assert user.created == T0
    assert user.setup_until is not None
    assert (user.setup_until - T0).total_seconds() == OPTIONS.setup_hours * 3600
    assert code not in repr(user)
    assert house.users.named("alex") == house.users.user(user.user_id) == user
    assert house.told(user) == [("user.added", BY, {"roles": ("reviewer",)})]
    with pytest.raises(UserExistsError):
        house.users.add("alex", REVIEWER, BY)
    for name in ("", "Alex", "a" * 65, "-a", "a b", "é"):
        with pytest.raises(UserNameError):
            house.users.add(name, REVIEWER, BY)
    for roles in (frozenset[Role](), frozenset({Role.ADMIN, Role.REVIEWER})):
        with pytest.raises(RolesError):
            house.users.add("bo", roles, BY)
    assert [each.name for each in house.users.users()] == ["alex"]


def test_who_is_not_there(house: House) -> None:
    calls: list[Callable[[], object]] = [
        lambda: house.users.user(UserId("x")),
        lambda: house.users.named("x"),
        lambda: house.users.reset(UserId("x"), BY),
        lambda: house.users.disable(UserId("x"), BY),
        lambda: house.users.enable(UserId("x"), BY),
        lambda: house.users.set_roles(UserId("x"), REVIEWER, BY),
        lambda: house.users.end_sessions(UserId("x"), BY),
        lambda: house.users.link_oidc(UserId("x"), "a b", BY),
        lambda: house.users.set_preferences(UserId("x"), Preferences()),
    ]
    for call in calls:
        with pytest.raises(UnknownUserError):
            call()
    assert house.told() == []


def test_a_reset_takes_everything(house: House, alex: User) -> None:
    token = house.enter(alex)
    house.wait(seconds=30)
    first = house.first(alex)
    code = house.users.reset(alex.user_id, BY)
    assert not is_in(house, token)
    assert not is_in(house, first)
    after = house.changed(alex)
    assert (after.password, after.totp, after.failures) == ("", None, 0)
    assert (after.roles, after.user_id) == (alex.roles, alex.user_id)
    assert house.told(alex)[-1] == ("user.reset", BY, {"sessions": 2})
    with pytest.raises(SignInError):
        house.first(alex)
    house.set_up(alex, code, "another kettle by the door")
    house.wait(seconds=30)
    assert house.sign_in.totp(
        house.first(alex, "another kettle by the door"), HERE, house.code(alex)
    )


def test_a_reset_takes_an_older_code(house: House) -> None:
    user, old = house.users.add("alex", REVIEWER, BY)
    new = house.users.reset(user.user_id, BY)
    with pytest.raises(SignInError):
        house.sign_in.setup(old, HERE, ADDRESS)
    assert house.sign_in.setup(new, HERE, ADDRESS)


def test_other_roles_end_all_sessions(house: House, alex: User) -> None:
    token = house.enter(alex)
    both = frozenset({Role.REVIEWER, Role.APPROVER})
    assert house.users.set_roles(alex.user_id, REVIEWER, BY) == house.changed(alex)
    assert is_in(house, token), "the same roles change nothing"
    assert house.users.set_roles(alex.user_id, both, BY).roles == both
    assert not is_in(house, token)
    said = {"roles": ("approver", "reviewer"), "was": ("reviewer",), "sessions": 1}
    assert house.told(alex)[-1] == ("user.roles", BY, said)
    with pytest.raises(RolesError):
        house.users.set_roles(alex.user_id, both | ADMIN, BY)


def test_nobody_changes_their_own_roles(house: House) -> None:
    admin = house.add("root", ADMIN)
    with pytest.raises(RolesError):
        house.users.set_roles(admin.user_id, REVIEWER, f"user:{admin.user_id}")
    assert house.changed(admin).roles == ADMIN


def test_the_last_admin_who_can_sign_in_stays(house: House) -> None:
    ada = house.add("ada", ADMIN)
    house.users.add("eve", ADMIN, BY)  # has not set up: nobody who could help
    for leave in (
        lambda: house.users.disable(ada.user_id, "operator"),
        lambda: house.users.set_roles(ada.user_id, REVIEWER, "operator"),
    ):
        with pytest.raises(LastAdminError):
            leave()
    assert house.changed(ada) == ada
    assert house.users.set_roles(ada.user_id, ADMIN | {Role.AUDITOR}, BY).roles > ADMIN
    mallory = house.add("mallory", ADMIN)
    house.users.disable(ada.user_id, BY)
    house.users.disable(ada.user_id, BY)
    with pytest.raises(LastAdminError):
        house.users.disable(mallory.user_id, BY)
    house.users.enable(ada.user_id, BY)
    house.users.set_roles(mallory.user_id, REVIEWER, BY)


def test_disabling_and_enabling(house: House, alex: User) -> None:
    token = house.enter(alex)
    house.wait(seconds=30)
    for _ in range(2):
        house.users.disable(alex.user_id, BY)
    assert not is_in(house, token)
    with pytest.raises(SignInError):
        house.first(alex)
    assert house.kinds(alex)[-2:] == ["disabled", "sign_in_failed"]
    for _ in range(2):
        house.users.enable(alex.user_id, BY)
    assert house.kinds(alex)[-1] == "enabled"
    assert house.enter(alex)


def test_a_session_of_a_disabled_user_opens_nothing(house: House, alex: User) -> None:
    """Also where the session itself was missed."""
    token = house.enter(alex)
    house.change(alex, disabled=T0)
    assert not is_in(house, token)


def test_ending_sessions(house: House, alex: User) -> None:
    bo = house.add("bo")
    tokens = []
    for _ in range(3):
        tokens.append(house.enter(alex))
        house.wait(seconds=30)
    other = house.enter(bo)
    newest, middle, oldest = house.users.sessions(alex.user_id)
    (of_bo,) = house.users.sessions(bo.user_id)
    house.users.end_session(alex.user_id, of_bo.token_hash, BY)
    assert is_in(house, other), "a session is ended under its own user alone"
    house.users.end_session(alex.user_id, middle.token_hash, BY)
    house.users.end_session(alex.user_id, middle.token_hash, BY)
    assert [is_in(house, token) for token in tokens] == [True, False, True]
    assert house.users.end_sessions(alex.user_id, BY, newest.token_hash) == 1
    assert [is_in(house, token) for token in tokens] == [False, False, True]
    assert house.users.end_sessions(alex.user_id, BY, newest.token_hash) == 0
    ended = [data for kind, _, data in house.told(alex) if kind == "user.sessions_ended"]
    assert ended == [{"sessions": 1}, {"sessions": 1}]
    assert oldest.created < newest.created


def test_preferences(house: House, alex: User) -> None:
    chosen = Preferences("fr", colour=False, views_per_day=10)
    assert house.users.set_preferences(alex.user_id, chosen).preferences == chosen
    assert house.changed(alex).preferences == chosen
    for wrong in (Preferences("xx"), Preferences(side=-1)):
        with pytest.raises(PreferencesError):
            house.users.set_preferences(alex.user_id, wrong)
    assert house.changed(alex).password == alex.password


def test_linking_an_identity(house: House, alex: User) -> None:
    bo = house.add("bo")
    house.users.link_oidc(alex.user_id, "https://id.example 7", BY)
    house.users.link_oidc(alex.user_id, "https://id.example 7", BY)
    for wrong in ("https://id.example 7", "https://id.example", " 7", "a \n", "a " + "b" * 600):
        with pytest.raises(OidcLinkError):
            house.users.link_oidc(bo.user_id, wrong, BY)
    house.users.link_oidc(alex.user_id, "", BY)
    assert house.changed(alex).oidc == ""
    house.users.link_oidc(bo.user_id, "https://id.example 7", BY)
    assert house.kinds(alex)[-2:] == ["oidc_linked", "oidc_unlinked"]
    assert "id.example" not in repr(house.told())
    assert PASSWORD not in repr(house.told())
