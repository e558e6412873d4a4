"""A restore drill: what a backup is worth that was put back.

What is looked at is a restored home in a folder of its own: no setting, no environment and no
other home is asked, so nothing of the house in use is touched. Objects are decrypted to nowhere,
and only where officers' identities are given. What is wrong has a code:

    database_altered                      it is not the one that was written
    database_damaged, database_version    it does not open, or is not at its migration
    audit_KIND, checkpoint_public_key     the log or a signature is wrong (`audit.verify`)
    missing, size_differs, altered, unreadable, key_missing    as `vault.verify` has them
    key_unopened, object_unopened, content_differs, checkpoint_key    an identity opens it not,
                                          or to something of another size
    keys_expired                          the backup of the keys is older than it may be
    destroyed_key                         it has a key that a record of destruction says is gone
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from safehold.audit.note import CheckpointVerifier, NoteError, NoteKey
from safehold.audit.verify import verify
from safehold.clock import FixedClock
from safehold.custodian.opening import CaseOpener
from safehold.custodian.signing import PUBLIC_FILE, CheckpointSigner, last_signed
from safehold.errors import SafeholdError
from safehold.runtime.home import Home
from safehold.storage.backup.files import sha256_of
from safehold.storage.backup.making import Sealed, key_names, sealed_items
from safehold.storage.backup.manifests import KeyManifest, Manifest
from safehold.storage.engine import DatabaseError, sqlite_engine
from safehold.storage.migrate import current_version, migrate
from safehold.storage.records import SqlRecords, SqlTransaction
from safehold.vault.local import LocalBlobs
from safehold.vault.sealing import Identity
from safehold.vault.verify import FindingKind, Verifier

if TYPE_CHECKING:
    import sqlalchemy as sa

_LOG_PURPOSE = "safehold audit log"
"""What the id of a home's log is derived for (`runtime.service.ServiceRuntime.log_id`)."""

_ORPHANS = (FindingKind.ORPHAN, FindingKind.KEY_ORPHAN)
_DESTRUCTIONS = 1_000_000


@dataclass(frozen=True, slots=True)
class Restored:
    """A backup that was put back.

    Attributes:
        home: the restored home.
        manifest: of the first half.
        keys: of the second.
    """

    home: Home
    manifest: Manifest
    keys: KeyManifest


