"""Calling the custodian from another process. Nothing is tried twice."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, BinaryIO, TypeVar

from safehold.audit.note import NoteKey
from safehold.custodian.address import Address, UnixAddress, client_context
from safehold.custodian.interface import (
    Access,
    Attested,
    Checked,
    Composed,
    CustodianAwayError,
    Previewed,
    PreviewWish,
    RequestError,
    Rewrapped,
    Sent,
    Status,
)
from safehold.custodian.protocol import (
    HEADER_BYTES,
    MAX_KEYS,
    VERSION,
    Kind,
    binary_frame,
    error_from,
    json_frame,
    parse_header,
    parse_json,
)
from safehold.vault.sealing import Writer

T = TypeVar("T")

TIMEOUT_SECONDS = 30.0
PREVIEW_SECONDS = 60.0
"""How much longer a preview is waited for: first for a worker, then for the picture."""


SEND_SECONDS = 960.0
"""How much longer a step of a report is waited for: `cybertip.upload_seconds` and a minute."""
PACKAGE_SECONDS = 600.0
"""How much longer each piece of a package is waited for, while the audit log is verified."""


class CustodianClient:
    """A `Custodian` in another process. Safe to use from several threads.

    Args:
        address: where it listens.
        timeout_seconds: longest wait for a connection and for each piece of an answer.

    Every call may raise `CustodianAwayError`. Then a call that changes something may or may not
    have been carried out.
    """

    def __init__(self, address: Address, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._address = address
        self._timeout = timeout_seconds

    def status(self) -> Status:
        """See `Custodian.status`."""
        found = self._call({"call": "status"})
        return Status(
            identities=_get(found, "identities", int),
            officers=_get(found, "officers", int),
            holds_officer=_get(found, "holds_officer", bool),
            software=_get(found, "software", str),
            environments=tuple(str(name) for name in _get(found, "environments", list)),
        )

    def public_key(self) -> NoteKey:
        """See `Custodian.public_key`."""
        return NoteKey.parse(_get(self._call({"call": "public_key"}), "key", str))

    def sign(self, text: bytes) -> bytes:
        """See `Custodian.sign`."""
        return _bytes(self._call({"call": "sign"}, text), "signature")

    def check(self, access: Access, object_name: str) -> Checked:
        """See `Custodian.check`."""
        found = self._call({"call": "check", "object_name": object_name, **asdict(access)})
        return Checked(_bytes(found, "sha256"), _get(found, "size", int))

    def preview(
        self, access: Access, object_name: str, wish: PreviewWish, output: Writer
    ) -> Previewed:
        """See `Custodian.preview`."""
        request = {"call": "preview", "object_name": object_name, **asdict(wish)}
        found = self._call({**request, **asdict(access)}, output=output, seconds=PREVIEW_SECONDS)
        return Previewed(
            size=_get(found, "size", int),
            stills=_get(found, "stills", int),
            frames=_get(found, "frames", int),
            whole=_get(found, "whole", bool),
        )

    def words(self, access: Access, sealed: bytes) -> str:
        """See `Custodian.words`."""
        pieces = _Pieces()
        self._call({"call": "words", **asdict(access)}, sealed, output=pieces)
        try:
            return pieces.content.decode("utf-8")
        except UnicodeDecodeError:
            raise RequestError("The custodian's answer cannot be understood.") from None

    def export(self, access: Access, object_name: str, recipient: str, output: Writer) -> int:
        """See `Custodian.export`."""
        request = {"call": "export", "object_name": object_name, "recipient": recipient}
        return _get(self._call({**request, **asdict(access)}, output=output), "size", int)

    def open_sealed(self, access: Access, sealed: bytes, recipient: str) -> bytes:
        """See `Custodian.open_sealed`."""
        pieces = _Pieces()
        request = {"call": "open_sealed", "recipient": recipient, **asdict(access)}
        self._call(request, sealed, output=pieces)
        return bytes(pieces.content)

    def rewrap(self, key_names: Sequence[str], actor: str, reason: str) -> Rewrapped:
        """See `Custodian.rewrap`. Many keys go in several calls, each audited by itself."""
        total = Rewrapped(0, 0, 0)
        for start in range(0, max(1, len(key_names)), MAX_KEYS):
            names = list(key_names[start : start + MAX_KEYS])
            request = {"call": "rewrap", "key_names": names, "actor": actor, "reason": reason}
            found = self._call(request)
            total += Rewrapped(*(_get(found, name, int) for name in ("done", "missing", "failed")))
        return total

    def shred(self, access: Access) -> bool:
        """See `Custodian.shred`."""
        return _get(self._call({"call": "shred", **asdict(access)}), "found", bool)

    def compose_report(self, access: Access, report_id: str, output: Writer) -> Composed:
        """See `Custodian.compose_report`."""
        request = {"call": "compose_report", "report_id": report_id, **asdict(access)}
        found = self._call(request, output=output)
        complete = _get(found, "complete", bool)
        return Composed(_get(found, "size", int), _bytes(found, "digest"), complete)

    def fix_report(self, access: Access, report_id: str, digest: bytes) -> None:
        """See `Custodian.fix_report`."""
        request = {"call": "fix_report", "report_id": report_id, "digest": digest.hex()}
        self._call({**request, **asdict(access)})

    def send_report(self, access: Access, report_id: str) -> Sent:
        """See `Custodian.send_report`. It is waited for as long as an upload may take."""
        request = {"call": "send_report", "report_id": report_id, **asdict(access)}
        found = self._call(request, seconds=SEND_SECONDS)
        return Sent(
            state=_get(found, "state", str),
            trouble=_get(found, "trouble", str),
            more=_get(found, "more", bool),
            wait_seconds=float(found.get("wait_seconds", 0.0)),
            code=_get(found, "code", str),
        )

    def keep_document(self, access: Access, kind: str, report_id: str, content: bytes) -> str:
        """See `Custodian.keep_document`."""
        request = {"call": "keep_document", "kind": kind, "report_id": report_id, **asdict(access)}
        return _get(self._call(request, content), "document_id", str)

    def read_document(self, access: Access, document_id: str, output: Writer) -> int:
        """See `Custodian.read_document`."""
        request = {"call": "read_document", "document_id": document_id, **asdict(access)}
        return _get(self._call(request, output=output), "size", int)

    def package(self, access: Access, report_id: str, recipient: str, output: Writer) -> int:
        """See `Custodian.package`."""
        request = {"call": "package", "report_id": report_id, "recipient": recipient}
        found = self._call({**request, **asdict(access)}, output=output, seconds=PACKAGE_SECONDS)
        return _get(found, "size", int)

    def attest_destruction(self, destruction_id: str) -> Attested:
        """See `Custodian.attest_destruction`."""
        found = self._call({"call": "attest_destruction", "destruction_id": destruction_id})
        return Attested(_get(found, "text", str).encode("utf-8"), _bytes(found, "signature"))

    def open_releases(self, actor: str, trace_id: str, output: Writer) -> int:
        """See `Custodian.open_releases`."""
        request = {"call": "open_releases", "actor": actor, "trace_id": trace_id}
        return _get(self._call(request, output=output), "size", int)

    def fetch_schema(self, environment: str, output: Writer) -> int:
        """See `Custodian.fetch_schema`."""
        request = {"call": "fetch_schema", "environment": environment}
        return _get(self._call(request, output=output, seconds=PREVIEW_SECONDS), "size", int)

    def _call(
        self,
        request: Mapping[str, Any],
        content: bytes | None = None,
        output: Writer | None = None,
        seconds: float = 0.0,
    ) -> Mapping[str, Any]:
        frames = json_frame({"version": VERSION, **request})
        if content is not None:
            frames += binary_frame(content)
        with _away(), self._connection() as connection, connection.makefile("rb") as stream:
            connection.settimeout(self._timeout + seconds)
            connection.sendall(frames)
            answer = _answer(stream, output)
        found = answer.get("ok")
        if not isinstance(found, dict):
            raise error_from(answer)
        return found

    def _connection(self) -> socket.socket:
        address = self._address
        if isinstance(address, UnixAddress):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.settimeout(self._timeout)
                connection.connect(str(address.path))
            except BaseException:
                connection.close()
                raise
            return connection
        context = client_context(address.files)
        plain = socket.create_connection((address.host, address.port), self._timeout)
        try:
            return context.wrap_socket(plain, server_hostname=address.host)
        except BaseException:
            plain.close()
            raise


def _answer(stream: BinaryIO, output: Writer | None) -> dict[str, Any]:
    """The answer's JSON; what comes before it goes to `output`."""
    received = 0
    while True:
        kind, length = parse_header(_exactly(stream, HEADER_BYTES))
        body = _exactly(stream, length)
        if kind is Kind.JSON:
            answer = parse_json(body)
            found = answer.get("ok")
            if output is not None and isinstance(found, dict) and found.get("size") != received:
                raise CustodianAwayError("The custodian's answer was cut off.")
            return answer
        if output is None:
            raise RequestError("The custodian's answer cannot be understood.")
        _write(output, body)
        received += length


