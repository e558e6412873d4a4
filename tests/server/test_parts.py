"""The parts by themselves: spool, forms, context, lists, problems, listening."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.engine.documents import TITLES
from safehold.engine.errors import BodyTooLargeError, OverloadedError
from safehold.engine.lists import ListWatch
from safehold.engine.spool import Spool
from safehold.errors import SafeholdError
from safehold.ids import ListName
from safehold.lists.model import ListInfo, SnapshotMissingError, Tier
from safehold.matching.interface import OpenList
from safehold.matching.snapshot import Snapshot
from safehold.runtime.listening import Binding, ListenError
from safehold.runtime.log import json_log
from safehold.screening import Screening
from safehold.server.context import LIMITS, decode_header, fields_of_headers, said
from safehold.server.errors import MultipartError, RequestError
from safehold.server.multipart import Form
from safehold.server.ports import ServerParts
from safehold.server.problems import KINDS, problem
from safehold.server.serve import HttpServer
from tests.server.site import Site

TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=40)


# Spool


def test_a_body_is_sealed_and_its_memory_comes_back() -> None:
    spool = Spool(16 * 4096)
    body = spool.body(10_000)
    body.write(b"a" * 4096)
    body.write(b"b")
    assert (spool.used, spool.bodies) == (8192, 1)
    body.seal()
    for change in (
        lambda: os.write(body.descriptor, b"c"),
        lambda: os.ftruncate(body.descriptor, 1),
        lambda: os.ftruncate(body.descriptor, 9000),
    ):
        with pytest.raises(PermissionError):
            change()
    assert os.pread(body.descriptor, 10, 4090) == b"aaaaaab"
    body.close()
    body.close()
    assert (spool.used, spool.bodies) == (0, 0)


@given(st.lists(st.binary(max_size=9000), max_size=8))
def test_bodies_stay_within_their_bounds(chunks: list[bytes]) -> None:
    spool = Spool(6 * 4096)
    body = spool.body(20_000)
    written = b""
    try:
        for chunk in chunks:
            body.write(chunk)
            written += chunk
    except BodyTooLargeError:
        assert len(written) + len(chunk) > 20_000
    except OverloadedError:
        assert len(written) + len(chunk) > 4096
    assert spool.used <= 6 * 4096
    assert os.pread(body.descriptor, 100_000, 0)[: len(written)] == written
    body.close()
    assert spool.used == 0


# Forms


@given(
    st.binary(min_size=1, max_size=3000),
    TEXT,
    st.lists(st.integers(1, 400), max_size=30),
)
def test_a_form_gives_its_bytes_whatever_the_pieces(
    content: bytes, name: str, cuts: list[int]
) -> None:
    whole = (
        b'--bb\r\nContent-Disposition: form-data; name="file_name"\r\n\r\n'
        + name.encode()
        + b'\r\n--bb\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        + content
        + b"\r\n--bb--\r\n"
    )
    if b"--bb" in content or b"--bb" in name.encode():
        return
    spool = Spool(1 << 20)
    body = spool.body(1 << 16)
    form = Form(b"multipart/form-data; boundary=bb", body)
    at = 0
    for size in cuts:
        form.write(whole[at : at + size])
        at += size
    form.write(whole[at:])
    assert form.finish() == {"file_name": name}
    assert os.pread(body.descriptor, 1 << 16, 0) == content
    body.close()


@given(st.binary(max_size=400), st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_form_is_an_error_or_a_form(content: bytes, place: int, byte: int) -> None:
    whole = bytearray(
        b'--bb\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + content + b"\r\n--bb--\r\n"
    )
    whole[place % len(whole)] = byte
    body = Spool(1 << 20).body(1 << 16)
    form = Form(b"multipart/form-data; boundary=bb", body)
    try:
        form.write(bytes(whole))
        assert form.finish() == {}
    except (MultipartError, RequestError):
        pass
    finally:
        body.close()


@pytest.mark.parametrize(
    "kind", [b"multipart/form-data", b"multipart/form-data; boundary=", b"x; boundary=" + b"b" * 90]
)
def test_a_form_needs_a_boundary(kind: bytes) -> None:
    body = Spool(1 << 20).body(100)
    with pytest.raises(MultipartError):
        Form(kind, body)
    body.close()


# Context


@given(TEXT)
def test_headers_carry_any_text(text: str) -> None:
    encoded = quote(text, safe="").encode("ascii")
    assert decode_header("file_name", encoded) == text
    fields = fields_of_headers({b"safehold-file-name": encoded, b"host": b"\xff"})
    assert said(fields).context.file_name == text


@given(st.binary(max_size=60), st.sampled_from(sorted(LIMITS)))
def test_any_bytes_in_a_header_are_context_or_a_request_error(value: bytes, field: str) -> None:
    try:
        found = said({field: decode_header(field, value)})
    except RequestError as error:
        assert field in error.message
    else:
        assert found.context.as_json()


@given(st.datetimes(), st.integers(-1439, 1439))
def test_moments_need_a_zone(moment: dt.datetime, minutes: int) -> None:
    zone = dt.timezone(dt.timedelta(minutes=minutes))
    text = moment.replace(tzinfo=zone).isoformat()
    assert said({"time": text}).context.time == text
    with pytest.raises(RequestError):
        said({"time": moment.isoformat()})


# Lists


class FakeSnapshot:
    """A snapshot that knows whether it is open."""

    def __init__(self, name: str, version: int) -> None:
        self.metadata = type("M", (), {"extra": {"version": version}, "list_name": name})()
        self.open = True
        self.preloading = threading.Event()
        self.may_end = threading.Event()
        self.may_end.set()

    def preload(self) -> None:
        self.preloading.set()
        assert self.may_end.wait(30)

    def close(self) -> None:
        assert self.open
        self.open = False


class FakeLists:
    """Lists that change as they are told."""

    def __init__(self) -> None:
        self.versions: dict[str, int] = {}
        self.broken: set[str] = set()
        self.opened: list[FakeSnapshot] = []
        self.held = False

    def show(self) -> list[ListInfo]:
        now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        return [
            ListInfo(ListName(name), Tier.CONFIRMED, "file", now, now, version, {}, 0, 0)
            for name, version in self.versions.items()
        ]

    def open(self, names: Sequence[str] | None = None) -> tuple[Snapshot, ...]:
        assert names is not None
        if set(names) & self.broken:
            raise SnapshotMissingError
        made = [FakeSnapshot(name, self.versions[name]) for name in names]
        for one in made if self.held else ():
            one.may_end.clear()
        self.opened += made
        return tuple(cast("list[Snapshot]", made))

    def advance(self, opened: OpenList, name: str) -> OpenList | None:
        return None

    def is_moved(self, opened: OpenList, name: str) -> bool:
        return False


class FakeScreening:
    """Tells which snapshots were looked into."""

    def __init__(self, snapshots: Sequence[Any], looked: list[Any]) -> None:
        self._snapshots = snapshots
        self._looked = looked

    def judge(self, examinations: Sequence[Any]) -> list[Any]:
        self._looked += self._snapshots
        return []


def watch(lists: FakeLists, looked: list[Any] | None = None) -> ListWatch:
    import io

    seen = looked if looked is not None else []
    return ListWatch(
        lists,
        lambda snapshots: cast("Screening", FakeScreening(snapshots, seen)),
        json_log(io.StringIO()),
    )


def test_lists_are_opened_once_for_each_version() -> None:
    lists = FakeLists()
    lists.versions = {"a": 1, "b": 1}
    watched = watch(lists)
    assert watched.refresh()
    assert not watched.refresh()
    lists.versions["b"] = 2
    assert watched.refresh()
    assert [(s.metadata.list_name, s.open) for s in lists.opened] == [
        ("a", True),
        ("b", False),
        ("b", True),
    ]
    del lists.versions["a"]
    assert watched.refresh()
    assert [s.open for s in lists.opened] == [False, False, True]
    watched.close()
    assert not any(s.open for s in lists.opened)


def test_only_a_list_that_was_not_open_is_looked_into_before_it_is_used() -> None:
    """Looking into a new version beside the old one would take the memory of both."""
    lists = FakeLists()
    looked: list[Any] = []
    lists.versions = {"a": 1}
    watched = watch(lists, looked)
    watched.refresh()
    assert looked == lists.opened[:1]
    lists.versions = {"a": 2, "b": 1}
    watched.refresh()
    assert [(s.metadata.list_name, s.metadata.extra["version"]) for s in looked] == [
        ("a", 1),
        ("b", 1),
    ]
    watched.close()


def test_what_changes_next_does_not_wait_until_a_new_version_is_in_memory() -> None:
    lists = FakeLists()
    lists.versions = {"a": 1}
    watched = watch(lists)
    watched.refresh()
    assert lists.opened[0].preloading.is_set()
    lists.held = True
    lists.versions = {"a": 2}
    assert watched.refresh()
    assert lists.opened[1].preloading.wait(30)
    lists.versions = {"a": 3}
    assert watched.refresh()
    assert watched.current is not None
    assert watched.current.versions == {"a": 3}
    for one in lists.opened:
        one.may_end.set()
    watched.close()


def test_lists_stay_open_while_they_are_used() -> None:
    lists = FakeLists()
    lists.versions = {"a": 1}
    watched = watch(lists)
    watched.refresh()
    with watched.using() as first:
        lists.versions["a"] = 2
        watched.refresh()
        with watched.using() as second:
            assert (first.versions, second.versions) == ({"a": 1}, {"a": 2})
            watched.close()
            assert [s.open for s in lists.opened] == [True, True]
        assert lists.opened[0].open
    assert not any(s.open for s in lists.opened)
    with pytest.raises(SafeholdError), watched.using():
        pass


def test_a_list_that_cannot_be_opened_counts_as_missing_and_is_tried_again() -> None:
    lists = FakeLists()
    lists.versions = {"a": 1, "b": 1}
    lists.broken = {"b"}
    watched = watch(lists)
    watched.refresh()
    assert watched.current is not None
    assert set(watched.current.updated) == {"a"}
    lists.broken = set()
    assert watched.refresh()
    assert set(watched.current.updated) == {"a", "b"}
    # A newer version that cannot be opened: the older one is matched, and does not count as good.
    lists.versions["b"] = 2
    lists.broken = {"b"}
    assert watched.refresh()
    assert set(watched.current.updated) == {"a"}
    assert watched.current.versions == {"a": 1, "b": 1}
    assert not watched.refresh()
    lists.broken = set()
    assert watched.refresh()
    assert watched.current.versions == {"a": 1, "b": 2}
    watched.close()
    assert not any(s.open for s in lists.opened)


# Problems


def test_every_status_has_a_title() -> None:
    assert {kind.status for kind in KINDS.values()} <= set(TITLES)


def test_an_unknown_error_tells_nothing() -> None:
    class OddError(SafeholdError):
        code = "odd"
        default_message = "a secret"

    reply = problem(OddError(), 2)
    assert (reply.status, reply.code) == (500, "internal")
    assert b"secret" not in reply.body


# Listening


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_beyond_this_machine_needs_tls_or_a_proxy(host: str) -> None:
    with pytest.raises(ListenError, match="only with TLS"):
        HttpServer(cast("ServerParts", None), Binding(host, 0))


def test_half_of_tls_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="certificate and its key"):
        HttpServer(cast("ServerParts", None), Binding("0.0.0.0", 0, tls_key=tmp_path))


def test_a_port_that_is_taken_is_said(site: Site) -> None:
    with pytest.raises(ListenError, match="cannot listen"):
        HttpServer(site.parts, Binding(port=site.port))


def test_a_bad_certificate_is_said(site: Site, tmp_path: Path) -> None:
    pem = tmp_path / "x.pem"
    pem.write_text("nothing")
    with pytest.raises(ListenError, match="TLS certificate"):
        HttpServer(site.parts, Binding("0.0.0.0", 0, tls_certificate=pem, tls_key=pem))


SERVE = """
import io, sys
from pathlib import Path
from tests.server.site import opened
from safehold.runtime.listening import Binding, ListenError
from safehold.server.serve import HttpServer
with opened(Path(sys.argv[1])) as site:
    server = HttpServer(site.parts, Binding(port=0))
    print(server.port, flush=True)
    server.run()
    with site.runtime.records.read() as transaction:
        import datetime as dt
        print(len(transaction.fleet.servers(dt.datetime(2000, 1, 1, tzinfo=dt.UTC))))
print("closed", flush=True)
"""


def test_sigterm_ends_it_in_order(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        import http.client
        import time

        for _ in range(300):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/health/live")
                assert connection.getresponse().status == 200
                break
            except ConnectionRefusedError:
                time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=60)
    # Its row among the running servers is gone, and what the caller had open was closed.
    assert rest.split() == ["0", "closed"]
    assert process.returncode == 0
