"""What the console is joined from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from safehold.policy.surfaces import Surfaces
from safehold.reporting.options import CybertipOptions, ReporterOptions, ReportingOptions

if TYPE_CHECKING:
    from safehold.audit.model import Checkpoint
    from safehold.audit.verify import AuditReport
    from safehold.cases.records import Records
    from safehold.cases.review.model import ReviewOptions
    from safehold.cases.review.service import ReviewService
    from safehold.cases.review.views import ViewService
    from safehold.clock import Clock
    from safehold.config.house import ConsoleOptions
    from safehold.console.health_lines import HealthLine
    from safehold.console.visit import Visit
    from safehold.custodian.interface import Custodian
    from safehold.ids import ServiceId
    from safehold.lists.model import ListInfo
    from safehold.reporting.service import ReportService
    from safehold.retention.service import RetentionService
    from safehold.transparency.service import TransparencyService
    from safehold.users.service import UserService
    from safehold.users.sign_in import SignIn


class Templates(Protocol):
    """Makes pages."""

    def render(self, template: str, visit: Visit, values: dict[str, Any]) -> bytes:
        """A page as UTF-8."""
        ...

    def url(self, name: str, values: Mapping[str, object]) -> str:
        """Address of a route."""
        ...


@dataclass(frozen=True, slots=True)
class ConsoleParts:
    """What the console is joined from.

    Attributes:
        records: cases, users and all else.
        users: adds and changes users.
        sign_in: signing in and out.
        reviews: locks, decisions, proposals, holds, notes.
        views: looking.
        reports: reports to authorities.
        retention: until when what is kept.
        transparency: figures that may be published.
        custodian: opens evidence.
        lists: the lists there are.
        service_names: ids and names of the services.
        verify_audit: verifies the audit log (`custodian.verifying.audit_report`).
        templates: makes pages.
        clock: the present moment.
        options, review: settings.
        secure: whether the console is reached by TLS (cookies are then `Secure`).
        demo: whether this is a demonstration, which every page says.
        surfaces: which lists are required where.
        health: how the processes and stores are (`health_lines.look`).
        is_genuine: whether a checkpoint of the audit log has a right signature
            (`custodian.verifying.checkpoint_verifier`).
        client_key: key of the digests that sessions are bound to.
        reporter, reporting, cybertip: who reports, to whom, and how.
    """

    records: Records
    users: UserService
    sign_in: SignIn
    reviews: ReviewService
    views: ViewService
    reports: ReportService
    retention: RetentionService
    transparency: TransparencyService
    custodian: Custodian
    lists: Callable[[], Sequence[ListInfo]]
    service_names: Callable[[], dict[ServiceId, str]]
    verify_audit: Callable[[], AuditReport]
    templates: Templates
    clock: Clock
    options: ConsoleOptions
    review: ReviewOptions
    secure: bool = False
    demo: bool = False
    surfaces: Surfaces = field(default_factory=lambda: Surfaces({}))
    health: Callable[[], Sequence[HealthLine]] = tuple
    is_genuine: Callable[[Checkpoint], bool] = lambda _: False
    client_key: bytes = field(default=b"", repr=False)
    reporter: ReporterOptions = field(default_factory=ReporterOptions)
    reporting: ReportingOptions = field(default_factory=ReportingOptions)
    cybertip: CybertipOptions = field(default_factory=CybertipOptions)
