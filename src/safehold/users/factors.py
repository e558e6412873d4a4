"""Second factors: enrolling them, and signing in with them."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from safehold.clock import Clock
from safehold.users.desk import SessionDesk
from safehold.users.events import user_event
from safehold.users.lockout import Lockout, forgiven
from safehold.users.model import (
    ConfirmError,
    Passkey,
    PasswordError,
    Session,
    SignInError,
    Stage,
    User,
)
from safehold.users.passkeys import (
    CHALLENGE_BYTES,
    MOST,
    PasskeyError,
    PasskeyParty,
    clean_label,
)
from safehold.users.records import UserRecords, UserTransaction
from safehold.users.sealing import Sealer
from safehold.users.sessions import is_confirmed
from safehold.users.totp import TotpEnrolment, enrolment, matching_step, new_secret

_TOTP = "totp"
_REGISTER = "register"
_PASSKEY = "passkey"
_FACTOR = frozenset({Stage.FACTOR})
_ENROLLING = frozenset({Stage.SETUP, Stage.FULL})


@dataclass(frozen=True, slots=True)
class FactorParts:
    """What second factors are joined from.

    Attributes:
        records: where users are kept.
        clock: the present moment.
        desk: sessions.
        lockout: waits after failures.
        sealer: seals the secrets of TOTP.
        party: verifies passkeys.
        random_bytes: makes secrets and challenges.
    """

    records: UserRecords
    clock: Clock
    desk: SessionDesk
    lockout: Lockout
    sealer: Sealer
    party: PasskeyParty
    random_bytes: Callable[[int], bytes]


class Factors:
    """Enrols second factors and signs in with them.

    Failures are counted in the transaction in which they are found, and told after it.
    """

    def __init__(self, parts: FactorParts) -> None:
        self._parts = parts
        self._desk = parts.desk

    def begin_totp(self, token: str, client: bytes) -> TotpEnrolment:
        """A new secret, which counts once `confirm_totp` was given a code of it."""
        now = self._parts.clock.now()
        secret = new_secret(self._parts.random_bytes)
        with self._parts.records.write() as transaction:
            user, session = self._beginning(transaction, token, client, now)
            self._desk.put(transaction.users, session, _TOTP, secret, now)
        return enrolment(secret, user.name)

    def confirm_totp(self, token: str, client: bytes, code: str) -> str:
        """Take the secret that was begun with; a new token, of a full session."""
        now = self._parts.clock.now()
        with self._parts.records.write() as transaction:
            user, session = self._enrolling(transaction, token, client, now)
            secret = self._desk.kept(session, _TOTP, now)
            step = None if secret is None else matching_step(secret, code, now, after=0)
            if secret is None or step is None:
                raise SignInError
            sealed = self._parts.sealer.seal(secret, _TOTP, user.user_id.encode("ascii"))
            # The code that confirmed it signs nobody in any more.
            after = dataclasses.replace(user, totp=sealed, totp_step=step)
            transaction.users.update(after)
            event = user_event("user.factor_added", user.user_id, now, factor=_TOTP)
            transaction.audit.append([event])
            return self._full(transaction, after, session, _TOTP, now)

    def totp(self, token: str, client: bytes, code: str) -> str:
        """Sign in with a code; the token of a full session."""
        now = self._parts.clock.now()
        with self._parts.records.write() as transaction:
            user, session = self._trying(transaction, token, client, now)
            step = self._step(user, code, now)
            if step is None:
                outcome: str | SignInError = self._parts.lockout.failed(
                    transaction, user, _TOTP, now
                )
            else:
                after = dataclasses.replace(user, totp_step=step)
                outcome = self._full(transaction, after, session, _TOTP, now)
        return settled(outcome)

    def passkey_options(self, token: str, client: bytes) -> str:
        """JSON for `navigator.credentials.get`, with a new challenge."""
        now = self._parts.clock.now()
        challenge = self._parts.random_bytes(CHALLENGE_BYTES)
        with self._parts.records.write() as transaction:
            user, session = self._trying(transaction, token, client, now)
            options = self._parts.party.authentication(
                transaction.users.passkeys(user.user_id), challenge
            )
            self._desk.put(transaction.users, session, _PASSKEY, challenge, now)
        return options

    def passkey(self, token: str, client: bytes, response: str) -> str:
        """Sign in with a passkey; the token of a full session."""
        now = self._parts.clock.now()
        with self._parts.records.write() as transaction:
            user, session = self._trying(transaction, token, client, now)
            challenge = self._desk.kept(session, _PASSKEY, now)
            # A challenge is answered once, rightly or wrongly.
            session = self._desk.drop(transaction.users, session)
            there = transaction.users.passkeys(user.user_id)
            shown = (
                None
                if challenge is None
                else self._parts.party.authenticated(response, there, challenge)
            )
            if shown is None:
                outcome: str | SignInError = self._parts.lockout.failed(
                    transaction, user, _PASSKEY, now
                )
            else:
                passkey, count = shown
                transaction.users.count_passkey(passkey.credential_id, count)
                outcome = self._full(transaction, user, session, _PASSKEY, now)
        return settled(outcome)

    def register_options(self, token: str, client: bytes) -> str:
        """JSON for `navigator.credentials.create`, with a new challenge."""
        now = self._parts.clock.now()
        challenge = self._parts.random_bytes(CHALLENGE_BYTES)
        with self._parts.records.write() as transaction:
            user, session = self._beginning(transaction, token, client, now)
            there = transaction.users.passkeys(user.user_id)
            options = self._parts.party.registration(user, there, challenge)
            self._desk.put(transaction.users, session, _REGISTER, challenge, now)
        return options

    def register_passkey(self, token: str, client: bytes, response: str, label: str) -> str:
        """Add a passkey; the token to go on with, a new one where the session becomes full."""
        now = self._parts.clock.now()
        with self._parts.records.write() as transaction:
            user, session = self._enrolling(transaction, token, client, now)
            challenge = self._desk.kept(session, _REGISTER, now)
            session = self._desk.drop(transaction.users, session)
            there = transaction.users.passkeys(user.user_id)
            made = None if challenge is None else self._registered(response, there, challenge)
            if made is None:
                outcome: str | SignInError = PasskeyError()
            else:
                passkey = Passkey(made[0], user.user_id, made[1], made[2], clean_label(label), now)
                transaction.users.add_passkey(passkey)
                event = user_event("user.factor_added", user.user_id, now, factor=_PASSKEY)
                transaction.audit.append([event])
                outcome = (
                    token
                    if session.stage is Stage.FULL
                    else self._full(transaction, user, session, _PASSKEY, now)
                )
        return settled(outcome)

    def _registered(
        self, response: str, there: Sequence[Passkey], challenge: bytes
    ) -> tuple[bytes, bytes, int] | None:
        try:
            made = self._parts.party.registered(response, challenge)
        except PasskeyError:
            return None
        known = any(each.credential_id == made[0] for each in there)
        return None if known or len(there) >= MOST else made

    def _enrolling(
        self, transaction: UserTransaction, token: str, client: bytes, now: dt.datetime
    ) -> tuple[User, Session]:
        """Who may enrol a factor: somebody signed in, or setting up who has set a password."""
        user, session = self._desk.held(transaction, token, client, _ENROLLING, now)
        if not user.password:
            raise PasswordError("Set a password first.")
        return user, session

    def _beginning(
        self, transaction: UserTransaction, token: str, client: bytes, now: dt.datetime
    ) -> tuple[User, Session]:
        """Who may begin to enrol a factor. What was begun so may be ended a few minutes later."""
        user, session = self._enrolling(transaction, token, client, now)
        if session.stage is Stage.FULL and not is_confirmed(session, now):
            raise ConfirmError
        return user, session

    def _trying(
        self, transaction: UserTransaction, token: str, client: bytes, now: dt.datetime
    ) -> tuple[User, Session]:
        """Who may try a second factor: somebody whose password was right and who need not wait."""
        user, session = self._desk.held(transaction, token, client, _FACTOR, now)
        wait = self._parts.lockout.wait_of(transaction.users, user.name, user, now)
        if wait is not None:
            raise wait
        return user, session

    def _step(self, user: User, code: str, now: dt.datetime) -> int | None:
        if user.totp is None:
            return None
        secret = self._parts.sealer.open(user.totp, _TOTP, user.user_id.encode("ascii"))
        return None if secret is None else matching_step(secret, code, now, user.totp_step)

    def _full(
        self,
        transaction: UserTransaction,
        user: User,
        session: Session,
        factor: str,
        now: dt.datetime,
    ) -> str:
        """Let somebody in, or give them a new token where they are; the token."""
        if session.stage is not Stage.FULL:
            # A set-up code is spent once the account is set up.
            done = dataclasses.replace(forgiven(user), setup=None, setup_until=None)
            transaction.users.update(done)
            event = user_event("user.signed_in", user.user_id, now, factor=factor)
            transaction.audit.append([event])
        return self._desk.renew(transaction.users, session, now)


def settled(outcome: str | SignInError) -> str:
    """What a transaction has found, once it is committed: a token, or an error to raise."""
    if isinstance(outcome, SignInError):
        raise outcome
    return outcome
