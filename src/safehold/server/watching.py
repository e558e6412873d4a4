"""Noticing end users who feel for where matching ends; the alarm goes out beside the answer."""

from __future__ import annotations

import asyncio

from safehold.accounts.probing import Probe
from safehold.engine.engine import Settled
from safehold.outbox.model import Alarm, AlarmCode
from safehold.policy.model import Verdict
from safehold.server.ports import ServerParts


class Watcher:
    """Looks at each answer. For the thread of the event loop."""

    def __init__(self, parts: ServerParts) -> None:
        self._parts = parts
        self._alarms: set[asyncio.Future[None]] = set()

    def note(self, settled: Settled) -> None:
        """Look whether an end user probes; an alarm goes out beside the answer."""
        watch, submission = self._parts.door.watch, settled.submission
        if watch is None or submission.canary or settled.answer.replayed is not None:
            return
        service = submission.service_id
        person = self._parts.names.person(service, submission.context.uploader)
        variants = submission.screened.examination.shown
        if person is None or not variants or submission.screened.observation.low_quality:
            return
        content = self._parts.names.content(service, submission.sha256)
        allowed = settled.answer.verdict is Verdict.ALLOW
        now = self._parts.clock.now()
        if watch(Probe(service, person, content, variants[0].pdq[0], allowed), now):
            self._parts.log.warning("probing", service=service)
            alarm = Alarm(AlarmCode.PROBING, now, service)
            loop = asyncio.get_running_loop()
            sent = loop.run_in_executor(None, self._parts.door.alarm, alarm)
            self._alarms.add(sent)
            sent.add_done_callback(self._alarmed)

    def _alarmed(self, sent: asyncio.Future[None]) -> None:
        self._alarms.discard(sent)
        if not sent.cancelled() and (error := sent.exception()) is not None:
            self._parts.log.error("alarm_not_written", exception=type(error).__name__)
