"""A home with a listed picture, and a gate in a thread before any upstream.

with gate_before(upstream.url, "openai") as gate:
    answer = gate.call("POST", "/v1/images/generations", {"prompt": "a lighthouse"})
    assert gate.cases() == [] and len(gate.releases()) == 1
"""

from __future__ import annotations

import http.client
import io
import json
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from safehold.cases.model import Case, CaseFilter
from safehold.clock import Clock
from safehold.config import Settings
from safehold.config.gates import GateOptions, RepeatOptions
from safehold.gate import compose
from safehold.gate.interface import Adapter
from safehold.gate.model import Account, Api, Generation, Stage
from safehold.gate.parts import GateParts
from safehold.gate.ports import Passed
from safehold.gate.serve import GateServer
from safehold.lists.model import Tier
from safehold.runtime.listening import Binding
from safehold.runtime.log import json_log
from safehold.runtime.service import ServiceRuntime
from safehold.testing.pictures import draw_any
from safehold.vault.sealing import Identity, unseal
from tests.conftest import KERNEL_CACHE
from tests.service.house import Answer, write_list

READY_SECONDS = 60.0
SERVICE = "studio"


def picture(seed: int, file_format: str = "PNG", size: tuple[int, int] = (160, 120)) -> bytes:
    """A drawn picture as a file."""
    out = io.BytesIO()
    more = {"quality": 90} if file_format in ("JPEG", "WEBP") else {}
    draw_any(seed, size).save(out, file_format, **more)
    return out.getvalue()


LISTED = picture(40, "JPEG")
"""On the confirmed list, with all its digests: blocked."""
LIKE_LISTED = picture(40, "PNG")
"""The same picture as another file: held."""
SUSPECTED = picture(41, "JPEG")
"""On the suspected list: held."""
CLEAN = picture(42)
"""On no list."""
OTHER = picture(43)
"""On no list either."""
BROKEN = CLEAN[: len(CLEAN) // 2]
"""Cut off in the middle: cannot be checked."""


@dataclass
class Book:
    """Records releases as the real one does, and in memory; may be made to fail."""

    inner: Any
    added: list[tuple[Account, Generation, tuple[Passed, ...]]] = field(default_factory=list)
    failing: bool = False

    def add(self, account: Account, about: Generation, passed: Sequence[Passed]) -> None:
        if self.failing:
            raise OSError("no room")
        if self.inner is not None:
            self.inner.add(account, about, passed)
        self.added.append((account, about, tuple(passed)))


@dataclass
class Watch:
    """Notes refusals as the real one does, and in memory."""

    inner: Any
    noted: list[tuple[Account, Stage]] = field(default_factory=list)

    def standing(self, account: Account) -> Any:
        return self.inner.standing(account)

    def note(self, account: Account, stage: Stage) -> None:
        self.inner.note(account, stage)
        self.noted.append((account, stage))


@dataclass
class Gate:
    """A running gate.

    Attributes:
        url, port: where it listens.
        runtime: this process's own look at its home.
        officer: opens what is sealed to the officers.
        book, watch: what was released, and what was noted as refused.
        log: its log lines as text.
        server, parts: the server itself.
    """

    url: str
    port: int
    runtime: ServiceRuntime
    officer: Identity
    book: Book
    watch: Watch
    log: io.StringIO
    server: GateServer
    parts: GateParts

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        """One call on a connection of its own; a body that is no bytes goes as JSON."""
        sent = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            named_host = "host" in {name.lower() for name in sent}
            connection.putrequest(method, path, skip_accept_encoding=True, skip_host=named_host)
            for name, value in sent.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, named, response.read())
        finally:
            connection.close()

    @contextmanager
    def raw(self) -> Iterator[socket.socket]:
        """A bare connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            yield connection

    def wire(self, request: bytes, seconds: float = 20.0) -> bytes:
        """Send bytes as they are; all that comes back until the other side ends, or is silent.

        Write `Connection: close` into the request.
        """
        with self.raw() as connection:
            connection.settimeout(seconds)
            connection.sendall(request)
            found = bytearray()
            while piece := connection.recv(1 << 16):
                found += piece
        return bytes(found)

    def cases(self) -> list[Case]:
        """All cases."""
        return list(self.runtime.cases.list(CaseFilter(limit=1000)))

    def contexts(self, case: Case) -> list[dict[str, Any]]:
        """What is sealed of persons in a case, opened with the officer's identity."""
        with self.runtime.keys.open(case.key_name) as stream:
            identity = Identity.parse(unseal([self.officer], stream.read()).decode())
        with self.runtime.records.read() as transaction:
            occurrences = transaction.cases.occurrences(case.case_id)
        return [json.loads(unseal([identity], one.sealed_context)) for one in occurrences]

    def releases(self) -> list[tuple[Account, Generation, Passed]]:
        """Every picture that was released, in order."""
        return [(who, about, one) for who, about, passed in self.book.added for one in passed]

    def refusals(self) -> list[Stage]:
        """At which stages something was refused."""
        return [stage for _, stage in self.watch.noted]

    def events(self, name: str) -> list[dict[str, Any]]:
        """Its log lines of one kind."""
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [line for line in lines if line["event"] == name]

    def wait(self, true: Callable[[], Any], seconds: float = READY_SECONDS) -> Any:
        """Wait until something is true."""
        until = time.monotonic() + seconds
        while not (value := true()):
            assert time.monotonic() < until, self.log.getvalue()[-2000:]
            time.sleep(0.02)
        return value

    def ready(self) -> Answer:
        return self.call("GET", "/safehold/health/ready")


