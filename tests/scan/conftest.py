"""A runtime with real workers, one for all scan tests, and a list of sample pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from safehold.config import Settings
from safehold.hashing.exact import exact_digests
from safehold.hashing.pdq import pdq
from safehold.lists.model import Tier
from safehold.runtime import Runtime
from safehold.scan.job import ScanJob, ScanPlan
from safehold.scan.output import iterate_rows
from safehold.scan.scanner import Progress
from safehold.scan.summary import Summary
from tests.conftest import KERNEL_CACHE
from tests.samples import sample

LISTED = ("astronaut", "coffee")
Rows = dict[str, dict[str, Any]]


def encoded(name: str, kind: str = "JPEG", **options: Any) -> bytes:
    """A sample picture as a file."""
    out = io.BytesIO()
    Image.fromarray(sample(name)).save(out, kind, **options)
    return out.getvalue()


def original(name: str) -> bytes:
    """The very bytes that stand on the list."""
    return encoded(name, "JPEG", quality=92)


def write_list(path: Path, names: tuple[str, ...] = LISTED) -> Path:
    """A csv list of some samples, with all digests."""
    with path.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["md5", "sha1", "sha256", "pdq", "id"])
        for name in names:
            exact = exact_digests(original(name))
            hashed = pdq(sample(name)).bits.hex()
            writer.writerow([exact.md5.hex(), exact.sha1.hex(), exact.sha256.hex(), hashed, name])
    return path


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one confirmed list."""
    folder = tmp_path_factory.mktemp("home")
    settings = Settings(home=folder, kernel_cache=KERNEL_CACHE, workers=2)
    with Runtime(settings) as runtime:
        listed = write_list(folder / "list.csv")
        runtime.lists.add("samples", listed, tier=Tier.CONFIRMED)
    return folder


@pytest.fixture(scope="session")
def runtime(home: Path) -> Iterator[Runtime]:
    """The home's runtime; its workers are shared by all tests."""
    with Runtime(Settings(home=home, kernel_cache=KERNEL_CACHE, workers=2)) as made:
        yield made


class Scan:
    """Runs a scan of a folder and reads its rows."""

    def __init__(self, runtime: Runtime, folder: Path) -> None:
        self.runtime = runtime
        self.folder = folder
        self.summary = Summary()

    def __call__(self, *paths: Path, **options: Any) -> Rows:
        output = options.pop("output", self.folder / "rows.jsonl")
        plan = ScanPlan(paths=tuple(bytes(p) for p in paths), output=output, **options)
        with ScanJob(plan, self.runtime, Progress()) as job:
            job.run()
            self.summary = job.summary
        rows = [row for row, _ in iterate_rows(output)]
        root = f"{paths[0]}/" if paths else ""
        named = {row["path"].removeprefix(root): row for row in rows}
        assert len(named) == len(rows), "an item has two rows"
        return named


@pytest.fixture
def scan(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Scan:
    return Scan(runtime, tmp_path_factory.mktemp("out"))
