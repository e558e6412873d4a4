"""The custodian over a real socket: calls, garbage, slow callers, its end."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.custodian.address import UnixAddress
from safehold.custodian.client import CustodianClient
from safehold.custodian.interface import (
    Access,
    Checked,
    CheckpointRefusedError,
    Custodian,
    CustodianAwayError,
    CustodianError,
    RequestError,
    Rewrapped,
    UnknownRecipientError,
)
from safehold.custodian.local import LocalCustodian
from safehold.custodian.protocol import MAX_BINARY_BYTES, MAX_JSON_BYTES, parse_json
from safehold.custodian.server import ServeOptions
from safehold.custodian.signing import new_checkpoint_key
from safehold.errors import SafeholdError
from safehold.vault.interface import ObjectMissingError
from safehold.vault.local import LocalBlobs
from safehold.vault.officers import OfficersFile, identity_file
from safehold.vault.sealing import Identity, KeyMismatchError, unseal
from safehold.vault.vault import Vault
from tests.custodian.conftest import ACCESS, KEY, OBJECT, ORIGINAL, Room
from tests.custodian.serving import Serving, serving, short_folder
from tests.vault.stores import descriptor_of, put, read


def _client(state: Serving, seconds: float = 10.0) -> CustodianClient:
    return CustodianClient(state.addresses[0], seconds)


def _connect(state: Serving) -> socket.socket:
    address = state.addresses[0]
    assert isinstance(address, UnixAddress)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(10)
    connection.connect(str(address.path))
    return connection


def _frame(kind: bytes, body: bytes, length: int | None = None) -> bytes:
    return kind + struct.pack(">I", len(body) if length is None else length) + body


def _json(**fields: Any) -> bytes:
    return _frame(b"J", json.dumps({"version": 1, **fields}).encode())


def _answer(connection: socket.socket) -> dict[str, Any]:
    with connection.makefile("rb") as stream:
        content = stream.read()
    assert content[:1] == b"J", content
    return parse_json(content[5:])


def test_every_call(room: Room, officer: Identity) -> None:
    with serving(room.custodian) as state:
        client: Custodian = _client(state)
        assert client.status() == room.custodian.status()
        assert client.public_key() == room.custodian.public_key()
        assert client.sign(room.note_text(3)) == room.custodian.sign(room.note_text(3))
        digest = hashlib.sha256(ORIGINAL).digest()
        assert client.check(ACCESS, OBJECT) == Checked(digest, len(ORIGINAL))
        output = io.BytesIO()
        count = client.export(ACCESS, OBJECT, room.named.recipient, output)
        assert count == len(output.getvalue())
        assert unseal([room.named], output.getvalue()) == ORIGINAL
        sealed = room.vault.seal(room.recipient, b"context")
        assert (
            unseal([officer], client.open_sealed(ACCESS, sealed, officer.recipient)) == b"context"
        )
        assert client.rewrap([KEY], "officer:anna", "rotation") == Rewrapped(1, 0, 0)
        assert client.rewrap([], "officer:anna", "rotation") == Rewrapped(0, 0, 0)
        assert client.shred(ACCESS) is True
        assert client.shred(ACCESS) is False
    assert [name for name, code in state.log if code == "ok"] == [
        *("status", "public_key", "sign", "check", "export", "open_sealed"),
        *("rewrap", "rewrap", "shred", "shred"),
    ]


def test_more_keys_than_one_call_takes(room: Room) -> None:
    names = [f"{number:032d}" for number in range(1203)]
    for name in names[:3]:
        room.vault.new_case_key(name, room.parts.officers.recipients())
    with serving(room.custodian) as state:
        assert _client(state).rewrap(names, "system", "rotation") == Rewrapped(3, 1200, 0)
    assert [event.data["keys"] for event in room.events] == [500, 500, 203]


def test_errors_come_over_as_they_are(room: Room) -> None:
    with serving(room.custodian) as state:
        client = _client(state)
        with pytest.raises(ObjectMissingError):
            client.check(ACCESS, "e" * 32)
        with pytest.raises(CheckpointRefusedError) as caught:
            client.sign(b"something else")
        assert caught.value.code == "custodian_checkpoint"
        stranger = Identity.generate().recipient
        with pytest.raises(UnknownRecipientError):
            client.export(ACCESS, OBJECT, stranger, io.BytesIO())
        with pytest.raises(RequestError):
            client.check(ACCESS, "../x")
        with pytest.raises(RequestError):
            client.open_sealed(ACCESS, bytes(MAX_BINARY_BYTES + 1), room.named.recipient)
    assert all(" " not in code for _, code in state.log)


def test_an_unexpected_error_tells_nothing(room: Room) -> None:
    class Broken(LocalCustodian):
        def check(self, access: Access, object_name: str) -> Checked:
            raise OSError(5, "a path that is nobody's business")

    with serving(Broken(room.parts)) as state:
        with pytest.raises(CustodianError) as caught:
            _client(state).check(ACCESS, OBJECT)
        assert caught.value.code == "custodian"
        assert "business" not in str(caught.value)
        assert _client(state).status().identities == 1
    assert state.log[0] == ("check", "OSError")


def test_a_damaged_original_fails_the_whole_export(room: Room) -> None:
    content = bytearray(read(room.parts.objects, OBJECT))
    content[-1] ^= 1
    room.parts.objects.delete(OBJECT)
    put(room.parts.objects, OBJECT, bytes(content))
    output = io.BytesIO()
    with serving(room.custodian) as state, pytest.raises(SafeholdError) as caught:
        _client(state).export(ACCESS, OBJECT, room.named.recipient, output)
    assert caught.value.code == "vault_damaged"
    assert 0 < len(output.getvalue()) < len(ORIGINAL)


def test_the_callers_own_output_may_fail(room: Room) -> None:
    class Full(io.BytesIO):
        def write(self, content: object, /) -> int:
            raise OSError(28, "no space")

    with serving(room.custodian) as state:
        with pytest.raises(OSError, match="no space"):
            _client(state).export(ACCESS, OBJECT, room.named.recipient, Full())
        assert _client(state).status().identities == 1


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        _frame(b"X", b"{}"),
        _frame(b"B", b"bytes first"),
        _frame(b"J", b"not json"),
        _frame(b"J", b"[1]"),
        _frame(b"J", b'{"version": 1}'),
        _frame(b"J", b"[" * 60_000),
        _json(call="nothing"),
        _json(call=["status"]),
        _json(call="__class__"),
        _json(call="status", version=2),
        _json(call="check"),
        _json(call="check", key_name=KEY, case_id="c", actor="system", reason="r", object_name=7),
        _json(call="rewrap", key_names=KEY, actor="system", reason="r"),
        _json(call="rewrap", key_names=[1], actor="system", reason="r"),
        _json(call="rewrap", key_names=["a"] * 501, actor="system", reason="r"),
        _json(call="sign") + _json(call="sign"),
        _frame(b"J", b"", MAX_JSON_BYTES + 1),
        _json(call="sign") + _frame(b"B", b"", MAX_BINARY_BYTES + 1),
        _frame(b"B", b"", 2**32 - 1),
    ],
)
def test_garbage_is_refused(room: Room, sent: bytes) -> None:
    with serving(room.custodian) as state:
        with _connect(state) as connection:
            connection.sendall(sent)
            assert _answer(connection)["error"]["code"] == "custodian_request"
        assert _client(state).status().identities == 1
    assert room.events == []


def test_any_frames_are_answered_or_dropped(room: Room) -> None:
    with serving(room.custodian) as state:

        @settings(max_examples=60)
        @given(pieces=st.lists(st.tuples(st.sampled_from("JB"), st.binary(max_size=200))))
        def send(pieces: list[tuple[str, bytes]]) -> None:
            content = b""
            # Who sends on after a refusal may find the connection reset.
            with _connect(state) as connection, contextlib.suppress(ConnectionError):
                connection.sendall(b"".join(_frame(kind.encode(), body) for kind, body in pieces))
                connection.shutdown(socket.SHUT_WR)
                with connection.makefile("rb") as stream:
                    content = stream.read()
            assert content == b"" or "error" in parse_json(content[5:])

        send()
        assert _client(state).status().identities == 1
    assert room.events == []


def test_who_says_nothing_is_let_go_and_holds_up_nobody(room: Room) -> None:
    options = ServeOptions(request_seconds=0.5, threads=1)
    with serving(room.custodian, options=options) as state:
        silent = [_connect(state) for _ in range(10)]
        for connection in silent[5:]:
            connection.sendall(b"J\x00\x00")  # Half a header.
        assert _client(state, 2.0).status().identities == 1
        for connection in silent:
            with connection:
                assert connection.recv(1) == b""


def test_who_takes_nothing_of_an_answer_holds_up_nobody(room: Room) -> None:
    """An export whose caller reads nothing: others are answered, and it is given up."""
    options = ServeOptions(write_seconds=1.0, threads=2)
    request = _json(
        call="export",
        key_name=KEY,
        case_id="c",
        actor="system",
        reason="r",
        object_name=OBJECT,
        recipient=room.named.recipient,
    )
    with serving(room.custodian, options=options) as state:
        with _connect(state) as slow:
            slow.sendall(request)
            began = time.monotonic()
            while not room.events and time.monotonic() - began < 5:
                time.sleep(0.01)
            assert _client(state, 2.0).status().identities == 1
            while ("connect", "custodian_lost") not in state.log and time.monotonic() - began < 9:
                time.sleep(0.05)
        assert ("connect", "custodian_lost") in state.log
        assert _client(state).status().identities == 1


def test_too_many_connections_are_closed(room: Room) -> None:
    with serving(room.custodian, options=ServeOptions(connections=2)) as state:
        # Connections are taken in order, so these two are before the next.
        held = [_connect(state) for _ in range(2)]
        with pytest.raises(CustodianAwayError):
            _client(state).status()
        for connection in held:
            connection.close()
        end = time.monotonic() + 10
        while len(state.log) < 3 and time.monotonic() < end:  # Until both are noticed as gone.
            time.sleep(0.02)
        assert _client(state).status().identities == 1
    assert ("connect", "custodian_busy") in state.log


def test_another_user_is_refused(room: Room) -> None:
    """The kernel says who is at the other end; here this user is not among those allowed."""
    other = os.getuid() + 1
    with serving(room.custodian, options=ServeOptions(users=frozenset({other}))) as state:
        with pytest.raises(CustodianAwayError):
            _client(state).check(ACCESS, OBJECT)
        assert state.log == [("connect", "custodian_user")]
    assert room.events == []


def test_the_socket_belongs_to_its_user_alone(room: Room) -> None:
    with serving(room.custodian) as state:
        address = state.addresses[0]
        assert isinstance(address, UnixAddress)
        assert stat.S_IMODE(address.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(address.path.parent.stat().st_mode) == 0o700
    assert not address.path.exists()
    with short_folder() as folder:
        folder.chmod(0o755)
        with (
            pytest.raises(CustodianError, match="open to others"),
            serving(room.custodian, UnixAddress(folder / "socket")),
        ):
            pass


def test_one_custodian_at_a_socket(room: Room) -> None:
    with short_folder() as folder:
        address = UnixAddress(folder / "socket")
        with serving(room.custodian, address):
            with (
                pytest.raises(CustodianError, match="already"),
                serving(room.custodian, address),
            ):
                pass
            assert CustodianClient(address).status().identities == 1
        left = socket.socket(socket.AF_UNIX)
        left.bind(str(address.path))
        left.close()  # As a killed custodian leaves it.
        with serving(room.custodian, address):
            assert CustodianClient(address).status().identities == 1


def test_a_custodian_that_is_not_there_or_does_not_answer() -> None:
    with short_folder() as folder:
        client = CustodianClient(UnixAddress(folder / "socket"), 0.3)
        with pytest.raises(CustodianAwayError):
            client.status()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder / "socket"))
            listener.listen()
            began = time.monotonic()
            with pytest.raises(CustodianAwayError):
                client.status()
            assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b"", CustodianAwayError),
        (b"J\x00\x00\x00\xff{", CustodianAwayError),
        (_frame(b"J", b'{"ok": {"size": 9}}'), CustodianAwayError),
        (_frame(b"B", b"abc") + _frame(b"J", b'{"ok": {"size": 4}}'), CustodianAwayError),
        (_frame(b"J", b'{"ok": 1}'), RequestError),
        (_frame(b"J", b'{"error": {"code": "new", "message": "m"}}'), CustodianError),
        (_frame(b"Q", b""), RequestError),
    ],
)
def test_answers_that_are_cut_off_or_strange(reply: bytes, kind: type[Exception]) -> None:
    with short_folder() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        client = CustodianClient(UnixAddress(folder / "socket"), 5.0)
        with pytest.raises(kind):
            client.export(ACCESS, OBJECT, "age1x", io.BytesIO())
        thread.join()


def test_calls_under_way_are_finished(room: Room) -> None:
    began = threading.Event()
    go_on = threading.Event()

    class Slow(LocalCustodian):
        def check(self, access: Access, object_name: str) -> Checked:
            began.set()
            go_on.wait(10)
            return super().check(access, object_name)

    results: list[Checked] = []
    with serving(Slow(room.parts)) as state:
        client = _client(state)
        caller = threading.Thread(target=lambda: results.append(client.check(ACCESS, OBJECT)))
        caller.start()
        assert began.wait(10)
        timer = threading.Timer(0.5, go_on.set)
        timer.start()
    caller.join(10)
    timer.join()
    assert [checked.size for checked in results] == [len(ORIGINAL)]


def test_many_callers_at_once(room: Room) -> None:
    results: list[bytes] = []
    with serving(room.custodian) as state:
        client = _client(state)
        threads = [
            threading.Thread(target=lambda: results.append(client.check(ACCESS, OBJECT).sha256))
            for _ in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [hashlib.sha256(ORIGINAL).digest()] * 16
    assert len(room.events) == 16


PROCESS = """
import sys, threading
from pathlib import Path
from safehold.clock import SystemClock
from safehold.custodian.address import UnixAddress
from safehold.custodian.local import LocalCustodian
from safehold.custodian.parts import CustodianParts
from safehold.custodian.server import run
from safehold.custodian.signing import CheckpointSigner
from safehold.vault.local import LocalBlobs
from safehold.vault.officers import OfficersFile, read_identity

