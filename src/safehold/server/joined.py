"""The app's own parts, joined from what it was given."""

from __future__ import annotations

from safehold.engine.blocking import Blocking
from safehold.engine.engine import Engine, EngineParts
from safehold.engine.examiner import Examiner, ExaminerParts
from safehold.engine.figures import Figures
from safehold.engine.judging import Judge
from safehold.engine.lists import ListWatch
from safehold.engine.spool import Spool
from safehold.ids import ServerId
from safehold.server.auth import Gate, Purse
from safehold.server.health import Health
from safehold.server.ports import ServerParts
from safehold.server.shared import Shared


class Joined:
    """All of them. Nothing runs yet."""

    def __init__(self, parts: ServerParts) -> None:
        self.server_id = ServerId(parts.ids())
        self.figures = Figures()
        self.lists = ListWatch(parts.lists, parts.screening, parts.log)
        self.examiner = Examiner(ExaminerParts(parts.pool, parts.request, parts.log))
        self.judge = Judge(self.lists, parts.door.recorder.triage, parts.clock, parts.log)
        self.engine = Engine(
            EngineParts(
                self.examiner,
                self.judge,
                parts.door.recorder,
                self.figures,
                parts.options.max_waiting,
                parts.write_threads,
                parts.classifiers,
                parts.door.classifiers,
                parts.door.matchers,
                parts.door.keeping,
            )
        )
        options = parts.options
        share = max(int(options.spool_bytes * options.service_share), options.max_body_bytes)
        self.spool = Spool(options.spool_bytes, share)
        self.gate = Gate(parts)
        self.health = Health(parts, self.server_id, self.lists, self.engine)
        self.records = Blocking("records", parts.options.answer_seconds)
        self.shared = Shared(
            parts, self.gate, Purse(parts), self.engine, self.spool, self.figures, self.records
        )
        gauge = self.figures.gauge
        gauge("safehold_items_under_way", "Items.", lambda: self.engine.under_way)
        gauge("safehold_spool_bytes", "Memory of bodies.", lambda: self.spool.used)
        gauge("safehold_bodies", "Bodies in memory.", lambda: self.spool.bodies)
        gauge("safehold_list_age_seconds", "Age of the oldest list.", self.health.oldest_list)
        gauge("safehold_ready", "1 where ready.", lambda: not self.health.reasons())
        gauge("safehold_decoder_ready", "1 where files can be read.", lambda: self.engine.ready)
