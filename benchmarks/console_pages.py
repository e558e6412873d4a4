"""Time of the console's pages over many open cases, on both databases.

A home is filled with cases, occurrences, evidence, decisions and audit events; then pages are
asked for through the console's own app in this process, by somebody who is signed in, one after
another. What is timed is the whole of an answer but the network: session, stores, template.
The group prints its rows as JSON lines for `bench.py`; alone, with `--table`, as a table.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import io
import json
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import pyotp
from rich.console import Console

from bench import show
from measure import Neighbours, Row, Spread
from safehold.audit.model import EventDraft
from safehold.cases.model import (
    Case,
    CaseState,
    DecisionRecord,
    Evidence,
    Occurrence,
    OccurrenceKind,
    Queue,
)
from safehold.cases.records import Transaction
from safehold.cases.review.model import Order, QueueFilter
from safehold.config import load_settings
from safehold.console.app import ConsoleApp
from safehold.console.compose import console_parts
from safehold.console.ports import ConsoleParts
from safehold.console.routes import ROUTES
from safehold.console.security import SESSION_COOKIE, Origins, client_digest
from safehold.ids import CaseId, DecisionId, EvidenceId, OccurrenceId, ServiceId
from safehold.policy.model import Verdict
from safehold.runtime.log import json_log
from safehold.runtime.service import ServiceRuntime
from safehold.testing.postgres import find_binaries, running_server
from safehold.users.roles import Role

DATABASES = ("sqlite", "postgresql")
BAR_MS = 150.0
ORIGIN = "http://localhost:8460"
BROWSER = "benchmark"
ADDRESS = "127.0.0.1"
BATCH = 500
SERVICES = 4
UPLOADERS = 60
"""Of 10,000 cases each has some forty in each service: the "other cases" of one another."""

GROUPED = 12
"""So many cases are near duplicates of one another in each group."""

TIERS = ("confirmed", "suspected", "local")
SURFACES = ("public", "storage", "private_message")


def fill(runtime: ServiceRuntime, count: int, seed: int = 7) -> list[CaseId]:
    """Add open cases with what belongs to them; the first has every kind of neighbour."""
    made: list[CaseId] = []
    rng = random.Random(seed)
    groups = [rng.randbytes(32) for _ in range(max(1, count // 40))]
    now = runtime.clock.now()
    services = []
    for number in range(SERVICES):
        runtime.accounts.add_service(f"service-{number}")
        services.append(runtime.service_id(f"service-{number}"))
    for start in range(0, count, BATCH):
        with runtime.records.write() as transaction:
            transaction.audit.lock()
            for number in range(start, min(start + BATCH, count)):
                at = now - dt.timedelta(minutes=7 * (count - number))
                service = services[number // GROUPED % SERVICES]
                group = groups[number // GROUPED % len(groups)]
                pdq = _near(rng, group) if number % 3 == 0 else rng.randbytes(32)
                made.append(_add(runtime, transaction, _Place(number, at, service, pdq)))
    return made


@dataclass(frozen=True, slots=True)
class _Place:
    number: int
    at: dt.datetime
    service: ServiceId
    pdq: bytes


def _near(rng: random.Random, pdq: bytes) -> bytes:
    """A hash within a few bits of another."""
    bits = bytearray(pdq)
    for _ in range(5):
        place = rng.randrange(256)
        bits[place // 8] ^= 1 << place % 8
    return bytes(bits)


def _add(runtime: ServiceRuntime, transaction: Transaction, place: _Place) -> CaseId:
    number, at = place.number, place.at
    case_id = CaseId(runtime.ids())
    tier, surface = TIERS[number % len(TIERS)], SURFACES[number % len(SURFACES)]
    queue = Queue.FAULTS if number % 10 == 9 else Queue.MATCHES
    transaction.cases.add(
        Case(
            case_id=case_id,
            service_id=place.service,
            content=number.to_bytes(16, "big"),
            state=CaseState.OPEN,
            queue=queue,
            verdict=Verdict.BLOCK if number % 4 == 0 else Verdict.HOLD,
            surface=surface,
            opened=at,
            updated=at,
            recipient="age1benchmark",
            key_name=f"key{number:08d}",
            pdq=place.pdq,
            pdq_quality=90,
            tier=tier,
            urgency=number * 37 % 101,
        )
    )
    for occurrence in range(1 + number % 3):
        _occur(runtime, transaction, case_id, place, occurrence)
    transaction.cases.add_evidence(
        Evidence(
            evidence_id=EvidenceId(runtime.ids()),
            case_id=case_id,
            object_name=f"object{number:08d}",
            size=90_000,
            sealed_size=90_300,
            sealed_sha256=bytes(32),
            sealed_manifest=bytes(200),
            created=at,
        )
    )
    actor = ("policy", "user:nobody")[number % 7 == 0]
    kinds = ("case.opened", "evidence.stored", "case.joined")
    transaction.audit.append(
        [EventDraft(kind, at, actor, place.service, case_id, {"verdict": "hold"}) for kind in kinds]
    )
    return case_id


def _occur(
    runtime: ServiceRuntime, transaction: Transaction, case_id: CaseId, place: _Place, again: int
) -> None:
    number = place.number
    at = place.at + dt.timedelta(seconds=again)
    occurrence_id = OccurrenceId(runtime.ids())
    uploader = (number % UPLOADERS + again).to_bytes(16, "big")
    transaction.cases.add_occurrence(
        Occurrence(
            occurrence_id=occurrence_id,
            case_id=case_id,
            service_id=place.service,
            kind=OccurrenceKind.UPLOAD,
            at=at,
            surface=SURFACES[number % len(SURFACES)],
            uploader=uploader,
            receipt=f"receipt{number}",
            sealed_context=bytes(200),
        )
    )
    name, tier = f"list-{number % 5}", TIERS[number % len(TIERS)]
    match = {
        "list_name": name,
        "tier": tier,
        "entry_id": f"entry-{number % 900}",
        "classification": "B2",
        "signal": "pdq",
        "distance": number % 31,
        "variant": "as_stored",
        "orientation": "original",
        "conflict": False,
        "known_by": ["md5", "pdq"],
    }
    transaction.cases.add_decision(
        DecisionRecord(
            decision_id=DecisionId(runtime.ids()),
            case_id=case_id,
            occurrence_id=occurrence_id,
            at=at,
            actor="policy",
            verdict=Verdict.HOLD,
            reasons=(f"similar_{tier}",),
            details={"grounds": [[name, match["entry_id"]]], "matches": [match]},
        )
    )


class Visitor:
    """Somebody who is signed in, and asks the app in this process."""

    def __init__(self, parts: ConsoleParts, role: Role) -> None:
        self._app = ConsoleApp(parts, Origins.of([ORIGIN]), json_log(io.StringIO()), ROUTES)
        self._loop = asyncio.new_event_loop()
        transport = httpx.ASGITransport(cast(Any, self._app), client=(ADDRESS, 50_000))
        headers = {"User-Agent": BROWSER, "Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
        self._client = httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers)
        self._client.cookies.set(SESSION_COOKIE, _signed_in(parts, role))

    def get(self, address: str) -> str:
        """A page; it must be there."""
        answer = self._loop.run_until_complete(self._client.get(address))
        if answer.status_code != 200:
            raise SystemExit(f"{address}: {answer.status_code}")
        return answer.text

    def times(self, address: str, rounds: int) -> list[float]:
        """Milliseconds of each of some answers, after one that is not counted."""
        self.get(address)
        found = []
        for _ in range(rounds):
            begin = time.perf_counter()
            self.get(address)
            found.append((time.perf_counter() - begin) * 1000)
        return found

    def close(self) -> None:
        self._loop.run_until_complete(self._client.aclose())
        self._loop.close()


def _signed_in(parts: ConsoleParts, role: Role) -> str:
    """The token of a session, got as anybody gets one."""
    _, code = parts.users.add(f"the-{role.value}", frozenset({role}), "operator")
    bound = ADDRESS if parts.options.bind_address else ""
    client = client_digest(parts.client_key, BROWSER, bound)
    token = parts.sign_in.setup(code, client, ADDRESS)
    parts.sign_in.set_password(token, client, "a drawing of a lighthouse")
    secret = parts.sign_in.begin_totp(token, client).secret
    return parts.sign_in.confirm_totp(token, client, pyotp.TOTP(secret).now())


def last_page(parts: ConsoleParts, rows: int) -> str:
    """Address of the queue's last page."""
    after = ""
    while True:
        wanted = QueueFilter(queue=Queue.MATCHES, order=Order.URGENCY, after=after, limit=2_000)
        page, _ = parts.reviews.queue(wanted)
        if len(page) < wanted.limit:
            return f"/queue?after={page[-rows].cursor}" if len(page) >= rows else "/queue"
        after = page[-1].cursor


