"""A server that stands in for the real one: it screens, keeps and answers, with faults.

What it finds it finds by the canaries' list as it is stored, and what it keeps it keeps with the
real vault, so that the canary's own checks are put to the test.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

from safehold.accounts.model import CANARY_SERVICE, Service
from safehold.cases.model import Case, CaseState, Evidence, Queue
from safehold.cases.names import KeyedNames
from safehold.cases.service import CaseService
from safehold.clock import Clock
from safehold.custodian.interface import Access, Checked
from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import SignalType
from safehold.hashing.pdq import pdq
from safehold.ids import CaseId, EvidenceId, IdMaker, ServiceId
from safehold.lists.service import ListService
from safehold.policy.model import Verdict
from safehold.testing.blob_store import MemoryBlobs
from safehold.testing.list_store import MemoryListStore
from safehold.testing.records import MemoryRecords
from safehold.vault.sealing import Identity, unseal
from safehold.vault.vault import Vault
from safehold.work.canary.model import CANARY_LIST
from safehold.work.canary.picture import distance

KEY = DigestKey(bytes(range(32)))
OFFICER = Identity.generate()
SERVICE = ServiceId("canaries")
API_KEY = "sfh_key_of_canaries"
STATUSES = {Verdict.ALLOW: 200, Verdict.HOLD: 423, Verdict.BLOCK: 451}


class Store:
    """What all processes of one home share."""

    def __init__(self, clock: Clock, snapshots: Any) -> None:
        self.clock = clock
        self.records = MemoryRecords()
        self.objects, self.keys = MemoryBlobs(), MemoryBlobs()
        self.vault = Vault(self.objects, self.keys)
        self.names = KeyedNames(KEY)
        self.ids = IdMaker(clock)
        self.entries = MemoryListStore()
        self.lists = ListService(self.entries, snapshots, KEY, clock)
        self.cases = CaseService(self.records, self.vault, lambda *_: (), self.ids, clock)
        with self.records.write() as transaction:
            transaction.accounts.add_service(Service(SERVICE, CANARY_SERVICE, clock.now()))

    def everything(self) -> tuple[int, int, int]:
        """How many cases, objects and keys there are."""
        with self.records.read() as transaction:
            cases = len([*transaction.cases.key_names()])
        return cases, len([*self.objects.names()]), len([*self.keys.names()])

    def keep(self, content: bytes, verdict: Verdict, *, canary: bool = True) -> Case:
        """Open a case of some bytes as intake does, or return the one that is there."""
        name = self.names.content(SERVICE, hashlib.sha256(content).digest())
        with self.records.read() as transaction:
            there = transaction.cases.find_content(SERVICE, name)
        if there is not None:
            return there
        case_id, evidence_id = CaseId(self.ids()), EvidenceId(self.ids())
        key_name = self.names.case_key(case_id)
        recipient = self.vault.new_case_key(key_name, [OFFICER.recipient])
        descriptor = os.memfd_create("content")
        try:
            os.write(descriptor, content)
            stored = self.vault.store(self.names.object(evidence_id), recipient, descriptor)
        finally:
            os.close(descriptor)
        now = self.clock.now()
        case = Case(
            case_id=case_id,
            service_id=SERVICE,
            content=name,
            state=CaseState.OPEN,
            queue=Queue.MATCHES,
            verdict=verdict,
            surface="public",
            opened=now,
            updated=now,
            recipient=recipient,
            key_name=key_name,
            canary=canary,
        )
        evidence = Evidence(
            evidence_id=evidence_id,
            case_id=case_id,
            object_name=stored.object_name,
            size=stored.size,
            sealed_size=stored.sealed_size,
            sealed_sha256=stored.sealed_sha256,
            sealed_manifest=b"",
            created=now,
        )
        with self.records.write() as transaction:
            if transaction.cases.add(case):
                transaction.cases.add_evidence(evidence)
        return case

    def verdict_of(self, content: bytes) -> Verdict:
        """What the canaries' list, as it is stored, says of a picture."""
        keyed = KEY.keyed(SignalType.SHA256, hashlib.sha256(content).digest())
        found = pdq(np.asarray(Image.open(io.BytesIO(content)).convert("RGB")))
        verdict = Verdict.ALLOW
        with self.entries.reading(CANARY_LIST) as reading:
            for entry in reading.entries:
                if entry.sha256 == keyed:
                    return Verdict.BLOCK
                if entry.pdq is not None and distance(entry.pdq, found.bits) <= 31:
                    verdict = Verdict.HOLD
        return verdict


