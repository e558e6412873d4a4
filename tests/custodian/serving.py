"""Running a custodian's server in a thread, and certificates for mutual TLS."""

from __future__ import annotations

import datetime as dt
import ipaddress
import queue
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from safehold.custodian.address import Address, TlsFiles, UnixAddress
from safehold.custodian.interface import Custodian
from safehold.custodian.server import ServeOptions, run


@dataclass
class Serving:
    """A server that runs.

    Attributes:
        addresses: where it listens.
        log: names and results of calls so far.
    """

    addresses: Sequence[Address] = ()
    log: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def short_folder() -> Iterator[Path]:
    """A private folder with a short name: a socket's path has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="sh-") as folder:
        yield Path(folder)


@contextmanager
def serving(
    custodian: Custodian, *addresses: Address, options: ServeOptions | None = None
) -> Iterator[Serving]:
    """Serve on addresses, or on a new Unix socket, until the block is left."""
    stop = threading.Event()
    started: queue.Queue[Sequence[Address] | BaseException] = queue.Queue()
    state = Serving()

    def note(call: str, code: str) -> None:
        state.log.append((call, code))

    with short_folder() as folder:
        wanted = addresses or (UnixAddress(folder / "run" / "socket"),)

        def work() -> None:
            try:
                run(custodian, wanted, stop, options, note, started.put)
            except BaseException as error:  # noqa: BLE001 - the test is to see it
                started.put(error)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            found = started.get(timeout=10)
            if isinstance(found, BaseException):
                raise found
            state.addresses = found
            yield state
        finally:
            stop.set()
            thread.join(30)
            assert not thread.is_alive()


class Authority:
    """Signs certificates, and writes them as PEM files."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder / name
        self._folder.mkdir()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = builder.add_extension(identifier, critical=False)
        builder = builder.add_extension(_usage(sign=True), critical=True)
        certificate = builder.sign(self._key, hashes.SHA256())
        self.path = self._folder / "authority.pem"
        self.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, host: str = "127.0.0.1") -> TlsFiles:
        """A certificate for an address, with its key; this authority is the one it trusts."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        hosts = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = self._builder(subject, key).add_extension(hosts, critical=False)
        builder = builder.add_extension(issuer, critical=False)
        builder = builder.add_extension(_usage(sign=False), critical=True)
        certificate = builder.sign(self._key, hashes.SHA256())
        files = TlsFiles(self._folder / f"{name}.pem", self._folder / f"{name}.key", self.path)
        files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return files

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
        )


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign,
        key_cert_sign=sign,
        crl_sign=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
