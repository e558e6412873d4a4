"""What the gate's application is given, and its own parts, joined from it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from safehold.cases.names import KeyedNames
from safehold.classifiers.model import ClassifierOptions
from safehold.clock import Clock
from safehold.config.doors import ServerOptions
from safehold.config.gates import GateOptions
from safehold.engine.blocking import Blocking
from safehold.engine.engine import Engine, EngineParts
from safehold.engine.examiner import Examiner, ExaminerParts
from safehold.engine.figures import Figures
from safehold.engine.judging import Judge, Rulebook
from safehold.engine.lists import ListWatch
from safehold.engine.ports import (
    Classifying,
    Keeping,
    ListSource,
    RemoteMatching,
    Suppressing,
    Triage,
)
from safehold.engine.spool import Spool
from safehold.gate.checking import DeskParts, Memories
from safehold.gate.examining import ExaminingParts, Pictures
from safehold.gate.figures import GateFigures
from safehold.gate.health import Health, HealthParts
from safehold.gate.interface import Adapter
from safehold.gate.kept import KeptPictures
from safehold.gate.memory import Memory
from safehold.gate.ports import Moderating, ReleaseBook, RepeatWatch, WordRules
from safehold.gate.requests import Callers, Table
from safehold.gate.upstream import Upstream
from safehold.ids import IdMaker, ServiceId
from safehold.media.sandbox.interface import Message
from safehold.media.sandbox.pool import WorkerPool
from safehold.runtime.log import Log
from safehold.runtime.networks import Network
from safehold.screening import Screening

if TYPE_CHECKING:
    from safehold.matching.interface import OpenList


@dataclass(frozen=True, slots=True)
class GateParts:
    """What the gate is made of.

    Attributes:
        adapter: the shape of the upstream's API.
        upstream: makes the way to it, in the event loop that needs it.
        options: bounds and choices.
        server: bounds of connections and of the engine, which are those of `safehold serve`.
        service: to which service cases and records belong.
        proxies: networks whose word is taken for a caller's address; none where the gate stands
            behind no proxy.
        monitors: networks that may ask for health and figures.
        rulebook: the rules of the surface.
        rules, moderating, repeats, book: see the ports.
        recorder: records what is found.
        names: keyed names.
        lists, screening, pool, request, write_threads, classifiers, asking, matchers: see
            `safehold.server.ports.ServerParts`.
        keeping: keeps digests of what is allowed, where the surface says so.
        suppressing: knows the matches that are suppressed.
        checks: what must be true for readiness, by code.
        clock, ids, log: the present moment, new ids, where to log.
    """

    adapter: Adapter
    upstream: Callable[[], Upstream]
    options: GateOptions
    server: ServerOptions
    service: ServiceId
    proxies: tuple[Network, ...]
    monitors: tuple[Network, ...]
    rulebook: Rulebook
    rules: WordRules
    moderating: Moderating
    repeats: RepeatWatch
    book: ReleaseBook
    recorder: Triage
    names: KeyedNames
    lists: ListSource
    screening: Callable[[Sequence[OpenList]], Screening]
    pool: Callable[[], WorkerPool]
    request: Message
    clock: Clock
    ids: IdMaker
    log: Log
    write_threads: int = 8
    classifiers: tuple[ClassifierOptions, ...] = ()
    asking: Classifying | None = None
    matchers: RemoteMatching | None = None
    keeping: Keeping | None = None
    suppressing: Suppressing | None = None
    checks: Mapping[str, Callable[[], bool]] = field(default_factory=dict)


class Joined:
    """The application's own parts. Nothing runs yet."""

    def __init__(self, parts: GateParts) -> None:
        options = parts.options
        self.gate_id = parts.ids()
        self.figures = GateFigures(Figures())
        self.lists = ListWatch(parts.lists, parts.screening, parts.log)
        self.examiner = Examiner(ExaminerParts(parts.pool, parts.request, parts.log))
        self.judge = Judge(self.lists, parts.recorder.triage, parts.clock, parts.log)
        self.engine = Engine(
            EngineParts(
                self.examiner,
                self.judge,
                parts.recorder,
                self.figures.engine,
                parts.server.max_waiting,
                parts.write_threads,
                parts.classifiers,
                parts.asking,
                parts.matchers,
                parts.keeping,
            )
        )
        # However small its share, an account may have one call and one answer.
        share, most = options.account_share, options.max_answer_bytes
        self.spool = Spool(options.spool_bytes, max(most, int(options.spool_bytes * share)))
        self.memory = Memory(
            options.pending_bytes,
            max(options.max_body_bytes + most, int(options.pending_bytes * share)),
        )
        self.kept = KeptPictures(options.kept_seconds, options.kept_bytes)
        self.records = Blocking("records", options.check_seconds)
        self.upstream = parts.upstream()
        self.table = Table(parts.adapter.routes(), parts.adapter.sockets())
        header = options.account_header.lower().encode("ascii")
        self.callers = Callers(parts.names, parts.service, header, parts.proxies)
        self.health = Health(
            HealthParts(
                parts.checks, parts.rulebook.surface, self.lists, self.engine, self.upstream
            ),
            parts.clock,
            parts.log,
        )
        pictures = Pictures(
            ExaminingParts(
                self.engine,
                self.spool,
                parts.rulebook,
                options,
                parts.service,
                parts.clock,
                self.figures.engine,
                parts.log,
                max(1, int(parts.server.max_waiting * share)),
                functools.partial(parts.suppressing.of, parts.service)
                if parts.suppressing is not None
                else None,
            )
        )
        self.memories = Memories()
        self.desk = DeskParts(
            pictures=pictures,
            upstream=self.upstream,
            kept=self.kept,
            rules=parts.rules,
            moderating=parts.moderating,
            repeats=parts.repeats,
            book=parts.book,
            records=self.records,
            check_seconds=options.check_seconds,
            figures=self.figures,
            log=parts.log,
        )
        gauge = self.figures.engine.gauge
        gauge("safehold_items_under_way", "Items.", lambda: self.engine.under_way)
        gauge("safehold_spool_bytes", "Memory of pictures.", lambda: self.spool.used)
        gauge("safehold_gate_pending_bytes", "Memory of calls.", lambda: self.memory.used)
        gauge("safehold_gate_kept_bytes", "Memory of kept pictures.", lambda: self.kept.size)
        gauge("safehold_ready", "1 where ready.", lambda: not self.health.reasons())
        gauge("safehold_decoder_ready", "1 where files can be read.", lambda: self.engine.ready)
