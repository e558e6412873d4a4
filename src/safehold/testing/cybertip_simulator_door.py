"""The HTTP of a simulated CyberTipline, with everything that can go wrong there."""

from __future__ import annotations

import base64
import enum
import hashlib
import hmac
import re
import socket
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from safehold.reporting.cybertip.replies import ResponseCode
from safehold.testing.cybertip_simulator_book import Answer, SimulatedBook

MAX_DOCUMENT = 8 << 20
_PART = 1 << 16
_BOUNDARY = re.compile(r"multipart/form-data; boundary=([0-9A-Za-z]{1,70})")
_ID = re.compile(
    rb'\r\nContent-Disposition: form-data; name="id"\r\n(?:[^\r\n]+\r\n)*\r\n(\d+)\r\n'
)
_FILE = re.compile(rb'\r\nContent-Disposition: form-data; name="file"; filename="[^"\r\n]+"\r\n')


class Fault(enum.StrEnum):
    """What can go wrong beside a response code."""

    EMPTY_401 = "empty_401"
    """A refusal without a body; nothing was done."""

    ERROR_200 = "error_200"
    """The code 1000 under HTTP 200; nothing was done."""

    NOT_XML = "not_xml"
    """A page of HTML under HTTP 200; nothing was done."""

    BAD_GATEWAY = "bad_gateway"
    """A page of HTML under HTTP 502; nothing was done."""

    DROP_BEFORE = "drop_before"
    """The connection ends before the body is read."""

    DROP_MID = "drop_mid"
    """It ends in the middle of the body."""

    DROP_AFTER = "drop_after"
    """It was done, and the connection ends without an answer."""

    SLOW = "slow"
    """It was done, and the answer takes `Simulator.slow_seconds`."""

    WRONG_MD5 = "wrong_md5"
    """An upload's answer has another MD5."""

    CHANGED_SCHEMA = "changed_schema"
    """The schema is another one."""


class Dropped(Exception):  # noqa: N818 - what happens to a connection
    """The connection ends."""


