"""Logs: one JSON object a line, with ids, codes and numbers and nothing else.

No query string, receipt, header, file name, digest or address of anybody is ever given to a log;
what libraries say is reduced to their name, the level and the type of an exception.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Mapping
from typing import Any, Protocol, TextIO

import structlog

_FOREIGN = ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio")


class Log(Protocol):
    """The part of a structlog logger that is used."""

    def info(self, event: str, **fields: Any) -> Any:
        """Say something that is as it should be."""
        ...

    def warning(self, event: str, **fields: Any) -> Any:
        """Say something that should not be."""
        ...

    def error(self, event: str, **fields: Any) -> Any:
        """Say something that an operator must look into."""
        ...


class _Lines:
    """Writes lines. One that cannot be written, on a full disk or to nobody, is let go.

    Whoever logs goes on: the disk that is full of logs must not end the server with it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def _write(self, line: str) -> None:
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = critical = _write


def json_log(stream: TextIO) -> Log:
    """A log that writes lines of JSON to a stream; it never raises."""
    log: Log = structlog.wrap_logger(
        _Lines(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=_dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    return log


def _dumps(event: Mapping[str, Any], **_: Any) -> str:
    return json.dumps(event, default=lambda value: type(value).__name__)


class _Reduced(logging.Handler):
    """Passes on that a library said something, not what: it may name addresses or paths."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        say = self._log.error if record.levelno >= logging.ERROR else self._log.warning
        say("library", logger=record.name, exception=kind)


def reduce_libraries(log: Log) -> None:
    """Have the web server's and the event loop's own log lines reduced into `log`."""
    handler = _Reduced(log)
    for name in _FOREIGN:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").disabled = True
