"""What canaries find, and what they need. The rules of a canary are in `run`."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from safehold.accounts.model import CANARY_SERVICE
from safehold.cases.names import KeyedNames
from safehold.cases.records import Records
from safehold.clock import Clock
from safehold.custodian.interface import Access, Checked
from safehold.fleet.model import CanaryResult
from safehold.ids import CaseId, ListName
from safehold.lists.detect import ListFormat
from safehold.lists.importing import ImportReport
from safehold.lists.model import ListInfo, Tier
from safehold.policy.model import Verdict

CANARY_LIST = ListName(CANARY_SERVICE)
"""The list that holds the canaries' picture; servers apply it to the canary service alone."""


class CanaryCode(enum.StrEnum):
    """How a canary fared. Stable codes."""

    OK = "ok"
    NO_SERVER = "no_server"
    """Fewer servers say that they run than are expected."""
    NO_SERVICE = "no_service"
    """The canaries' service is not there: the home was not made ready."""
    NO_ANSWER = "no_answer"
    """No connection, or no whole answer in time."""
    REFUSED = "refused"
    """The server answered with an error."""
    BAD_ANSWER = "bad_answer"
    """The answer is not of the agreed form, or its status does not fit its verdict."""
    WRONG_VERDICT = "wrong_verdict"
    """A listed picture was let through, or one that is not listed was held, or the like."""
    WRONG_RECEIPT = "wrong_receipt"
    """The receipt says something else than the answer that it came with."""
    NO_CASE = "no_case"
    """It was held, and there is no case of it."""
    NOT_FLAGGED = "not_flagged"
    """The case is not known as a canary's, so it was not purged."""
    NO_EVIDENCE = "no_evidence"
    """The case has not its bytes."""
    CUSTODIAN_AWAY = "custodian_away"
    """The custodian was not there to open the evidence."""
    NOT_DECRYPTABLE = "not_decryptable"
    """The evidence cannot be opened, or is not what was sent."""
    NOT_PURGED = "not_purged"
    """Something of the canary was left, and may still be."""


AFTER_ANSWER = frozenset(
    {
        CanaryCode.WRONG_RECEIPT,
        CanaryCode.NO_CASE,
        CanaryCode.NO_EVIDENCE,
        CanaryCode.NOT_DECRYPTABLE,
        CanaryCode.NOT_PURGED,
    }
)
"""What may also come of another canary with the same bytes, which purged the case first."""


class Probe(enum.StrEnum):
    """What is sent."""

    EXACT = "exact"
    LIKENESS = "likeness"
    UNLISTED = "unlisted"

    @property
    def verdict(self) -> Verdict:
        """What must be answered."""
        return _VERDICTS[self]


_VERDICTS = {
    Probe.EXACT: Verdict.BLOCK,
    Probe.LIKENESS: Verdict.HOLD,
    Probe.UNLISTED: Verdict.ALLOW,
}


class CanaryError(Exception):
    """A canary failed. It never leaves this package.

    Attributes:
        code: why.
    """

    def __init__(self, code: CanaryCode) -> None:
        super().__init__(code.value)
        self.code = code


class CanaryLists(Protocol):
    """Adds lists. `safehold.lists.service.ListService` is one."""

    def add(
        self,
        name: str,
        file: Path,
        *,
        tier: Tier | None = None,
        format: ListFormat | None = None,  # noqa: A002
        replace: bool = False,
    ) -> ImportReport:
        """Import a file into a list."""
        ...

    def show(self) -> Sequence[ListInfo]:
        """All lists."""
        ...


class CanaryCases(Protocol):
    """Ends canaries. `safehold.cases.service.CaseService` is one."""

    def purge_canary(self, case_id: CaseId) -> None:
        """Remove a canary's case, evidence and key. Raises `UnknownCaseError`."""
        ...


class CanaryVault(Protocol):
    """Where evidence and keys are. `safehold.vault.vault.Vault` is one."""

    def delete(self, object_name: str) -> bool:
        """Remove an object. Returns whether it was there."""
        ...

    def shred(self, key_name: str) -> bool:
        """Remove a wrapped key. Returns whether it was there."""
        ...


class Opening(Protocol):
    """Opens evidence and says what it is. `safehold.custodian.client.CustodianClient` is one."""

    def check(self, access: Access, object_name: str) -> Checked:
        """Digest and size of an original."""
        ...


@dataclass(frozen=True, slots=True)
class CanaryParts:
    """What canaries use.

    Attributes:
        records: cases and servers.
        names: keyed names.
        cases: ends canaries.
        vault: where evidence and keys are.
        custodian: opens evidence.
        lists: where the picture is listed.
        secret: 32 bytes that the picture follows from.
        clock: the present moment.
    """

    records: Records
    names: KeyedNames
    cases: CanaryCases
    vault: CanaryVault
    custodian: Opening
    lists: CanaryLists
    secret: bytes = field(repr=False)
    clock: Clock


@dataclass(frozen=True, slots=True)
class Machine:
    """Time and chance, to be set by tests.

    Attributes:
        monotonic: seconds of a clock that never goes back.
        sleep: waits so many seconds.
        random_bytes: random bytes.
    """

    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    random_bytes: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Pace:
    """How often canaries are sent.

    Attributes:
        period: after one that went well.
        retry: after one that failed.
    """

    period: dt.timedelta
    retry: dt.timedelta


def is_due(last: CanaryResult | None, now: dt.datetime, pace: Pace) -> bool:
    """Whether a server needs a canary now. I/O-free.

    One that has had none needs it at once, one whose last failed after `pace.retry`, any other
    after `pace.period`.
    """
    if last is None:
        return True
    rest = pace.period if last.code == CanaryCode.OK else min(pace.retry, pace.period)
    # A result from the future comes of a clock that was set back.
    return not dt.timedelta(0) <= now - last.at < rest
