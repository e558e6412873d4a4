"""Recording what a scan finds, as uploads are recorded: `scan --hold`."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from safehold.cases.model import OccurrenceKind
from safehold.errors import UsageError
from safehold.ids import ServiceId
from safehold.intake.model import Context, FaultSpaceFullError, Idempotency, Submission
from safehold.policy.model import Verdict
from safehold.scan.examine import Examined
from safehold.screening import Screened

if TYPE_CHECKING:
    from safehold.runtime.service import ServiceRuntime

_STATUSES = {Verdict.ALLOW: 200, Verdict.HOLD: 423, Verdict.BLOCK: 451}


@dataclass(frozen=True, slots=True)
class HoldPlan:
    """Where what is found is recorded.

    Attributes:
        service: name of the service.
        surface: place within it.
    """

    service: str
    surface: str = "storage"


class Holder:
    """Records the items of a scan. Call it with each batch, while its files are open."""

    def __init__(
        self,
        runtime: ServiceRuntime,
        plan: HoldPlan,
        source: bytes,
        lists: Mapping[str, int],
        pool: ThreadPoolExecutor,
    ) -> None:
        """`source` tells this scan from others, so that a resumed one records nothing twice.

        Raises:
            UnknownServiceError, UsageError: there is no such service or surface.
        """
        self._runtime = runtime
        self._recorder = runtime.recorder
        self._service: ServiceId = runtime.service_id(plan.service)
        if runtime.surfaces.find(plan.service, plan.surface) is None:
            raise UsageError("There is no surface of that name.")
        self._surface = plan.surface
        self._source = source
        self._lists = lists
        self._pool = pool

    def __call__(
        self, batch: Sequence[Examined], screened: Sequence[Screened]
    ) -> Sequence[bool | None]:
        """Record what is held or blocked; see `safehold.scan.scanner.Hold`.

        Raises:
            VaultError, DatabaseError, DiskFullError: something could not be kept.
        """
        return list(self._pool.map(self._record, batch, screened))

    def _record(self, examined: Examined, screened: Screened) -> bool | None:
        if screened.decision.verdict is Verdict.ALLOW:
            return None
        exact = screened.examination.exact
        if exact is None or examined.descriptor is None:
            return False  # it could not be read, so there is nothing to keep
        names = self._runtime.names
        name = examined.label.raw or examined.label.text.encode("utf-8", "replace")
        key = names.request(self._service, b"scan", self._source, examined.label.key, exact.sha256)
        submission = Submission(
            service_id=self._service,
            kind=OccurrenceKind.SCAN,
            surface=self._surface,
            context=Context(
                file_name=examined.label.text,
                reference=base64.b64encode(name).decode("ascii") if examined.label.raw else "",
            ),
            received=self._runtime.clock.now(),
            sha256=exact.sha256,
            screened=screened,
            lists=self._lists,
            descriptor=examined.descriptor,
            idempotency=Idempotency(key, key, _STATUSES),
        )
        try:
            self._recorder.record(submission)
        except FaultSpaceFullError:
            return False
        return True


@contextmanager
def holding(
    runtime: ServiceRuntime, plan: HoldPlan, source: bytes, lists: Mapping[str, int]
) -> Iterator[Holder]:
    """A holder and its threads."""
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(runtime.settings.intake.write_threads))
        yield Holder(runtime, plan, source, lists, pool)
