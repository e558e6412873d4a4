"""The reference of roles and the program say the same."""

from __future__ import annotations

from safehold.users.roles import GRANTS, Permission, Role
from tests.docs.pages import reference


def test_every_role_has_the_permissions_that_are_written() -> None:
    page = reference("roles.md")
    header, *table = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.splitlines()
        if line.startswith("|") and not line.startswith("|---")
    ]
    roles = [Role(name.lower()) for name in header[2:]]
    assert set(roles) == set(Role)
    written = {
        Permission(row[0].strip("`")): {
            role for role, cell in zip(roles, row[2:], strict=True) if cell == "yes"
        }
        for row in table
    }
    assert written == {
        permission: {role for role in Role if permission in GRANTS[role]}
        for permission in Permission
    }
