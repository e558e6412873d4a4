"""A home, the processes that run over it, and callers."""

from __future__ import annotations

import contextlib
import csv
import functools
import http.client
import io
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from safehold.accounts.keys import KeyTerms
from safehold.accounts.model import ApiKey, Scope
from safehold.cases.model import Case, CaseFilter
from safehold.cli.main import main
from safehold.config import load_settings
from safehold.custodian.setting_up import Plan, set_up
from safehold.examining import examine
from safehold.lists.model import Tier
from safehold.runtime.service import ServiceRuntime
from safehold.screening import Examination, ExamineOptions, read_examination
from safehold.testing.pictures import draw_any
from tests.conftest import KERNEL_CACHE

ALL = frozenset(Scope)
READY_SECONDS = 60.0
_LISTENS = re.compile(r"Listening on https?://[^ ]*:(\d+)")


@functools.cache
def jpeg(seed: int, size: tuple[int, int] = (320, 240), quality: int = 90) -> bytes:
    """A drawn picture as a file."""
    out = io.BytesIO()
    draw_any(seed, size).save(out, "JPEG", quality=quality)
    return out.getvalue()


@functools.cache
def examined(content: bytes) -> Examination:
    """Its digests."""
    messages: list[Any] = []
    examine(content, ExamineOptions().as_request(), messages.append)
    return read_examination(messages, None)


@dataclass(frozen=True)
class Digests:
    """Digests in hexadecimal form."""

    md5: str
    sha1: str
    sha256: str
    pdq: str

    @classmethod
    def of(cls, content: bytes) -> Digests:
        from safehold.hashing.exact import exact_digests

        exact = exact_digests(content)
        pdq = ""
        if content.startswith(b"\xff\xd8"):
            pdq = examined(content).variants[0].pdq[0].hex()
        return cls(exact.md5.hex(), exact.sha1.hex(), exact.sha256.hex(), pdq)

    @property
    def exact(self) -> dict[str, str]:
        return {"md5": self.md5, "sha1": self.sha1, "sha256": self.sha256}


BLOCKED = jpeg(40)
"""On the confirmed list, with all its digests."""
LIKE_BLOCKED = jpeg(40, quality=55)
"""The same picture, stored anew: held."""
SUSPECTED = jpeg(41)
"""On the suspected list: held."""
CLEAN = jpeg(42)
"""On no list."""
BROKEN = CLEAN[:9000]
"""Cut off in the middle: held, since it cannot be wholly checked."""
TEXT = b"Nothing but some words. " * 40
"""Of a type that is not decoded, on no list."""
LISTED_TEXT = b"Other words, which stand on the confirmed list. " * 40
"""Of a type that is not decoded, on the confirmed list."""


def write_list(path: Path, contents: Mapping[str, bytes]) -> Path:
    """A csv list of all digests."""
    with path.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["md5", "sha1", "sha256", "pdq", "classification", "id"])
        for name, content in contents.items():
            digests = Digests.of(content)
            row = [digests.md5, digests.sha1, digests.sha256, digests.pdq]
            writer.writerow([*row, "B2", name])
    return path


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The problem's code; empty for a verdict."""
        return str(self.json.get("code", ""))

    @property
    def verdict(self) -> str:
        return str(self.json["verdict"])

    @property
    def receipt(self) -> str:
        return str(self.json["receipt"])

    def is_problem(self, status: int, code: str) -> bool:
        """Whether it is this problem, in the agreed form."""
        return (
            (self.status, self.code) == (status, code)
            and self.headers["content-type"] == "application/problem+json"
            and self.json["status"] == status
            and (status not in (429, 503) or int(self.headers["retry-after"]) > 0)
        )


@dataclass(frozen=True)
class Done:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


