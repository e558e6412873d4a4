"""Adding users and changing them. Each change stands in the audit log.

Nobody ever knows another's password: whoever adds or resets a user gets a one-time code, with
which that person sets a password and enrols a second factor of their own.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from safehold.audit.model import Detail
from safehold.clock import Clock
from safehold.errors import UsageError
from safehold.ids import IdMaker, UserId
from safehold.users.codes import code_hash, make_code
from safehold.users.events import user_event
from safehold.users.interface import UserStore
from safehold.users.lockout import forgiven
from safehold.users.model import (
    LANGUAGES,
    Passkey,
    Preferences,
    Session,
    UnknownUserError,
    User,
    user_name,
)
from safehold.users.options import SignInOptions
from safehold.users.records import UserRecords, UserTransaction
from safehold.users.roles import Role, RolesError, check_roles
from safehold.users.sessions import SessionRules


class LastFactorError(UsageError):
    """The last second factor of a user, which stays."""

    code = "last_factor"
    default_message = "This is the last second factor; it cannot be removed."
    default_hint = "Add another one first."


class LastAdminError(UsageError):
    """The last admin who can sign in, who stays one."""

    code = "last_admin"
    default_message = "This is the last admin who can sign in."
    default_hint = "Make somebody else an admin first, and have them set up their account."


class OidcLinkError(UsageError):
    """An identity that cannot be linked to this user."""

    code = "user_oidc"
    default_message = "That identity cannot be linked."
    default_hint = "It is the provider's address and the subject, and belongs to one user."


class PreferencesError(UsageError):
    """Preferences that make no sense."""

    code = "user_preferences"
    default_message = "These preferences cannot be kept."


class UserService:
    """Users, as those see them who manage them. `by` is an audit actor (`user:ID`, `operator`).

    Args:
        records: where they are kept.
        ids: makes their ids.
        clock: the present moment.
        options: the settings.
        random_bytes: makes set-up codes; fit for keys.
    """

    def __init__(
        self,
        records: UserRecords,
        ids: IdMaker,
        clock: Clock,
        options: SignInOptions,
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._records = records
        self._ids = ids
        self._clock = clock
        self._options = options
        self._random_bytes = random_bytes

    def add(self, name: str, roles: frozenset[Role], by: str) -> tuple[User, str]:
        """Add a user.

        Returns:
            The user, and the one-time set-up code, which can never be shown again.

        Raises:
            UserNameError, UserExistsError, RolesError: the name or the roles cannot be.
        """
        check_roles(roles)
        now = self._clock.now()
        user, code = self._with_code(User(UserId(self._ids()), user_name(name), roles, now), now)
        with self._changes() as transaction:
            transaction.users.add(user)
            self._tell(transaction, "user.added", user, by, roles=tuple(sorted(roles)))
        return user, code

    def reset(self, user_id: UserId, by: str) -> str:
        """Remove password, second factors and sessions; a new set-up code."""
        now = self._clock.now()
        with self._changes() as transaction:
            before = _required(transaction.users, user_id)
            cleared = dataclasses.replace(forgiven(before), password="", totp=None)
            after, code = self._with_code(cleared, now)
            for passkey in transaction.users.passkeys(user_id):
                transaction.users.remove_passkey(user_id, passkey.credential_id)
            transaction.users.update(after)
            ended = transaction.users.end_sessions(user_id)
            self._tell(transaction, "user.reset", after, by, sessions=ended)
        return code

    def set_roles(self, user_id: UserId, roles: frozenset[Role], by: str) -> User:
        """Give a user other roles; their sessions end.

        Raises:
            RolesError: nobody has these together, or somebody would change their own.
            LastAdminError: no other admin could sign in.
        """
        check_roles(roles)
        if by == f"user:{user_id}":
            raise RolesError("Nobody changes their own roles.", hint="Ask another admin.")
        with self._changes() as transaction:
            before = _required(transaction.users, user_id)
            after = dataclasses.replace(before, roles=roles)
            if Role.ADMIN not in roles:
                _leave_an_admin(transaction.users, before)
            if roles != before.roles:
                transaction.users.update(after)
                ended = transaction.users.end_sessions(user_id)
                names: tuple[str, ...] = tuple(sorted(roles))
                was: tuple[str, ...] = tuple(sorted(before.roles))
                self._tell(
                    transaction, "user.roles", after, by, roles=names, was=was, sessions=ended
                )
        return after

    def disable(self, user_id: UserId, by: str) -> None:
        """Let a user sign in no more; their sessions end.

        Raises:
            LastAdminError: no other admin could sign in.
        """
        now = self._clock.now()
        with self._changes() as transaction:
            user = _required(transaction.users, user_id)
            _leave_an_admin(transaction.users, user)
            if user.disabled is None:
                transaction.users.update(dataclasses.replace(user, disabled=now))
                ended = transaction.users.end_sessions(user_id)
                self._tell(transaction, "user.disabled", user, by, sessions=ended)

    def enable(self, user_id: UserId, by: str) -> None:
        """Let a user sign in again, at once."""
        with self._changes() as transaction:
            user = _required(transaction.users, user_id)
            if user.disabled is not None:
                transaction.users.update(dataclasses.replace(forgiven(user), disabled=None))
                self._tell(transaction, "user.enabled", user, by)

    def set_preferences(self, user_id: UserId, preferences: Preferences) -> User:
        """Keep what a user has chosen. Raises `PreferencesError`."""
        values = dataclasses.asdict(preferences).values()
        negative = any(isinstance(value, int) and value < 0 for value in values)
        if negative or preferences.language not in ("", *LANGUAGES):
            raise PreferencesError
        with self._records.write() as transaction:
            user = _required(transaction.users, user_id)
            after = dataclasses.replace(user, preferences=preferences)
            transaction.users.update(after)
        return after

    def users(self) -> Sequence[User]:
        """All users, by name."""
        with self._records.read() as transaction:
            return transaction.users.users()

    def user(self, user_id: UserId) -> User:
        """One user. Raises `UnknownUserError`."""
        with self._records.read() as transaction:
            return _known(transaction.users.user(user_id))

    def named(self, name: str) -> User:
        """One user by name. Raises `UnknownUserError`."""
        with self._records.read() as transaction:
            return _known(transaction.users.user_named(name))

    def sessions(self, user_id: UserId) -> Sequence[Session]:
        """A user's sessions that go on, the last begun first."""
        now, rules = self._clock.now(), SessionRules.of(self._options)
        with self._records.read() as transaction:
            found = transaction.users.sessions(user_id)
        return tuple(session for session in found if rules.is_live(session, now))

    def end_sessions(self, user_id: UserId, by: str, but: bytes = b"") -> int:
        """End a user's sessions, but for one (its token's hash); how many."""
        with self._changes() as transaction:
            user = _required(transaction.users, user_id)
            ended = transaction.users.end_sessions(user_id, but=but)
            if ended:
                self._tell(transaction, "user.sessions_ended", user, by, sessions=ended)
        return ended

    def end_session(self, user_id: UserId, token_hash: bytes, by: str) -> None:
        """End one session of a user; nothing where it has ended already or is another's."""
        with self._changes() as transaction:
            user = _required(transaction.users, user_id)
            session = transaction.users.session(token_hash)
            if session is not None and session.user_id == user_id:
                transaction.users.end_session(token_hash)
                self._tell(transaction, "user.sessions_ended", user, by, sessions=1)

    def passkeys(self, user_id: UserId) -> Sequence[Passkey]:
        """A user's passkeys, in order of time."""
        with self._records.read() as transaction:
            return transaction.users.passkeys(user_id)

    def remove_passkey(self, user_id: UserId, credential_id: bytes, by: str) -> None:
        """Remove a passkey; nothing where it is not there. Raises `LastFactorError`."""
        with self._changes() as transaction:
            user = _required(transaction.users, user_id)
            there = [each.credential_id for each in transaction.users.passkeys(user_id)]
            if credential_id not in there:
                return
            if len(there) == 1 and user.totp is None:
                raise LastFactorError
            transaction.users.remove_passkey(user_id, credential_id)
            self._tell(transaction, "user.factor_removed", user, by, factor="passkey")

    def remove_totp(self, user_id: UserId, by: str) -> None:
        """Remove the authenticator app; nothing where there is none. Raises `LastFactorError`."""
        with self._changes() as transaction:
            user = _required(transaction.users, user_id)
            if user.totp is None:
                return
            if not transaction.users.passkeys(user_id):
                raise LastFactorError
            transaction.users.update(dataclasses.replace(user, totp=None))
            self._tell(transaction, "user.factor_removed", user, by, factor="totp")

    def link_oidc(self, user_id: UserId, oidc: str, by: str) -> None:
        """Link a user to a subject of the identity provider, or (empty) to none.

        Args:
            user_id: the user.
            oidc: the provider's address, a space, the subject.
            by: who does it.

        Raises:
            OidcLinkError: it is not of that form, or linked to somebody else.
        """
        issuer, _, subject = oidc.partition(" ")
        if oidc and not (issuer and subject and oidc.isprintable() and len(oidc) <= 512):
            raise OidcLinkError
        with self._changes() as transaction:
            user = _required(transaction.users, user_id)
            other = transaction.users.user_with_oidc(oidc) if oidc else None
            if other is not None and other.user_id != user_id:
                raise OidcLinkError
            if user.oidc != oidc:
                transaction.users.update(dataclasses.replace(user, oidc=oidc))
                kind = "user.oidc_linked" if oidc else "user.oidc_unlinked"
                self._tell(transaction, kind, user, by)

    def _with_code(self, user: User, now: dt.datetime) -> tuple[User, str]:
        code = make_code(self._random_bytes)
        until = now + dt.timedelta(hours=self._options.setup_hours)
        return dataclasses.replace(user, setup=code_hash(code), setup_until=until), code

    @contextmanager
    def _changes(self) -> Iterator[UserTransaction]:
        """A transaction that tells the audit log: it holds the log before any user."""
        with self._records.write() as transaction:
            transaction.audit.lock()
            yield transaction

    def _tell(
        self, transaction: UserTransaction, kind: str, user: User, by: str, **data: Detail
    ) -> None:
        event = user_event(kind, user.user_id, self._clock.now(), by, **data)
        transaction.audit.append([event])


def _required(users: UserStore, user_id: UserId) -> User:
    """A user, held for writing."""
    return _known(users.user(user_id, lock=True))


def _leave_an_admin(users: UserStore, leaving: User) -> None:
    """Refuse to let the last admin go. Raises `LastAdminError`.

    Two who let one another go at the same moment come one after the other: the log is held.
    """
    if Role.ADMIN not in leaving.roles or leaving.disabled is not None:
        return
    for other in users.users():
        able = other.disabled is None and (other.totp is not None or users.passkeys(other.user_id))
        if other.user_id != leaving.user_id and Role.ADMIN in other.roles and able:
            return
    raise LastAdminError


def _known(user: User | None) -> User:
    if user is None:
        raise UnknownUserError
    return user
