"""Sessions: their tokens, what they are bound to, and when they end. I/O-free.

A token is 256 random bits; the database has its SHA-256 alone. Each stage of a sign-in has a
token of its own, so one that somebody planted or saw before is worth nothing after.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from safehold.ids import UserId
from safehold.users.model import Session, Stage
from safehold.users.options import SignInOptions

TOKEN_BYTES = 32
CONFIRMED = dt.timedelta(minutes=10)
"""For how long somebody who has shown who they are is not asked again."""
SEEN_SECONDS = 60
"""How often at most it is written that a session was used."""
_LONGEST_TOKEN = 64


def token_hash(token: str) -> bytes:
    """What the database has of a token (32 bytes)."""
    return hashlib.sha256(token[:_LONGEST_TOKEN].encode("utf-8", "replace")).digest()


def make_token(random_bytes: Callable[[int], bytes]) -> str:
    """A new token: 43 characters that a cookie can hold."""
    return base64.urlsafe_b64encode(random_bytes(TOKEN_BYTES)).decode("ascii").rstrip("=")


def csrf_token(key: bytes, token: str) -> str:
    """The token of a session's forms: HMAC-SHA-256 (RFC 2104) over its token, as hexadecimal."""
    return hmac.digest(key, b"csrf\0" + token.encode("utf-8", "replace"), "sha256").hex()


def same(one: str, other: str) -> bool:
    """Whether two texts are the same, in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class SessionRules:
    """When sessions begin and end.

    Attributes:
        idle: after how long without use.
        whole: after how long, whatever happens.
        signing_in: how long the second factor is waited for.
    """

    idle: dt.timedelta
    whole: dt.timedelta
    signing_in: dt.timedelta

    @classmethod
    def of(cls, options: SignInOptions) -> SessionRules:
        """The rules of the settings."""
        return cls(
            dt.timedelta(minutes=options.idle_minutes),
            dt.timedelta(hours=options.session_hours),
            dt.timedelta(minutes=options.sign_in_minutes),
        )

    def begin(
        self, token: str, user_id: UserId, stage: Stage, client: bytes, now: dt.datetime
    ) -> Session:
        """A new session."""
        lasts = {
            Stage.FACTOR: self.signing_in,
            # Setting up takes longer than a code: an authenticator may have to be installed.
            Stage.SETUP: min(max(self.idle, self.signing_in), self.whole),
            Stage.FULL: self.whole,
        }
        return Session(
            token_hash=token_hash(token),
            user_id=user_id,
            stage=stage,
            created=now,
            seen=now,
            expires=now + lasts[stage],
            client=client,
            confirmed=now if stage is Stage.FULL else None,
        )

    def is_live(self, session: Session, now: dt.datetime) -> bool:
        """Whether a session goes on."""
        return now < session.expires and now - session.seen < self.idle

    def is_to_be_seen(self, session: Session, now: dt.datetime) -> bool:
        """Whether it is time to write that a session was used."""
        return now - session.seen >= dt.timedelta(seconds=SEEN_SECONDS)


def is_confirmed(session: Session, now: dt.datetime) -> bool:
    """Whether its user has shown a moment ago who is there: an open session may be a stolen one.

    Then second factors may be added and removed, and one's own bounds on looking be loosened.
    """
    return session.confirmed is not None and now - session.confirmed < CONFIRMED


def is_bound_to(session: Session, client: bytes) -> bool:
    """Whether a session began at this browser and address."""
    return hmac.compare_digest(session.client, client)
