"""A real HTTP server on loopback that does what a test tells it to."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from safehold.outbound.addresses import IpAddress
from safehold.outbound.model import OutboundOptions


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Answers every request with what `answer` gives, bytes of HTTP as they stand."""

    answer: Callable[[Received], bytes]
    drip: float = 0.0
    """Seconds between single bytes of the answer; 0 for all at once."""
    port: int = 0
    received: list[Received] = field(default_factory=list)
    connections: int = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/hook", scheme: str = "http") -> str:
        return f"{scheme}://{self.host}{path}"

    def options(self, **changed: object) -> OutboundOptions:
        given: dict[str, object] = {
            "allow_http": True,
            "allowed_hosts": (self.host,),
            "timeout_seconds": 3.0,
            **changed,
        }
        return OutboundOptions(**given)  # type: ignore[arg-type]


def http(status: int = 204, body: bytes = b"", *headers: str) -> bytes:
    """Bytes of an answer."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def always(status: int = 204, body: bytes = b"", *headers: str) -> Callable[[Received], bytes]:
    return lambda _: http(status, body, *headers)


@contextmanager
def listening(receiver: Receiver, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Serve until the context is left."""
    server = socket.create_server(("127.0.0.1", 0))
    receiver.port = server.getsockname()[1]
    ended = threading.Event()

    def accept() -> None:
        while not ended.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            receiver.connections += 1
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def serve(connection: socket.socket) -> None:
        try:
            connection.settimeout(10)
            if tls is not None:
                connection = tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as stream:
                while not ended.is_set():
                    request = read(stream)
                    if request is None:
                        return
                    receiver.received.append(request)
                    reply(connection, receiver.answer(request))
        except OSError:
            connection.close()

    def read(stream: object) -> Received | None:
        line = stream.readline().decode().strip()  # type: ignore[attr-defined]
        if not line:
            return None
        headers: dict[str, str] = {}
        while header := stream.readline().decode().strip():  # type: ignore[attr-defined]
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", "0")))  # type: ignore[attr-defined]
        return Received(line, headers, body)

    def reply(connection: socket.socket, answer: bytes) -> None:
        if not receiver.drip:
            connection.sendall(answer)
            return
        for byte in answer:
            if ended.wait(receiver.drip):
                return
            connection.sendall(bytes([byte]))

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        ended.set()
        with socket.create_connection(("127.0.0.1", receiver.port)):
            pass
        thread.join(5)
        server.close()


def resolving(*answers: list[str]) -> Callable[[str, int], object]:
    """A resolver that gives one answer after another, the last again and again."""
    left = [*answers]

    async def resolve(host: str, port: int) -> list[IpAddress]:
        found = left.pop(0) if len(left) > 1 else left[0]
        return [ipaddress.ip_address(text) for text in found]

    return resolve


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, str]:
    """A server's TLS context for a host name, and the file of the authority that signed it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    now = dt.datetime.now(dt.UTC)
    host_key = ec.generate_private_key(ec.SECP256R1())
    period = (now - dt.timedelta(days=1), now + dt.timedelta(days=2))
    authority = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(period[0])
        .not_valid_after(period[1])
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(key, hashes.SHA256())
    )
    own = (
        x509.CertificateBuilder(
            subject,
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
            host_key.public_key(),
            x509.random_serial_number(),
        )
        .not_valid_before(period[0])
        .not_valid_after(period[1])
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    ca_file, chain, secret = folder / "ca.pem", folder / "chain.pem", folder / "key.pem"
    ca_file.write_bytes(authority.public_bytes(pem))
    chain.write_bytes(own.public_bytes(pem))
    secret.write_bytes(
        host_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, secret)
    return context, str(ca_file)


def wait_until(reached: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that another thread or process does."""
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.01)
