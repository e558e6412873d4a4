"""One call as its route sees it: headers by name, the body as a stream, and what is logged."""

from __future__ import annotations

from collections.abc import Mapping

from safehold.accounts.keys import Caller
from safehold.engine.reading import Incoming, Receive, Scope
from safehold.server.errors import MediaTypeError, RequestError

_PLAIN = (b"", b"identity", b"binary", b"8bit", b"7bit")
"""Codings of a body that leave its bytes as they are."""

_FORM = b"multipart/form-data"


class Request(Incoming):
    """A call."""

    def __init__(self, scope: Scope, receive: Receive, request_id: str) -> None:
        self.scope = scope
        self.request_id = request_id
        self.caller: Caller | None = None
        self.admitted = False
        self.verdict = ""
        self.path_part = ""
        self.repeated: frozenset[bytes] = frozenset()
        super().__init__(self._read_headers(scope["headers"]), receive)

    def _read_headers(self, pairs: list[tuple[bytes, bytes]]) -> Mapping[bytes, bytes]:
        headers = dict(pairs)
        if len(headers) != len(pairs):
            seen: set[bytes] = set()
            repeated: set[bytes] = set()
            for name, _ in pairs:
                (repeated if name in seen else seen).add(name)
            self.repeated = frozenset(repeated)
        return headers

    def header(self, name: bytes) -> bytes | None:
        """A header that may stand once. Raises `RequestError` where it stands more often."""
        if name in self.repeated:
            raise RequestError.field(name.decode("ascii"))
        return self.headers.get(name)

    def check_repeated(self) -> None:
        """Raise `RequestError` where a header of ours stands more than once."""
        for name in self.repeated:
            if name.startswith(b"safehold-"):
                raise RequestError("The call has a 'Safehold-' header twice.")

    @property
    def media_type(self) -> bytes:
        """The body's type in lower case, without parameters; empty where none is said."""
        value = self.headers.get(b"content-type", b"")
        return value.split(b";", 1)[0].strip().lower()

    @property
    def is_form(self) -> bool:
        """Whether the body is said to be a form."""
        return self.media_type == _FORM

    def check_item(self) -> None:
        """Refuse a body that is not the item as it will be stored, but a wrapping or a piece of it.

        Raises:
            MediaTypeError: it is compressed or recoded, or in parts that are no form.
            RequestError: it is said to be a range, or its type is said twice.
        """
        self.header(b"content-type")
        if self.header(b"content-range") is not None:
            raise RequestError.field("Content-Range")  # RFC 9110, section 14.5
        for name in (b"content-encoding", b"content-transfer-encoding"):
            if (self.header(name) or b"").strip().lower() not in _PLAIN:
                raise MediaTypeError
        if self.media_type.startswith(b"multipart/") and not self.is_form:
            raise MediaTypeError
