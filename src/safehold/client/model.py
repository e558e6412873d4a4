"""What a caller gives and gets. Nothing here does I/O.

Fields that name persons or files are left out of the `repr`, so that a stray log line or
traceback does not tell them.
"""

from __future__ import annotations

import datetime as dt
import enum
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn


class Verdict(enum.StrEnum):
    """What to do with an item."""

    ALLOW = "allow"
    HOLD = "hold"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict and its receipt.

    Attributes:
        verdict: `allow`, `hold` or `block`. Store or release the item on `allow` alone.
        receipt: the opaque id under which the service knows the item from now on. Keep it.
    """

    verdict: Verdict
    receipt: str

    @property
    def allowed(self) -> bool:
        """Whether the item may be stored or released."""
        return self.verdict is Verdict.ALLOW

    def __bool__(self) -> NoReturn:
        """Not offered: `if answer:` would let held items through. Ask `.allowed`."""
        raise TypeError("An answer is neither true nor false: ask its .allowed")


@dataclass(frozen=True, slots=True)
class ReceiptState:
    """What is known of a receipt at present.

    Attributes:
        verdict: the present verdict; people may have changed it since.
        receipt: its id.
        bytes_wanted: whether the service waits for the item's bytes (`send_bytes`).
        until: the moment until which it waits, or None.
    """

    verdict: Verdict
    receipt: str
    bytes_wanted: bool
    until: dt.datetime | None

    @property
    def allowed(self) -> bool:
        """Whether the item may be stored or released."""
        return self.verdict is Verdict.ALLOW

    def __bool__(self) -> NoReturn:
        """Not offered, as for `Answer`."""
        raise TypeError("A receipt is neither true nor false: ask its .allowed")


@dataclass(frozen=True, slots=True)
class Context:
    """What is known about an upload. Every part may be left out; evidence is better with it.

    Attributes:
        uploader_address: the uploader's e-mail address.
        ip: the address from which the upload came, IPv4 or IPv6.
        port: the port from which it came (addresses are shared behind carrier NAT).
        time: when it was uploaded, with a time zone. Without it the time of the call counts.
        file_name: as the uploader named the file.
        reference: the caller's own id of the item, at most 255 characters.
        screen_name, display_name: of the uploader, as users see them.
        profile_url: address of the uploader's profile.
        url: where the item stands, or was to stand.
        device_type, device_id: which kind of id of a device (`IMEI`), and the id.
    """

    uploader_address: str | None = field(default=None, repr=False)
    ip: str | None = field(default=None, repr=False)
    port: int | None = field(default=None, repr=False)
    time: dt.datetime | None = field(default=None, repr=False)
    file_name: str | None = field(default=None, repr=False)
    reference: str | None = field(default=None, repr=False)
    screen_name: str | None = field(default=None, repr=False)
    display_name: str | None = field(default=None, repr=False)
    profile_url: str | None = field(default=None, repr=False)
    url: str | None = field(default=None, repr=False)
    device_type: str | None = field(default=None, repr=False)
    device_id: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse a time without a zone, which two machines would read as two moments."""
        if self.time is not None and self.time.tzinfo is None:
            raise ValueError("a context's time needs a time zone")

    def fields(self) -> Mapping[str, str | int]:
        """The parts that are there, by their names in JSON and in forms."""
        given: dict[str, str | int | None] = {
            "uploader_address": self.uploader_address,
            "ip": self.ip,
            "port": self.port,
            "time": None if self.time is None else self.time.isoformat(),
            "file_name": self.file_name,
            "reference": self.reference,
            "screen_name": self.screen_name,
            "display_name": self.display_name,
            "profile_url": self.profile_url,
            "url": self.url,
            "device_type": self.device_type,
            "device_id": self.device_id,
        }
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Digests:
    """Digests of an item whose bytes stay with the caller.

    Attributes:
        sha256, md5, sha1: lower-case hexadecimal digits.
        pdq: the PDQ hash as 64 hexadecimal digits, with `pdq_quality`, 0 to 100.
    """

    sha256: str = field(repr=False)
    md5: str | None = field(default=None, repr=False)
    sha1: str | None = field(default=None, repr=False)
    pdq: str | None = field(default=None, repr=False)
    pdq_quality: int | None = None

    def __post_init__(self) -> None:
        """Refuse a PDQ hash without its quality, and a quality without a hash."""
        if (self.pdq is None) != (self.pdq_quality is None):
            raise ValueError("a PDQ hash and its quality go together")


@dataclass(frozen=True, slots=True)
class Flag:
    """A stored item that a user of the service flags.

    Attributes:
        reason: a code of the service's own: 1 to 64 lower-case letters, digits and `_`.
        surface: where the item is.
        receipt: the receipt of its check; or else
        sha256: the digest of its bytes, where it was never checked.
        text: what the user wrote.
        reporter: the service's id of who flagged it.
        uploader: the service's id of whose item it is.
        context: what else is known.
    """

    reason: str
    surface: str
    receipt: str | None = None
    sha256: str | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    reporter: str | None = field(default=None, repr=False)
    uploader: str | None = field(default=None, repr=False)
    context: Context | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse a flag for nothing, or for two things."""
        if (self.receipt is None) == (self.sha256 is None):
            raise ValueError("a flag is for a receipt or for a digest")


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """Limits and habits of a client.

    Attributes:
        attempts: how often a call is tried at most.
        total_seconds: time for a call with all its attempts and waits.
        attempt_seconds: longest silence of the server within one attempt.
        connect_seconds: time to connect.
        backoff_seconds: the first wait lasts up to so long; each further one up to twice that.
        max_backoff_seconds: no wait of our own choice lasts longer.
        max_connections: connections that are kept and used at a time.
        max_answer_bytes: longest answer that is read.
        plain_http: allow `http://` to other hosts than loopback: the key and the pictures then
            cross the network in the clear. For private networks that are encrypted otherwise.
        tls: the TLS settings, for a private authority or client certificates; None for the
            authorities that come with httpx.
    """

    attempts: int = 4
    total_seconds: float = 60.0
    attempt_seconds: float = 30.0
    connect_seconds: float = 5.0
    backoff_seconds: float = 0.2
    max_backoff_seconds: float = 10.0
    max_connections: int = 32
    max_answer_bytes: int = 64 * 1024
    plain_http: bool = False
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        """Refuse limits that would let nothing happen."""
        numbers = (
            self.attempts,
            self.total_seconds,
            self.attempt_seconds,
            self.connect_seconds,
            self.backoff_seconds,
            self.max_backoff_seconds,
            self.max_connections,
            self.max_answer_bytes,
        )
        if not all(number > 0 for number in numbers):
            raise ValueError("limits of a client must be above zero")
