"""Users, passkeys, sessions and failed sign-ins in SQL: `SqlUserStore`."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from safehold.ids import UserId
from safehold.storage.schema_users import passkeys, sessions, sign_in_failures, users
from safehold.storage.upsert import insert_or_skip
from safehold.users.model import Passkey, Preferences, Session, Stage, User, UserExistsError
from safehold.users.roles import Role

_COUNTED = {"preserve_rowcount": True}
"""Execution options under which an insert tells how many rows it wrote."""

_UNCHANGED = frozenset({"user_id", "name", "created"})
"""Columns of a user that are written once."""

_SELECT_USERS = sa.select(users).order_by(users.c.name)
_SELECT_USER = sa.select(users).where(users.c.user_id == sa.bindparam("of_user"))
_LOCK_USER = _SELECT_USER.with_for_update()
_SELECT_NAMED = sa.select(users).where(users.c.name == sa.bindparam("of_name"))
_LOCK_NAMED = _SELECT_NAMED.with_for_update()
_SELECT_SETUP = sa.select(users).where(users.c.setup == sa.bindparam("of_setup"))
_SELECT_OIDC = sa.select(users).where(users.c.oidc == sa.bindparam("of_oidc"))
_UPDATE_USER = sa.update(users).where(users.c.user_id == sa.bindparam("of_user"))

_SELECT_PASSKEYS = (
    sa.select(passkeys)
    .where(passkeys.c.user_id == sa.bindparam("of_user"))
    .order_by(passkeys.c.created, passkeys.c.credential_id)
)
_COUNT_PASSKEY = (
    sa.update(passkeys)
    .where(passkeys.c.credential_id == sa.bindparam("of_credential"))
    .values(sign_count=sa.bindparam("count"))
)
_REMOVE_PASSKEY = sa.delete(passkeys).where(
    passkeys.c.user_id == sa.bindparam("of_user"),
    passkeys.c.credential_id == sa.bindparam("of_credential"),
)

_SELECT_SESSION = sa.select(sessions).where(sessions.c.token_hash == sa.bindparam("of_token"))
_SELECT_SESSIONS = (
    sa.select(sessions)
    .where(sessions.c.user_id == sa.bindparam("of_user"))
    .order_by(sessions.c.created.desc(), sessions.c.token_hash)
)
_UPDATE_SESSION = (
    sa.update(sessions)
    .where(sessions.c.token_hash == sa.bindparam("of_token"))
    .values(
        stage=sa.bindparam("new_stage"),
        seen=sa.bindparam("new_seen"),
        expires=sa.bindparam("new_expires"),
        challenge=sa.bindparam("new_challenge"),
    )
)
_END_SESSION = sa.delete(sessions).where(sessions.c.token_hash == sa.bindparam("of_token"))
_END_SESSIONS = sa.delete(sessions).where(
    sessions.c.user_id == sa.bindparam("of_user"),
    sessions.c.token_hash != sa.bindparam("but"),
)
_FORGET_SESSIONS = sa.delete(sessions).where(
    sessions.c.token_hash.in_(
        sa.select(sessions.c.token_hash)
        .where(sessions.c.expires < sa.bindparam("before"))
        .order_by(sessions.c.expires)
        .limit(sa.bindparam("at_most", type_=sa.Integer))
        # Two processes that tidy up at once do not wait for one another.
        .with_for_update(skip_locked=True)
    )
)

_COUNT_FAILURES = sa.select(sa.func.count()).where(
    sign_in_failures.c.subject == sa.bindparam("of_subject"),
    sign_in_failures.c.at >= sa.bindparam("since"),
)
_LAST_FAILURE = sa.select(sa.func.max(sign_in_failures.c.at)).where(
    sign_in_failures.c.subject == sa.bindparam("of_subject")
)
_FORGET_FAILURES = sa.delete(sign_in_failures).where(
    sign_in_failures.c.failure_id.in_(
        sa.select(sign_in_failures.c.failure_id)
        .where(sign_in_failures.c.at < sa.bindparam("before"))
        .order_by(sign_in_failures.c.at)
        .limit(sa.bindparam("at_most", type_=sa.Integer))
        .with_for_update(skip_locked=True)
    )
)


class SqlUserStore:
    """A `UserStore` on an open connection, within a transaction of the caller's."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name

    def add(self, user: User) -> None:
        """Add a user. Raises `UserExistsError` where the name is taken."""
        statement = insert_or_skip(self._dialect, users, "name")
        done = self._connection.execute(statement, _user_row(user), execution_options=_COUNTED)
        if not done.rowcount:
            raise UserExistsError

    def update(self, user: User) -> None:
        """Write all that can change of a user: everything but id, name and `created`."""
        row = {name: v for name, v in _user_row(user).items() if name not in _UNCHANGED}
        self._connection.execute(_UPDATE_USER, {"of_user": user.user_id, **row})

    def user(self, user_id: UserId, *, lock: bool = False) -> User | None:
        """One user; with `lock`, held against other writers until the transaction ends."""
        return self._one(_LOCK_USER if lock else _SELECT_USER, {"of_user": user_id})

    def user_named(self, name: str, *, lock: bool = False) -> User | None:
        """One user by name."""
        return self._one(_LOCK_NAMED if lock else _SELECT_NAMED, {"of_name": name})

    def user_with_setup(self, setup: bytes) -> User | None:
        """The user whose set-up code has this SHA-256."""
        return self._one(_SELECT_SETUP, {"of_setup": setup})

    def user_with_oidc(self, oidc: str) -> User | None:
        """The user of an identity provider's subject."""
        return self._one(_SELECT_OIDC, {"of_oidc": oidc})

    def users(self) -> Sequence[User]:
        """All users, by name."""
        return tuple(_user(row) for row in self._connection.execute(_SELECT_USERS))

    def add_passkey(self, passkey: Passkey) -> None:
        """Add a passkey."""
        self._connection.execute(sa.insert(passkeys), _row(passkey))

    def passkeys(self, user_id: UserId) -> Sequence[Passkey]:
        """A user's passkeys, in order of time."""
        rows = self._connection.execute(_SELECT_PASSKEYS, {"of_user": user_id})
        return tuple(_passkey(row) for row in rows)

    def count_passkey(self, credential_id: bytes, sign_count: int) -> None:
        """Write the counter that an authenticator told."""
        values = {"of_credential": credential_id, "count": sign_count}
        self._connection.execute(_COUNT_PASSKEY, values)

    def remove_passkey(self, user_id: UserId, credential_id: bytes) -> bool:
        """Remove a passkey; whether it was there."""
        values = {"of_user": user_id, "of_credential": credential_id}
        return self._connection.execute(_REMOVE_PASSKEY, values).rowcount > 0

    def add_session(self, session: Session) -> None:
        """Add a session."""
        self._connection.execute(
            sa.insert(sessions), _row(session) | {"stage": session.stage.value}
        )

    def update_session(self, session: Session) -> None:
        """Write what can change of a session: stage, seen, expires, challenge."""
        values = {
            "of_token": session.token_hash,
            "new_stage": session.stage.value,
            "new_seen": session.seen,
            "new_expires": session.expires,
            "new_challenge": session.challenge,
        }
        self._connection.execute(_UPDATE_SESSION, values)

    def session(self, token_hash: bytes) -> Session | None:
        """One session."""
        row = self._connection.execute(_SELECT_SESSION, {"of_token": token_hash}).one_or_none()
        return None if row is None else _session(row)

    def sessions(self, user_id: UserId) -> Sequence[Session]:
        """A user's sessions, the last begun first."""
        rows = self._connection.execute(_SELECT_SESSIONS, {"of_user": user_id})
        return tuple(_session(row) for row in rows)

    def end_session(self, token_hash: bytes) -> None:
        """Remove a session."""
        self._connection.execute(_END_SESSION, {"of_token": token_hash})

    def end_sessions(self, user_id: UserId, *, but: bytes = b"") -> int:
        """Remove a user's sessions, but for one; how many."""
        return self._connection.execute(_END_SESSIONS, {"of_user": user_id, "but": but}).rowcount

    def forget_sessions(self, before: dt.datetime, limit: int) -> int:
        """Remove sessions that expired before a moment; how many."""
        values = {"before": before, "at_most": limit}
        return self._connection.execute(_FORGET_SESSIONS, values).rowcount

    def failures(self, subject: bytes, since: dt.datetime) -> int:
        """How many sign-ins failed for a keyed subject (an address, a name) since a moment."""
        values = {"of_subject": subject, "since": since}
        return int(self._connection.scalar(_COUNT_FAILURES, values) or 0)

    def last_failure(self, subject: bytes) -> dt.datetime | None:
        """When a sign-in last failed for a keyed subject, if that is not forgotten."""
        found: dt.datetime | None = self._connection.scalar(_LAST_FAILURE, {"of_subject": subject})
        return found

    def add_failure(self, subject: bytes, at: dt.datetime) -> None:
        """Count a failed sign-in for a keyed subject (16 bytes)."""
        self._connection.execute(sa.insert(sign_in_failures), {"subject": subject, "at": at})

    def forget_failures(self, before: dt.datetime, limit: int) -> int:
        """Remove failures before a moment; how many."""
        values = {"before": before, "at_most": limit}
        return self._connection.execute(_FORGET_FAILURES, values).rowcount

    def _one(self, statement: sa.Select[Any], values: Mapping[str, object]) -> User | None:
        row = self._connection.execute(statement, values).one_or_none()
        return None if row is None else _user(row)


