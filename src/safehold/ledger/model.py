"""Records of releases and refusals, and what is answered to whoever traces a file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from safehold.errors import UsageError
from safehold.ids import ReleaseId, ServiceId


@dataclass(frozen=True, slots=True)
class LedgerOptions:
    """Settings of the ledger.

    Attributes:
        days: how long a release is kept.
        refusal_days: how long a refusal is kept.
        prompts: whether what was asked for is kept with each release, sealed to the officers.
        distance: largest distance in bits by which a near copy is told.
        quality_floor: PDQ quality below which likeness is not asked.
        answers: releases of which whoever traces a file is told at most, the nearest first.
        open_minutes: how long after a trace the custodian opens what it found.
        told_bytes: how much of account, address, models, seed and job is kept (JSON); longer
            texts and lists are cut.
        words_bytes: how much of what was asked for is kept; the rest is cut off.
    """

    days: float = 365.0
    refusal_days: float = 90.0
    prompts: bool = False
    distance: int = 31
    quality_floor: int = 50
    answers: int = 50
    open_minutes: float = 10.0
    told_bytes: int = 8_192
    words_bytes: int = 16_384


@dataclass(frozen=True, slots=True)
class NewRelease:
    """A picture that is about to leave.

    Attributes:
        sha256: of its bytes (32 bytes).
        pdq, pdq_quality: see `Release`.
    """

    sha256: bytes = field(repr=False)
    pdq: bytes | None = field(repr=False)
    pdq_quality: int | None


@dataclass(frozen=True, slots=True)
class Making:
    """What a batch of releases has in common.

    Attributes:
        service_id, account, api, at: see `Release`.
        told: what is sealed: `account`, `address`, `models`, `seed`, `job`; JSON values.
        words: what was asked for; sealed only where `LedgerOptions.prompts` says so.
    """

    service_id: ServiceId
    account: bytes = field(repr=False)
    api: str
    at: dt.datetime
    told: Mapping[str, Any] = field(repr=False)
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Release:
    """A picture that the gate let through.

    Attributes:
        release_id, service_id: ids.
        at: when.
        content: keyed digest (16 bytes) of its bytes.
        pdq, pdq_quality: of the picture as stored; None where unknown.
        account: pseudonym (16 bytes) of the account within the service.
        api: the upstream's shape.
        sealed: account, address, models, seed, job, and the words where they are kept (JSON),
            encrypted to the officers.
    """

    release_id: ReleaseId
    service_id: ServiceId
    at: dt.datetime
    content: bytes = field(repr=False)
    pdq: bytes | None = field(repr=False)
    pdq_quality: int | None
    account: bytes = field(repr=False)
    api: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that the gate refused.

    Attributes:
        service_id: of the service.
        at: when.
        account: pseudonym (16 bytes).
        stage: a code (`safehold.gate.model.Stage`).
    """

    service_id: ServiceId
    at: dt.datetime
    account: bytes = field(repr=False)
    stage: str


@dataclass(frozen=True, slots=True)
class Traced:
    """A release that a file is an exact or a near copy of; distance 0 and `exact` for the same."""

    release: Release
    exact: bool
    distance: int | None
    variant: str = ""
    orientation: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """What was found, and that it is in the audit log.

    Attributes:
        trace_id: subject of the audit event, by which the custodian opens what is sealed.
        found: exact copies first, then the nearest.
    """

    trace_id: str
    found: tuple[Traced, ...]


class LedgerError(UsageError):
    """The ledger cannot answer."""

    code = "ledger"
    default_message = "The ledger cannot answer."
