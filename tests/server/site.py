"""A whole server over a real socket: real workers, lists, records and vault in a new home."""

from __future__ import annotations

import csv
import http.client
import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from safehold.accounts.keys import KeyTerms
from safehold.accounts.model import DEFAULT_SCOPES, ApiKey, Scope
from safehold.config import Settings
from safehold.config.doors import ServerOptions
from safehold.hashing.exact import exact_digests
from safehold.lists.model import Tier
from safehold.runtime.listening import Binding
from safehold.runtime.log import json_log
from safehold.runtime.service import ServiceRuntime
from safehold.server.compose import server_parts
from safehold.server.ports import ServerParts
from safehold.server.serve import HttpServer
from safehold.testing.pictures import draw_any
from safehold.vault.sealing import Identity
from tests.conftest import KERNEL_CACHE

ALL = frozenset(Scope)


def jpeg(seed: int, size: tuple[int, int] = (320, 240), quality: int = 85) -> bytes:
    """A drawn picture as a file."""
    out = io.BytesIO()
    draw_any(seed, size).save(out, "JPEG", quality=quality)
    return out.getvalue()


BLOCKED, HELD, CLEAN, AWAITED = jpeg(1), jpeg(2), jpeg(3), jpeg(4)
"""Pictures on a confirmed list, on a suspected list, on none, and on the confirmed one again."""


def write_list(path: Path, contents: dict[str, bytes]) -> Path:
    """A csv list of exact digests."""
    with path.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["md5", "sha1", "sha256", "id"])
        for name, content in contents.items():
            exact = exact_digests(content)
            writer.writerow([exact.md5.hex(), exact.sha1.hex(), exact.sha256.hex(), name])
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


@dataclass
class Site:
    """A home with services, and the server that runs over it."""

    runtime: ServiceRuntime
    log: io.StringIO = field(default_factory=io.StringIO)
    keys: dict[str, str] = field(default_factory=dict)
    key_ids: dict[str, ApiKey] = field(default_factory=dict)
    server: HttpServer | None = None
    seen: list[Answer] = field(default_factory=list)

    def add_key(self, name: str, service: str, terms: KeyTerms | None = None) -> str:
        terms = terms or KeyTerms(scopes=ALL, per_minute=0)
        key, text = self.runtime.accounts.add_key(service, terms)
        self.keys[name], self.key_ids[name] = text, key
        return text

    @property
    def parts(self) -> ServerParts:
        return server_parts(self.runtime, json_log(self.log))

    @property
    def port(self) -> int:
        assert self.server is not None
        return int(self.server.port)

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        key: str | None = "shop",
    ) -> Answer:
        """One call on a connection of its own."""
        sent = dict(headers or {})
        if key is not None:
            sent.setdefault("Authorization", f"Bearer {self.keys[key]}")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            answer = Answer(
                response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
            )
        finally:
            connection.close()
        self.seen.append(answer)
        return answer

    def screen(self, content: bytes, *, key: str | None = "shop", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call("POST", "/v1/screen", content, named, key=key)

    def send_json(self, path: str, value: Any, *, key: str | None = "shop") -> Answer:
        headers = {"Content-Type": "application/json"}
        return self.call("POST", path, json.dumps(value).encode(), headers, key=key)

    @contextmanager
    def raw(self) -> Iterator[socket.socket]:
        """A bare connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            yield connection

    def wait_ready(self, seconds: float = 60.0) -> None:
        until = time.monotonic() + seconds
        while (answer := self.call("GET", "/health/ready", key=None)).status != 200:
            assert time.monotonic() < until, answer.body
            time.sleep(0.05)


@contextmanager
def opened(folder: Path, **settings: Any) -> Iterator[Site]:
    """A home with two services, two lists and an officer; nothing runs yet."""
    given: dict[str, Any] = {"home": folder, "kernel_cache": KERNEL_CACHE, "workers": 1}
    with ServiceRuntime(Settings(**(given | settings))) as runtime:
        site = Site(runtime)
        runtime.officers.add("officer", Identity.generate().recipient)
        confirmed = write_list(
            folder / "confirmed.csv", {"entry-one": BLOCKED, "entry-three": AWAITED}
        )
        suspected = write_list(folder / "suspected.csv", {"entry-two": HELD})
        runtime.lists.add("partnerlist", confirmed, tier=Tier.CONFIRMED)
        runtime.lists.add("rumourlist", suspected, tier=Tier.SUSPECTED)
        for service in ("shop", "forum"):
            runtime.accounts.add_service(service)
            site.add_key(service, service)
        site.add_key("narrow", "shop", KeyTerms(scopes=DEFAULT_SCOPES, per_minute=0))
        yield site


@contextmanager
def running(site: Site, parts: ServerParts | None = None) -> Iterator[Site]:
    """The server runs, and is ready."""
    server = HttpServer(parts or site.parts, Binding(port=0))
    site.server = server
    thread = threading.Thread(target=server.run, name="server")
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        site.wait_ready()
        yield site
    finally:
        server.end()
        thread.join(60)
        assert not thread.is_alive()


def with_options(parts: ServerParts, **changes: Any) -> ServerParts:
    """The same parts with other bounds."""
    options: ServerOptions = replace(parts.options, **changes)
    return replace(parts, options=options)
