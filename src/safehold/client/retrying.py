"""When a call is tried again, and how long is waited. No I/O: the drivers send and sleep.

Rules
- A verdict ends the call, whatever status it came with.
- No connection, a connection that broke, silence, and the statuses 408, 429, 502, 503 and 504 are
  tried again, as long as attempts, time and the body allow it. Every call carries an idempotency
  key or says the same when it is said twice, so that a lost answer costs nothing.
- Waits grow by two with full jitter: uniform between zero and the bound ("Exponential Backoff And
  Jitter", AWS Architecture Blog, 2015). `Retry-After` (RFC 9110, 10.2.3) is waited in full, and a
  little jitter after it; when it is longer than the time left, the call ends at once.
- When all that is used up, the call ends with `Unavailable`, never with a verdict.
"""

from __future__ import annotations

import datetime as dt
import enum
import math
import random
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final, Generic, TypeAlias, TypeVar

from safehold.client.bodies import Body
from safehold.client.errors import Unavailable
from safehold.client.model import ClientOptions

T = TypeVar("T")

AGAIN_STATUSES: Final = frozenset({408, 429, 502, 503, 504})
MAX_SECONDS_DIGITS: Final = 9
"""A `Retry-After` with more digits is taken for "never"."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP call, the same on every attempt.

    Attributes:
        method, path: where to; the path is percent-encoded.
        headers: all but those of the connection and the key.
        body: what is sent, or None.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Body | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Attributes:
        status: the HTTP status.
        headers: by lower-case name.
        content: the body, not longer than the options allow.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes = field(default=b"", repr=False)


class Failure(enum.StrEnum):
    """Why nothing usable came back."""

    CONNECT = "connect_failed"
    BROKEN = "connection_broken"
    SILENT = "server_silent"


@dataclass(frozen=True, slots=True)
class Send:
    """The driver is to send the request now and give a `Reply` or a `Failure`.

    Attributes:
        request: what to send.
        seconds: how long the whole attempt may take.
    """

    request: Request
    seconds: float


@dataclass(frozen=True, slots=True)
class Sleep:
    """The driver is to wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Again:
    """A reply without a verdict, after which another attempt may help.

    Attributes:
        code: the server's code, or one of ours.
        status: the HTTP status, or None.
        retry_after: what the server asked for, in seconds; infinite for "never"; or None.
    """

    code: str
    status: int | None = None
    retry_after: float | None = None

    def given_up(self) -> Unavailable:
        """The error with which a call ends here."""
        wait = self.retry_after
        known = wait if wait is not None and math.isfinite(wait) else None
        return Unavailable(self.code, status=self.status, retry_after=known)


@dataclass(frozen=True, slots=True)
class Seams:
    """Clock and chance, so that tests decide them.

    Attributes:
        monotonic: seconds that never go back.
        now: the moment, with a zone.
        jitter: a number from 0 up to 1.
        new_key: a fresh idempotency key.
    """

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    jitter: Callable[[], float] = random.SystemRandom().random
    new_key: Callable[[], str] = lambda: uuid.uuid4().hex


Step: TypeAlias = Send | Sleep
Operation: TypeAlias = Generator[Step, Reply | Failure | None, T]
"""A call: it yields what the driver is to do and returns what was asked for."""

Read: TypeAlias = Callable[[Reply], "T | Again"]
"""Makes the result of a reply, or says that another attempt may help, or raises."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request and how its reply is read; `run` makes the attempts."""

    request: Request
    read: Read[T]

    def run(self, options: ClientOptions, seams: Seams) -> Operation[T]:
        """The attempts and waits of this call, by the rules above.

        Raises:
            ClientError: with a reply that says so, or at the end as `Unavailable`.
        """
        end = seams.monotonic() + options.total_seconds
        attempt = 0
        while True:
            outcome = yield Send(self.request, max(0.001, end - seams.monotonic()))
            attempt += 1
            if isinstance(outcome, Failure):
                result: T | Again = Again(outcome)
            else:
                assert isinstance(outcome, Reply)
                result = self.read(outcome)
            if not isinstance(result, Again):
                return result
            body = self.request.body
            wait = _wait(result, attempt, options, seams)
            tired = attempt >= options.attempts or seams.monotonic() + wait >= end
            if tired or not (body is None or body.repeatable):
                raise result.given_up()
            yield Sleep(wait)


def _wait(again: Again, attempt: int, options: ClientOptions, seams: Seams) -> float:
    # The exponent is bounded because a float overflows long before attempts run out.
    bound = min(options.max_backoff_seconds, options.backoff_seconds * 2.0 ** min(attempt - 1, 60))
    if again.retry_after is None:
        return seams.jitter() * bound
    return again.retry_after + seams.jitter() * options.backoff_seconds


def retry_after(value: str | None, now: dt.datetime) -> float | None:
    """Seconds that a `Retry-After` asks for: a number or an HTTP date; None for anything else."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) <= MAX_SECONDS_DIGITS else math.inf
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return max(0.0, (moment - now).total_seconds())
