"""What the service is asked in its benchmark, and the load generator as a call."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service_files import HELD_CALLS
from service_home import Server

HERE = Path(__file__).parent
HMA = "HMA 1.1.7, as published"
HELD_RATE = 100.0


@dataclass(frozen=True, slots=True)
class Work:
    """Something that callers ask.

    Attributes:
        name: in words.
        traffic: of the load generator.
        files: which folder is sent.
        status: what each answer must be.
        peer, peer_name, bar: what it is compared with.
    """

    name: str
    traffic: str
    files: str
    statuses: frozenset[int]
    peer: float
    peer_name: str
    bar: float


WORKS = (
    Work("100 KB JPEG of 800x600, allowed", "pictures", "web", frozenset({200}), 123.0, HMA, 3.0),
    Work("3 MB JPEG of 12 MP, allowed", "pictures", "phone", frozenset({200}), 3.0, HMA, 6.0),
    Work("look-up by exact digests, allowed", "digests", "web", frozenset({200}), 577.0, HMA, 3.0),
    Work(
        "look-up by exact digests and PDQ, allowed",
        "digests_pdq",
        "web",
        frozenset({200}),
        577.0,
        HMA,
        3.0,
    ),
    Work(
        "100 KB JPEG, held or blocked, a new case each",
        "pictures",
        "held",
        frozenset({423, 451}),
        HELD_RATE,
        "the bar",
        1.0,
    ),
)


@dataclass(slots=True)
class Load:
    """Runs the load generator against one server."""

    folder: Path
    server: Server
    key: str
    first: int = 0
    held: int = 0

    def __call__(self, work: Work, callers: int, seconds: float, **more: Any) -> dict[str, Any]:
        """What came back; see `load_generator.Results`."""
        plan = {
            "port": self.server.port,
            "key": self.key,
            "traffic": work.traffic,
            "files": str(self.folder / work.files),
            "callers": callers,
            "seconds": seconds,
            **self._numbers(work),
            **more,
        }
        file = self.folder / "plan.json"
        file.write_text(json.dumps(plan))
        done = subprocess.run(
            [sys.executable, str(HERE / "load_generator.py"), str(file)],
            stdout=subprocess.PIPE,
            check=True,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def _numbers(self, work: Work) -> dict[str, int]:
        """Numbers of files that were not sent before."""
        if work.files == "held":
            self.held += 1
            return {"first": (self.held - 1) * HELD_CALLS, "calls": HELD_CALLS}
        self.first += 10_000_000
        return {"first": self.first}

    def strictly(self, work: Work, callers: int, seconds: float, **more: Any) -> dict[str, Any]:
        """The same; anything but the wanted answers ends the benchmark."""
        found = self(work, callers, seconds, **more)
        if not set(map(int, found["statuses"])) <= work.statuses:
            raise SystemExit(f"{work.name}: answers were {found['statuses']}")
        return found


def rate(found: dict[str, Any]) -> float:
    """Answers a second."""
    return float(len(found["milliseconds"]) / max(found["seconds"], 1e-9))


def percentile(found: dict[str, Any], share: float) -> float:
    """Milliseconds under which that share of the answers came."""
    ordered = sorted(found["milliseconds"])
    return float(ordered[min(len(ordered) - 1, int(share * len(ordered)))])
