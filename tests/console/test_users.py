"""The pages on which an admin adds users and changes them."""

from __future__ import annotations

import dataclasses

import httpx
import pytest

from safehold.users.roles import Role
from tests.console.conftest import House
from tests.console.people import OPTIONS, Member, People, error_of, field, shown_code


@pytest.fixture
def people(house: House) -> People:
    return People(house)


@pytest.fixture
def admin(people: People) -> Member:
    member = people.member("ada", Role.ADMIN)
    member.person.get("/users")
    return member


def add(member: Member, name: str, *roles: str) -> httpx.Response:
    return member.person.post("/users", {"name": name, "roles": list(roles)})


def page_of(people: People, name: str) -> str:
    return f"/users/{people.users.named(name).user_id}"


def test_a_user_is_added_and_the_code_shown_once(people: People, admin: Member) -> None:
    page = add(admin, " Basil ", "reviewer", "approver")
    assert page.status_code == 200 and page.headers["cache-control"] == "no-store"
    code = shown_code(page)
    user = people.users.named("basil")
    assert user.roles == {Role.REVIEWER, Role.APPROVER}
    assert ("user.added", f"user:{admin.user.user_id}") in people.audit()

    for address in ("/users", page_of(people, "basil")):
        assert code not in admin.person.get(address).text
    assert code not in str(page.url) and code not in people.house.log.getvalue()
    with people.house.records.read() as transaction:
        assert code not in "".join(map(repr, transaction.audit.events()))
    assert code not in repr(user)

    person = people.person()
    person.get("/set-up")
    assert person.post("/set-up", {"code": code}).headers["location"] == "/set-up/password"


@pytest.mark.parametrize(
    ("name", "roles", "wrong", "said"),
    [
        ("Not A Name", ["reviewer"], "name", "possible name"),
        ("", ["reviewer"], "name", "possible name"),
        ("ada", ["reviewer"], "name", "already"),
        ("basil", ["admin", "reviewer"], "roles", "second account"),
        ("basil", ["auditor", "officer"], "roles", "second account"),
        ("basil", [], "roles", "at least one"),
    ],
)
def test_what_cannot_be_is_said_beside_the_field(
    people: People, admin: Member, name: str, roles: list[str], wrong: str, said: str
) -> None:
    page = add(admin, name, *roles)
    assert page.status_code == 422 and page.text.count('class="error"') == 1
    if wrong == "name":
        assert said in error_of(page, "name")
        assert field(page, "name")["value"] == name.lower()
    else:
        assert said in page.text.split('id="roles-error">')[1].split("</p>")[0]
        assert '<fieldset aria-describedby="roles-error' in page.text
    checked = page.text.count(" checked") - 1  # the setting of single keys is one too
    assert checked == len(roles)
    assert [user.name for user in people.users.users()] == ["ada"]


def test_a_role_that_does_not_exist_is_refused(people: People, admin: Member) -> None:
    assert add(admin, "basil", "owner").status_code == 400
    assert [user.name for user in people.users.users()] == ["ada"]


def test_the_list_says_who_can_sign_in(people: People, admin: Member) -> None:
    people.member("basil", Role.OFFICER)
    add(admin, "chloe", "reviewer")
    page = admin.person.get("/users").text.split("<tbody>")[1]
    names = ("ada", "basil", "chloe")
    rows = {name: page.split(f">{name}</a>")[1].split("</tr>")[0] for name in names}
    assert "can sign in" in rows["ada"] and "can sign in" in rows["basil"]
    assert "to be set up" in rows["chloe"]


def test_roles_are_changed_and_sessions_end(people: People, admin: Member) -> None:
    basil = people.member("basil", Role.OFFICER)
    address = page_of(people, "basil")
    assert basil.person.get("/rest").status_code == 200
    page = admin.person.get(address)
    assert 'value="officer"' in page.text
    done = admin.person.post(f"{address}/roles", {"roles": ["auditor", "admin"]})
    assert "The roles are changed." in admin.person.follow(done).text
    assert people.users.named("basil").roles == {Role.AUDITOR, Role.ADMIN}
    assert basil.person.get("/rest").status_code == 303

    page = admin.person.post(f"{address}/roles", {"roles": ["admin", "reviewer"]})
    assert page.status_code == 422 and "second account" in page.text
    page = admin.person.post(f"{address}/roles")
    assert page.status_code == 422 and "at least one" in page.text
    assert people.users.named("basil").roles == {Role.AUDITOR, Role.ADMIN}


def test_nobody_changes_their_own_roles(people: People, admin: Member) -> None:
    people.member("eve", Role.ADMIN)
    own = page_of(people, "ada")
    page = admin.person.get(own)
    assert f'action="{own}/roles"' not in page.text and f'action="{own}/reset"' not in page.text
    page = admin.person.post(f"{own}/roles", {"roles": ["auditor"]})
    assert page.status_code == 422 and "own roles" in page.text
    assert people.users.named("ada").roles == {Role.ADMIN}


