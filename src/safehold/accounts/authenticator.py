"""Telling who asks, from the text of an API key, without a look-up for each call."""

from __future__ import annotations

import datetime as dt
import threading
from collections import OrderedDict
from dataclasses import dataclass

from safehold.accounts.keys import Caller, parse_key, secret_fits
from safehold.accounts.model import ApiKeyError
from safehold.accounts.records import AccountRecords
from safehold.clock import Clock
from safehold.ids import KeyId


@dataclass(frozen=True, slots=True)
class AuthenticatorOptions:
    """Settings of the memory in front of the database.

    Attributes:
        ttl_seconds: for how long what the database said is believed. A key that was revoked and
            a service that was disabled are refused after that time at the latest; a key that
            expires is refused at that moment.
        keys: keys that are remembered at most.
        unknown_keys: ids of no key that are remembered at most. They are apart from the keys
            that there are, which no flood of invented ids can push out.
    """

    ttl_seconds: float = 5.0
    keys: int = 10_000
    unknown_keys: int = 10_000


@dataclass(frozen=True, slots=True)
class _Entry:
    caller: Caller | None
    loaded: dt.datetime


class Authenticator:
    """Finds the caller of a key. Safe to use from several threads.

    What is remembered is the row of a key, by its public id: a wrong secret for a key that is
    in use costs no look-up, and no secret stays in memory. Whoever asks with a wrong secret,
    an unknown, an expired or a revoked key is told the same, after the same comparison.

    Args:
        records: where keys are kept.
        clock: the time.
        options: bounds.
    """

    def __init__(
        self,
        records: AccountRecords,
        clock: Clock,
        options: AuthenticatorOptions | None = None,
    ) -> None:
        self._records = records
        self._clock = clock
        self._options = options or AuthenticatorOptions()
        self._ttl = dt.timedelta(seconds=self._options.ttl_seconds)
        self._lock = threading.Lock()
        self._known: OrderedDict[KeyId, _Entry] = OrderedDict()
        self._unknown: OrderedDict[KeyId, _Entry] = OrderedDict()

    def authenticate(self, text: str) -> Caller:
        """The caller of a key's text, from memory or else from the database.

        Raises:
            ApiKeyError: it is no key, or one that is refused.
            SafeholdError: the database cannot be read.
        """
        return self.recall(text) or self.refresh(text)

    def recall(self, text: str) -> Caller | None:
        """The caller of a key's text from memory alone, or None: then `refresh` knows.

        Raises:
            ApiKeyError: it is no key, or one that is known to be refused.
        """
        key_id, secret = parse_key(text)
        now = self._clock.now()
        with self._lock:
            entry = self._known.get(key_id)
            if entry is not None:
                self._known.move_to_end(key_id)
            else:
                entry = self._unknown.get(key_id)
        # A clock that was set back makes what was loaded stale, not eternal.
        if entry is None or not dt.timedelta() <= now - entry.loaded < self._ttl:
            return None
        return _checked(entry.caller, secret, now)

    def refresh(self, text: str) -> Caller:
        """The caller of a key's text from the database; it blocks the thread meanwhile.

        Raises:
            ApiKeyError: it is no key, or one that is refused.
            SafeholdError: the database cannot be read.
        """
        key_id, secret = parse_key(text)
        # Taken before reading: what is read is at most as old as it is said to be.
        now = self._clock.now()
        with self._records.read() as transaction:
            key = transaction.accounts.key(key_id)
            service = None if key is None else transaction.accounts.service(key.service_id)
        caller = None if key is None or service is None else Caller(service, key)
        self._remember(key_id, _Entry(caller, now))
        return _checked(caller, secret, now)

    def _remember(self, key_id: KeyId, entry: _Entry) -> None:
        here, there, most = self._known, self._unknown, self._options.keys
        if entry.caller is None:
            here, there, most = there, here, self._options.unknown_keys
        with self._lock:
            there.pop(key_id, None)
            here[key_id] = entry
            here.move_to_end(key_id)
            while len(here) > most:
                here.popitem(last=False)


def _checked(caller: Caller | None, secret: bytes, now: dt.datetime) -> Caller:
    fits = secret_fits(None if caller is None else caller.key, secret)
    if caller is None or not fits or not caller.usable(now):
        raise ApiKeyError
    return caller
