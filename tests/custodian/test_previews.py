"""Previews: for open views alone, audited first, by workers that have no key, never on a disk."""

from __future__ import annotations

import datetime as dt
import fcntl
import io
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from safehold.audit.chain import link
from safehold.audit.model import GENESIS, EventDraft
from safehold.config.house import PreviewOptions
from safehold.custodian.client import CustodianClient
from safehold.custodian.interface import (
    Access,
    CustodianBusyError,
    CustodianError,
    NoViewError,
    PreviewError,
    PreviewWish,
    RequestError,
)
from safehold.custodian.local import LocalCustodian
from safehold.custodian.previews import Previews, new_pool
from safehold.custodian.server import ServeOptions
from safehold.ids import CaseId, EvidenceId, UserId, ViewId
from safehold.media.limits import MediaLimits
from safehold.media.model import Fault
from safehold.media.preview.jpeg import check_plain_jpeg
from safehold.media.sandbox.interface import DEFAULT_ENVIRONMENT, Outcome
from safehold.testing.custodian import FakeCustodian
from safehold.vault.interface import ObjectMissingError, VaultError
from safehold.vault.sealing import DamagedError, Identity, KeyMismatchError
from tests.custodian.conftest import KEY, NOW, OBJECT, Room
from tests.custodian.looking import (
    ACCESS,
    CASE,
    LIMITS,
    PICTURE,
    VIEW,
    WISH,
    Looking,
    looking,
    new_previews,
    view,
)
from tests.custodian.preview_jobs import PASSED_ON
from tests.custodian.serving import serving
from tests.media.preview_samples import ORIGINALS, PLANTED, seen, with_metadata


@pytest.fixture(scope="module")
def previews() -> Iterator[Previews]:
    """One worker for all tests of this module: it is kept warm."""
    made = new_previews()
    yield made
    made.close()


@pytest.fixture
def at(room: Room, previews: Previews) -> Looking:
    made = looking(room, previews)
    made.hold(ORIGINALS["jpeg"])
    return made


def test_a_preview(at: Looking) -> None:
    made, content = at.look()
    assert made.size == len(content)
    assert (made.stills, made.frames, made.whole) == (1, 1, True)
    assert seen(content).size == (200, 150)
    assert at.room.events == [
        EventDraft(
            "custodian.previewed",
            NOW,
            ACCESS.actor,
            subject=CASE,
            data={
                "key": KEY,
                "reason": f"view:{VIEW}",
                "object": PICTURE,
                "view": VIEW,
                "level": "grey",
                "still": 0,
            },
        )
    ]
    assert link(GENESIS, 1, at.room.events[0]).draft == at.room.events[0]


@pytest.mark.parametrize(
    "name",
    [
        *("jpeg", "cmyk jpeg", "progressive", "png with alpha", "palette", "sixteen bits"),
        *("gif", "webp", "tiff", "bmp", "avif", "tiny"),
    ],
)
def test_every_kind_of_picture_in_a_real_worker(at: Looking, name: str) -> None:
    """The locked worker may encode, and has the font and the decoders that it needs."""
    at.hold(ORIGINALS[name])
    for level in ("blurred", "grey", "colour"):
        at.books.say_shown(level)
        made, content = at.look(replace(WISH, level=level))
        assert made.whole
        assert seen(content).mode == ("RGB" if level == "colour" else "L")


@pytest.mark.parametrize("name", ["animated gif", "animated webp", "animated png"])
def test_stills(at: Looking, name: str) -> None:
    at.hold(ORIGINALS[name])
    shown = set()
    for still in range(5):
        at.books.say_shown(still=still)
        made, content = at.look(replace(WISH, still=still, stills=5))
        assert (made.stills, made.frames, made.whole) == (5, 5, True)
        shown.add(content)
    assert len(shown) == 5
    made, _ = at.look(replace(WISH, stills=3))
    assert (made.stills, made.frames, made.whole) == (3, 5, False)
    at.books.say_shown(still=5)
    with pytest.raises(PreviewError, match="no such still"):
        at.look(replace(WISH, still=5, stills=5))


