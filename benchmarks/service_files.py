"""Files and lists for the benchmark of the service."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench_files import DETAILED, PHONE, photograph
from safehold.testing.edits import encode
from safehold.testing.pictures import draw_any
from service_home import ServiceHome
from service_traffic import list_row, numbered, with_comment

CALLERS = (1, 4, 16)
HELD_CALLS = 4_000
"""Files to be held or blocked that one measurement sends at most; each second one is listed."""

WEB_SIZE = (800, 600)
WEB_FILES = 8
PHONE_FILES = 3


@dataclass(frozen=True, slots=True)
class Size:
    """How long to measure: seconds a figure, rounds, random entries, files of the scan."""

    seconds: float
    rounds: int
    entries: int
    scanned: int


def make_files(folder: Path, scanned: int) -> None:
    """Write all files that are sent or scanned."""
    for name in ("web", "phone", "held", "scanned", "half"):
        (folder / name).mkdir(parents=True)
    web = [encode(draw_any(seed, WEB_SIZE), "JPEG", quality=80) for seed in range(WEB_FILES)]
    for number, data in enumerate(web):
        (folder / "web" / f"{number}.jpg").write_bytes(data)
    for number, sample in enumerate(("coffee", "chelsea", "rocket")[:PHONE_FILES]):
        data = encode(photograph(sample, PHONE, DETAILED), "JPEG", quality=90)
        (folder / "phone" / f"{number}.jpg").write_bytes(data)
    for number in range(WEB_FILES):
        data = encode(draw_any(1000 + number, WEB_SIZE), "JPEG", quality=80)
        (folder / "held" / f"{number}.jpg").write_bytes(data)
    for number in range(scanned):
        data = with_comment(web[number % WEB_FILES], numbered(number))
        (folder / "scanned" / f"{number:06d}.jpg").write_bytes(data)
        if number < scanned // 2:
            (folder / "half" / f"{number:06d}.jpg").write_bytes(data)


def add_lists(where: ServiceHome, folder: Path, size: Size) -> None:
    """Random PDQ hashes, and a list of what is held and blocked."""
    rng = random.Random(1)
    source = folder / "random.txt"
    with source.open("w") as lines:
        lines.writelines(rng.randbytes(32).hex() + "\n" for _ in range(size.entries))
    where.run("list", "add", "random", str(source), "--type", "pdq", "--tier", "confirmed")
    source.unlink()
    where.add_list("known", "confirmed", list(held_rows(where, folder, size)))


def held_rows(where: ServiceHome, folder: Path, size: Size) -> Iterator[list[str]]:
    """Each held picture with its PDQ; and exact digests of each second file that will be sent."""
    files = sorted((folder / "held").glob("*.jpg"))
    held = [path.read_bytes() for path in files]
    for path, data in zip(files, held, strict=True):
        found = json.loads(where.run("hash", str(path)))
        yield list_row(data, path.stem, found["pdq"])
    for number in range(1, size.rounds * len(CALLERS) * HELD_CALLS, 2):
        content = with_comment(held[number % len(held)], numbered(number))
        yield list_row(content, f"file-{number}")
