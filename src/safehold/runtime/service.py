"""The parts of the screening service: what `serve`, `work` and their commands are joined from."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from safehold import __version__
from safehold.accounts.model import UnknownServiceError
from safehold.cases.commit import GroupCommit
from safehold.cases.names import KeyedNames
from safehold.cases.receipt import ReceiptSealer
from safehold.cases.service import CaseService
from safehold.errors import UsageError
from safehold.ids import IdMaker, ServiceId
from safehold.intake.parts import IntakeParts
from safehold.intake.receipts import Receipts
from safehold.intake.recorder import Recorder
from safehold.intake.statements import Statements
from safehold.outbox.alarms import messages_for_alarm
from safehold.outbox.model import Alarm, Message
from safehold.outbox.webhooks import ReceiptMessages, SecretSealer, WebhookService
from safehold.policy.surfaces import Surfaces
from safehold.runtime.core import Runtime
from safehold.runtime.home import HomeError
from safehold.runtime.room import Room
from safehold.vault.officers import OfficersFile
from safehold.vault.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safehold.accounts.authenticator import Authenticator
    from safehold.accounts.service import AccountService
    from safehold.cases.review.parts import ReviewParts
    from safehold.cases.review.service import ReviewService
    from safehold.cases.review.views import ViewService
    from safehold.ledger.service import LedgerService
    from safehold.reporting.service import ReportService
    from safehold.retention.options import RetentionOptions
    from safehold.retention.service import RetentionService
    from safehold.retro.keeping import Keeper
    from safehold.storage.records import SqlRecords
    from safehold.transparency.service import TransparencyService
    from safehold.users.service import UserService
    from safehold.users.sign_in import SignIn
    from safehold.vault.interface import KeyStore


class NotReadyHomeError(HomeError, UsageError):
    """The home was not made ready for the service."""

    code = "not_initialised"
    default_message = "This home is not set up for the service yet."
    default_hint = "Run: safehold init --officer-key FILE"


class ServiceRuntime(Runtime):
    """All parts of the service in one home, made on demand in the thread that owns it."""

    @functools.cached_property
    def records(self) -> SqlRecords:
        """Cases and all else that is kept in the database."""
        from safehold.storage.records import SqlRecords

        return SqlRecords(self.engine)

    @functools.cached_property
    def ids(self) -> IdMaker:
        """Makes ids."""
        return IdMaker(self.clock)

    @functools.cached_property
    def names(self) -> KeyedNames:
        """Keyed names."""
        return KeyedNames(self.digest_key)

    @functools.cached_property
    def officers(self) -> OfficersFile:
        """The officers' public halves."""
        return OfficersFile(Path(self.settings.vault.officers or self.home.officers))

    def require_init(self) -> None:
        """Raise `NotReadyHomeError` where `safehold init` was not run."""
        if not self.home.digest_key.exists() or not self.officers.read():
            raise NotReadyHomeError

    @functools.cached_property
    def objects(self) -> KeyStore:
        """Where evidence is kept."""
        return self._blobs(self.settings.vault.objects or str(self.home.vault))

    @functools.cached_property
    def keys(self) -> KeyStore:
        """Where wrapped keys are kept."""
        return self._blobs(self.settings.vault.keys or str(self.home.keys))

    def _blobs(self, location: str) -> KeyStore:
        from safehold.vault.factory import open_blobs

        places = self.settings.vault
        if not location.startswith("s3://"):
            self.home.prepare()
            return open_blobs(location, self.clock)
        from safehold.vault.s3 import S3Options

        options = S3Options(
            endpoint=places.s3_endpoint,
            region=places.s3_region,
            access_key_id=places.s3_access_key,
            secret_access_key=places.s3_secret_key,
            allow_http=places.s3_allow_http,
        )
        return open_blobs(location, self.clock, options)

    @functools.cached_property
    def vault(self) -> Vault:
        """Evidence and wrapped keys."""
        return Vault(self.objects, self.keys)

    @functools.cached_property
    def room(self) -> Callable[[], int | None]:
        """Free bytes where evidence is kept; None where the store does not say."""
        location = self.settings.vault.objects or str(self.home.vault)
        return (lambda: None) if location.startswith("s3://") else Room(Path(location))

    @functools.cached_property
    def secret_sealer(self) -> SecretSealer:
        """Seals the secrets of webhooks."""
        return SecretSealer(self.digest_key.derive("safehold webhook secret"))

    @functools.cached_property
    def webhooks(self) -> WebhookService:
        """Adds and removes webhooks."""
        return WebhookService(
            self.records, self.clock, self.ids, self.secret_sealer, self.settings.outbound
        )

    @functools.cached_property
    def accounts(self) -> AccountService:
        """Services and their keys."""
        from safehold.accounts.service import AccountService

        return AccountService(self.records, self.clock, self.ids)

    def service_id(self, name: str) -> ServiceId:
        """The id of the service of that name. Raises `UnknownServiceError`."""
        with self.records.read() as transaction:
            service = transaction.accounts.service_named(name)
        if service is None:
            raise UnknownServiceError
        return service.service_id

    @functools.cached_property
    def authenticator(self) -> Authenticator:
        """Tells who asks."""
        from safehold.accounts.authenticator import Authenticator

        return Authenticator(self.records, self.clock)

    @functools.cached_property
    def users(self) -> UserService:
        """People of the console."""
        from safehold.users.service import UserService

        return UserService(self.records, self.ids, self.clock, self.settings.console)

    @functools.cached_property
    def sign_in(self) -> SignIn:
        """Signing in, at the address that the settings name."""
        return self.sign_in_at(self.settings.console.origin)

    def sign_in_at(self, origin: str) -> SignIn:
        """Signing in at an address; passkeys and the identity provider are bound to it."""
        from safehold.users.keys import SignInKeys
        from safehold.users.passwords import Passwords
        from safehold.users.sign_in import SignIn, SignInParts

        return SignIn(
            SignInParts(
                records=self.records,
                clock=self.clock,
                options=dataclasses.replace(self.settings.console, origin=origin),
                keys=SignInKeys.of(self.digest_key),
                passwords=Passwords(),
                outbound=self.settings.outbound,
            )
        )

    @functools.cached_property
    def log_id(self) -> bytes:
        """4 bytes that tell this home's audit log from others."""
        return self.digest_key.derive("safehold audit log")[:4]

    @functools.cached_property
    def surfaces(self) -> Surfaces:
        """All surfaces."""
        return Surfaces(self.settings.surfaces)

    @functools.cached_property
    def receipt_messages(self) -> ReceiptMessages:
        """Makes the messages of webhooks."""
        return ReceiptMessages(self.ids)

    def alarm_messages(self, alarm: Alarm) -> Sequence[Message]:
        """The messages of an alarm."""
        return messages_for_alarm(alarm, self.settings.alarms, self.ids, self.clock.now())

    def raise_alarm(self, alarm: Alarm) -> None:
        """Write an alarm to the outbox."""
        with self.records.write() as transaction:
            transaction.outbox.add(self.alarm_messages(alarm))

    @functools.cached_property
    def commit(self) -> GroupCommit:
        """Writes of many threads in one transaction."""
        made = GroupCommit(self.records)
        self._stack.callback(made.close)
        return made

    @functools.cached_property
    def intake(self) -> IntakeParts:
        """What recording is joined from."""
        return IntakeParts(
            records=self.records,
            commit=self.commit,
            vault=self.vault,
            officers=self.officers.recipients,
            names=self.names,
            receipts=ReceiptSealer(self.digest_key),
            ids=self.ids,
            clock=self.clock,
            alarms=self.alarm_messages,
            receipt_messages=self.receipt_messages,
            room=self.room,
            software=__version__,
            options=self.settings.intake,
            list_key=self.digest_key if self.settings.review.local_list else None,
        )

    @functools.cached_property
    def recorder(self) -> Recorder:
        """Answers items and records them."""
        return Recorder(self.intake)

    @functools.cached_property
    def keeper(self) -> Keeper:
        """Keeps digests of what is allowed."""
        from safehold.retro.keeping import Keeper
        from safehold.retro.sealing import KeptSealer

        key = self.digest_key
        made = Keeper(self.records, KeptSealer(key), key, self.ids, self.settings.retro)
        self._stack.callback(made.close)
        return made

    @functools.cached_property
    def receipts(self) -> Receipts:
        """Reads receipts."""
        return Receipts(self.intake)

    @functools.cached_property
    def statements(self) -> Statements:
        """Records flags and appeals."""
        return Statements(self.intake)

    @functools.cached_property
    def cases(self) -> CaseService:
        """Decisions and deadlines."""
        return CaseService(self.records, self.vault, self.receipt_messages, self.ids, self.clock)

    @functools.cached_property
    def review_parts(self) -> ReviewParts:
        """What people's work on cases is joined from."""
        from safehold.cases.review.parts import ReviewParts
        from safehold.reporting.reported import is_reported
        from safehold.retention.keeping import Keeping

        return ReviewParts(
            records=self.records,
            vault=self.vault,
            officers=self.officers.recipients,
            receipt_messages=self.receipt_messages,
            ids=self.ids,
            clock=self.clock,
            options=self.settings.review,
            names=self.names,
            reported=is_reported,
            keeps=Keeping(self.retention_options, self.clock),
            key_backups=self._key_backups,
        )

    @property
    def _key_backups(self) -> dt.timedelta:
        return dt.timedelta(days=self.settings.retention.key_backup_days)

    @property
    def retention_options(self) -> RetentionOptions:
        """How long what is kept, as the law lets it be set."""
        from safehold.retention.options import lawful

        return lawful(self.settings.retention, self.settings.reporter.country)

    @functools.cached_property
    def retention(self) -> RetentionService:
        """Clocks of evidence, and destroying what is over."""
        from safehold.cases.destroying import Destroyer, DestroyerParts
        from safehold.retention.parts import RetentionParts
        from safehold.retention.service import RetentionService

        destroyer = Destroyer(
            DestroyerParts(
                records=self.records,
                vault=self.vault,
                names=self.names,
                ids=self.ids,
                clock=self.clock,
                officers=self.officers.recipients,
                key_backups=self._key_backups,
            )
        )
        parts = RetentionParts(self.records, destroyer, self.clock, self.retention_options)
        return RetentionService(parts)

    @functools.cached_property
    def reports(self) -> ReportService:
        """Reports to authorities."""
        from safehold.reporting.parts import ReportParts
        from safehold.reporting.service import ReportService

        return ReportService(
            ReportParts(
                records=self.records,
                vault=self.vault,
                ids=self.ids,
                clock=self.clock,
                options=self.settings.reporting,
                cybertip=self.settings.cybertip,
            )
        )

    @functools.cached_property
    def reviews(self) -> ReviewService:
        """Locks, decisions, proposals, groups and holds."""
        from safehold.cases.review.service import ReviewService

        return ReviewService(self.review_parts)

    @functools.cached_property
    def views(self) -> ViewService:
        """Looking at evidence."""
        from safehold.cases.review.views import ViewService

        return ViewService(self.review_parts)

    @functools.cached_property
    def transparency(self) -> TransparencyService:
        """Figures that may be published."""
        from safehold.transparency.service import TransparencyService

        return TransparencyService(self.records, self.settings.transparency)

    @functools.cached_property
    def ledger(self) -> LedgerService:
        """What was generated here."""
        from safehold.runtime.ledger import make_ledger

        return make_ledger(self)