class Door:
    """What the handlers of one simulator share.

    Attributes:
        book: the reports.
        authorization: the header that is asked for.
        schema: what `/xsd` gives.
        slow_seconds: how long a slow answer takes.
        calls: names of the calls that came, in their order.
    """

    def __init__(self, book: SimulatedBook, username: str, password: str, schema: bytes) -> None:
        self.book = book
        pair = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
        self.authorization = f"Basic {pair}"
        self.schema = schema
        self.slow_seconds = 0.3
        self.calls: list[str] = []
        self.ended = threading.Event()
        self._faults: list[tuple[str, Fault | int]] = []
        self._lock = threading.Lock()

    def fail(self, call: str, fault: Fault | int, times: int) -> None:
        """Let a call fail so many times."""
        with self._lock:
            self._faults += [(call, fault)] * times

    def arrived(self, call: str) -> tuple[int, Fault | int | None]:
        """Note a call: its number, and how it is to fail."""
        with self._lock:
            self.calls.append(call)
            for place, (wanted, fault) in enumerate(self._faults):
                if wanted == call:
                    del self._faults[place]
                    return len(self.calls), fault
            return len(self.calls), None


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "simulator"
    door: Door

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer `/status` and `/xsd`."""
        self._serve({"/ispws/status": "status", "/ispws/xsd": "schema"})

    def do_POST(self) -> None:
        """Answer the calls that change something."""
        calls = ("submit", "upload", "finish", "retract")
        self._serve({f"/ispws/{call}": call for call in calls} | {"/ispws/fileinfo": "file_info"})

    def _serve(self, calls: Mapping[str, str]) -> None:
        call = calls.get(self.path)
        self._left = int(self.headers.get("content-length") or 0)
        try:
            if call is None:
                self.close_connection = True
                self._send(404, b"<html></html>")
                return
            self._number, fault = self.door.arrived(call)
            self._answer(call, fault)
        except (Dropped, OSError):
            self.close_connection = True
            self._drop()

    def _answer(self, call: str, fault: Fault | int | None) -> None:
        if fault is Fault.DROP_BEFORE:
            raise Dropped
        if fault is Fault.DROP_MID:
            self._read(self._left // 2)
            raise Dropped
        given = self.headers.get("authorization") or ""
        if fault is Fault.EMPTY_401 or not hmac.compare_digest(given, self.door.authorization):
            self._refuse(401, b"")
            return
        if fault is Fault.ERROR_200:
            self._refuse(200, self._xml(Answer(ResponseCode.SERVER_ERROR)))
            return
        if fault in (Fault.NOT_XML, Fault.BAD_GATEWAY):
            self._refuse(200 if fault is Fault.NOT_XML else 502, b"<html><p>Sorry</html>")
            return
        if isinstance(fault, int):
            answer = Answer(fault)
            self._refuse(_status(fault), self._xml(answer))
            return
        self.door.book.sweep()
        status, body = self._do(call, fault)
        if fault is Fault.DROP_AFTER:
            raise Dropped
        if fault is Fault.SLOW:
            self.door.ended.wait(self.door.slow_seconds)
        self._send(status, body)

    def _do(self, call: str, fault: Fault | int | None) -> tuple[int, bytes]:
        book = self.door.book
        if call == "schema":
            return 200, _changed(self.door.schema, fault is Fault.CHANGED_SCHEMA)
        if call == "upload":
            answer = self._upload()
            if fault is Fault.WRONG_MD5 and answer.md5:
                answer = Answer(answer.code, answer.report_id, answer.file_id, "0" * 32)
        elif call == "status":
            answer = Answer(0)
        elif self._left > MAX_DOCUMENT:
            raise Dropped
        else:
            body = self._read(self._left)
            if call in ("finish", "retract"):
                asked = parse_qs(body.decode("latin-1")).get("id", [""])[0]
                known = asked.isdecimal()
                change = book.finish if call == "finish" else book.retract
                answer = change(asked) if known else Answer(ResponseCode.INVALID_REQUEST)
            else:
                answer = book.submit(body) if call == "submit" else book.file_info(body)
        return _status(answer.code), self._xml(answer)

    def _upload(self) -> Answer:
        """Take a form whose fields are `id` and then `file`, without holding the file."""
        found = _BOUNDARY.fullmatch(self.headers.get("content-type") or "")
        boundary = found[1].encode("ascii") if found else b""
        head = b""
        while boundary and head.count(b"\r\n\r\n") < 2 and self._left and len(head) < _PART:
            line = self.rfile.readline(min(_PART, self._left))
            self._left -= len(line)
            head += line
        tail = b"\r\n--" + boundary + b"--\r\n"
        number, file = _ID.search(head), _FILE.search(head)
        if not (boundary and number and file and self._left >= len(tail)):
            self._read_all(lambda _: None)
            return Answer(ResponseCode.INVALID_REQUEST)
        md5, size, held = hashlib.md5(usedforsecurity=False), 0, b""

        def take(part: bytes) -> None:
            nonlocal held, size
            joined = held + part
            cut = max(0, len(joined) - len(tail))
            md5.update(joined[:cut])
            size += cut
            held = joined[cut:]

        self._read_all(take)
        if held != tail:
            return Answer(ResponseCode.MALFORMED_FILE)
        return self.door.book.upload(number[1].decode("ascii"), md5.hexdigest(), size)

    def _read_all(self, take: Callable[[bytes], None]) -> None:
        while self._left:
            take(self._read(min(self._left, _PART)))

    def _read(self, count: int) -> bytes:
        content = self.rfile.read(count)
        if len(content) < count:  # Who calls is gone; what came is no whole request.
            raise Dropped
        self._left -= count
        return content

    def _refuse(self, status: int, body: bytes) -> None:
        self._read_all(lambda _: None)
        self._send(status, body)

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Request-ID", f"simulated-{getattr(self, '_number', 0):06d}")
        self.end_headers()
        self.wfile.write(body)

    def _drop(self) -> None:
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def _xml(self, answer: Answer) -> bytes:
        parts = [f"<responseCode>{answer.code}</responseCode>"]
        if answer.files is None:
            root = "reportResponse"
            words = "Success" if answer.code == 0 else "Simulated refusal"
            parts.append(f"<responseDescription>{words}</responseDescription>")
        else:
            root = "reportDoneResponse"
        if answer.report_id is not None:
            parts.append(f"<reportId>{answer.report_id}</reportId>")
        if answer.file_id:
            parts.append(f"<fileId>{escape(answer.file_id)}</fileId><hash>{answer.md5}</hash>")
        if answer.files is not None:
            ids = "".join(f"<fileId>{escape(one)}</fileId>" for one in answer.files)
            parts.append(f"<files>{ids}</files>")
        text = "".join(parts)
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{text}</{root}>'.encode()


class Server(ThreadingHTTPServer):
    """Listens on loopback."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of callers that are gone."""


def _status(code: int) -> int:
    """The HTTP status of a response code."""
    return {0: 200, 1: 500, 2: 401, 3: 403}.get(code // 1000 if code else 0, 400)


def _changed(schema: bytes, change: bool) -> bytes:
    addition = b'<xs:element name="informational" type="xs:boolean"/></xs:schema>'
    return schema.replace(b"</xs:schema>", addition) if change else schema