HOUSE_PAGES = (
    ("figures of 90 days", "/figures?days=90"),
    ("audit log, the newest", "/audit"),
    ("audit log, by somebody who did little", "/audit?actor=user:nobody&kind=case.joined"),
    ("audit log, by a kind that is not there", "/audit?kind=officer."),
)
"""For an auditor."""


def pages(parts: ConsoleParts, cases: list[CaseId]) -> Iterator[tuple[str, str]]:
    """What a reviewer asks for: its name and its address."""
    service = sorted(parts.service_names().items(), key=lambda item: item[1])[0][0]
    yield "queue, first page", "/queue"
    yield "queue, oldest first", "/queue?order=oldest"
    filtered = f"/queue?service={service}&tier=local&surface=private_message"
    yield "queue, by service, tier and surface", filtered
    yield "queue, only what is free for me", "/queue?mine=1"
    yield "queue, last page", last_page(parts, parts.options.page_rows)
    # With a group and with other cases of its uploaders; every third picture has a group.
    yield (
        "case, with its group and its uploaders' others",
        f"/cases/{cases[len(cases) // 2 // 3 * 3]}",
    )
    yield "case, the newest", f"/cases/{cases[-1]}"


def rows(database: str, count: int, rounds: int) -> Iterator[Row]:
    """The rows of one database."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="safehold-bench-")))
        address = ""
        if database == "postgresql":
            binaries = find_binaries()
            if binaries is None:
                raise SystemExit("PostgreSQL's initdb and pg_ctl are not installed")
            address = stack.enter_context(running_server(binaries, durable=True))
        settings = load_settings(home=folder / "home", database=address)
        runtime = stack.enter_context(ServiceRuntime(settings))
        cases = fill(runtime, count)
        parts = console_parts(runtime, ORIGIN)
        reviewer, auditor = Visitor(parts, Role.REVIEWER), Visitor(parts, Role.AUDITOR)
        stack.callback(reviewer.close)
        stack.callback(auditor.close)
        wanted = [(reviewer, *page) for page in pages(parts, cases)]
        wanted += [(auditor, *page) for page in HOUSE_PAGES]
        for visitor, name, page in wanted:
            neighbours = Neighbours()
            found = visitor.times(page, rounds)
            size = len(visitor.get(page)) // 1024
            ours = Spread.of(found)
            yield Row(
                name=f"{name} ({count:,} open cases, {database})",
                ours=ours,
                peer=Spread(BAR_MS, BAR_MS, BAR_MS),
                peer_name="bar",
                ratio=Spread(ours.median / BAR_MS, ours.low / BAR_MS, ours.high / BAR_MS),
                bar=1.0 if visitor is reviewer else None,
                at_most=True,
                note=f"worst of {rounds}: {ours.high:.0f} ms; {size} KiB",
                others_busy=round(neighbours.busy(), 2),
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--database", action="append", choices=DATABASES)
    parser.add_argument("--table", action="store_true", help="show a table, not JSON lines")
    chosen = parser.parse_args()
    for database in chosen.database or DATABASES:
        found = []
        for row in rows(database, chosen.cases, chosen.rounds):
            found.append(row)
            if not chosen.table:
                print(json.dumps(row.as_dict()), flush=True)
        if chosen.table:
            show(Console(width=150), found)


if __name__ == "__main__":
    main()