@dataclass
class OfficersCustodian:
    """Opens evidence with the officer's identity.

    Attributes:
        error: raised by every call while it is not None.
        before: called with the case's id before each check.
    """

    store: Store
    error: Exception | None = None
    before: Callable[[CaseId], None] = lambda case_id: None
    asked: list[Access] = field(default_factory=list)

    def check(self, access: Access, object_name: str) -> Checked:
        self.asked.append(access)
        self.before(CaseId(access.case_id))
        if self.error is not None:
            raise self.error
        with self.store.keys.open(access.key_name) as wrapped:
            secret = unseal([OFFICER], wrapped.read()).decode("ascii").strip()
        with self.store.objects.open(object_name) as sealed:
            plain = unseal([Identity.parse(secret)], sealed.read())
        return Checked(hashlib.sha256(plain).digest(), len(plain))


@dataclass
class Behaviour:
    """How a server behaves.

    Attributes:
        verdict: from what is right to what it does.
        status: from the verdict and the status of the contract to what it sends.
        body: from the verdict and the body of the contract to what it sends.
        receipt: from the verdict to what the receipt says.
        canary: whether cases are flagged.
        keep: whether cases are kept.
        delay: seconds before an answer.
        hang_up: whether it closes the connection instead.
    """

    verdict: Callable[[Verdict], Verdict] = lambda right: right
    status: Callable[[Verdict, int], int] = lambda verdict, status: status
    body: Callable[[Verdict, bytes], bytes] = lambda verdict, body: body
    receipt: Callable[[Verdict], Verdict] = lambda verdict: verdict
    canary: bool = True
    keep: bool = True
    delay: float = 0.0
    hang_up: bool = False
    after: Callable[[bytes, Verdict], None] = lambda content, verdict: None


@dataclass
class StandIn:
    """A server that runs."""

    address: str
    behaviour: Behaviour
    calls: list[tuple[str, str]] = field(default_factory=list)
    screened: list[bytes] = field(default_factory=list)
    receipts: dict[str, Verdict] = field(default_factory=dict)


@contextmanager
def standing_in(
    store: Store, behaviour: Behaviour | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[StandIn]:
    """Serve on loopback until the context is left."""
    made = StandIn("", behaviour or Behaviour())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if not self.allowed():
                return
            acts = made.behaviour
            made.screened.append(content)
            verdict = acts.verdict(store.verdict_of(content))
            if verdict is not Verdict.ALLOW and acts.keep:
                store.keep(content, verdict, canary=acts.canary)
            receipt = f"r{len(made.receipts)}" + "A" * 40
            made.receipts[receipt] = verdict
            acts.after(content, verdict)
            body = json.dumps({"verdict": verdict.value, "receipt": receipt}).encode()
            self.answer(acts.status(verdict, STATUSES[verdict]), acts.body(verdict, body))

        def do_GET(self) -> None:
            if not self.allowed():
                return
            found = made.receipts.get(self.path.removeprefix("/v1/receipts/"))
            if found is None:
                self.answer(404, b"{}")
                return
            said = made.behaviour.receipt(found).value
            body = {"verdict": said, "bytes": "none", "until": None}
            self.answer(200, json.dumps(body).encode())

        def allowed(self) -> bool:
            made.calls.append((self.command, self.path))
            time.sleep(made.behaviour.delay)
            if made.behaviour.hang_up:
                self.close_connection = True
                return False
            if self.headers["Authorization"] != f"Bearer {API_KEY}":
                self.answer(401, b"{}")
                return False
            return True

        def answer(self, status: int, body: bytes) -> None:
            with contextlib.suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Tests are quiet."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A caller that left early is no error of a test."""

    server = Quiet(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    made.address = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
