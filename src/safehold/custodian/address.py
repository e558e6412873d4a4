"""Where the custodian listens: a Unix socket, or TCP with mutual TLS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from safehold.custodian.interface import CustodianError


class TlsError(CustodianError):
    """The files for TLS cannot be used."""

    code = "custodian_tls"
    default_message = "The certificate, key or authority for TLS cannot be used."
    default_hint = "They are PEM files; certificate and key belong together."


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A Unix socket in a folder that belongs to this user alone.

    Attributes:
        path: of the socket.
    """

    path: Path


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of one side.

    Attributes:
        certificate, key: of this side.
        authority: who signed the other side's certificate. It should sign for nothing but the
            custodian and its callers, since every certificate of it is let in.
    """

    certificate: Path
    key: Path
    authority: Path


@dataclass(frozen=True, slots=True)
class TlsAddress:
    """TCP with mutual TLS 1.3, between machines.

    Attributes:
        host, port: where; the custodian's certificate names the host. Port 0 for a free one.
        files: this side's.
    """

    host: str
    port: int
    files: TlsFiles


Address = UnixAddress | TlsAddress


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS of the custodian: 1.3, and a certificate is asked of callers. Raises `TlsError`."""
    return _load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), files)


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS of a caller: 1.3, and the custodian's name is checked. Raises `TlsError`."""
    return _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), files)


def _load(context: ssl.SSLContext, files: TlsFiles) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(files.certificate, files.key)
        context.load_verify_locations(files.authority)
    except OSError as error:
        raise TlsError from error
    return context