@pytest.mark.parametrize("plugin", ["JPEG", "PNG", "WEBP"])
def test_nothing_of_the_originals_bytes(at: Looking, plugin: str) -> None:
    original = with_metadata(plugin)
    at.hold(original)
    _, content = at.look(replace(WISH, side=1600))
    assert PLANTED not in content
    check_plain_jpeg(content, 1600)
    runs = {original[place : place + 24] for place in range(len(original) - 24)}
    assert not any(content[place : place + 24] in runs for place in range(700, len(content) - 24))


# Who may look


def _refused(at: Looking, wish: PreviewWish = WISH, access: Access = ACCESS) -> None:
    output = io.BytesIO()
    with pytest.raises(NoViewError):
        at.custodian.preview(access, PICTURE, wish, output)
    assert output.getvalue() == b""
    assert at.room.events == []


def test_no_view(at: Looking) -> None:
    at.books.reviews.by_id.clear()
    _refused(at)


@pytest.mark.parametrize(
    "changes",
    [
        {"ended": NOW - dt.timedelta(seconds=1)},
        {"until": NOW},
        {"until": NOW - dt.timedelta(hours=1)},
        {"user_id": UserId("bela1")},
        {"case_id": CaseId("case2")},
        {"evidence_id": EvidenceId("evidence2")},
        {"view_id": ViewId("view2")},
        {"opened": NOW + dt.timedelta(seconds=1)},  # after the event
    ],
)
def test_views_that_are_not_for_this(at: Looking, changes: dict[str, Any]) -> None:
    at.books.reviews.by_id[VIEW] = view(**changes)
    _refused(at)


def test_a_view_ends_by_itself(at: Looking) -> None:
    at.look()
    at.room.events.clear()
    at.clock.advance(dt.timedelta(seconds=15))
    _refused(at)


@pytest.mark.parametrize(
    "changes",
    [
        {"actor": "user:bela1"},
        {"actor": "system"},
        {"actor": "officer:anna1"},
        {"case_id": "case2"},
        {"key_name": "e" * 32},
    ],
)
def test_somebody_else_or_another_case(at: Looking, changes: dict[str, str]) -> None:
    _refused(at, access=replace(ACCESS, **changes))


def test_another_object(at: Looking) -> None:
    """Not even one that the same key opens."""
    with pytest.raises(NoViewError):
        at.look(name=OBJECT)
    assert at.room.events == []


@pytest.mark.parametrize(
    "changes", [{"level": "colour"}, {"level": "blurred"}, {"still": 1}, {"view_id": "view2"}]
)
def test_what_the_audit_log_does_not_know_of(at: Looking, changes: dict[str, Any]) -> None:
    """The console said that the first still is shown in grey, and nothing else."""
    _refused(at, replace(WISH, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"actor": "user:bela1"},
        {"subject": "case2"},
        {"view": "view2"},
        {"level": "colour"},
        {"still": 3},
    ],
)
def test_events_of_something_else_open_nothing(at: Looking, changes: dict[str, Any]) -> None:
    at.books.audit.__init__()  # type: ignore[misc]
    at.books.say_shown(**changes)
    _refused(at)


def test_a_case_that_is_gone(at: Looking) -> None:
    at.books.cases.cases.clear()
    _refused(at)


def test_the_view_is_looked_at_again_after_the_wait_for_a_worker(
    at: Looking, previews: Previews
) -> None:
    asked: list[str] = []

    def ends_meanwhile(access: Access, wish: PreviewWish, name: str) -> None:
        asked.append(name)
        if len(asked) == 2:
            raise NoViewError

    custodian = LocalCustodian(
        replace(at.room.parts, views=ends_meanwhile, previews=previews, clock=at.clock)
    )
    with pytest.raises(NoViewError):
        at.look(custodian=custodian)
    assert asked == [PICTURE] * 2
    assert at.room.events == []


def test_by_default_there_are_no_views(room: Room, previews: Previews) -> None:
    with pytest.raises(NoViewError):
        LocalCustodian(replace(room.parts, previews=previews)).preview(
            ACCESS, PICTURE, WISH, io.BytesIO()
        )
    with pytest.raises(CustodianError):
        room.custodian.preview(ACCESS, PICTURE, WISH, io.BytesIO())


