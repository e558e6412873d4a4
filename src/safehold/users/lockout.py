"""Waiting after failed sign-ins, for each name (somebody's or nobody's) and each address.

The wait of a name doubles with each failure and ends at a longest one, so that guessing costs
months and a person who mistypes seconds. While it lasts nothing is tried: the right password is
refused as the wrong one is. Names that nobody has wait by the same arithmetic, so the wait does
not tell who works here.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import math

from safehold.audit.model import EventDraft
from safehold.users.events import SYSTEM, user_event
from safehold.users.interface import UserStore
from safehold.users.model import SignInError, SignInWaitError, User
from safehold.users.options import SignInOptions
from safehold.users.records import UserTransaction

MEMORY = dt.timedelta(hours=24)
"""For how long the failures of a name count."""
ADDRESS_MEMORY = dt.timedelta(hours=1)
"""For how long the failures of an address count."""
SUBJECT_BYTES = 16
_LONGEST_NAME = 256


def wait_after(failures: int, options: SignInOptions) -> dt.timedelta:
    """How long the next try waits after so many failures in a row.

    It is nothing before `free_failures`, then `first_wait_seconds`, and double with each further
    one, up to `longest_wait_seconds`.
    """
    free = max(options.free_failures, 1)
    if failures < free:
        return dt.timedelta()
    # Beyond 2^40 any wait is the longest; the power itself must not grow without end.
    doubled = options.first_wait_seconds * 2.0 ** min(failures - free, 40)
    return dt.timedelta(seconds=min(doubled, options.longest_wait_seconds))


def seconds_left(until: dt.datetime | None, now: dt.datetime) -> int:
    """Whole seconds until a moment, rounded up; 0 where it is past or none."""
    return 0 if until is None else max(0, math.ceil((until - now).total_seconds()))


class Lockout:
    """Counts failed sign-ins and says who has to wait. Within transactions of the caller's.

    Args:
        key: 32 bytes, under which names and addresses are counted.
        options: the settings.
    """

    def __init__(self, key: bytes, options: SignInOptions) -> None:
        self._key = key
        self._options = options

    def check_address(self, users: UserStore, address: str, now: dt.datetime) -> None:
        """Raise `SignInWaitError` where too much has failed from an address."""
        found = users.failures(self._subject("address", address), now - ADDRESS_MEMORY)
        if found >= self._options.address_failures:
            raise SignInWaitError(max(1, math.ceil(self._options.longest_wait_seconds)))

    def wait_of(
        self, users: UserStore, name: str, user: User | None, now: dt.datetime
    ) -> SignInWaitError | None:
        """Why nothing is tried for a name now, or None.

        Args:
            users: the store.
            name: as it was typed.
            user: whose name it is, or None.
            now: the present moment.
        """
        until = self._nobodys_wait(users, name) if user is None else user.locked_until
        left = seconds_left(until, now)
        return SignInWaitError(left) if left else None

    def failed_nobody(
        self, users: UserStore, name: str, address: str, now: dt.datetime
    ) -> SignInError:
        """Count a failure for a name that nobody has. Nothing of it goes to the audit log."""
        users.add_failure(self._subject("name", name), now)
        users.add_failure(self._subject("address", address), now)
        return SignInError()

    def failed_address(self, users: UserStore, address: str, now: dt.datetime) -> SignInError:
        """Count a failure of an address, where there is no name."""
        users.add_failure(self._subject("address", address), now)
        return SignInError()

    def failed(
        self,
        transaction: UserTransaction,
        user: User,
        why: str,
        now: dt.datetime,
        address: str | None = None,
    ) -> SignInError:
        """Count a failure of a user, who is locked for writing, and tell the audit log.

        Args:
            transaction: open for writing.
            user: whose sign-in it was.
            why: code of what was wrong (`password`, `totp`, ...).
            now: the present moment.
            address: where it came from, if that is to be counted.
        """
        users = transaction.users
        subject = self._subject("name", user.name)
        # What was before the last success, or is forgotten, does not count.
        failures = min(user.failures, users.failures(subject, now - MEMORY)) + 1
        users.add_failure(subject, now)
        if address is not None:
            users.add_failure(self._subject("address", address), now)
        wait = wait_after(failures, self._options)
        until = now + wait if wait else None
        users.update(dataclasses.replace(user, failures=failures, locked_until=until))
        events: list[EventDraft] = [
            user_event("user.sign_in_failed", user.user_id, now, SYSTEM, why=why, failures=failures)
        ]
        if wait:
            seconds = math.ceil(wait.total_seconds())
            events.append(user_event("user.locked", user.user_id, now, SYSTEM, seconds=seconds))
        transaction.audit.append(events)
        return SignInError()

    def _nobodys_wait(self, users: UserStore, name: str) -> dt.datetime | None:
        """Until when a name waits that nobody has: as a user with these failures would."""
        subject = self._subject("name", name)
        last = users.last_failure(subject)
        if last is None:
            return None
        return last + wait_after(users.failures(subject, last - MEMORY), self._options)

    def _subject(self, kind: str, text: str) -> bytes:
        """A keyed digest in place of a name or an address: neither is stored."""
        typed = text[:_LONGEST_NAME].encode("utf-8", "replace")
        return hashlib.blake2b(
            typed, digest_size=SUBJECT_BYTES, key=self._key, person=kind.encode("ascii")
        ).digest()


def forgiven(user: User) -> User:
    """A user whose sign-in worked: nothing that failed before counts."""
    return dataclasses.replace(user, failures=0, locked_until=None)
