"""Writing alarms to the outbox."""

from __future__ import annotations

from safehold.cases.records import Records
from safehold.clock import Clock
from safehold.intake.parts import AlarmMessages
from safehold.outbox.model import Alarm, AlarmCode


class Alarms:
    """Writes alarms. The outbox leaves out what it was given in the same period already.

    Args:
        records: the unit of work.
        messages: from an alarm to its messages.
        clock: the present moment.
    """

    def __init__(self, records: Records, messages: AlarmMessages, clock: Clock) -> None:
        self._records = records
        self._messages = messages
        self._clock = clock

    def write(self, code: AlarmCode, subject: str = "") -> None:
        """Write an alarm. `subject` is an id or a list's name, never a person."""
        messages = self._messages(Alarm(code, self._clock.now(), subject))
        if messages:
            with self._records.write() as transaction:
                transaction.outbox.add(messages)
