"""The jobs beside canaries, on stores in memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safehold.accounts.model import RememberedAnswer, Usage
from safehold.audit.model import Checkpoint, EventDraft
from safehold.audit.note import CheckpointVerifier, NoteKey
from safehold.cases.model import Case, CaseState, Evidence, Queue
from safehold.clock import FixedClock
from safehold.custodian.interface import CheckpointRefusedError, CustodianAwayError
from safehold.fleet.model import CanaryResult, Server
from safehold.ids import (
    CaseId,
    EvidenceId,
    IdMaker,
    ListName,
    MessageId,
    ServerId,
    ServiceId,
    UserId,
)
from safehold.intake.model import IntakeOptions
from safehold.lists.model import ListInfo, Tier
from safehold.outbox.alarms import AlarmOptions, messages_for_alarm
from safehold.outbox.delivery import Delivered
from safehold.outbox.model import Alarm, AlarmCode, Channel, Message
from safehold.policy.model import Verdict
from safehold.policy.surfaces import SurfaceOptions, Surfaces
from safehold.storage.engine import DatabaseError
from safehold.testing.records import MemoryRecords
from safehold.users.model import Session, Stage, User
from safehold.users.roles import Role
from safehold.work.alarms import Alarms
from safehold.work.jobs.checkpoint import LogIdentity, SignCheckpoint
from safehold.work.jobs.deadlines import Deadlines
from safehold.work.jobs.deliver import Deliver
from safehold.work.jobs.forget import Forget, Keeping
from safehold.work.jobs.review import Review
from safehold.work.jobs.watch import Watch, Watched, list_faults
from safehold.work.schedule import Timing

AT = dt.datetime(2026, 5, 6, 12, tzinfo=dt.UTC)
EVERY = Timing(60.0)
LOG_ID = b"\x01\x02\x03\x04"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = NoteKey("safehold.example/audit", PRIVATE.public_key().public_bytes_raw())


def go_on() -> bool:
    return False


class Site:
    """Stores in memory, and the alarms that were written."""

    def __init__(self) -> None:
        self.records = MemoryRecords()
        self.clock = FixedClock(AT)
        self.raised: list[tuple[str, str]] = []
        ids = IdMaker(self.clock)
        options = AlarmOptions(webhook_url="https://alarms.example/hook")

        def messages(alarm: Alarm) -> Sequence[Message]:
            self.raised.append((alarm.code, alarm.subject))
            return messages_for_alarm(alarm, options, ids, self.clock.now())

        self.alarms = Alarms(self.records, messages, self.clock)

    def waiting(self) -> int:
        with self.records.read() as transaction:
            return len(transaction.outbox.claim(AT + dt.timedelta(days=9), AT, 100))

    def append(self, *kinds: str) -> None:
        with self.records.write() as transaction:
            drafts = [EventDraft(kind, self.clock.now(), "system") for kind in kinds]
            transaction.audit.append(drafts)

    def checkpoints(self) -> list[Checkpoint]:
        with self.records.read() as transaction:
            return [*transaction.audit.checkpoints()]


@pytest.fixture
def site() -> Site:
    return Site()


# Deliver, deadlines


@dataclass
class Batches:
    """A delivery with so many results."""

    results: list[Delivered]
    calls: int = 0

    def run_once(self) -> Delivered:
        self.calls += 1
        return self.results.pop(0) if self.results else Delivered()


def test_delivery_goes_on_while_messages_arrive() -> None:
    batches = Batches([Delivered(100, 90, 10), Delivered(100, 100), Delivered(3, 0, 2, 1)])
    outcome = Deliver(batches, EVERY).run(go_on)
    assert batches.calls == 3, "the last had no arrival: its receivers rest"
    assert outcome.code == "ok"
    assert outcome.counts == {"claimed": 203, "sent": 190, "failed": 12, "dead": 1, "left": 0}


def test_delivery_stops_between_batches() -> None:
    batches = Batches([Delivered(1, 1)] * 5)
    Deliver(batches, EVERY).run(lambda: True)
    assert batches.calls == 1


def test_deadlines_tell_how_many_expired() -> None:
    class Cases:
        def expire_due(self) -> int:
            return 7

    assert Deadlines(Cases(), EVERY).run(go_on).counts == {"expired": 7}


def test_review_tells_how_much_was_over() -> None:
    class Over:
        def expire_due(self) -> int:
            return 2

        def end_stale(self) -> int:
            return 5

    assert Review(Over(), Over(), EVERY).run(go_on).counts == {"views": 5, "proposals": 2}


# Forget


def message(number: int, created: dt.datetime) -> Message:
    return Message(
        message_id=MessageId(f"m{number}"),
        channel=Channel.ALARM_WEBHOOK,
        service_id="",
        destination="",
        body=b"{}",
        created=created,
        next_attempt=created,
    )


def session(number: int, begun: dt.datetime, expires: dt.datetime) -> Session:
    token = number.to_bytes(32, "big")
    return Session(token, UserId("u"), Stage.FULL, begun, begun, expires, bytes(16))


def test_what_is_old_is_forgotten_in_batches_and_what_is_young_stays(site: Site) -> None:
    service = ServiceId("s")
    old, young = AT - dt.timedelta(days=5), AT - dt.timedelta(hours=1)
    minute = int(AT.timestamp() // 60)
    with site.records.write() as transaction:
        for number in range(25):
            key = number.to_bytes(16, "big")
            answer = RememberedAnswer(bytes(16), 200, b"{}", old if number < 23 else young)
            transaction.accounts.remember(service, key, answer)
            transaction.outbox.add([message(number, old if number < 21 else young)])
            if number != 5:  # one that was not sent yet stays, however old
                transaction.outbox.sent(MessageId(f"m{number}"), old)
        for window in (minute - 500, minute - 61, minute - 60, minute):
            transaction.accounts.add_usage("x", [Usage(bytes(16), window, 1)])
        for name, seen in (("gone", old), ("there", young)):
            server = Server(ServerId(name), "http://127.0.0.1:1", "1", old, seen)
            transaction.fleet.seen(server)
            transaction.fleet.add_canary(CanaryResult(ServerId(name), seen, "ok", 1.0))
        roles = frozenset({Role.REVIEWER})
        transaction.users.add(User(UserId("u"), "alex", roles, old))
        for number in range(8):
            # The last one goes on.
            ends = AT if number == 7 else AT - dt.timedelta(seconds=1)
            transaction.users.add_session(session(number, old, ends))
        for number in range(7):
            failed = AT - dt.timedelta(days=2, seconds=1 if number else -1)
            transaction.users.add_failure(bytes(16), failed)
    day, hour = dt.timedelta(days=1), dt.timedelta(hours=1)
    keeping = Keeping(answers=day, messages=day, usage=hour, servers=day, rows=5)
    job = Forget(site.records, site.clock, keeping, EVERY)
    outcome = job.run(go_on)
    assert outcome.counts == {
        "answers": 23,
        "messages": 20,
        "sessions": 7,
        "failures": 6,
        "ledger": 0,
    }
    with site.records.read() as transaction:
        windows = {u.window for u in transaction.accounts.usage_of_others("y", 0)}
        assert windows == {minute - 60, minute}
        assert [s.server_id for s in transaction.fleet.servers(old)] == ["there"]
        assert transaction.fleet.canary(ServerId("gone")) is None
        assert transaction.fleet.canary(ServerId("there")) is not None
        kept = [transaction.accounts.remembered(service, bytes([0] * 15 + [n])) for n in (23, 24)]
        assert None not in kept
        assert len(transaction.users.sessions(UserId("u"))) == 1
        assert transaction.users.failures(bytes(16), AT - 5 * day) == 1
    assert set(job.run(go_on).counts.values()) == {0}


def test_forgetting_stops_between_batches(site: Site) -> None:
    with site.records.write() as transaction:
        for number in range(20):
            answer = RememberedAnswer(bytes(16), 200, b"{}", AT - dt.timedelta(days=5))
            transaction.accounts.remember(ServiceId("s"), bytes([number] * 16), answer)
    day = dt.timedelta(days=1)
    job = Forget(site.records, site.clock, Keeping(day, day, day, day, rows=5), EVERY)
    counts = job.run(lambda: True).counts
    assert counts == {"answers": 5, "messages": 0, "sessions": 0, "failures": 0, "ledger": 0}


# Checkpoints


@dataclass
class Signer:
    """A custodian that signs; `error` is raised by every call."""

    error: Exception | None = None
    key: Ed25519PrivateKey = PRIVATE
    texts: list[bytes] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    def public_key(self) -> NoteKey:
        if isinstance(self.error, CustodianAwayError | OSError):
            raise self.error
        return KEY

    def sign(self, text: bytes) -> bytes:
        self.before()
        if self.error is not None:
            raise self.error
        self.texts.append(text)
        return self.key.sign(text)


def signing(site: Site, signer: Signer) -> SignCheckpoint:
    return SignCheckpoint(site.records, signer, LogIdentity(LOG_ID), site.clock, site.alarms, EVERY)


def test_the_head_is_signed_once(site: Site) -> None:
    signer = Signer()
    job = signing(site, signer)
    assert job.run(go_on).counts == {}, "an empty log is not signed"
    site.append("a", "b")
    assert job.run(go_on).counts == {"signed": 1}
    assert job.run(go_on).counts == {}
    # Another process finds it too.
    assert signing(site, signer).run(go_on).counts == {}
    site.append("c")
    assert job.run(go_on).counts == {"signed": 1}
    made = site.checkpoints()
    assert [c.seq for c in made] == [2, 3]
    genuine = CheckpointVerifier(LOG_ID, [KEY])
    assert all(genuine(checkpoint) for checkpoint in made)
    assert site.raised == []


def test_a_custodian_that_is_away_is_told_once(site: Site) -> None:
    site.append("a")
    job = signing(site, Signer(CustodianAwayError()))
    assert [job.run(go_on).code for _ in range(3)] == ["custodian_away"] * 3
    assert set(site.raised) == {(AlarmCode.CUSTODIAN_DOWN, "")}
    assert site.waiting() == 1
    assert signing(site, Signer(ConnectionRefusedError())).run(go_on).code == "custodian_away"
    assert site.checkpoints() == []


def test_a_signature_of_another_key_is_not_kept(site: Site) -> None:
    site.append("a")
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    assert signing(site, Signer(key=other)).run(go_on).code == "custodian"
    assert site.checkpoints() == []
    assert site.raised == [(AlarmCode.CUSTODIAN_DOWN, "")]


def altered(site: Site, change: Callable[[list], None]) -> None:  # type: ignore[type-arg]
    """Change stored events as one who can write to the database."""
    with site.records.write() as transaction:
        change(transaction.audit._events)


@pytest.mark.parametrize("what", ["data", "gone", "order", "number", "hash", "cut"])
def test_a_log_that_was_altered_since_is_not_signed_and_alarmed(site: Site, what: str) -> None:
    signer = Signer()
    job = signing(site, signer)
    site.append("a", "b")
    assert job.run(go_on).counts == {"signed": 1}
    site.append("c", "d", "e")

    def change(events: list) -> None:  # type: ignore[type-arg]
        if what == "data":
            events[3] = replace(events[3], draft=replace(events[3].draft, kind="x"))
        elif what == "gone":
            del events[3]
        elif what == "order":
            events[2], events[3] = events[3], events[2]
        elif what == "number":
            events[3] = replace(events[3], seq=9)
        elif what == "hash":
            events[4] = replace(events[4], hash=bytes(32))
        else:
            del events[1:]

    altered(site, change)
    assert job.run(go_on).code == "audit_chain"
    assert site.raised == [(AlarmCode.AUDIT_BROKEN, "")]
    assert len(signer.texts) == len(site.checkpoints()) == 1


def test_a_forged_checkpoint_is_not_built_upon(site: Site) -> None:
    site.append("a", "b", "c")
    with site.records.write() as transaction:
        seq, digest = transaction.audit.head()
        transaction.audit.add_checkpoint(Checkpoint(seq, digest, AT, "no note"))
        transaction.audit._events[0] = replace(
            transaction.audit._events[0], draft=EventDraft("x", AT, "system")
        )
    assert signing(site, Signer()).run(go_on).code == "audit_chain"


def test_a_forged_checkpoint_does_not_keep_a_genuine_one_out(site: Site) -> None:
    site.append("a")
    with site.records.write() as transaction:
        transaction.audit.add_checkpoint(Checkpoint(*transaction.audit.head(), AT, "no note"))
    assert signing(site, Signer()).run(go_on).counts == {"signed": 1}
    assert len(site.checkpoints()) == 2


def test_a_refusal_is_alarmed_when_it_lasts(site: Site) -> None:
    site.append("a")
    job = signing(site, Signer(CheckpointRefusedError()))
    assert job.run(go_on).code == "custodian_checkpoint"
    assert site.raised == [], "another process may have been faster just now"
    assert job.run(go_on).code == "custodian_checkpoint"
    assert site.raised == [(AlarmCode.AUDIT_BROKEN, "")]


def test_a_refusal_since_another_process_was_faster_is_none(site: Site) -> None:
    site.append("a")
    signer = Signer(CheckpointRefusedError())

    def faster() -> None:
        signer.before = lambda: None
        site.append("b")
        assert signing(site, Signer()).run(go_on).counts == {"signed": 1}

    signer.before = faster
    job = signing(site, signer)
    assert (job.run(go_on).code, site.raised) == ("ok", [])
    assert [c.seq for c in site.checkpoints()] == [2]


# Watch


def info(name: str, age_hours: float) -> ListInfo:
    updated = AT - dt.timedelta(hours=age_hours)
    return ListInfo(ListName(name), Tier.CONFIRMED, "file", updated, updated, 1, {}, 1, 0)


SURFACES = {
    "public": SurfaceOptions(required_lists=("good", "old", "none"), max_list_age_hours=24),
    "storage": SurfaceOptions(required_lists=("old", "none", "older")),
    "generation": SurfaceOptions(enabled=False, required_lists=("unasked",)),
}


def test_list_faults_name_each_list_once() -> None:
    lists = [info("good", 23), info("old", 25), info("older", 9999), info("other", 9999)]
    assert list_faults(SURFACES.values(), lists, AT) == [
        (AlarmCode.LIST_MISSING, "none"),
        (AlarmCode.LIST_STALE, "old"),
    ]


def test_a_fresh_home_alarms_of_nothing() -> None:
    assert list_faults(Surfaces({}).all().values(), [], AT) == []


@dataclass
class Shown:
    """Lists, or an error."""

    lists: list[ListInfo] = field(default_factory=list)
    error: Exception | None = None

    def show(self) -> list[ListInfo]:
        if self.error is not None:
            raise self.error
        return self.lists


def watching(site: Site, **changed: object) -> Watch:
    watched = Watched(
        lists=Shown(),
        surfaces=Surfaces({}),
        room=lambda: None,
        records=site.records,
        custodian=lambda: None,
        bounds=IntakeOptions(min_free_bytes=100, fault_cases=2, fault_bytes=1000),
    )
    return Watch(replace(watched, **changed), site.clock, site.alarms, EVERY)  # type: ignore[arg-type]


def add_fault(site: Site, number: int, sealed_size: int) -> None:
    case_id = CaseId(f"c{number}")
    with site.records.write() as transaction:
        case = Case(
            case_id=case_id,
            service_id=ServiceId("s"),
            content=bytes([number] * 16),
            state=CaseState.OPEN,
            queue=Queue.FAULTS,
            verdict=Verdict.HOLD,
            surface="public",
            opened=AT,
            updated=AT,
            recipient="age1",
            key_name="k",
        )
        transaction.cases.add(case)
        evidence = Evidence(
            EvidenceId(f"e{number}"), case_id, f"o{number}", 1, sealed_size, bytes(32), b"", AT
        )
        transaction.cases.add_evidence(evidence)


def test_all_well(site: Site) -> None:
    add_fault(site, 1, 999)
    assert watching(site, room=lambda: 100).run(go_on).counts == {"alarms": 0}
    assert site.raised == []


def test_each_thing_that_is_wrong_is_alarmed(site: Site) -> None:
    def away() -> None:
        raise CustodianAwayError

    add_fault(site, 1, 10)
    add_fault(site, 2, 10)
    shown = Shown([info("good", 1), info("old", 25), info("older", 1)])
    job = watching(site, lists=shown, surfaces=Surfaces(SURFACES), room=lambda: 99, custodian=away)
    outcome = job.run(go_on)
    assert (outcome.code, outcome.counts) == ("ok", {"alarms": 5})
    assert site.raised == [
        (AlarmCode.LIST_MISSING, "none"),
        (AlarmCode.LIST_STALE, "old"),
        (AlarmCode.DISK_FULL, ""),
        (AlarmCode.FAULT_SPACE_FULL, ""),
        (AlarmCode.CUSTODIAN_DOWN, ""),
    ]
    job.run(go_on)
    assert site.waiting() == 5, "the same alarm is not written again in its period"


def test_space_of_faults_is_counted_in_bytes_too(site: Site) -> None:
    add_fault(site, 1, 1000)
    watching(site).run(go_on)
    assert site.raised == [(AlarmCode.FAULT_SPACE_FULL, "")]


def test_what_cannot_be_looked_at_hides_nothing_else(site: Site) -> None:
    def broken() -> int:
        raise OSError

    job = watching(site, lists=Shown(error=DatabaseError()), room=broken)
    add_fault(site, 1, 1000)
    outcome = job.run(go_on)
    assert (outcome.code, outcome.counts) == ("database", {"alarms": 1})
    assert site.raised == [(AlarmCode.FAULT_SPACE_FULL, "")]


def test_without_a_way_for_alarms_nothing_is_written(site: Site) -> None:
    alarms = Alarms(site.records, lambda alarm: (), site.clock)
    site.records.broken = True
    alarms.write(AlarmCode.DISK_FULL)  # the database is not even asked