def test_nothing_is_shown_that_cannot_be_audited(at: Looking, previews: Previews) -> None:
    def refuse(event: EventDraft) -> None:
        raise VaultError("the audit log is away")

    custodian = LocalCustodian(
        replace(at.room.parts, views=lambda *_: None, previews=previews, audit=refuse)
    )
    output = io.BytesIO()
    with pytest.raises(VaultError, match="audit log is away"):
        custodian.preview(ACCESS, PICTURE, WISH, output)
    with pytest.raises(VaultError, match="audit log is away"):
        custodian.words(ACCESS, at.room.vault.seal(at.room.recipient, b'{"text": "x"}'))
    assert output.getvalue() == b""
    assert at.look()[0].whole  # and the worker is free again


@pytest.mark.parametrize(
    "changes",
    [
        {"level": "sharp"},
        {"side": 0},
        {"side": -5},
        {"still": -1},
        {"stills": 0},
        {"stills": 1_000},
        {"mark": ""},
        {"mark": "   "},
        {"mark": "x" * 81},
        {"mark": "two\nlines"},
    ],
)
def test_wishes_out_of_bounds(at: Looking, changes: dict[str, Any]) -> None:
    with pytest.raises(RequestError):
        at.look(replace(WISH, **changes))
    assert at.room.events == []


def test_a_side_beyond_the_houses_is_the_houses(at: Looking) -> None:
    custodian = LocalCustodian(
        replace(
            at.room.parts,
            views=lambda *_: None,
            previews=new_previews(PreviewOptions(max_side=100)),
        )
    )
    _, content = at.look(replace(WISH, side=1_000_000), custodian=custodian)
    assert max(seen(content).size) == 100
    custodian.close()


# What cannot be shown


@pytest.mark.parametrize(
    ("original", "message"),
    [
        (b"%PDF-1.7 no picture", "type of file"),
        (b"", "type of file"),
        (ORIGINALS["jpeg"][:100], "cannot be read"),
        (bytes(4 * 1024 * 1024 + 1), "too large"),
        (b"HANG", "takes too long"),
        (b"CRASH", "cannot be read"),
        (b"SILENT", "cannot be read"),
    ],
)
def test_originals_without_a_preview(at: Looking, original: bytes, message: str) -> None:
    """Whatever becomes of a worker, the next one works."""
    at.hold(original)
    output = io.BytesIO()
    with pytest.raises(PreviewError, match=message):
        at.custodian.preview(ACCESS, PICTURE, WISH, output)
    assert output.getvalue() == b""
    at.hold(ORIGINALS["jpeg"])
    assert at.look()[0].whole


def test_a_picture_with_too_many_pixels(at: Looking) -> None:
    stream = io.BytesIO()
    seen(at.look()[1]).resize((2_100, 2_000)).save(stream, "PNG")
    at.hold(stream.getvalue())
    with pytest.raises(PreviewError, match="too large"):
        at.look()


@pytest.mark.parametrize("word", [b"COMMENT", b"BEHIND", b"HUGE", b"ORIGINAL"])
def test_a_worker_that_was_taken_over_passes_no_bytes_on(at: Looking, word: bytes) -> None:
    """Not in a comment, not behind the picture, and not the original itself."""
    original = word + b" " + PASSED_ON + (ORIGINALS["jpeg"] if word == b"ORIGINAL" else b"")
    at.hold(original)
    output = io.BytesIO()
    with pytest.raises(PreviewError):
        at.custodian.preview(ACCESS, PICTURE, WISH, output)
    assert output.getvalue() == b""
    at.hold(ORIGINALS["jpeg"])
    assert at.look()[0].whole


def test_what_is_missing_damaged_or_of_another_key(at: Looking) -> None:
    at.objects.delete(PICTURE)
    with pytest.raises(ObjectMissingError):
        at.look()
    at.hold(ORIGINALS["jpeg"])
    with at.objects.open(PICTURE) as stream:
        sealed = stream.read()
    at.objects.replace(PICTURE, sealed[:-1])
    with pytest.raises(DamagedError):
        at.look()
    at.objects.replace(PICTURE, sealed)
    stranger = replace(at.room.parts, identities=[Identity.generate()], views=lambda *_: None)
    previews = new_previews()
    with pytest.raises(KeyMismatchError):
        at.look(custodian=LocalCustodian(replace(stranger, previews=previews)))
    previews.close()
    assert at.look()[0].whole


