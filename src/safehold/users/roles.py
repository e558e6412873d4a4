"""Roles, permissions, and which role has which. I/O-free.

Every page and action of the console names one permission. Reviewing and running the house are
kept apart: whoever manages users or reads the audit log opens no evidence, so such a role goes
with no role that does.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType

from safehold.errors import UsageError


class Role(enum.StrEnum):
    """What somebody is in the house."""

    REVIEWER = "reviewer"
    """Decides held cases."""

    APPROVER = "approver"
    """Reviews, and is the second person of what needs two."""

    OFFICER = "officer"
    """Handles reports and exports of originals, and sets legal holds."""

    AUDITOR = "auditor"
    """Reads the audit log and the figures; no evidence."""

    ADMIN = "admin"
    """Manages users and settings; no evidence."""


class Permission(enum.StrEnum):
    """What a page or an action needs."""

    SIGNED_IN = "signed_in"
    """One's own: settings, second factors, the quiet page. Everybody has it."""

    CASES_READ = "cases.read"
    """Queue, case and group, without what was held."""

    EVIDENCE_VIEW = "evidence.view"
    """To look at previews."""

    WORDS_READ = "words.read"
    """What users, uploaders and colleagues have written about a case."""

    CASES_DECIDE = "cases.decide"
    """To lock, pass on, decide, group and propose."""

    APPROVALS_DECIDE = "approvals.decide"
    """To be the second person."""

    CASES_HOLD = "cases.hold"
    """To set and lift legal holds."""

    EVIDENCE_EXPORT = "evidence.export"
    """To propose exports of originals and to fetch those that were approved."""

    REPORTS_READ = "reports.read"
    """Reports to authorities, with the words and the personal data that they tell."""

    REPORTS_PREPARE = "reports.prepare"
    """To prepare reports, to resolve what needs a person, and to type in acknowledgements."""

    REPORTS_APPROVE = "reports.approve"
    """To be the second person of a report."""

    RETENTION_READ = "retention.read"
    """Until when what is kept, and records of destruction."""

    LEDGER_TRACE = "ledger.trace"
    """To find by a copy who had a picture generated here, and how."""

    LISTS_SHARE = "lists.share"
    """To have confirmed entries shared with a peer."""

    LISTS_READ = "lists.read"
    AUDIT_READ = "audit.read"
    FIGURES_READ = "figures.read"
    HEALTH_READ = "health.read"
    USERS_MANAGE = "users.manage"


_EVERYBODY = frozenset({Permission.SIGNED_IN})
_REVIEWER = _EVERYBODY | {
    Permission.CASES_READ,
    Permission.EVIDENCE_VIEW,
    Permission.WORDS_READ,
    Permission.CASES_DECIDE,
    Permission.LISTS_READ,
}

GRANTS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.REVIEWER: _REVIEWER,
        Role.APPROVER: _REVIEWER
        | {
            Permission.APPROVALS_DECIDE,
            Permission.CASES_HOLD,
            Permission.FIGURES_READ,
            Permission.REPORTS_READ,
            Permission.REPORTS_APPROVE,
            Permission.RETENTION_READ,
        },
        Role.OFFICER: _EVERYBODY
        | {
            Permission.CASES_READ,
            Permission.WORDS_READ,
            Permission.CASES_HOLD,
            Permission.EVIDENCE_EXPORT,
            Permission.LISTS_READ,
            Permission.REPORTS_READ,
            Permission.REPORTS_PREPARE,
            Permission.REPORTS_APPROVE,
            Permission.RETENTION_READ,
            Permission.LEDGER_TRACE,
            Permission.LISTS_SHARE,
        },
        Role.AUDITOR: _EVERYBODY
        | {
            Permission.AUDIT_READ,
            Permission.FIGURES_READ,
            Permission.LISTS_READ,
            Permission.HEALTH_READ,
            Permission.RETENTION_READ,
        },
        Role.ADMIN: _EVERYBODY
        | {Permission.USERS_MANAGE, Permission.HEALTH_READ, Permission.LISTS_READ},
    }
)

APART = frozenset({Role.AUDITOR, Role.ADMIN})
"""Roles that go with none of the others but one another."""


class RolesError(UsageError):
    """Roles that one user cannot have together, or none at all."""

    code = "user_roles"
    default_message = "One user cannot have these roles together."
    default_hint = "Auditors and admins open no evidence: give such a person a second account."


def check_roles(roles: frozenset[Role]) -> frozenset[Role]:
    """The roles, if one user may have them together. Raises `RolesError`."""
    if not roles or (roles & APART and roles - APART):
        raise RolesError
    return roles


def permissions(roles: frozenset[Role]) -> frozenset[Permission]:
    """All permissions of somebody with these roles."""
    return frozenset[Permission]().union(*(GRANTS[role] for role in roles))
