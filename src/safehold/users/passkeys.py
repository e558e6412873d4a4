"""Passkeys as second factors (W3C Web Authentication, Level 2), for one origin.

No attestation is asked for: which make of authenticator somebody has is not looked at.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import base64url_to_bytes, parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from safehold.users.model import Passkey, SignInError, User

CHALLENGE_BYTES = 32
MOST = 10
"""Passkeys of one user."""
LONGEST_LABEL = 64
LONGEST_RESPONSE = 32 * 1024
_MALFORMED = (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, IndexError)
"""What reading a response can raise: it comes from a browser and may be anything."""


class PasskeyError(SignInError):
    """A passkey that cannot be registered or used here."""

    code = "passkey"
    default_message = "That passkey cannot be used."
    default_hint = (
        "Passkeys need the setting 'console.origin' to be the address of the console, with a "
        "name and not an IP address."
    )


class PasskeyParty:
    """The relying party: makes options for browsers and verifies their answers.

    Args:
        origin: such as `https://review.example`; empty where it is not known.
        seconds: how long a browser should wait for the user.
    """

    def __init__(self, origin: str, seconds: float) -> None:
        self._origin, self._rp_id = _party(origin)
        self._timeout = int(seconds * 1000)

    @property
    def works(self) -> bool:
        """Whether there can be passkeys at this origin."""
        return bool(self._rp_id)

    def registration(self, user: User, there: Sequence[Passkey], challenge: bytes) -> str:
        """JSON for `navigator.credentials.create`. Raises `PasskeyError`."""
        self._require()
        if len(there) >= MOST:
            raise PasskeyError("There are too many passkeys already. Remove one first.")
        options = webauthn.generate_registration_options(
            rp_id=self._rp_id,
            rp_name="Safehold",
            user_id=user.user_id.encode("ascii"),
            user_name=user.name,
            challenge=challenge,
            timeout=self._timeout,
            attestation=AttestationConveyancePreference.NONE,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.DISCOURAGED,
                user_verification=UserVerificationRequirement.PREFERRED,
            ),
            exclude_credentials=_descriptors(there),
        )
        return webauthn.options_to_json(options)

    def registered(self, response: str, challenge: bytes) -> tuple[bytes, bytes, int]:
        """Verify what a browser answered to `registration`.

        Returns:
            Credential id, COSE public key, counter.

        Raises:
            PasskeyError: it is not an answer to this challenge at this origin.
        """
        self._require()
        try:
            if len(response) > LONGEST_RESPONSE:
                raise PasskeyError
            made = webauthn.verify_registration_response(
                credential=response,
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
            )
        except _MALFORMED as error:
            raise PasskeyError from error
        return made.credential_id, made.credential_public_key, made.sign_count

    def authentication(self, there: Sequence[Passkey], challenge: bytes) -> str:
        """JSON for `navigator.credentials.get`. Raises `PasskeyError`."""
        self._require()
        if not there:
            raise PasskeyError("There is no passkey.")
        options = webauthn.generate_authentication_options(
            rp_id=self._rp_id,
            challenge=challenge,
            timeout=self._timeout,
            allow_credentials=_descriptors(there),
            user_verification=UserVerificationRequirement.PREFERRED,
        )
        return webauthn.options_to_json(options)

    def authenticated(
        self, response: str, there: Sequence[Passkey], challenge: bytes
    ) -> tuple[Passkey, int] | None:
        """Verify what a browser answered to `authentication`.

        A counter that did not grow, where there is one, shows a copied authenticator.

        Returns:
            Which passkey it was and its new counter; None where it is no right answer.
        """
        if not self.works or len(response) > LONGEST_RESPONSE:
            return None
        try:
            credential = parse_authentication_credential_json(response)
            named = base64url_to_bytes(credential.id)
            passkey = next((each for each in there if each.credential_id == named), None)
            if passkey is None:
                return None
            shown = webauthn.verify_authentication_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.sign_count,
            )
        except _MALFORMED:
            return None
        return passkey, shown.new_sign_count

    def _require(self) -> None:
        if not self.works:
            raise PasskeyError("There are no passkeys at this address.")


def clean_label(text: str) -> str:
    """A word for a passkey: printable, at most 64 characters, never empty."""
    printable = "".join(letter for letter in text if letter.isprintable()).strip()
    return printable[:LONGEST_LABEL].strip() or "passkey"


def _party(origin: str) -> tuple[str, str]:
    """Origin and id of the relying party; empty where browsers would refuse them.

    An id is a domain name, never an IP address (Web Authentication, section 5.1.2).
    """
    try:
        parts = urlsplit(origin)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "", ""
    if parts.scheme not in ("https", "http") or not host:
        return "", ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        usual = port is None or port == {"https": 443, "http": 80}[parts.scheme]
        return f"{parts.scheme}://{host}{'' if usual else f':{port}'}", host
    return "", ""


def _descriptors(there: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=passkey.credential_id) for passkey in there]