def test_workers_that_cannot_be_started(at: Looking) -> None:
    def broken(limits: MediaLimits) -> Any:
        raise OSError(24, "too many open files")

    custodian = LocalCustodian(
        replace(
            at.room.parts,
            views=lambda *_: None,
            previews=Previews(PreviewOptions(), LIMITS, broken),
        )
    )
    for _ in range(3):
        with pytest.raises(CustodianError, match="cannot be started"):
            at.look(custodian=custodian)


# What a worker has


def test_no_bytes_reach_a_disk(
    at: Looking, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The custodian opens no file for writing, wherever; the worker can open none at all."""
    opened: list[str] = []
    thread = threading.get_ident()
    watching = [True]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event == "open" and threading.get_ident() == thread:
            path, _, flags = arguments
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                opened.append(str(path))

    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    custodian = LocalCustodian(replace(at.custodian._parts, previews=new_previews()))
    sys.addaudithook(hook)  # for good, so it is switched off afterwards
    made, _ = at.look(custodian=custodian)
    assert made.whole
    assert list(temporary.iterdir()) == []
    # Starting workers opens the null device; nothing else was opened.
    assert set(opened) <= {os.devnull}
    with tempfile.TemporaryFile():
        assert str(temporary) in opened[-1]  # it would have been seen
    watching.clear()
    custodian.close()


class _OnePool:
    """Looks at the descriptor that a worker would get."""

    def __init__(self, seen_by_it: Callable[[int], None]) -> None:
        self._seen = seen_by_it

    def submit(self, descriptor: int, request: Any) -> int:
        self._seen(descriptor)
        return 1

    def completed(self, timeout: float | None = None) -> list[Outcome]:
        return [Outcome(1, (), Fault.UNSUPPORTED)]

    def close(self) -> None:
        pass


def test_the_file_in_memory_is_sealed(at: Looking) -> None:
    found: list[int] = []

    def look(descriptor: int) -> None:
        found.append(fcntl.fcntl(descriptor, fcntl.F_GET_SEALS))
        assert os.fstat(descriptor).st_nlink == 0
        assert os.pread(descriptor, 1 << 20, 0) == ORIGINALS["jpeg"]
        with pytest.raises(PermissionError):
            os.pwrite(descriptor, b"x", 0)

    made = Previews(PreviewOptions(), LIMITS, lambda limits: _OnePool(look))  # type: ignore[arg-type, return-value]
    custodian = LocalCustodian(replace(at.room.parts, views=lambda *_: None, previews=made))
    with pytest.raises(PreviewError):
        at.look(custodian=custodian)
    assert found == [
        fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    ]


def test_workers_come_from_a_process_without_any_key(
    officer: Identity, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its memory, environment and descriptors hold nothing of the custodian's."""
    monkeypatch.setenv("SAFEHOLD_PLANTED", officer.secret)
    key = tmp_path / "officer.key"
    key.write_text(officer.secret, encoding="ascii")
    with key.open("rb") as kept, new_pool(MediaLimits()) as pool:
        os.set_inheritable(kept.fileno(), True)
        assert "seccomp" not in pool.protections.missing
        process = pool._sandbox._process
        assert process is not None
        place = Path(f"/proc/{process.pid}")
        variables = (place / "environ").read_bytes().split(b"\0")
        assert {v.partition(b"=")[0].decode() for v in variables if v} <= set(DEFAULT_ENVIRONMENT)
        held = [str(entry.readlink()) for entry in (place / "fd").iterdir()]
        assert all(
            what == "/dev/null" or what.startswith(("socket:", "anon_inode:", "/dev/shm/safehold-"))
            for what in held
        ), held
        own = _memory(Path("/proc/self"), officer.secret.encode())
        assert own, "the search itself must be able to find it"
        assert not _memory(place, officer.secret.encode())


def _memory(place: Path, wanted: bytes) -> bool:
    """Whether some bytes stand in a process's writable memory."""
    with (place / "mem").open("rb", buffering=0) as memory:
        for line in (place / "maps").read_text().splitlines():
            bounds, mode = line.split()[:2]
            start, end = (int(part, 16) for part in bounds.split("-"))
            if not mode.startswith("rw") or end - start > 1 << 29:
                continue
            for at in range(start, end, 1 << 22):
                try:
                    content = os.pread(memory.fileno(), min(1 << 22, end - at) + len(wanted), at)
                except OSError:
                    try:
                        content = os.pread(memory.fileno(), min(1 << 22, end - at), at)
                    except OSError:
                        continue
                if wanted in content:
                    return True
    return False


# How many at one time


class _SlowPool(_OnePool):
    """Answers when it is told to."""

    def __init__(self, go: threading.Event, running: threading.Semaphore) -> None:
        super().__init__(lambda descriptor: None)
        self._go = go
        self._running = running

    def submit(self, descriptor: int, request: Any) -> int:
        self._running.release()
        assert self._go.wait(20)
        return 1


def test_waiting_is_bounded(at: Looking) -> None:
    go, running = threading.Event(), threading.Semaphore(0)
    made = Previews(
        PreviewOptions(workers=1, waiting=3),
        LIMITS,
        lambda limits: _SlowPool(go, running),  # type: ignore[arg-type, return-value]
    )
    custodian = LocalCustodian(
        replace(at.room.parts, views=lambda *_: None, previews=made, audit=at.room.events.append)
    )

    def look() -> str:
        try:
            at.look(custodian=custodian)
        except CustodianError as error:
            return error.code
        return "ok"

    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(look) for _ in range(3)]
        assert running.acquire(timeout=10)
        _until(lambda: made._under_way == 3)
        # The other two wait, and their originals are not opened yet.
        assert len(at.room.events) == 1
        assert look() == "custodian_busy"
        go.set()
        assert [future.result(20) for future in waiting] == ["preview"] * 3
    assert len(at.room.events) == 3


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_whoever_waits_too_long_is_told_so(at: Looking) -> None:
    go, running = threading.Event(), threading.Semaphore(0)
    made = Previews(
        PreviewOptions(workers=1),
        replace(LIMITS, max_seconds=0.2),
        lambda limits: _SlowPool(go, running),  # type: ignore[arg-type, return-value]
    )
    custodian = LocalCustodian(replace(at.room.parts, views=lambda *_: None, previews=made))
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(at.look, custodian=custodian)
        assert running.acquire(timeout=10)
        with pytest.raises(CustodianBusyError):
            at.look(custodian=custodian)
        go.set()
        with pytest.raises(PreviewError):
            first.result(20)


