"""One-time set-up codes: 140 random bits, easily typed, stored as SHA-256.

A code is 28 letters and digits of Crockford's base 32 in groups of four
(`4r7t-9k2m-...`). What is easily mistaken (`o` for `0`, `i` and `l` for `1`) is taken all the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

LENGTH = 28
GROUP = 4
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_MISTAKEN = str.maketrans("oil", "011", " -\t\r\n")
_LONGEST = 100
"""Of what was typed; longer texts are no code."""


def make_code(random_bytes: Callable[[int], bytes]) -> str:
    """A new code, as it is shown."""
    # 256 is a multiple of 32: each letter is as likely as any other.
    letters = "".join(_ALPHABET[byte % 32] for byte in random_bytes(LENGTH))
    return "-".join(letters[at : at + GROUP] for at in range(0, LENGTH, GROUP))


def code_hash(typed: str) -> bytes | None:
    """SHA-256 of a code as somebody typed it (32 bytes); None for what cannot be one."""
    if len(typed) > _LONGEST:
        return None
    plain = typed.lower().translate(_MISTAKEN)
    if len(plain) != LENGTH or any(letter not in _ALPHABET for letter in plain):
        return None
    return hashlib.sha256(plain.encode("ascii")).digest()
