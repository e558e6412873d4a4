"""What doors hand in to be recorded, and what they get back."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from safehold.accounts.model import RememberedAnswer
from safehold.cases.model import OccurrenceKind
from safehold.errors import SafeholdError
from safehold.ids import ServiceId
from safehold.policy.model import Verdict
from safehold.screening import Screened


@dataclass(frozen=True, slots=True)
class IntakeOptions:
    """Bounds of what is recorded.

    Attributes:
        bytes_wanted_hours: how long a case that is known by digests or a flag alone waits for
            its bytes.
        fault_days: how long a case that is held only for faults is kept.
        fault_cases: how many such cases may be open; above that an item that cannot be checked
            is refused, and nothing of it is kept.
        fault_bytes: how many bytes of evidence such cases may have in all.
        min_free_bytes: free space in the vault under which nothing is taken in any more.
        max_matches: how many matches a decision keeps, the nearest of each list first.
        write_threads: how many holds and blocks are encrypted and written at once.
        answer_days: how long answers are remembered under their idempotency keys.
    """

    bytes_wanted_hours: float = 72.0
    fault_days: float = 14.0
    fault_cases: int = 10_000
    fault_bytes: int = 10 * 1024**3
    min_free_bytes: int = 512 * 1024**2
    max_matches: int = 100
    write_threads: int = 8
    answer_days: float = 2.0


@dataclass(frozen=True, slots=True)
class Context:
    """What a caller says about an item. Of persons: it is sealed to the case and never shown.

    Attributes:
        uploader: the service's own id of the end user.
        uploader_address: a mail address.
        ip, port: from where the item came.
        time: when it was uploaded, RFC 3339, as the caller gave it.
        file_name: the name that it had.
        reference: the caller's own id of the item.
        screen_name, display_name: of the uploader, as users see them.
        profile_url: address of the uploader's profile.
        url: where the item stands, or was to stand.
        device_type, device_id: which kind of id of a device (`IMEI`), and the id.
        prompt: what a generation service was asked for.
        generation: JSON of what else is known of a generation: `api`, `models`, `seed`, `job`.
    """

    uploader: str = field(default="", repr=False)
    uploader_address: str = field(default="", repr=False)
    ip: str = field(default="", repr=False)
    port: int | None = field(default=None, repr=False)
    time: str = field(default="", repr=False)
    file_name: str = field(default="", repr=False)
    reference: str = field(default="", repr=False)
    screen_name: str = field(default="", repr=False)
    display_name: str = field(default="", repr=False)
    profile_url: str = field(default="", repr=False)
    url: str = field(default="", repr=False)
    device_type: str = field(default="", repr=False)
    device_id: str = field(default="", repr=False)
    prompt: str = field(default="", repr=False)
    generation: str = field(default="", repr=False)

    def as_json(self, **more: str) -> bytes:
        """UTF-8 JSON of what is known, with sorted keys."""
        known = {k: v for k, v in (asdict(self) | more).items() if v not in ("", None)}
        return json.dumps(known, sort_keys=True, ensure_ascii=False).encode("utf-8")


@dataclass(frozen=True, slots=True)
class Idempotency:
    """Under which key an answer is remembered.

    Attributes:
        key: keyed digest (16 bytes) of the caller's key.
        request: keyed digest (16 bytes) of the call, its body and its context.
        statuses: the HTTP status of each verdict.
    """

    key: bytes
    request: bytes
    statuses: Mapping[Verdict, int]


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an item was answered before; such an item is recorded once, however often it comes.

    Attributes:
        receipt: what the caller got for it.
        content: keyed name of its bytes within the service, which the receipt holds.
    """

    receipt: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Submission:
    """An item that was checked, to be answered and where need be recorded.

    Attributes:
        service_id: who asks.
        kind: by which way it came.
        surface: where it belongs.
        context: what the caller says about it.
        received: when it came.
        sha256: of its bytes (32 bytes); for `kind` digests as the caller gave it.
        screened: what was found, and policy's decision.
        lists: names and versions of the lists that were matched.
        scores: what classifiers said, as JSON.
        matchers: how asking remote matchers went, as JSON: `name` and `code`.
        descriptor: a file that has the bytes, read by position; None for digests alone. It must
            stay open until the answer is there.
        canary: whether this is a canary.
        idempotency: under which key the answer is remembered, or None.
        earlier: the answer that the same item got before it was looked at again; None for an
            item that just came.
    """

    service_id: ServiceId
    kind: OccurrenceKind
    surface: str
    context: Context
    received: dt.datetime
    sha256: bytes = field(repr=False)
    screened: Screened = field(repr=False)
    lists: Mapping[str, int]
    scores: tuple[Mapping[str, Any], ...] = ()
    matchers: tuple[Mapping[str, Any], ...] = ()
    descriptor: int | None = None
    canary: bool = False
    idempotency: Idempotency | None = None
    earlier: Earlier | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller is told.

    Attributes:
        verdict: allow, hold or block.
        receipt: by which the item can be asked for later.
        replayed: the answer that was given before under the same idempotency key, to be given
            again as it was; None for a first answer.
    """

    verdict: Verdict
    receipt: str
    replayed: RememberedAnswer | None = None

    def body(self) -> bytes:
        """`{"verdict": ..., "receipt": ...}`, and nothing more."""
        return json.dumps({"verdict": self.verdict.value, "receipt": self.receipt}).encode()


@dataclass(frozen=True, slots=True)
class ReceiptStatus:
    """What a receipt says now.

    Attributes:
        verdict: the present verdict.
        bytes_wanted: whether the case awaits the item's bytes.
        until: until when they are awaited.
    """

    verdict: Verdict
    bytes_wanted: bool = False
    until: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Flag:
    """A user of a service flags a stored item.

    Attributes:
        service_id, surface: where.
        receipt: of the item, or None where `sha256` is given.
        sha256: of the item's bytes, or None where `receipt` is given.
        reason: a code of the service's own, or empty.
        text: what the user wrote, or empty. Sealed.
        reporter: the service's id of the user who flags, or empty. Sealed.
        context: of the item and its uploader. Sealed.
        received: when it came.
    """

    service_id: ServiceId
    surface: str
    receipt: str | None
    sha256: bytes | None = field(repr=False)
    reason: str
    text: str = field(repr=False)
    reporter: str = field(repr=False)
    context: Context
    received: dt.datetime


@dataclass(frozen=True, slots=True)
class Appeal:
    """An uploader asks that a decision be looked at again.

    Attributes:
        service_id: where.
        receipt: of the item.
        text: what the uploader wrote. Sealed.
        appellant: the service's id of the uploader, or empty. Sealed.
        received: when it came.
    """

    service_id: ServiceId
    receipt: str
    text: str = field(repr=False)
    appellant: str = field(repr=False)
    received: dt.datetime


class IdempotencyMismatchError(SafeholdError):
    """The idempotency key was used for another call."""

    code = "idempotency_mismatch"
    default_message = "The idempotency key was used before, for another call."
    default_hint = "Take a new key for each item; the same key is for trying the same call again."


class BytesDifferError(SafeholdError):
    """The bytes are not those of the receipt."""

    code = "bytes_differ"
    default_message = "These are not the bytes that were checked."


class BytesNotWantedError(SafeholdError):
    """No bytes are awaited under this receipt."""

    code = "bytes_not_wanted"
    default_message = "No bytes are awaited for this receipt."


class BusyError(SafeholdError):
    """The same bytes came so often at one moment that this one could not be recorded."""

    code = "busy"
    default_message = "The item could not be recorded just now."
    default_hint = "Try again."


class FaultSpaceFullError(SafeholdError):
    """So many items are held for faults that no more are taken."""

    code = "fault_space_full"
    default_message = "The item could not be checked, and there is no more room for such items."
    default_hint = "Try again later. Operators: see what is wrong with lists or decoders."


class DiskFullError(SafeholdError):
    """The vault has less free space than it must keep."""

    code = "disk_full"
    default_message = "There is no room to keep what is held."
    default_hint = "Try again later. Operators: make room in the vault."


class NoCaseError(SafeholdError):
    """There is no case under this receipt, so there is nothing to appeal against."""

    code = "no_case"
    default_message = "Nothing is held under this receipt."
