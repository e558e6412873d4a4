"""A CyberTipline on this machine: for tests, for the demonstration and for operators' trials.

    with Simulator() as simulator:
        ... simulator.address, simulator.username, simulator.password ...

It behaves as the documentation says: response codes, HTTP basic authentication, the clocks of 24
hours and of one hour, calls in their order, the schema where one is given. It can be told to fail
in every way that the real one can. It reports nothing to anybody. As a process of its own:

    python -m safehold.testing.cybertip_simulator --port 0 --json

prints its address and credentials and runs until its standard input ends or it is terminated.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from safehold.clock import Clock, SystemClock
from safehold.reporting.model import StepKind
from safehold.testing.cybertip_simulator_book import (
    SimulatedBook,
    SimulatedFile,
    SimulatedReport,
    validator,
)
from safehold.testing.cybertip_simulator_door import Door, Fault, Handler, Server

__all__ = ["Fault", "SimulatedFile", "SimulatedReport", "Simulator", "main"]

USERNAME: Final = "simulator"
PASSWORD: Final = "simulator"
NO_SCHEMA: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
    b'<xs:element name="report"/></xs:schema>\n'
)
"""What `/xsd` gives where no schema was given."""


class Simulator:
    """The service; a context manager that listens on 127.0.0.1.

    Args:
        clock: decides when unfinished reports are deleted.
        schema: file of the schema, to validate what comes and to give at `/xsd`; None for neither.
        username, password: what callers must say.
        port: where it listens; 0 for any free one.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        schema: Path | None = None,
        *,
        username: str = USERNAME,
        password: str = PASSWORD,
        port: int = 0,
    ) -> None:
        content = schema.read_bytes() if schema else NO_SCHEMA
        self.username = username
        self.password = password
        self._book = SimulatedBook(clock or SystemClock(), validator(content) if schema else None)
        self._door = Door(self._book, username, password, content)
        self._port = port
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        handler = type("BoundHandler", (Handler,), {"door": self._door})
        self._server = Server(("127.0.0.1", self._port), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="cybertip-simulator", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._door.ended.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(5)

    @property
    def address(self) -> str:
        """Where it listens: `http://127.0.0.1:PORT/ispws`."""
        if self._server is None:
            raise RuntimeError("use `with`")
        return f"http://127.0.0.1:{self._server.server_address[1]}/ispws"

    @property
    def clock(self) -> Clock:
        """What decides when unfinished reports are deleted."""
        return self._book.clock

    @clock.setter
    def clock(self, clock: Clock) -> None:
        self._book.clock = clock

    @property
    def reports(self) -> Mapping[int, SimulatedReport]:
        """All reports by their number, as they stand now."""
        self._book.sweep()
        return dict(self._book.reports)

    @property
    def finished(self) -> Mapping[int, SimulatedReport]:
        """The finished ones."""
        return {key: one for key, one in self.reports.items() if one.state == "finished"}

    @property
    def calls(self) -> Sequence[str]:
        """The calls that came, in their order: `submit`, `file_info`, `schema` and so on."""
        return tuple(self._door.calls)

    def fail(self, call: StepKind | str, fault: Fault | int, times: int = 1) -> None:
        """Let the next calls of a kind fail.

        Args:
            call: a `StepKind`, `status` or `schema`.
            fault: how; a number is a response code, and nothing is done.
            times: how many of them; faults of one kind come in the order in which they were set.
        """
        self._door.fail(str(call), fault, times)

    def slow_down(self, seconds: float) -> None:
        """How long an answer with `Fault.SLOW` takes."""
        self._door.slow_seconds = seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a process of its own, until standard input ends or it is terminated."""
    parser = argparse.ArgumentParser(description="A CyberTipline on this machine, for trials.")
    parser.add_argument("--port", type=int, default=0, help="0 for any free one")
    parser.add_argument("--schema", type=Path, help="validate what comes by this schema")
    parser.add_argument("--json", action="store_true", help="say where it listens as JSON")
    given = parser.parse_args(arguments)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())

    def wait_for_the_end_of_input() -> None:
        while os.read(sys.stdin.fileno(), 1 << 12):
            pass
        ended.set()

    with Simulator(schema=given.schema, port=given.port) as simulator:
        told = {
            "address": simulator.address,
            "username": simulator.username,
            "password": simulator.password,
        }
        text = json.dumps(told) if given.json else "\n".join(told.values())
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
        threading.Thread(target=wait_for_the_end_of_input, daemon=True).start()
        ended.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