@dataclass
class Home:
    """A home in which gates may run, one after the other."""

    runtime: ServiceRuntime
    officer: Identity


@contextmanager
def home(folder: Path, clock: Clock | None = None, **settings: Any) -> Iterator[Home]:
    """A home with a service, an officer, a confirmed and a suspected list."""
    given: dict[str, Any] = {"home": folder, "kernel_cache": KERNEL_CACHE, "workers": 1}
    with ServiceRuntime(Settings(**(given | settings)), clock) as runtime:
        officer = Identity.generate()
        runtime.officers.add("officer", officer.recipient)
        confirmed = write_list(folder / "confirmed.csv", {"entry-one": LISTED})
        suspected = write_list(folder / "suspected.csv", {"entry-two": SUSPECTED})
        runtime.lists.add("partnerlist", confirmed, tier=Tier.CONFIRMED)
        runtime.lists.add("rumourlist", suspected, tier=Tier.SUSPECTED)
        runtime.accounts.add_service(SERVICE)
        yield Home(runtime, officer)


@contextmanager
def gate_before(
    upstream: str,
    api: str,
    *,
    within: Home | None = None,
    adapter: Adapter | None = None,
    change: Callable[[GateParts], GateParts] | None = None,
    behind_proxy: bool = False,
    ready: bool = True,
    repeats: RepeatOptions | None = None,
    settings: Mapping[str, Any] | None = None,
    **options: Any,
) -> Iterator[Gate]:
    """A gate that is ready, before an upstream.

    Args:
        upstream: its address.
        api: the shape of its API.
        within: the home; None for a new one.
        adapter: takes the place of the real one.
        change: changes the gate's parts before it starts.
        behind_proxy: as the command's flag.
        ready: whether to wait until files can be read.
        repeats: settings of repeats.
        settings: further settings of a new home.
        options: fields of `GateOptions`.
    """
    with ExitStack() as stack:
        if within is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            given = dict(settings or {})
            if repeats is not None:
                given["repeats"] = repeats
            within = stack.enter_context(home(folder, **given))
        log = io.StringIO()
        plan = compose.GatePlan(
            upstream, Api(api), GateOptions(**{"service": SERVICE, **options}), behind_proxy
        )
        parts = compose.gate_parts(within.runtime, plan, json_log(log), adapter)
        book, watch = Book(parts.book), Watch(parts.repeats)
        parts = replace(parts, book=book, repeats=watch)
        if change is not None:
            parts = change(parts)
        server = GateServer(parts, Binding(port=0))
        thread = threading.Thread(target=server.run, name="gate")
        thread.start()
        gate = Gate(
            f"http://127.0.0.1:{server.port}",
            int(server.port),
            within.runtime,
            within.officer,
            book,
            watch,
            log,
            server,
            parts,
        )
        try:
            gate.wait(lambda: server.started or not thread.is_alive())
            assert thread.is_alive(), log.getvalue()
            gate.wait(lambda: not ready or '"decoder_started"' in log.getvalue())
            yield gate
        finally:
            server.end()
            thread.join(60)
            assert not thread.is_alive()
