"""The keys of signing in, each derived from the home's digest key and none in the database."""

from __future__ import annotations

from dataclasses import dataclass, field

from safehold.hashing.keyed import DigestKey


@dataclass(frozen=True, slots=True)
class SignInKeys:
    """Keys of 32 bytes.

    Attributes:
        totp: seals the secrets of TOTP.
        challenge: seals what is under way in a session.
        csrf: makes the tokens of forms.
        failures: under it names and addresses are counted.
        oidc: seals what a browser keeps while it is at the identity provider.
    """

    totp: bytes = field(repr=False)
    challenge: bytes = field(repr=False)
    csrf: bytes = field(repr=False)
    failures: bytes = field(repr=False)
    oidc: bytes = field(repr=False)

    @classmethod
    def of(cls, key: DigestKey) -> SignInKeys:
        """The keys of a home."""
        return cls(
            totp=key.derive("safehold totp secret"),
            challenge=key.derive("safehold sign-in challenge"),
            csrf=key.derive("safehold csrf token"),
            failures=key.derive("safehold sign-in failures"),
            oidc=key.derive("safehold oidc"),
        )
