"""Sending canaries through servers.

The rules:

1. Each server that says that it runs gets three pictures by HTTP: a listed one as it stands,
   which must be answered 451; a likeness of it, which must be answered 423; and one that is on no
   list, which must be answered 200.
2. The receipt of each must say the same. Each that is held must have a case that is flagged as a
   canary's, and evidence that the custodian can open and that is what was sent.
3. Then its case, evidence and key are removed, and nothing of them may be left. That is done
   whatever went wrong before. What a run that was killed left over is removed after
   `LEFT_OVER`.
4. The first thing that is wrong is the server's code. All three are sent in any case.
5. A server that has not opened the canaries' list yet is waited for.
6. Two runs that overlap choose among several files of the listed picture. Where something goes
   wrong with one after it was rightly answered, as it does when another run purged it first,
   another file is tried, once.
7. A server that ends while a canary goes through it has not failed.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Sequence

from safehold.errors import SafeholdError
from safehold.fleet.model import ALIVE, CanaryResult, Server
from safehold.outbox.model import AlarmCode
from safehold.work.alarms import Alarms
from safehold.work.canary.door import Door, DoorOptions
from safehold.work.canary.evidence import CanaryEvidence
from safehold.work.canary.listing import ensure_list
from safehold.work.canary.model import (
    AFTER_ANSWER,
    CANARY_LIST,
    CanaryCode,
    CanaryError,
    CanaryParts,
    Machine,
    Probe,
)
from safehold.work.canary.picture import VARIANTS, CanaryPicture, draw_canary
from safehold.work.ports import Log, Stop

LEFT_OVER = dt.timedelta(hours=1)
"""After how long a canary's case is one that was left over."""

_POLL_SECONDS = 0.5
_PNG, _JPEG = "image/png", "image/jpeg"
_SYSTEM = Machine(time.monotonic, time.sleep, secrets.token_bytes)


