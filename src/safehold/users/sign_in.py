"""Signing in and out.

A sign-in has two steps, each with a token of its own: the password (or an identity provider),
then a second factor. The answers for a name that nobody has, a wrong password and a disabled user
are the same, and take as long.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from safehold.clock import Clock
from safehold.outbound.model import OutboundOptions
from safehold.users.codes import code_hash
from safehold.users.desk import SessionDesk
from safehold.users.events import SYSTEM, user_event
from safehold.users.factors import FactorParts, Factors, settled
from safehold.users.interface import UserStore
from safehold.users.keys import SignInKeys
from safehold.users.lockout import Lockout
from safehold.users.model import (
    Session,
    SessionError,
    SignInError,
    Stage,
    User,
    UserNameError,
    user_name,
)
from safehold.users.options import SignInOptions
from safehold.users.passkeys import PasskeyParty
from safehold.users.passwords import Passwords, check_password
from safehold.users.records import UserRecords, UserTransaction
from safehold.users.sealing import Sealer
from safehold.users.sessions import SessionRules, csrf_token, is_bound_to, same, token_hash
from safehold.users.totp import TotpEnrolment

if TYPE_CHECKING:
    from safehold.users.oidc import OidcClient

_SETUP = frozenset({Stage.SETUP})
_FULL = frozenset({Stage.FULL})


@dataclass(frozen=True, slots=True)
class SignInParts:
    """What signing in is joined from.

    Attributes:
        records: where users are kept.
        clock: the present moment.
        options: the settings of the console. Where `origin` is empty there are no passkeys and
            no identity provider; `dataclasses.replace` gives it the address that is listened on.
        keys: of the home.
        passwords: hashes passwords.
        outbound: what bounds calls to the identity provider.
        random_bytes: makes tokens, secrets and challenges.
    """

    records: UserRecords
    clock: Clock
    options: SignInOptions
    keys: SignInKeys
    passwords: Passwords
    outbound: OutboundOptions
    random_bytes: Callable[[int], bytes] = secrets.token_bytes


class SignIn:
    """Signs people in and out; safe to use from several threads.

    `client` is a keyed digest (16 bytes) of the browser and, as the settings say, of its address;
    every session is bound to it.
    """

    def __init__(self, parts: SignInParts) -> None:
        self._parts = parts
        self._records = parts.records
        self._clock = parts.clock
        rules = SessionRules.of(parts.options)
        sealer = Sealer(parts.keys.challenge, parts.random_bytes)
        self._rules = rules
        self._desk = SessionDesk(rules, sealer, parts.random_bytes)
        self._lockout = Lockout(parts.keys.failures, parts.options)
        self._factors = Factors(
            FactorParts(
                records=parts.records,
                clock=parts.clock,
                desk=self._desk,
                lockout=self._lockout,
                sealer=Sealer(parts.keys.totp, parts.random_bytes),
                party=PasskeyParty(parts.options.origin, rules.signing_in.total_seconds()),
                random_bytes=parts.random_bytes,
            )
        )
        self._oidc = _oidc_client(parts, rules)

    def password(self, name: str, password: str, client: bytes, address: str) -> str:
        """The first step; the token of a session that waits for the second factor.

        Raises:
            SignInError: that was not right. It is not said what.
            SignInWaitError: too much has failed; nothing was tried.
        """
        now = self._clock.now()
        with self._records.read() as transaction:
            self._lockout.check_address(transaction.users, address, now)
            user = _named(transaction.users, name)
            wait = self._lockout.wait_of(transaction.users, name, user, now)
        if wait is not None:
            raise wait
        stored = "" if user is None else user.password
        right = self._parts.passwords.verify(stored, password)
        renewed = ""
        if right and self._parts.passwords.is_outdated(stored):
            renewed = self._parts.passwords.hash(password)
        now = self._clock.now()
        with self._records.write() as transaction:
            # What others have tried meanwhile counts: a burst of guesses is no more than one row.
            transaction.audit.lock()
            user = _named(transaction.users, name, lock=True)
            wait = self._lockout.wait_of(transaction.users, name, user, now)
            if wait is not None:
                raise wait
            if user is None:
                outcome: str | SignInError = self._lockout.failed_nobody(
                    transaction.users, name, address, now
                )
            elif not (right and same(user.password, stored) and _may_go_on(transaction, user)):
                outcome = self._lockout.failed(transaction, user, "password", now, address)
            else:
                if renewed:
                    transaction.users.update(dataclasses.replace(user, password=renewed))
                outcome = self._desk.begin(
                    transaction.users, user.user_id, Stage.FACTOR, client, now
                )
        return settled(outcome)

    def setup(self, code: str, client: bytes, address: str) -> str:
        """Use a set-up code; the token of a session in which password and factor are set.

        The code is taken again until the account is set up or its time is over, so who broke off
        can go on; what was begun with it before ends.

        Raises:
            SignInError, SignInWaitError: as `password`.
        """
        now = self._clock.now()
        hashed = code_hash(code)
        with self._records.write() as transaction:
            transaction.audit.lock()
            users = transaction.users
            self._lockout.check_address(users, address, now)
            found = None if hashed is None else users.user_with_setup(hashed)
            user = None if found is None else users.user(found.user_id, lock=True)
            if hashed is None or user is None or not _takes_code(user, hashed, now):
                outcome: str | SignInError = self._lockout.failed_address(users, address, now)
            else:
                users.end_sessions(user.user_id)
                transaction.audit.append([user_event("user.setup_begun", user.user_id, now)])
                outcome = self._desk.begin(users, user.user_id, Stage.SETUP, client, now)
        return settled(outcome)

    def session(self, token: str, client: bytes) -> tuple[User, Session]:
        """Whose session it is, and how far it has come.

        A token that comes from another browser was stolen: its session ends.

        Raises:
            SessionError: there is no such session here, or it has ended.
        """
        now = self._clock.now()
        with self._records.read() as transaction:
            user, session = self._desk.found(transaction.users, token, now)
        if not is_bound_to(session, client):
            with self._records.write() as transaction:
                transaction.audit.lock()
                transaction.users.end_session(session.token_hash)
                event = user_event("user.session_stolen", user.user_id, now, SYSTEM)
                transaction.audit.append([event])
            raise SessionError
        if self._rules.is_to_be_seen(session, now):
            with self._records.write() as transaction:
                session = self._desk.see(transaction, session, now)
        return user, session

    def set_password(self, token: str, client: bytes, password: str) -> None:
        """Set the password while setting up. Raises `PasswordError`, `SessionError`."""
        user, _ = self.session(token, client)
        check_password(password, user.name)
        hashed = self._parts.passwords.hash(password)
        now = self._clock.now()
        with self._records.write() as transaction:
            user, _ = self._desk.held(transaction, token, client, _SETUP, now)
            transaction.users.update(dataclasses.replace(user, password=hashed))
            transaction.audit.append([user_event("user.password_set", user.user_id, now)])

    def change_password(self, token: str, client: bytes, old: str, new: str) -> str:
        """Change one's password; a new token. All other sessions end.

        Raises:
            PasswordError: the new one cannot be taken.
            SignInError, SignInWaitError: the old one is wrong, or too much has failed.
            SessionError: there is no full session.
        """
        user, _ = self.session(token, client)
        check_password(new, user.name)
        return self._shown_again(token, client, old, new)

    def confirm(self, token: str, client: bytes, password: str) -> str:
        """Show once more who is there; a new token, so that a copy of the old one opens nothing.

        Raises:
            SignInError, SignInWaitError: the password is wrong, or too much has failed.
            SessionError: there is no full session.
        """
        return self._shown_again(token, client, password, "")

    def _shown_again(self, token: str, client: bytes, password: str, new: str) -> str:
        """Check the password within a full session, and put `new` in its place, if any."""
        user, _ = self.session(token, client)
        now = self._clock.now()
        with self._records.read() as transaction:
            wait = self._lockout.wait_of(transaction.users, user.name, user, now)
        if wait is not None:
            raise wait
        stored = user.password
        right = self._parts.passwords.verify(stored, password)
        hashed = self._parts.passwords.hash(new) if right and new else ""
        now = self._clock.now()
        with self._records.write() as transaction:
            user, session = self._desk.held(transaction, token, client, _FULL, now)
            wait = self._lockout.wait_of(transaction.users, user.name, user, now)
            if wait is not None:
                raise wait
            if not (right and same(user.password, stored)):
                outcome: str | SignInError = self._lockout.failed(
                    transaction, user, "password", now
                )
            else:
                event = user_event("user.confirmed", user.user_id, now)
                if hashed:
                    transaction.users.update(dataclasses.replace(user, password=hashed))
                    ended = transaction.users.end_sessions(user.user_id, but=session.token_hash)
                    event = user_event("user.password_changed", user.user_id, now, sessions=ended)
                transaction.audit.append([event])
                outcome = self._desk.renew(transaction.users, session, now, confirmed=True)
        return settled(outcome)

    def begin_totp(self, token: str, client: bytes) -> TotpEnrolment:
        """A new secret for an authenticator app; see `Factors.begin_totp`."""
        return self._factors.begin_totp(token, client)

    def confirm_totp(self, token: str, client: bytes, code: str) -> str:
        """Take that secret, with a code of it; a new token, full. Raises `SignInError`."""
        return self._factors.confirm_totp(token, client, code)

    def totp(self, token: str, client: bytes, code: str) -> str:
        """The second step with a code; the token of a full session. Raises `SignInError`."""
        return self._factors.totp(token, client, code)

    def passkey_options(self, token: str, client: bytes) -> str:
        """JSON for `navigator.credentials.get`. Raises `PasskeyError`."""
        return self._factors.passkey_options(token, client)

    def passkey(self, token: str, client: bytes, response: str) -> str:
        """The second step with a passkey; the token of a full session. Raises `SignInError`."""
        return self._factors.passkey(token, client, response)

    def register_options(self, token: str, client: bytes) -> str:
        """JSON for `navigator.credentials.create`. Raises `PasskeyError`."""
        return self._factors.register_options(token, client)

    def register_passkey(self, token: str, client: bytes, response: str, label: str) -> str:
        """Add a passkey; the token to go on with. Raises `PasskeyError`."""
        return self._factors.register_passkey(token, client, response, label)

    def sign_out(self, token: str) -> None:
        """End a session, however far it has come; nothing where there is none."""
        now = self._clock.now()
        with self._records.write() as transaction:
            transaction.audit.lock()
            session = transaction.users.session(token_hash(token))
            if session is None:
                return
            transaction.users.end_session(session.token_hash)
            if session.stage is Stage.FULL:
                transaction.audit.append([user_event("user.signed_out", session.user_id, now)])

    def csrf(self, token: str) -> str:
        """The token of the forms of a session."""
        return csrf_token(self._parts.keys.csrf, token)

    def check_csrf(self, token: str, given: str) -> bool:
        """Whether a form belongs to a session."""
        return same(self.csrf(token), given)

    @property
    def has_oidc(self) -> bool:
        """Whether an identity provider may take the place of the password."""
        return self._oidc is not None

    def oidc_begin(self, client: bytes) -> tuple[str, str]:
        """The provider's address to go to, and what the browser keeps meanwhile.

        Raises:
            SignInError: there is no provider.
            OidcError: it cannot be reached.
        """
        if self._oidc is None:
            raise SignInError
        return self._oidc.begin(client)

    def oidc_finish(self, kept: str, query: Mapping[str, str], client: bytes, address: str) -> str:
        """Back from the provider; the token of a session that waits for the second factor.

        Only users that were linked beforehand come in: nobody is made by signing in.

        Raises:
            SignInError, SignInWaitError: as `password`.
            OidcError: the provider cannot be reached.
        """
        if self._oidc is None:
            raise SignInError
        with self._records.read() as transaction:
            self._lockout.check_address(transaction.users, address, self._clock.now())
        subject = self._oidc.finish(kept, query, client)
        now = self._clock.now()
        with self._records.write() as transaction:
            transaction.audit.lock()
            users = transaction.users
            found = users.user_with_oidc(subject) if subject else None
            user = None if found is None else users.user(found.user_id, lock=True)
            if user is None:
                outcome: str | SignInError = self._lockout.failed_address(users, address, now)
            elif (wait := self._lockout.wait_of(users, user.name, user, now)) is not None:
                raise wait
            elif not _may_go_on(transaction, user):
                outcome = self._lockout.failed(transaction, user, "oidc", now, address)
            else:
                outcome = self._desk.begin(users, user.user_id, Stage.FACTOR, client, now)
        return settled(outcome)


def _named(users: UserStore, name: str, *, lock: bool = False) -> User | None:
    """Whose name it is. What no name can be is not asked for: a database may refuse it."""
    try:
        return users.user_named(user_name(name), lock=lock)
    except UserNameError:
        return None


def _may_go_on(transaction: UserTransaction, user: User) -> bool:
    """Whether somebody may be asked for a second factor: not disabled, and there is one.

    Somebody without one has not finished setting up; the password alone must not enrol one.
    """
    enrolled = user.totp is not None or bool(transaction.users.passkeys(user.user_id))
    return user.disabled is None and enrolled


def _takes_code(user: User, hashed: bytes, now: dt.datetime) -> bool:
    """Whether a set-up code is taken from a user."""
    if user.disabled is not None or user.setup is None or user.setup_until is None:
        return False
    return hmac.compare_digest(user.setup, hashed) and now < user.setup_until


def _oidc_client(parts: SignInParts, rules: SessionRules) -> OidcClient | None:
    options = parts.options
    if not (options.oidc_issuer and options.oidc_client_id and options.origin):
        return None
    from safehold.users.oidc import OidcClient, OidcOptions

    return OidcClient(
        OidcOptions(
            issuer=options.oidc_issuer,
            client_id=options.oidc_client_id,
            client_secret=options.oidc_client_secret,
            origin=options.origin,
            seconds=rules.signing_in.total_seconds(),
            outbound=parts.outbound,
        ),
        Sealer(parts.keys.oidc, parts.random_bytes),
        parts.clock,
        parts.random_bytes,
    )
