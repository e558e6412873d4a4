"""The port behind which users and sessions are kept. It takes part in a transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from safehold.ids import UserId
from safehold.users.model import Passkey, Session, User


class UserStore(Protocol):
    """Users, their passkeys and sessions, and failed sign-ins."""

    def add(self, user: User) -> None:
        """Add a user. Raises `UserExistsError` where the name is taken."""
        ...

    def update(self, user: User) -> None:
        """Write all that can change of a user: everything but id, name and `created`."""
        ...

    def user(self, user_id: UserId, *, lock: bool = False) -> User | None:
        """One user; with `lock`, held against other writers until the transaction ends."""
        ...

    def user_named(self, name: str, *, lock: bool = False) -> User | None:
        """One user by name."""
        ...

    def user_with_setup(self, setup: bytes) -> User | None:
        """The user whose set-up code has this SHA-256."""
        ...

    def user_with_oidc(self, oidc: str) -> User | None:
        """The user of an identity provider's subject."""
        ...

    def users(self) -> Sequence[User]:
        """All users, by name."""
        ...

    def add_passkey(self, passkey: Passkey) -> None:
        """Add a passkey."""
        ...

    def passkeys(self, user_id: UserId) -> Sequence[Passkey]:
        """A user's passkeys, in order of time."""
        ...

    def count_passkey(self, credential_id: bytes, sign_count: int) -> None:
        """Write the counter that an authenticator told."""
        ...

    def remove_passkey(self, user_id: UserId, credential_id: bytes) -> bool:
        """Remove a passkey; whether it was there."""
        ...

    def add_session(self, session: Session) -> None:
        """Add a session."""
        ...

    def update_session(self, session: Session) -> None:
        """Write what can change of a session: stage, seen, expires, challenge."""
        ...

    def session(self, token_hash: bytes) -> Session | None:
        """One session."""
        ...

    def sessions(self, user_id: UserId) -> Sequence[Session]:
        """A user's sessions, the last begun first."""
        ...

    def end_session(self, token_hash: bytes) -> None:
        """Remove a session."""
        ...

    def end_sessions(self, user_id: UserId, *, but: bytes = b"") -> int:
        """Remove a user's sessions, but for one; how many."""
        ...

    def forget_sessions(self, before: dt.datetime, limit: int) -> int:
        """Remove sessions that expired before a moment; how many."""
        ...

    def failures(self, subject: bytes, since: dt.datetime) -> int:
        """How many sign-ins failed for a keyed subject (an address, a name) since a moment."""
        ...

    def last_failure(self, subject: bytes) -> dt.datetime | None:
        """When a sign-in last failed for a keyed subject, if that is not forgotten."""
        ...

    def add_failure(self, subject: bytes, at: dt.datetime) -> None:
        """Count a failed sign-in for a keyed subject (16 bytes)."""
        ...

    def forget_failures(self, before: dt.datetime, limit: int) -> int:
        """Remove failures before a moment; how many."""
        ...