class Canaries:
    """Sends canaries. For one thread at a time; several processes may send at once.

    Args:
        parts: what canaries use.
        door: how servers are called.
        list_seconds: how long a server is waited for that lacks the canaries' list.
        alarms: where failures are told.
        log: where codes and ids go.
        machine: time and chance.
    """

    def __init__(
        self,
        parts: CanaryParts,
        door: DoorOptions,
        list_seconds: float,
        alarms: Alarms,
        log: Log,
        machine: Machine = _SYSTEM,
    ) -> None:
        self._parts = parts
        self._door = door
        self._list_seconds = list_seconds
        self._alarms = alarms
        self._log = log
        self._machine = machine
        self._picture: CanaryPicture | None = None
        self._listed: tuple[str, int] = (CANARY_LIST, 0)

    def servers(self) -> Sequence[Server]:
        """The servers that say that they run."""
        with self._parts.records.read() as transaction:
            return transaction.fleet.servers(self._parts.clock.now() - ALIVE)

    def send(self, servers: Sequence[Server], stop: Stop = lambda: False) -> Sequence[CanaryResult]:
        """Send canaries through servers one after another, keep the results, and alarm.

        Servers that ended meanwhile have no result, nor those that were left when `stop` said so.

        Raises:
            SafeholdError: the database, or the canaries' list, cannot be written.
        """
        picture = self._listed_picture()
        try:
            evidence = CanaryEvidence(self._parts)
        except CanaryError as error:
            return self._fail_all(servers, error.code)
        results = []
        for server in servers:
            if stop():
                break
            began = self._machine.monotonic()
            code = self._through(server, evidence, picture)
            seconds = self._machine.monotonic() - began
            result = CanaryResult(server.server_id, self._parts.clock.now(), code.value, seconds)
            if self._keep(result):
                results.append(result)
        swept = evidence.sweep(self._parts.clock.now() - LEFT_OVER)
        if swept:
            self._log.warning("canary_left_over", cases=swept)
        return tuple(results)

    def _listed_picture(self) -> CanaryPicture:
        """The picture, once it is listed as it must be."""
        if self._picture is None:
            picture = draw_canary(self._parts.secret)
            self._ensure_list(picture)
            self._picture = picture
        elif self._listed not in {(i.name, i.version) for i in self._parts.lists.show()}:
            # Removed, or another version of Safehold draws it otherwise.
            self._ensure_list(self._picture)
        return self._picture

    def _ensure_list(self, picture: CanaryPicture) -> None:
        info = ensure_list(self._parts.lists, picture)
        self._listed = (info.name, info.version)

    def _fail_all(self, servers: Sequence[Server], code: CanaryCode) -> Sequence[CanaryResult]:
        now = self._parts.clock.now()
        results = [CanaryResult(server.server_id, now, code.value, 0.0) for server in servers]
        return tuple(result for result in results if self._keep(result))

    def _keep(self, result: CanaryResult) -> bool:
        """Keep a result, and alarm where it is bad; False where the server is there no more."""
        good = result.code == CanaryCode.OK
        if not good and result.server_id not in {s.server_id for s in self.servers()}:
            return False
        with self._parts.records.write() as transaction:
            transaction.fleet.add_canary(result)
        fields = {"server": result.server_id, "code": result.code}
        if good:
            self._log.info("canary", seconds=round(result.seconds, 3), **fields)
        else:
            self._log.error("canary", **fields)
            self._alarms.write(AlarmCode.CANARY_FAILED, result.server_id)
        return True

    def _through(
        self, server: Server, evidence: CanaryEvidence, picture: CanaryPicture
    ) -> CanaryCode:
        """All probes of one server; the first code that is not ok."""
        self._wait_for_list(server)
        random_bytes = self._machine.random_bytes
        first = int.from_bytes(random_bytes(2), "big") % VARIANTS
        codes = []
        with Door(server.address, self._door) as door:
            code = self._probe(door, evidence, Probe.EXACT, picture.files[first])
            if code in AFTER_ANSWER:
                step = 1 + int.from_bytes(random_bytes(2), "big") % (VARIANTS - 1)
                other = picture.files[(first + step) % VARIANTS]
                code = self._probe(door, evidence, Probe.EXACT, other)
            codes.append((Probe.EXACT, code))
            likeness, unlisted = picture.likeness(random_bytes), picture.unlike(random_bytes)
            codes.append((Probe.LIKENESS, self._probe(door, evidence, Probe.LIKENESS, likeness)))
            codes.append((Probe.UNLISTED, self._probe(door, evidence, Probe.UNLISTED, unlisted)))
        wrong = [(probe, code) for probe, code in codes if code is not CanaryCode.OK]
        for probe, code in wrong:
            self._log.warning(
                "canary_probe", server=server.server_id, probe=probe.value, code=code.value
            )
        return wrong[0][1] if wrong else CanaryCode.OK

    def _wait_for_list(self, server: Server) -> None:
        """Wait until a server has opened the list as it is now, for a while."""
        until = self._machine.monotonic() + self._list_seconds
        present: Server | None = server
        while present is not None and self._listed not in present.lists:
            if self._machine.monotonic() >= until:
                return
            self._machine.sleep(_POLL_SECONDS)
            found = {s.server_id: s for s in self.servers()}
            present = found.get(server.server_id)

    def _probe(
        self, door: Door, evidence: CanaryEvidence, probe: Probe, content: bytes
    ) -> CanaryCode:
        """One picture, from the upload to its end."""
        code = CanaryCode.OK
        try:
            said = door.screen(content, _JPEG if probe is Probe.LIKENESS else _PNG)
            if said.verdict is not probe.verdict:
                raise CanaryError(CanaryCode.WRONG_VERDICT)
            if door.verdict_of(said.receipt) is not said.verdict:
                raise CanaryError(CanaryCode.WRONG_RECEIPT)
            if probe is not Probe.UNLISTED:
                evidence.check(content, said.verdict)
        except CanaryError as error:
            code = error.code
        try:
            purged = evidence.purge(content)
        except SafeholdError as error:
            self._log.error("canary_purge", code=error.code)
            purged = False
        if code is CanaryCode.OK and not purged:
            return CanaryCode.NOT_PURGED
        return code