@dataclass
class House:
    """A home. `runtime` is this process's own look at it."""

    folder: Path
    runtime: ServiceRuntime
    database: str = ""
    keys: dict[str, str] = field(default_factory=dict)
    key_rows: dict[str, ApiKey] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        found = kept | {
            "SAFEHOLD_HOME": str(self.folder),
            "SAFEHOLD_KERNEL_CACHE": str(KERNEL_CACHE),
        }
        return found | ({"SAFEHOLD_DATABASE": self.database} if self.database else {})

    def add_key(self, name: str, service: str = "shop", **terms: Any) -> str:
        made = replace(KeyTerms(scopes=ALL, per_minute=0), **terms)
        self.key_rows[name], self.keys[name] = self.runtime.accounts.add_key(service, made)
        return self.keys[name]

    def add_list(self, name: str, contents: Mapping[str, bytes], tier: Tier) -> None:
        file = write_list(self.folder.parent / f"{self.folder.name}-{name}.csv", contents)
        self.runtime.lists.add(name, file, tier=tier)

    def command(self, *arguments: str) -> Done:
        """Run one command to its end, in this process."""
        out, err = io.StringIO(), io.StringIO()
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main(arguments)
        finally:
            os.environ.clear()
            os.environ.update(before)
        return Done(code, out.getvalue(), err.getvalue())

    def cases(self, service: str = "") -> list[Case]:
        """All cases, of one service or of all."""
        ids = {s.name: s.service_id for s in self.runtime.accounts.services()}
        wanted = CaseFilter(service_id=ids[service] if service else None, limit=1000)
        return list(self.runtime.cases.list(wanted))

    def occurrences(self, case: Case) -> int:
        with self.runtime.records.read() as transaction:
            return len(transaction.cases.occurrences(case.case_id))

    def check_whole(self) -> None:
        """The audit log, the vault and the keys agree with the records."""
        for what in (["audit", "verify"], ["vault", "verify"]):
            done = self.command(*what)
            assert done.code == 0, (what, done.out, done.err)


@contextmanager
def built(
    folder: Path, config: str = "", database: str = "", like: House | None = None
) -> Iterator[House]:
    """A new home with two services, a confirmed and a suspected list.

    Args:
        folder: made here.
        config: text of `config.toml`.
        database: address of a PostgreSQL database, or empty.
        like: a home with which keys and officers are shared; then nothing is added.
    """
    folder.mkdir(mode=0o700)
    (folder / "config.toml").write_text(config)
    if like is not None:
        for name in ("digest.key", "canary.key", "officers.txt"):
            (folder / name).write_bytes((like.folder / name).read_bytes())
    settings = load_settings(home=folder, kernel_cache=KERNEL_CACHE, database=database or None)
    with ServiceRuntime(settings) as runtime:
        house = House(folder, runtime, database)
        if like is None:
            set_up(runtime, Plan("officer", folder / "officer.key", None, "shop"))
            runtime.accounts.add_service("forum")
            for service in ("shop", "forum"):
                house.add_key(service, service)
            confirmed = {"e1": BLOCKED, "e2": LISTED_TEXT}
            house.add_list("partner", confirmed, Tier.CONFIRMED)
            house.add_list("rumour", {"e3": SUSPECTED}, Tier.SUSPECTED)
        else:
            house.keys = dict(like.keys)
        yield house


