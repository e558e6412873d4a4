"""Users, passkeys, sessions and failed sign-ins in memory; it passes the stores' suite."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence

from safehold.ids import UserId
from safehold.storage.engine import DatabaseError
from safehold.users.model import Passkey, Session, User, UserExistsError


class MemoryUsers:
    """A `UserStore` that forgets everything with the process. For one thread at a time."""

    def __init__(self) -> None:
        self._users: dict[UserId, User] = {}
        self._passkeys: dict[bytes, Passkey] = {}
        self._sessions: dict[bytes, Session] = {}
        self._failures: list[tuple[bytes, dt.datetime]] = []

    def copy(self) -> MemoryUsers:
        """An independent copy."""
        copied = MemoryUsers()
        copied._users = dict(self._users)
        copied._passkeys = dict(self._passkeys)
        copied._sessions = dict(self._sessions)
        copied._failures = list(self._failures)
        return copied

    def add(self, user: User) -> None:
        """Add a user. Raises `UserExistsError` where the name is taken."""
        if self.user_named(user.name) is not None:
            raise UserExistsError
        if user.user_id in self._users:
            raise DatabaseError
        self._users[user.user_id] = user
        self._check_unique(user)

    def update(self, user: User) -> None:
        """Write all that can change of a user: everything but id, name and `created`."""
        there = self._users.get(user.user_id)
        if there is not None:
            self._users[user.user_id] = dataclasses.replace(
                user, name=there.name, created=there.created
            )
            self._check_unique(user)

    def user(self, user_id: UserId, *, lock: bool = False) -> User | None:
        """One user."""
        return self._users.get(user_id)

    def user_named(self, name: str, *, lock: bool = False) -> User | None:
        """One user by name."""
        return self._first(lambda user: user.name == name)

    def user_with_setup(self, setup: bytes) -> User | None:
        """The user whose set-up code has this SHA-256."""
        return self._first(lambda user: user.setup == setup)

    def user_with_oidc(self, oidc: str) -> User | None:
        """The user of an identity provider's subject."""
        return self._first(lambda user: bool(oidc) and user.oidc == oidc)

    def users(self) -> Sequence[User]:
        """All users, by name."""
        return tuple(sorted(self._users.values(), key=lambda user: user.name))

    def add_passkey(self, passkey: Passkey) -> None:
        """Add a passkey."""
        if passkey.user_id not in self._users or passkey.credential_id in self._passkeys:
            raise DatabaseError
        self._passkeys[passkey.credential_id] = passkey

    def passkeys(self, user_id: UserId) -> Sequence[Passkey]:
        """A user's passkeys, in order of time."""
        found = [passkey for passkey in self._passkeys.values() if passkey.user_id == user_id]
        return tuple(sorted(found, key=lambda each: (each.created, each.credential_id)))

    def count_passkey(self, credential_id: bytes, sign_count: int) -> None:
        """Write the counter that an authenticator told."""
        there = self._passkeys.get(credential_id)
        if there is not None:
            self._passkeys[credential_id] = dataclasses.replace(there, sign_count=sign_count)

    def remove_passkey(self, user_id: UserId, credential_id: bytes) -> bool:
        """Remove a passkey; whether it was there."""
        there = self._passkeys.get(credential_id)
        if there is None or there.user_id != user_id:
            return False
        del self._passkeys[credential_id]
        return True

    def add_session(self, session: Session) -> None:
        """Add a session."""
        if session.user_id not in self._users or session.token_hash in self._sessions:
            raise DatabaseError
        self._sessions[session.token_hash] = session

    def update_session(self, session: Session) -> None:
        """Write what can change of a session: stage, seen, expires, challenge."""
        there = self._sessions.get(session.token_hash)
        if there is not None:
            self._sessions[session.token_hash] = dataclasses.replace(
                there,
                stage=session.stage,
                seen=session.seen,
                expires=session.expires,
                challenge=session.challenge,
            )

    def session(self, token_hash: bytes) -> Session | None:
        """One session."""
        return self._sessions.get(token_hash)

    def sessions(self, user_id: UserId) -> Sequence[Session]:
        """A user's sessions, the last begun first."""
        found = [session for session in self._sessions.values() if session.user_id == user_id]
        found.sort(key=lambda session: session.token_hash)
        return tuple(sorted(found, key=lambda session: session.created, reverse=True))

    def end_session(self, token_hash: bytes) -> None:
        """Remove a session."""
        self._sessions.pop(token_hash, None)

    def end_sessions(self, user_id: UserId, *, but: bytes = b"") -> int:
        """Remove a user's sessions, but for one; how many."""
        ended = [each for each in self.sessions(user_id) if each.token_hash != but]
        for session in ended:
            del self._sessions[session.token_hash]
        return len(ended)

    def forget_sessions(self, before: dt.datetime, limit: int) -> int:
        """Remove sessions that expired before a moment; how many."""
        old = [session for session in self._sessions.values() if session.expires < before]
        chosen = sorted(old, key=lambda session: session.expires)[:limit]
        for session in chosen:
            del self._sessions[session.token_hash]
        return len(chosen)

    def failures(self, subject: bytes, since: dt.datetime) -> int:
        """How many sign-ins failed for a keyed subject (an address, a name) since a moment."""
        return sum(each == subject and at >= since for each, at in self._failures)

    def last_failure(self, subject: bytes) -> dt.datetime | None:
        """When a sign-in last failed for a keyed subject, if that is not forgotten."""
        return max((at for each, at in self._failures if each == subject), default=None)

    def add_failure(self, subject: bytes, at: dt.datetime) -> None:
        """Count a failed sign-in for a keyed subject (16 bytes)."""
        self._failures.append((subject, at))

    def forget_failures(self, before: dt.datetime, limit: int) -> int:
        """Remove failures before a moment; how many."""
        chosen = sorted((each for each in self._failures if each[1] < before), key=_when)[:limit]
        for each in chosen:
            self._failures.remove(each)
        return len(chosen)

    def _first(self, is_wanted: Callable[[User], bool]) -> User | None:
        return next((user for user in self._users.values() if is_wanted(user)), None)

    def _check_unique(self, user: User) -> None:
        """A set-up code and a provider's subject are one user's at most, as in SQL."""
        for other in self._users.values():
            same_oidc = bool(user.oidc) and other.oidc == user.oidc
            same_setup = user.setup is not None and other.setup == user.setup
            if other.user_id != user.user_id and (same_oidc or same_setup):
                raise DatabaseError


def _when(failure: tuple[bytes, dt.datetime]) -> dt.datetime:
    return failure[1]
