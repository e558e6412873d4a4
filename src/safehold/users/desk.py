"""Sessions within transactions: finding, beginning and renewing them, and what is under way."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable

from safehold.ids import UserId
from safehold.users.interface import UserStore
from safehold.users.model import Session, SessionError, Stage, User
from safehold.users.records import UserTransaction
from safehold.users.sealing import Sealer
from safehold.users.sessions import SessionRules, is_bound_to, make_token, token_hash

_UNTIL_BYTES = 8


class SessionDesk:
    """Begins, finds and renews sessions. Within transactions of the caller's.

    Args:
        rules: when sessions end.
        sealer: seals what is under way.
        random_bytes: makes tokens.
    """

    def __init__(
        self, rules: SessionRules, sealer: Sealer, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._rules = rules
        self._sealer = sealer
        self._random_bytes = random_bytes

    def found(self, users: UserStore, token: str, now: dt.datetime) -> tuple[User, Session]:
        """A session that goes on, and whose it is. Its client is not looked at.

        Raises:
            SessionError: there is none, or its user is disabled.
        """
        session = users.session(token_hash(token)) if token else None
        if session is None or not self._rules.is_live(session, now):
            raise SessionError
        user = users.user(session.user_id)
        if user is None or user.disabled is not None:
            raise SessionError
        return user, session

    def held(
        self,
        transaction: UserTransaction,
        token: str,
        client: bytes,
        stages: frozenset[Stage],
        now: dt.datetime,
    ) -> tuple[User, Session]:
        """A session in one of some stages and its user, held against all other writers.

        Raises:
            SessionError: there is none, it belongs to another browser, or its stage is another.
        """
        # The log is held before all else, by everybody; then nobody waits in a circle.
        transaction.audit.lock()
        _, session = self.found(transaction.users, token, now)
        if not is_bound_to(session, client) or session.stage not in stages:
            raise SessionError
        user = transaction.users.user(session.user_id, lock=True)
        if user is None:
            raise SessionError
        return user, session

    def begin(
        self, users: UserStore, user_id: UserId, stage: Stage, client: bytes, now: dt.datetime
    ) -> str:
        """Begin a session; its token."""
        token = make_token(self._random_bytes)
        users.add_session(self._rules.begin(token, user_id, stage, client, now))
        return token

    def renew(
        self, users: UserStore, session: Session, now: dt.datetime, *, confirmed: bool = False
    ) -> str:
        """Put a full session with a token of its own in the place of a session; the token.

        One that was full already ends when it would have ended. `confirmed`: its user has just
        shown who is there.
        """
        token = make_token(self._random_bytes)
        full = self._rules.begin(token, session.user_id, Stage.FULL, session.client, now)
        if session.stage is Stage.FULL:
            full = dataclasses.replace(full, created=session.created, expires=session.expires)
            if not confirmed:
                full = dataclasses.replace(full, confirmed=session.confirmed)
        users.end_session(session.token_hash)
        users.add_session(full)
        return token

    def is_live(self, session: Session, now: dt.datetime) -> bool:
        """Whether a session goes on."""
        return self._rules.is_live(session, now)

    def see(self, transaction: UserTransaction, session: Session, now: dt.datetime) -> Session:
        """Write that a session was used."""
        # Whoever changes what is under way holds the user; it is not written over from here.
        transaction.users.user(session.user_id, lock=True)
        present = transaction.users.session(session.token_hash)
        if present is None:
            raise SessionError
        seen = dataclasses.replace(present, seen=max(now, present.seen))
        transaction.users.update_session(seen)
        return seen

    def put(
        self, users: UserStore, session: Session, kind: str, secret: bytes, now: dt.datetime
    ) -> None:
        """Keep a challenge or a new secret in a session, sealed, in place of what was there."""
        until = int((now + self._rules.signing_in).timestamp()).to_bytes(_UNTIL_BYTES, "big")
        sealed = self._sealer.seal(until + secret, kind, session.token_hash)
        users.update_session(dataclasses.replace(session, challenge=sealed))

    def kept(self, session: Session, kind: str, now: dt.datetime) -> bytes | None:
        """What was put into a session; None where it was of another kind, or is too old."""
        opened = self._sealer.open(session.challenge, kind, session.token_hash)
        if opened is None:
            return None
        until, secret = opened[:_UNTIL_BYTES], opened[_UNTIL_BYTES:]
        return secret if now.timestamp() < int.from_bytes(until, "big") else None

    def drop(self, users: UserStore, session: Session) -> Session:
        """Forget what is under way in a session."""
        empty = dataclasses.replace(session, challenge=b"")
        users.update_session(empty)
        return empty
