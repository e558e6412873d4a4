"""A small OpenID provider on 127.0.0.1, which a test can have say what it likes."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

CLIENT = "safehold console"
SECRET = "a secret: of the console"


class Provider:
    """Discovery, keys and tokens.

    Attributes:
        claims: put over the claims of id tokens; None takes one out.
        algorithm: that signs.
        key_id: that tokens name.
        signer: name of the key that signs; empty for the one that is named.
        status: of answers that are right.
        metadata: put over what the provider says of itself.
        calls: paths that were asked for.
        forms: that came to the token endpoint, with the authorization header.
    """

    def __init__(self, port: int, now: float) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.now = now
        self.claims: dict[str, Any] = {}
        self.algorithm = "RS256"
        self.key_id = "RS256"
        self.signer = ""
        self.status = 200
        self.metadata: dict[str, Any] = {}
        self.calls: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.token: str | None = None
        self.keys: dict[str, Any] = {
            "RS256": rsa.generate_private_key(65537, 2048),
            "ES256": ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate(),
        }
        self._codes: dict[str, dict[str, str]] = {}

    def agree(self, address: str) -> dict[str, str]:
        """What a browser comes back with once somebody has signed in here."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = f"code-{len(self._codes)}"
        self._codes[code] = query
        return {"code": code, "state": query["state"]}

    def answer(self, path: str, form: dict[str, str]) -> dict[str, Any] | None:
        """The JSON of a path."""
        self.calls.append(path)
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            } | self.metadata
        if path == "/keys":
            return {"keys": [self._public(name) for name in self.keys]}
        if path == "/token":
            self.forms.append(form)
            asked = self._codes.pop(form["code"], None)
            verifier = hashlib.sha256(form["code_verifier"].encode()).digest()
            if asked is None or asked["redirect_uri"] != form["redirect_uri"]:
                return None
            if asked["code_challenge"] != base64.urlsafe_b64encode(verifier).decode().rstrip("="):
                return None
            return {"id_token": self.token or self._signed(asked["nonce"])}
        return None

    def _public(self, name: str) -> dict[str, Any]:
        public = self.keys[name].public_key()
        maker = {
            rsa.RSAPublicKey: jwt.algorithms.RSAAlgorithm,
            ec.EllipticCurvePublicKey: jwt.algorithms.ECAlgorithm,
            ed25519.Ed25519PublicKey: jwt.algorithms.OKPAlgorithm,
        }
        kind = next(each for each in maker if isinstance(public, each))
        return json.loads(maker[kind].to_jwk(public)) | {"kid": name, "use": "sig"}  # type: ignore[no-any-return,attr-defined]

    def _signed(self, nonce: str) -> str:
        claims = {
            "iss": self.issuer,
            "sub": "248289761001",
            "aud": CLIENT,
            "iat": int(self.now),
            "exp": int(self.now) + 300,
            "nonce": nonce,
        } | self.claims
        kept = {name: value for name, value in claims.items() if value is not None}
        named = self.key_id if self.key_id in self.keys else self.algorithm
        key = self.keys[self.signer or named]
        return jwt.encode(kept, key, self.algorithm, headers={"kid": self.key_id})


@contextmanager
def running_provider(now: float) -> Iterator[Provider]:
    """A provider that listens."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(provider.answer(self.path, {}))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            form["authorization"] = self.headers.get("authorization", "")
            self._send(provider.answer(self.path, form))

        def _send(self, said: dict[str, Any] | None) -> None:
            body = json.dumps(said or {"error": "invalid_grant"}).encode()
            self.send_response(400 if said is None else provider.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider = Provider(server.server_port, now)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