def _row(record: Passkey | Session) -> dict[str, Any]:
    """A record whose fields are the columns of its table."""
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


def _user_row(user: User) -> dict[str, Any]:
    return {
        "user_id": user.user_id,
        "name": user.name,
        "roles": " ".join(sorted(user.roles)),
        "created": user.created,
        "disabled": user.disabled,
        "password": user.password,
        "totp": user.totp,
        "totp_step": user.totp_step,
        "setup": user.setup,
        "setup_until": user.setup_until,
        "failures": user.failures,
        "locked_until": user.locked_until,
        "oidc": user.oidc or None,
        "preferences": dataclasses.asdict(user.preferences),
    }


def _user(row: sa.Row[Any]) -> User:
    return User(
        user_id=UserId(row.user_id),
        name=row.name,
        roles=frozenset(Role(word) for word in row.roles.split()),
        created=row.created,
        disabled=row.disabled,
        password=row.password,
        totp=None if row.totp is None else bytes(row.totp),
        totp_step=row.totp_step,
        setup=None if row.setup is None else bytes(row.setup),
        setup_until=row.setup_until,
        failures=row.failures,
        locked_until=row.locked_until,
        oidc=row.oidc or "",
        preferences=_preferences(row.preferences),
    )


def _preferences(kept: Mapping[str, Any]) -> Preferences:
    """What was kept; a preference that was not known then has its default."""
    known = {field.name for field in dataclasses.fields(Preferences)}
    return Preferences(**{name: value for name, value in kept.items() if name in known})


def _passkey(row: sa.Row[Any]) -> Passkey:
    return Passkey(
        credential_id=bytes(row.credential_id),
        user_id=UserId(row.user_id),
        public_key=bytes(row.public_key),
        sign_count=row.sign_count,
        label=row.label,
        created=row.created,
    )


def _session(row: sa.Row[Any]) -> Session:
    return Session(
        token_hash=bytes(row.token_hash),
        user_id=UserId(row.user_id),
        stage=Stage(row.stage),
        created=row.created,
        seen=row.seen,
        expires=row.expires,
        client=bytes(row.client),
        challenge=bytes(row.challenge),
        confirmed=row.confirmed,
    )