def test_two_at_once(at: Looking) -> None:
    previews = new_previews(PreviewOptions(workers=2))
    custodian = LocalCustodian(replace(at.room.parts, views=lambda *_: None, previews=previews))
    with ThreadPoolExecutor(4) as threads:
        sides = [100, 120, 140, 160, 180, 200]
        made = list(
            threads.map(
                lambda side: at.look(replace(WISH, side=side), custodian=custodian)[1], sides
            )
        )
    assert [max(seen(content).size) for content in made] == sides
    custodian.close()
    with pytest.raises(CustodianBusyError):
        at.look(custodian=custodian)


# Words


def _sealed(at: Looking, content: str) -> bytes:
    return at.room.vault.seal(at.room.recipient, content.encode())


def test_words(at: Looking) -> None:
    sealed = _sealed(at, '{"text": "this is \\u00e9 wrong", "appellant": "42", "ip": "192.0.2.1"}')
    assert at.custodian.words(ACCESS, sealed) == "this is é wrong"
    assert at.room.events == [
        EventDraft(
            "custodian.words",
            NOW,
            ACCESS.actor,
            subject=CASE,
            data={"key": KEY, "reason": f"view:{VIEW}"},
        )
    ]
    assert at.custodian.words(ACCESS, _sealed(at, '{"reason": "other"}')) == ""
    assert at.custodian.words(ACCESS, _sealed(at, '{"text": "\\ud800"}')) == "?"
    longest = "\N{SNOWMAN}" * 5_461
    assert at.custodian.words(ACCESS, _sealed(at, f'{{"text": "{longest}"}}')) == longest