@dataclass(frozen=True, slots=True)
class DrillOptions:
    """How to look.

    Attributes:
        identities: of officers; without any nothing is opened.
        key_life: for how long a backup of the keys may be kept.
        sample: so many objects are decrypted, spread evenly; 0 for all.
    """

    identities: Sequence[Identity] = field(default=(), repr=False)
    key_life: dt.timedelta = dt.timedelta(days=14)
    sample: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong.

    Attributes:
        code: see the module.
        subject: id of the evidence, the document or the destruction, name of the key, or number
            of the event.
    """

    code: str
    subject: str = ""


@dataclass
class Drilled:
    """What a drill saw: how much of what, and what is wrong."""

    events: int = 0
    checkpoints: int = 0
    objects: int = 0
    keys: int = 0
    opened: int = 0
    findings: list[Finding] = field(default_factory=list)

    def found(self, code: str, subject: object = "") -> None:
        """Note what is wrong."""
        self.findings.append(Finding(code, str(subject)))


class Drill:
    """Looks at a restored home.

    Args:
        restored: what was put back.
        options: how.
        now: the present moment.
        progress: called for each object that is read or opened.
    """

    def __init__(
        self,
        restored: Restored,
        options: DrillOptions,
        now: dt.datetime,
        progress: Callable[[], None] = lambda: None,
    ) -> None:
        self._restored = restored
        self._options = options
        self._now = now
        self._progress = progress
        self._objects = LocalBlobs(restored.home.vault)
        self._keys = LocalBlobs(restored.home.keys)
        self._seen = Drilled()

    def run(self) -> Drilled:
        """All that there is to see. Raises `VaultError` where a folder cannot be read at all."""
        self._age()
        try:
            if sha256_of(self._restored.home.database) != self._restored.manifest.database_sha256:
                self._seen.found("database_altered")
            engine = sqlite_engine(self._restored.home.database)
        except (DatabaseError, OSError):
            self._seen.found("database_damaged")
            return self._seen
        try:
            if self._database(engine):
                with SqlRecords(engine).read() as transaction:
                    self._log(transaction)
                    self._stores(transaction)
                    self._destroyed(transaction)
                    if self._options.identities:
                        self._open(transaction)
        except DatabaseError:
            self._seen.found("database_damaged")
        finally:
            engine.dispose()
        return self._seen

    def _age(self) -> None:
        keys = self._restored.keys
        until = dt.datetime.fromisoformat(keys.made) + self._options.key_life
        if self._now >= min(until, dt.datetime.fromisoformat(keys.expires)):
            self._seen.found("keys_expired", keys.backup)

    def _database(self, engine: sa.Engine) -> bool:
        """Whether the database is sound; it is brought to this release's migration."""
        with engine.connect() as connection:
            told = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        if told != ["ok"]:
            self._seen.found("database_damaged")
            return False
        if current_version(engine) != self._restored.manifest.migration:
            self._seen.found("database_version")
        try:
            migrate(engine)
        except DatabaseError:
            self._seen.found("database_version")
            return False
        return True

    def _log(self, transaction: SqlTransaction) -> None:
        home = self._restored.home
        try:
            log_id = home.load_digest_key().derive(_LOG_PURPOSE)[:4]
            lines = (home.custodian / PUBLIC_FILE).read_text("ascii").splitlines()
            public = [NoteKey.parse(line) for line in lines if line.strip()]
            remembered = last_signed(home.custodian, log_id)
        except (SafeholdError, OSError, UnicodeDecodeError, NoteError):
            self._seen.found("checkpoint_public_key")
            return
        audit = transaction.audit
        genuine = CheckpointVerifier(log_id, public)
        told = verify(audit.events(), audit.head(), audit.checkpoints(), genuine, remembered)
        self._seen.events, self._seen.checkpoints = told.events, told.checkpoints
        for problem in told.problems:
            self._seen.found(f"audit_{problem.kind.value}", problem.seq)

    def _stores(self, transaction: SqlTransaction) -> None:
        """Whether all that the records name is there, whole and as it was stored."""
        excused = {*self._restored.manifest.gone, *self._restored.keys.gone}
        verifier = Verifier(self._objects, self._keys, FixedClock(self._now))
        items = self._watched(sealed_items(transaction))
        for found in verifier.run(items, key_names(transaction)):
            # A key that no record names may lie in an older half; `_destroyed` judges those.
            if found.kind not in _ORPHANS and found.name not in excused:
                self._seen.found(found.kind.value, found.evidence_id or found.name)
        self._seen.objects, self._seen.keys = verifier.objects_read, verifier.keys_seen

    def _watched(self, items: Iterable[Sealed]) -> Iterator[Sealed]:
        for item in items:
            self._progress()
            yield item

    def _destroyed(self, transaction: SqlTransaction) -> None:
        """Whether keys are gone of which records of destruction say so."""
        there = set(self._keys.names())
        for one in transaction.destructions.newest(_DESTRUCTIONS):
            over = one.copies_until is not None and one.copies_until <= self._now
            if over and one.key_name in there:
                self._seen.found("destroyed_key", one.destruction_id)

    def _open(self, transaction: SqlTransaction) -> None:
        """Whether the identities open each key and, to nowhere, the objects."""
        identities = self._options.identities
        opener = CaseOpener(identities, self._objects, self._keys)
        try:
            CheckpointSigner(self._restored.home.custodian, identities)
        except SafeholdError:
            self._seen.found("checkpoint_key")
        there, opened = set(self._keys.names()), set()
        for name in key_names(transaction):
            if name in there:
                try:
                    opener.identity(name)
                    opened.add(name)
                except SafeholdError:
                    self._seen.found("key_unopened", name)
        present = set(self._objects.names())
        items = [i for i in sealed_items(transaction) if i.object_name in present]
        for item in _sample([i for i in items if i.key_name in opened], self._options.sample):
            self._progress()
            counted = _Counted()
            try:
                opener.stream(item.key_name, item.object_name, counted)
            except SafeholdError:
                self._seen.found("object_unopened", item.item_id)
                continue
            if counted.size != item.size:
                self._seen.found("content_differs", item.item_id)
            self._seen.opened += 1


def _sample(items: Sequence[Sealed], number: int) -> Sequence[Sealed]:
    """So many of them, spread evenly; all of them for 0."""
    if not number or number >= len(items):
        return items
    return [items[place * len(items) // number] for place in range(number)]


class _Counted:
    """Takes plaintext, and keeps its length alone."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, content: bytes, /) -> int:
        self.size += len(content)
        return len(content)

    def flush(self) -> None:
        pass
