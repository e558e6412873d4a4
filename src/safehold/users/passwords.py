"""Passwords: which are taken, and how they are stored (argon2id, RFC 9106)."""

from __future__ import annotations

import base64
import secrets
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from safehold.users.model import PasswordError, SignInWaitError

SHORTEST = 12
LONGEST = 256
SALT_BYTES = 16
HASH_BYTES = 32
_LONGEST_TYPED = 4 * LONGEST
"""What is longer before it is normalised is not looked at."""
_BESIDE_NAME = 6
"""A password that holds the name needs so many characters beside it."""
_FEWEST_DIFFERENT = 5
"""Different characters of a password."""
_BUSY_SECONDS = 5

_COMMON = frozenset(
    {
        "123456789012",
        "1234567890123",
        "1234567890qw",
        "12345678901234567890",
        "123123123123",
        "123qweasdzxc",
        "1q2w3e4r5t6y",
        "1q2w3e4r5t6y7u8i",
        "1qaz2wsx3edc",
        "1qaz2wsx3edc4rfv",
        "abcdefghijkl",
        "abcd12345678",
        "administrator",
        "adminadmin12",
        "admin1234567",
        "changeme1234",
        "changemeplease",
        "correcthorse",
        "correcthorsebatterystaple",
        "iloveyou1234",
        "letmein12345",
        "letmeinplease",
        "mypassword12",
        "mypassword123",
        "passw0rd1234",
        "password1234",
        "password12345",
        "password123456",
        "passwordpassword",
        "p@ssw0rd1234",
        "p@ssword1234",
        "q1w2e3r4t5y6",
        "qazwsxedcrfv",
        "qwerty123456",
        "qwertyqwerty",
        "qwertyuiop12",
        "qwertyuiop123",
        "qwertyuiop[]",
        "qwertyuiopasdfghjkl",
        "safeholdsafehold",
        "safehold1234",
        "welcome12345",
        "welcometothe",
        "correct horse battery staple",
    }
)
"""Common passwords that are long enough, without regard to case."""


@dataclass(frozen=True, slots=True)
class PasswordOptions:
    """How passwords are hashed: the second recommended choice of RFC 9106, section 4.

    Attributes:
        passes: iterations (t).
        memory_kib: memory of one hash in KiB (m).
        lanes: degree of parallelism (p).
        at_once: hashes that are made at one time; each needs its memory.
        wait_seconds: for how long a hash is waited for before the caller is told to come again.
    """

    passes: int = 3
    memory_kib: int = 64 * 1024
    lanes: int = 4
    at_once: int = 2
    wait_seconds: float = 10.0


class Passwords:
    """Hashes and verifies passwords; safe to use from several threads.

    Args:
        options: the parameters of new hashes.
        random_bytes: makes the hash that is verified where there is none.
    """

    def __init__(
        self,
        options: PasswordOptions = PasswordOptions(),
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._options = options
        self._hasher = argon2.PasswordHasher(
            time_cost=options.passes,
            memory_cost=options.memory_kib,
            parallelism=options.lanes,
            hash_len=HASH_BYTES,
            salt_len=SALT_BYTES,
            type=argon2.Type.ID,
        )
        self._turns = threading.BoundedSemaphore(options.at_once)
        # Nobody knows a password of it; verifying it costs what verifying any other does.
        cost = f"m={options.memory_kib},t={options.passes},p={options.lanes}"
        salt, digest = random_bytes(SALT_BYTES), random_bytes(HASH_BYTES)
        self._nobodys = f"$argon2id$v=19${cost}${_plain_base64(salt)}${_plain_base64(digest)}"

    def hash(self, password: str) -> str:
        """A password as it is stored, in PHC form. Raises `SignInWaitError` under load."""
        with self._turn():
            return self._hasher.hash(normalised(password))

    def verify(self, stored: str, password: str) -> bool:
        """Whether it is the password. Takes as long where nothing is stored.

        Args:
            stored: PHC form, or empty: then it never is.
            password: as it was typed.

        Raises:
            SignInWaitError: too many passwords are verified just now.
        """
        fits = len(password) <= _LONGEST_TYPED
        typed = normalised(password) if fits else ""
        with self._turn():
            try:
                self._hasher.verify(stored or self._nobodys, typed)
            except (VerificationError, InvalidHashError):
                return False
        return bool(stored) and fits

    def is_outdated(self, stored: str) -> bool:
        """Whether a hash was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(stored)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=self._options.wait_seconds):
            raise SignInWaitError(_BUSY_SECONDS)
        try:
            yield
        finally:
            self._turns.release()


def normalised(password: str) -> str:
    """The form of a password that counts (NFKC): keyboards write one letter in several ways."""
    # A lone surrogate is no character; it could not be encoded.
    typed = password.encode("utf-8", "replace").decode("utf-8")
    return unicodedata.normalize("NFKC", typed)


def check_password(password: str, name: str) -> None:
    """Refuse a password that is too easily guessed.

    Args:
        password: as it was typed.
        name: of the user.

    Raises:
        PasswordError: it has fewer than 12 or more than 256 characters, hardly any different
            ones, is the user's name with a few characters around, or is a common one.
    """
    if len(password) > _LONGEST_TYPED:
        raise PasswordError
    plain = normalised(password)
    folded = plain.casefold()
    if not SHORTEST <= len(plain) <= LONGEST or len(set(folded)) < _FEWEST_DIFFERENT:
        raise PasswordError
    if folded in _COMMON or len(folded.replace(name.casefold(), "")) < _BESIDE_NAME:
        raise PasswordError


def _plain_base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii").rstrip("=")
