"""A process that delivers what is due; for tests that kill it in the middle.

python -m tests.outbox.deliver_once DATABASE HOST:PORT
"""

from __future__ import annotations

import sys
from pathlib import Path

from safehold.clock import FixedClock
from safehold.outbound.model import OutboundOptions
from safehold.outbox.delivery import Deliverer, DeliverySettings
from safehold.outbox.schedule import DeliveryOptions
from safehold.storage.engine import sqlite_engine
from safehold.storage.records import SqlRecords
from tests.outbox.builders import NOW, counting_ids, sealer


def main(database: str, host: str) -> None:
    settings = DeliverySettings(
        delivery=DeliveryOptions(per_receiver=1),
        outbound=OutboundOptions(allow_http=True, allowed_hosts=(host,)),
    )
    records = SqlRecords(sqlite_engine(Path(database)))
    Deliverer(records, FixedClock(NOW), counting_ids(), sealer(), settings).run_once()


if __name__ == "__main__":
    main(*sys.argv[1:])