home = Path(sys.argv[1])
identities = [read_identity(Path(path), None) for path in sys.argv[2:]]
events = (home / "events").open("a", buffering=1)
custodian = LocalCustodian(CustodianParts(
    identities, LocalBlobs(home / "objects"), LocalBlobs(home / "keys"),
    OfficersFile(home / "officers.txt"), OfficersFile(home / "recipients.txt"),
    CheckpointSigner(home, identities), lambda event: print(event.kind, file=events),
    SystemClock()))
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
run(custodian, [UnixAddress(home / "socket")], stop, ready=lambda _: print("ready", flush=True))
"""


@pytest.fixture
def start(room: Room) -> Callable[..., Any]:
    """Starts a custodian's process on files in a folder."""

    def begin(home: Path, *identities: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(home), *map(str, identities)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    return begin


def test_in_a_process_of_its_own(room: Room, start: Callable[..., Any]) -> None:
    """Two officers, each opens; after one left, and keys are wrapped anew, that one cannot."""
    with short_folder() as home:
        officers = OfficersFile(home / "officers.txt")
        identities = {}
        for name in ("anna", "bela"):
            identities[name] = Identity.generate()
            (home / name).write_bytes(identity_file(identities[name]))
            officers.add(name, identities[name].recipient)
        new_checkpoint_key(home, "test", officers.recipients())
        objects, keys = LocalBlobs(home / "objects"), LocalBlobs(home / "keys")
        vault = Vault(objects, keys)
        recipient = vault.new_case_key(KEY, officers.recipients())
        with descriptor_of(ORIGINAL) as descriptor:
            vault.store(OBJECT, recipient, descriptor)

        client = CustodianClient(UnixAddress(home / "socket"), 10.0)
        digest = hashlib.sha256(ORIGINAL).digest()
        for name in ("anna", "bela"):
            process = start(home, home / name)
            assert client.check(ACCESS, OBJECT).sha256 == digest
            if name == "bela":
                officers.remove("anna")
                assert client.rewrap([KEY], "officer:bela", "anna-left").done == 1
            process.communicate("", timeout=10)
            assert process.returncode == 0
        process = start(home, home / "bela", home / "anna")
        assert client.check(ACCESS, OBJECT).sha256 == digest
        process.kill()
        process.communicate(timeout=10)
        with pytest.raises(CustodianAwayError):
            client.status()
        with keys.open(KEY) as stream, pytest.raises(KeyMismatchError):
            unseal([identities["anna"]], stream.read())
        kinds = (home / "events").read_text(encoding="ascii").split()
        assert kinds == [
            *("custodian.checked", "custodian.checked"),
            *("custodian.rewrapped", "custodian.checked"),
        ]


def test_an_access_is_checked_again_by_the_custodian(room: Room) -> None:
    with serving(room.custodian) as state:
        forged = replace(ACCESS)
        object.__setattr__(forged, "reason", "free text about a person")
        with pytest.raises(RequestError):
            _client(state).check(forged, OBJECT)
    assert room.events == []
