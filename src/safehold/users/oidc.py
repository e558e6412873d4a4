"""Signing in at an OpenID provider, in place of the password.

OpenID Connect Core 1.0, authorization code flow, with PKCE (RFC 7636), state and nonce, and the
issuer in the answer where the provider gives it (RFC 9207). Discovery, keys and tokens are fetched
by the project's own client, so addresses are resolved once and pinned, and nothing is redirected.
What is under way is kept by the browser, sealed and bound to it; nothing is stored for somebody
who has not shown who they are.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

import jwt

from safehold.clock import Clock
from safehold.errors import SafeholdError
from safehold.outbound.client import check_url, send_once
from safehold.outbound.model import Call, OutboundError, OutboundOptions, OutboundStatusError
from safehold.users.sealing import Sealer
from safehold.users.sessions import same

RETURN_PATH = "/sign-in/provider/back"
"""Where the provider sends the browser back to."""
DISCOVERY_PATH = "/.well-known/openid-configuration"
CACHE_SECONDS = 3600.0
REFETCH_SECONDS = 60.0
"""How often at most keys are fetched anew for a key id that is not known."""
LEEWAY_SECONDS = 60
LONGEST_AGE_SECONDS = 600
"""Of an id token, since it was issued."""
SMALLEST_RSA_BITS = 2048
_KINDS = {"RS256": ("RSA", ""), "ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519")}
"""Signature algorithms that are taken, with the type and curve of their keys (RFC 7518, 8037)."""
_PURPOSE = "oidc"
_BAD_REQUEST = 400
"""How a token endpoint answers to a code that it does not take (RFC 6749, section 5.2)."""
_RANDOM_BYTES = 32


class OidcError(SafeholdError):
    """The identity provider cannot be used just now, or does not answer as it should."""

    code = "oidc"
    default_message = "Signing in with the identity provider does not work just now."
    default_hint = "Sign in with the password, and see whether the provider's settings are right."


@dataclass(frozen=True, slots=True)
class OidcOptions:
    """The provider and how it is called.

    Attributes:
        issuer: its address, exactly as it names itself.
        client_id, client_secret: as it gave them.
        origin: of the console.
        seconds: how long somebody may take at the provider.
        outbound: what bounds calls to it.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    origin: str
    seconds: float
    outbound: OutboundOptions

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends the browser back to."""
        return self.origin.rstrip("/") + RETURN_PATH


@dataclass(frozen=True, slots=True)
class _Provider:
    """What the provider says of itself."""

    authorization: str
    token: str
    keys: str
    basic: bool
    names_itself: bool


class OidcClient:
    """The relying party; safe to use from several threads.

    Args:
        options: the provider.
        sealer: seals what the browser keeps.
        clock: the present moment.
        random_bytes: makes state, nonce and verifier.
    """

    def __init__(
        self,
        options: OidcOptions,
        sealer: Sealer,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._options = options
        self._sealer = sealer
        self._clock = clock
        self._random_bytes = random_bytes
        self._lock = threading.Lock()
        self._provider: tuple[float, _Provider] | None = None
        self._keys: tuple[float, list[Mapping[str, Any]]] | None = None

    def begin(self, client: bytes) -> tuple[str, str]:
        """The provider's address to go to, and what the browser keeps meanwhile.

        Args:
            client: keyed digest of the browser.

        Raises:
            OidcError: the provider cannot be reached.
        """
        try:
            provider = self._discovered()
        except (OutboundError, ValueError, KeyError, TypeError) as error:
            raise OidcError from error
        state, nonce, verifier = (self._random_text() for _ in range(3))
        until = self._clock.now().timestamp() + self._options.seconds
        kept = json.dumps([state, nonce, verifier, until]).encode("ascii")
        query = {
            "response_type": "code",
            "scope": "openid",
            "client_id": self._options.client_id,
            "redirect_uri": self._options.redirect_uri,
            "state": state,
            "nonce": nonce,
            "code_challenge": _base64url(hashlib.sha256(verifier.encode("ascii")).digest()),
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in provider.authorization else "?"
        address = f"{provider.authorization}{joint}{urlencode(query)}"
        return address, _base64url(self._sealer.seal(kept, _PURPOSE, client))

    def finish(self, kept: str, query: Mapping[str, str], client: bytes) -> str | None:
        """Who came back from the provider.

        Args:
            kept: what the browser kept.
            query: of the address that the provider sent it to.
            client: keyed digest of the browser.

        Returns:
            Issuer and subject with a space between them; None for whatever is not right.

        Raises:
            OidcError: the provider cannot be reached.
        """
        opened = self._opened(kept, client)
        if opened is None:
            return None
        state, nonce, verifier = opened
        code = query.get("code", "")
        if not code or "error" in query or not same(query.get("state", ""), state):
            return None
        try:
            provider = self._discovered()
            issuer = query.get("iss", "" if provider.names_itself else self._options.issuer)
            if not same(issuer, self._options.issuer):
                return None
            token = self._exchanged(provider, code, verifier)
            claims = self._verified(provider, token)
        except OutboundError as error:
            raise OidcError from error
        except (jwt.PyJWTError, ValueError, KeyError, TypeError):
            return None
        return self._subject(claims, nonce)

    def _opened(self, kept: str, client: bytes) -> tuple[str, str, str] | None:
        try:
            sealed = base64.urlsafe_b64decode(kept.encode("ascii") + b"==")
        except ValueError:
            return None
        opened = self._sealer.open(sealed, _PURPOSE, client)
        if opened is None:
            return None
        state, nonce, verifier, until = json.loads(opened)
        return (state, nonce, verifier) if self._clock.now().timestamp() < until else None

    def _subject(self, claims: Mapping[str, Any], nonce: str) -> str | None:
        """Check the claims of an id token (OpenID Connect Core, section 3.1.3.7)."""
        options, now = self._options, self._clock.now().timestamp()
        given = claims.get("aud")
        audience = [given] if isinstance(given, str) else given
        if not isinstance(audience, list) or options.client_id not in audience:
            return None
        party = claims.get("azp")
        if (len(audience) > 1 or party is not None) and party != options.client_id:
            return None
        expires, issued = claims.get("exp"), claims.get("iat")
        if not isinstance(expires, int | float) or not isinstance(issued, int | float):
            return None
        if now >= expires + LEEWAY_SECONDS:
            return None
        if not -LEEWAY_SECONDS <= now - issued <= LONGEST_AGE_SECONDS:
            return None
        subject, said = claims.get("sub"), claims.get("nonce")
        if not isinstance(said, str) or not same(said, nonce):
            return None
        if claims.get("iss") != options.issuer or not isinstance(subject, str):
            return None
        if not subject or not subject.isprintable():
            return None
        return f"{options.issuer} {subject}"

    def _exchanged(self, provider: _Provider, code: str, verifier: str) -> str:
        """The id token for a code."""
        options = self._options
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": options.redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"content-type": "application/x-www-form-urlencoded"}
        if options.client_secret and provider.basic:
            # RFC 6749, section 2.3.1: each half is form-encoded first.
            pair = f"{quote_plus(options.client_id)}:{quote_plus(options.client_secret)}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"
        else:
            form["client_id"] = options.client_id
            if options.client_secret:
                form["client_secret"] = options.client_secret
        body = urlencode(form).encode("ascii")
        try:
            answer = self._fetched(provider.token, "POST", headers, body)
        except OutboundStatusError as error:
            if error.status != _BAD_REQUEST:
                raise
            raise ValueError("a code that is not taken") from error
        token = answer["id_token"]
        if not isinstance(token, str):
            raise TypeError
        return token

    def _verified(self, provider: _Provider, token: str) -> Mapping[str, Any]:
        """The claims of a token that one of the provider's keys has signed.

        Times are checked elsewhere, by the clock that was passed in.
        """
        header = jwt.get_unverified_header(token)
        algorithm, key_id = header["alg"], header.get("kid")
        if algorithm not in _KINDS:
            raise ValueError("an algorithm that is not taken")
        key = self._key(provider, algorithm, key_id)
        claims = json.loads(jwt.PyJWS().decode(token, key, algorithms=[algorithm]))
        if not isinstance(claims, dict):
            raise TypeError("not an object")
        return claims

    def _key(self, provider: _Provider, algorithm: str, key_id: object) -> jwt.PyJWK:
        """The key that a token names; the provider may have changed its keys a moment ago."""
        for oldest in (CACHE_SECONDS, REFETCH_SECONDS):
            fitting = [
                key
                for key in self._fetched_keys(provider, oldest)
                if _fits(key, algorithm) and (key_id is None or key.get("kid") == key_id)
            ]
            if len(fitting) == 1:
                made = jwt.PyJWK(dict(fitting[0]), algorithm=algorithm)
                if algorithm == "RS256" and made.key.key_size < SMALLEST_RSA_BITS:
                    raise ValueError("a key that is too short")
                return made
        raise ValueError("no key, or several")

    def _fetched_keys(self, provider: _Provider, oldest: float) -> list[Mapping[str, Any]]:
        now = self._clock.now().timestamp()
        with self._lock:
            there = self._keys
        if there is not None and now - there[0] < oldest:
            return there[1]
        answer = self._fetched(provider.keys)
        keys: list[Mapping[str, Any]] = [key for key in answer["keys"] if isinstance(key, dict)]
        with self._lock:
            self._keys = (now, keys)
        return keys

    def _discovered(self) -> _Provider:
        """What the provider says of itself (OpenID Connect Discovery 1.0)."""
        now = self._clock.now().timestamp()
        with self._lock:
            there = self._provider
        if there is not None and now - there[0] < CACHE_SECONDS:
            return there[1]
        said = self._fetched(self._options.issuer.rstrip("/") + DISCOVERY_PATH)
        if said["issuer"] != self._options.issuer:
            raise ValueError("another issuer")
        methods = said.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        provider = _Provider(
            authorization=str(said["authorization_endpoint"]),
            token=str(said["token_endpoint"]),
            keys=str(said["jwks_uri"]),
            basic="client_secret_basic" in methods,
            names_itself=said.get("authorization_response_iss_parameter_supported") is True,
        )
        # The browser is sent there: it must be an address like those that are called.
        check_url(provider.authorization, self._options.outbound)
        with self._lock:
            self._provider = (now, provider)
        return provider

    def _fetched(
        self,
        url: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> dict[str, Any]:
        call = Call(url, method, {"accept": "application/json", **(headers or {})}, body)
        answer = json.loads(send_once(call, self._options.outbound).body)
        if not isinstance(answer, dict):
            raise TypeError("not an object")
        return answer

    def _random_text(self) -> str:
        return _base64url(self._random_bytes(_RANDOM_BYTES))


def _fits(key: Mapping[str, Any], algorithm: str) -> bool:
    """Whether a key may verify signatures of an algorithm."""
    kind, curve = _KINDS[algorithm]
    return (
        key.get("kty") == kind
        and (not curve or key.get("crv") == curve)
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
    )


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode("ascii").rstrip("=")