def _exactly(stream: BinaryIO, count: int) -> bytes:
    content = stream.read(count)
    if len(content) != count:
        raise CustodianAwayError("The custodian's answer was cut off.")
    return content


class _OutputError(Exception):
    """Carries an error of the caller's own output past `_away`."""


def _write(output: Writer, content: bytes) -> None:
    try:
        output.write(content)
    except OSError as error:
        raise _OutputError from error


@contextmanager
def _away() -> Iterator[None]:
    """A connection's failures as Safehold's error; the caller's own as they were."""
    try:
        yield
    except _OutputError as error:
        assert error.__cause__ is not None
        raise error.__cause__ from None
    except OSError as error:  # Time-outs and failures of TLS among them.
        raise CustodianAwayError from error


class _Pieces:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, content: bytes, /) -> int:
        self.content += content
        return len(content)

    def flush(self) -> None:
        pass


def _get(found: Mapping[str, Any], name: str, kind: type[T]) -> T:
    value = found.get(name)
    if not isinstance(value, kind):
        raise RequestError("The custodian's answer cannot be understood.")
    return value


def _bytes(found: Mapping[str, Any], name: str) -> bytes:
    try:
        return bytes.fromhex(_get(found, name, str))
    except ValueError:
        raise RequestError("The custodian's answer cannot be understood.") from None