@pytest.mark.parametrize(
    "content",
    [
        "no JSON",
        "[1]",
        '"text"',
        '{"text": 5}',
        '{"text": null}',
        '{"text": "' + "x" * 16_385 + '"}',
        "[" * 100_000,
    ],
)
def test_what_holds_no_words(at: Looking, content: str) -> None:
    with pytest.raises(DamagedError):
        at.custodian.words(ACCESS, _sealed(at, content))
    assert at.room.events == []


def test_words_of_another_case(at: Looking) -> None:
    sealed = at.room.vault.seal(Identity.generate().recipient, b'{"text": "secret"}')
    with pytest.raises(KeyMismatchError):
        at.custodian.words(ACCESS, sealed)
    assert at.room.events == []


# Over the socket


def test_over_the_socket(at: Looking) -> None:
    with serving(at.custodian) as state:
        client = CustodianClient(state.addresses[0], 20.0)
        made, content = at.look(custodian=client)
        assert (made.size, made.stills, made.frames, made.whole) == (len(content), 1, 1, True)
        assert content == at.look()[1]
        sealed = _sealed(at, '{"text": "é"}')
        assert client.words(ACCESS, sealed) == "é"
        assert client.words(ACCESS, _sealed(at, "{}")) == ""
        with pytest.raises(NoViewError):
            at.look(replace(WISH, level="colour"), custodian=client)
        with pytest.raises(RequestError):
            at.look(replace(WISH, mark=""), custodian=client)
        with pytest.raises(RequestError):
            at.look(replace(WISH, side="200"), custodian=client)  # type: ignore[arg-type]
        with pytest.raises(RequestError):
            at.look(replace(WISH, still=True), custodian=client)
        with pytest.raises(DamagedError):
            client.words(ACCESS, _sealed(at, "nothing"))
        at.hold(b"no picture")
        with pytest.raises(PreviewError, match="type of file"):
            at.look(custodian=client)
    assert [name for name, code in state.log if code == "ok"] == ["preview", "words", "words"]
    assert [code for _, code in state.log if code != "ok"] == [
        *("custodian_view", "custodian_request", "custodian_request", "custodian_request"),
        *("vault_damaged", "preview"),
    ]


def test_previews_that_wait_hold_up_no_other_call(at: Looking) -> None:
    go, running = threading.Event(), threading.Semaphore(0)
    made = Previews(
        PreviewOptions(workers=1, waiting=4),
        LIMITS,
        lambda limits: _SlowPool(go, running),  # type: ignore[arg-type, return-value]
    )
    custodian = LocalCustodian(replace(at.room.parts, views=lambda *_: None, previews=made))
    options = ServeOptions(threads=1, preview_threads=5)
    with serving(custodian, options=options) as state, ThreadPoolExecutor(4) as threads:
        client = CustodianClient(state.addresses[0], 20.0)
        waiting = [threads.submit(at.look, custodian=client) for _ in range(4)]
        _until(lambda: made._under_way == 4)
        assert client.status().identities == 1
        with pytest.raises(CustodianBusyError):
            at.look(custodian=client)
        go.set()
        for future in waiting:
            with pytest.raises(PreviewError):
                future.result(20)


# The custodian of others' tests


def test_the_fake_is_as_the_real_one(at: Looking) -> None:
    views = at.custodian._parts.views
    fake = FakeCustodian(views=views, originals=lambda name: ORIGINALS["jpeg"])
    assert at.look(custodian=fake) == at.look()
    with pytest.raises(NoViewError):
        at.look(replace(WISH, level="colour"), custodian=fake)
    with pytest.raises(RequestError):
        at.look(replace(WISH, mark=""), custodian=fake)
    fake_of_text = FakeCustodian(originals=lambda name: b"no picture")
    with pytest.raises(PreviewError):
        at.look(custodian=fake_of_text)
    assert [shown.wish for shown in fake.shown] == [WISH]
    assert fake.words(ACCESS, b'{"text": "words"}') == "words"
    drawn = FakeCustodian()
    assert at.look(custodian=drawn)[1] != at.look(name=OBJECT, custodian=drawn)[1]
    drawn.failure = CustodianError()
    with pytest.raises(CustodianError):
        at.look(custodian=drawn)