def test_the_last_admin_cannot_be_disabled(people: People, admin: Member) -> None:
    own = page_of(people, "ada")
    add(admin, "eve", "admin")  # has not set up: nobody who could help
    page = admin.person.post(f"{own}/disable")
    assert page.status_code == 422 and "the last admin" in page.text
    assert people.users.named("ada").disabled is None

    admin.person.get("/users")
    admin.person.post(f"{page_of(people, 'eve')}/disable")
    people.member("mallory", Role.ADMIN)
    done = admin.person.post(f"{own}/disable")
    assert done.status_code == 303 and done.headers["location"].startswith("/sign-in")
    assert people.users.named("ada").disabled is not None
    assert admin.person.get("/users").status_code == 303


def test_a_reset_shows_a_new_code_and_ends_what_was(people: People, admin: Member) -> None:
    basil = people.member("basil", Role.OFFICER)
    address = page_of(people, "basil")
    admin.person.get(address)
    page = admin.person.post(f"{address}/reset")
    code = shown_code(page)
    after = people.users.named("basil")
    assert page.status_code == 200 and not after.password and after.totp is None
    assert basil.person.get("/rest").status_code == 303
    assert "to be set up" in admin.person.get(address).text
    again = shown_code(admin.person.post(f"{address}/reset"))
    person = people.person()
    person.get("/set-up")
    assert person.post("/set-up", {"code": code}).status_code == 422
    assert person.post("/set-up", {"code": again}).status_code == 303


def test_ones_own_account_is_reset_by_others(people: People, admin: Member) -> None:
    page = admin.person.post(f"{page_of(people, 'ada')}/reset")
    assert page.status_code == 422 and "another admin" in page.text
    assert people.users.named("ada").password


def test_disabling_and_enabling(people: People, admin: Member) -> None:
    basil = people.member("basil", Role.OFFICER)
    address = page_of(people, "basil")
    admin.person.get(address)
    done = admin.person.follow(admin.person.post(f"{address}/disable"))
    assert "can no longer sign in" in done.text and f'action="{address}/enable"' in done.text
    assert basil.person.get("/rest").status_code == 303
    done = admin.person.follow(admin.person.post(f"{address}/enable"))
    assert "can sign in again" in done.text
    assert people.signed_in(basil).get("/rest").status_code == 200


def test_sessions_and_the_last_sign_in(people: People, admin: Member) -> None:
    add(admin, "chloe", "reviewer")
    assert "<dd>never</dd>" in admin.person.get(page_of(people, "chloe")).text
    basil = people.member("basil", Role.OFFICER)
    address = page_of(people, "basil")
    at = people.house.clock.now()
    people.signed_in(basil)
    page = admin.person.get(address).text
    assert page.split("Last sign-in</dt><dd>")[1].startswith(
        f'<time datetime="{at:%Y-%m-%dT%H:%M:%SZ}"'
    )
    assert page.count("Begun") == 2
    done = admin.person.follow(admin.person.post(f"{address}/sessions/end"))
    assert "sessions have ended" in done.text and "There are none." in done.text
    assert basil.person.get("/rest").status_code == 303
    own = page_of(people, "ada")
    people.signed_in(admin)
    assert admin.person.post(f"{own}/sessions/end").status_code == 303
    assert len(people.users.sessions(admin.user.user_id)) == 1
    assert admin.person.get("/users").status_code == 200


def test_an_identity_is_linked_where_there_is_a_provider(people: People, admin: Member) -> None:
    address = page_of(people, "ada")
    assert "Identity provider" not in admin.person.get(address).text
    assert admin.person.post(f"{address}/provider", {"subject": "ada-1"}).status_code == 400
    people.house.replace(
        options=dataclasses.replace(OPTIONS, oidc_issuer="https://provider.example")
    )
    other = people.signed_in(admin)
    assert "Identity provider" in other.get(address).text
    assert other.post(f"{address}/provider", {"subject": "ada-1"}).status_code == 303
    assert people.users.named("ada").oidc == "https://provider.example ada-1"
    assert 'value="ada-1"' in other.get(address).text
    assert other.post(f"{address}/provider", {"subject": "two words"}).status_code == 400
    assert other.post(f"{address}/provider", {"subject": ""}).status_code == 303
    assert people.users.named("ada").oidc == ""


def test_a_user_who_does_not_exist(admin: Member) -> None:
    assert admin.person.get("/users/nobody").status_code == 404
    assert admin.person.post("/users/nobody/reset").status_code == 404


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_others_reach_no_page_of_users(people: People, admin: Member, role: Role) -> None:
    other = people.member("basil", role)
    other.person.get("/rest")
    address = page_of(people, "ada")
    assert other.person.get("/users").status_code == 403
    assert other.person.get(address).status_code == 403
    for action in ("roles", "reset", "disable", "enable", "sessions/end", "provider"):
        assert other.person.post(f"{address}/{action}", {"roles": "admin"}).status_code == 403
    assert add(other, "chloe", "admin").status_code == 403
    assert {user.name for user in people.users.users()} == {"ada", "basil"}
