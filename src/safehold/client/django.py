"""Checks uploads before a Django view sees them.

    MIDDLEWARE = [
        ...,
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "safehold.client.django.ScreenUploads",
    ]
    SAFEHOLD = {
        "url": "https://screen.internal:8450",
        "key": read_secret("safehold-key"),
        "surface": "public",
        "uploader": lambda request: str(request.user.pk) if request.user.is_authenticated else None,
    }

Further entries are those of `UploadOptions`, and `client_options`, a `ClientOptions`. Put the
middleware behind those that `uploader` needs. Django reads the form with its own parser; an upload
handler keeps each file in memory (never in a named file), has it checked when it is complete, and
hands it on as an `UploadedFile` with its `receipt`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, RequestDataTooBig
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.utils.module_loading import import_string

from safehold.client import uploads
from safehold.client.bodies import Body
from safehold.client.drivers import Client
from safehold.client.errors import ClientError
from safehold.client.model import Answer, ClientOptions
from safehold.client.spool import NoRoomError, Room, Spool
from safehold.client.uploads import Checked, Turned, UploadOptions

SETTING: Final = "SAFEHOLD"
CHECKED: Final = "safehold_checked"
"""The attribute of a request that has what was checked."""

_Who = Callable[[HttpRequest], str | None]
_Where = Callable[[HttpRequest], tuple[str, int | None] | None]


def checked(request: HttpRequest) -> tuple[Checked, ...]:
    """The files of a request that were let through, in their order in the form."""
    found: tuple[Checked, ...] = getattr(request, CHECKED, ())
    return found


def peer(request: HttpRequest) -> tuple[str, int | None] | None:
    """Address and port of the end user, as the server that runs Django knows them."""
    address, port = request.META.get("REMOTE_ADDR"), str(request.META.get("REMOTE_PORT", ""))
    return (address, int(port) if port.isdigit() else None) if address else None


class ScreenedFile(UploadedFile):  # type: ignore[misc] # Django has no types
    """An uploaded file that was let through; it is in memory only.

    Attributes:
        receipt: the receipt of its check; None where it could not be checked (`fail_open`).
    """

    receipt: str | None = None


class _SpooledFile(io.RawIOBase):
    """A spool as a file; closing it forgets the bytes."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = self._spool.read(self._place, len(buffer))
        buffer[: len(found)] = found
        self._place += len(found)
        return len(found)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._spool.size}
        self._place = max(0, start[whence] + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def close(self) -> None:
        self._spool.close()
        super().close()


class _Settings:
    """The `SAFEHOLD` setting, read once."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        rest = dict(given)
        try:
            self.who: _Who = _callable(rest.pop("uploader"))
            self.where: _Where = _callable(rest.pop("address", peer))
            client_options = rest.pop("client_options", ClientOptions())
            self.client = Client(rest.pop("url"), rest.pop("key"), client_options)
            self.options = UploadOptions(**rest)
        except (KeyError, TypeError, ValueError, ImportError) as error:
            # The error's own text could hold the key.
            name = type(error).__name__
            raise ImproperlyConfigured(f"The setting {SETTING} cannot be used ({name}).") from None
        self.room = Room(self.options.max_spooled_bytes)


def _callable(given: Any) -> Any:
    return import_string(given) if isinstance(given, str) else given


class ScreeningHandler(FileUploadHandler):  # type: ignore[misc] # Django has no types
    """Keeps files, and has each checked when it is complete. Made by the middleware."""

    def __init__(self, request: HttpRequest, given: _Settings) -> None:
        """`given`: the settings of the middleware."""
        super().__init__(request)
        self._given = given
        self._spool: Spool | None = None
        self._kept: list[ScreenedFile] = []
        self._total = 0
        self.names: list[str] = []
        self.outcomes: list[Answer | ClientError] = []
        self.turned: Turned | None = None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """A file begins."""
        super().new_file(*args, **kwargs)
        self._spool = Spool(self._given.room, self._given.options.memory_bytes)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Keep a piece. Nothing is handed to handlers after this one, which would write files."""
        assert self._spool is not None
        self._total += len(raw_data)
        if self._total > self._given.options.max_body_bytes:
            self._stop(uploads.TOO_LARGE)
        try:
            self._spool.write(raw_data)
        except (NoRoomError, OSError):
            self._stop(uploads.unavailable(self._given.options))

    def _stop(self, answer: Turned) -> None:
        self.turned = answer
        raise StopUpload(connection_reset=True)

    def file_complete(self, file_size: int) -> ScreenedFile | None:
        """Have the file checked, and hand it on; the middleware decides about all together."""
        spool, self._spool = self._spool, None
        assert spool is not None
        kept = ScreenedFile(
            file=io.BufferedReader(_SpooledFile(spool)),
            name=self.file_name,
            content_type=self.content_type,
            size=spool.size,
            charset=self.charset,
            content_type_extra=self.content_type_extra,
        )
        self._kept.append(kept)
        if spool.size:
            if len(self.outcomes) >= self._given.options.max_files:
                self._stop(uploads.TOO_LARGE)
            outcome = _ask(self._given, self.request, spool, self.file_name)
            kept.receipt = outcome.receipt if isinstance(outcome, Answer) else None
            self.names.append(self.field_name)
            self.outcomes.append(outcome)
        return kept

    def discard(self) -> None:
        """Forget every file."""
        if self._spool is not None:
            self._spool.close()
        for kept in self._kept:
            kept.close()


def _ask(
    given: _Settings, request: HttpRequest, spool: Spool, file_name: str | None
) -> Answer | ClientError:
    context = uploads.context_of(given.where(request), file_name)
    body = Body(lambda: spool.chunks(0, spool.size), spool.size)
    who = given.who(request)
    try:
        return given.client.screen(
            body, surface=given.options.surface, uploader=who, context=context
        )
    except ClientError as error:
        return error


class ScreenUploads:
    """The middleware. It takes the form in before the view, so views cannot set upload handlers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Read the settings. Raises `ImproperlyConfigured`."""
        self._get_response = get_response
        self._given = _Settings(getattr(settings, SETTING, {}))

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request, or hand it on."""
        options = self._given.options
        is_form = str(request.META.get("CONTENT_TYPE", "")).strip().lower().startswith("multipart/")
        if is_form and options.checks_forms(request.path_info):
            return self._form(request)
        if options.checks_bodies(request.path_info):
            return self._body(request)
        return self._get_response(request)

    def _form(self, request: HttpRequest) -> HttpResponse:
        # Django itself reads forms of POST alone; for others a view would need its own parser.
        if request.method != "POST" or "HTTP_CONTENT_ENCODING" in request.META:
            return _response(uploads.ENCODED)
        handler = ScreeningHandler(request, self._given)
        request.upload_handlers = [handler]
        try:
            try:
                _ = request.FILES
            except RequestDataTooBig:
                return _response(uploads.TOO_LARGE)
            except MultiPartParserError:
                return _response(uploads.MALFORMED)
            found = handler.turned or uploads.judge(
                handler.names, handler.outcomes, self._given.options
            )
            return self._hand_on(request, found)
        finally:
            handler.discard()

    def _body(self, request: HttpRequest) -> HttpResponse:
        """A body that is one item; Django's DATA_UPLOAD_MAX_MEMORY_SIZE bounds it."""
        if "HTTP_CONTENT_ENCODING" in request.META:
            return _response(uploads.ENCODED)
        try:
            body = request.body
        except RequestDataTooBig:
            return _response(uploads.TOO_LARGE)
        if not body:
            return self._get_response(request)
        with Spool(self._given.room, self._given.options.memory_bytes) as spool:
            try:
                spool.write(body)
            except (NoRoomError, OSError):
                return _response(uploads.unavailable(self._given.options))
            outcome = _ask(self._given, request, spool, None)
        return self._hand_on(request, uploads.judge([""], [outcome], self._given.options))

    def _hand_on(self, request: HttpRequest, found: Turned | tuple[Checked, ...]) -> HttpResponse:
        if isinstance(found, Turned):
            return _response(found)
        setattr(request, CHECKED, found)
        return self._get_response(request)


def _response(answer: Turned) -> HttpResponse:
    return HttpResponse(answer.text, status=answer.status, headers=answer.headers())