@dataclass
class Process:
    """A process of the service."""

    house: House
    popen: subprocess.Popen[bytes]
    out: Path
    err: Path
    seen: list[Answer] = field(default_factory=list)
    port: int = 0

    def log(self) -> list[dict[str, Any]]:
        """Its log lines."""
        return [json.loads(line) for line in self.out.read_text().splitlines()]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.log() if line["event"] == name]

    def wait_listening(self) -> int:
        """Wait until it listens; on which port."""
        until = time.monotonic() + READY_SECONDS
        while (found := _LISTENS.search(self.err.read_text())) is None:
            assert self.popen.poll() is None, self.err.read_text()
            assert time.monotonic() < until, self.err.read_text()
            time.sleep(0.02)
        return int(found[1])

    def stop(self) -> int:
        """Tell it to end; its exit code."""
        if self.popen.poll() is None:
            self.popen.terminate()
        try:
            return self.popen.wait(30)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise

    # Calls

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        key: str | None = "shop",
        timeout: float = 30.0,
    ) -> Answer:
        """One call on a connection of its own; `key` is its name, or a key itself, or None."""
        sent = dict(headers or {})
        if key is not None:
            sent.setdefault("Authorization", f"Bearer {self.house.keys.get(key, key)}")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, named, response.read())
        finally:
            connection.close()
        self.seen.append(answer)
        return answer

    def screen(self, content: bytes, *, key: str | None = "shop", **fields: str) -> Answer:
        """Screen raw bytes; fields as headers."""
        headers = {
            ("Idempotency-Key" if name == "again" else f"Safehold-{name.replace('_', '-')}"): value
            for name, value in fields.items()
        }
        return self.call("POST", "/v1/screen", content, headers, key=key)

    def send_json(self, path: str, value: Any, *, key: str | None = "shop", **more: str) -> Answer:
        headers = {"Content-Type": "application/json", **more}
        return self.call("POST", path, json.dumps(value).encode(), headers, key=key)

    def digests(self, content: bytes, *, key: str = "shop", **fields: str) -> Answer:
        return self.send_json(
            "/v1/screen/digests", Digests.of(content).exact | dict(fields), key=key
        )

    def receipt(self, receipt: str, *, key: str = "shop") -> Answer:
        return self.call("GET", f"/v1/receipts/{receipt}", key=key)

    def ready(self) -> Answer:
        return self.call("GET", "/health/ready", key=None)

    def wait_ready(self, seconds: float = READY_SECONDS) -> Answer:
        self.wait(lambda: self.ready().status == 200, seconds)
        return self.ready()

    def wait_unready(self, reason: str, seconds: float = READY_SECONDS) -> None:
        self.wait(lambda: reason in self.ready().json.get("reasons", ()), seconds)

    def wait(self, true: Any, seconds: float = READY_SECONDS) -> Any:
        """Wait until something is true."""
        until = time.monotonic() + seconds
        while not (value := self._asked(true)):
            assert self.popen.poll() is None, self.err.read_text()
            assert time.monotonic() < until, (self.ready().body, self.err.read_text())
            time.sleep(0.05)
        return value

    def _asked(self, true: Any) -> Any:
        try:
            return true()
        except ConnectionError as error:
            code = self.popen.poll()
            if code is None:  # it lives and let one connection go: ask again, until the time is up
                return None
            raise AssertionError(f"ended with {code}: {self.err.read_text()[-2000:]}") from error

    @contextmanager
    def raw(self) -> Iterator[socket.socket]:
        """A bare connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            yield connection

    def talk(self, *pieces: bytes | float | threading.Event, half: bool = False) -> Answer:
        """Send pieces as they are, waiting where one is a number or an event; the first answer."""
        with self.raw() as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for piece in pieces:
                    if isinstance(piece, bytes):
                        connection.sendall(piece)
                    elif isinstance(piece, threading.Event):
                        piece.wait(READY_SECONDS)
                    else:
                        time.sleep(piece)
                if half:
                    connection.shutdown(socket.SHUT_WR)
            answer = read_answer(connection)
        self.seen.append(answer)
        return answer

    def head(self, length: int | str, *, key: str = "shop", more: str = "") -> bytes:
        """The head of a call for a verdict."""
        return (
            f"POST /v1/screen HTTP/1.1\r\nHost: here\r\nContent-Length: {length}\r\n"
            f"Authorization: Bearer {self.house.keys[key]}\r\n{more}\r\n"
        ).encode()


def read_answer(connection: socket.socket) -> Answer:
    """One answer from a bare connection."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    named = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, named, response.read())


@contextmanager
def started(house: House, *arguments: str, log: str, **variables: str) -> Iterator[Process]:
    """A process of the service; it is ended, where it has not ended by itself."""
    folder = house.folder.parent
    out, err = (folder / f"{house.folder.name}-{log}.{end}" for end in ("out", "err"))
    with out.open("wb") as out_file, err.open("wb") as err_file:
        popen = subprocess.Popen(
            [sys.executable, "-m", "safehold", *arguments],
            env=house.environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=out_file,
            stderr=err_file,
        )
    process = Process(house, popen, out, err)
    try:
        yield process
    finally:
        process.stop()


@contextmanager
def serving(
    house: House, *arguments: str, log: str = "serve", ready: bool = True, **variables: str
) -> Iterator[Process]:
    """A server that is ready."""
    more = ("serve", "--port", "0", "--workers", "1", *arguments)
    with started(house, *more, log=log, **variables) as process:
        process.port = process.wait_listening()
        if ready:
            process.wait_ready()
        yield process


@contextmanager
def custody(house: House) -> Iterator[Process]:
    """The custodian, ready."""
    with started(house, "custodian", log="custodian") as process:
        until = time.monotonic() + READY_SECONDS
        while "ready" not in process.err.read_text():
            assert process.popen.poll() is None and time.monotonic() < until
            time.sleep(0.05)
        yield process
