"""How many everyday edits are still found, Safehold beside threatexchange, on the same list.

The list holds the plain PDQ hash of each original (as `pdqhash` computes it, which is what
published lists hold). Every original then goes through every edit of `safehold.testing.edits`,
and both tools look for the results at distance <= 31 with a quality floor of 50: Safehold as it
scans (all frames, variants, eight orientations), threatexchange by `pdq_from_bytes`, and a
third, kinder reading of the peer: the same decoding with all eight orientations of pdqhash.

Only sums are printed. A table edit by edit would be a guide to evasion, so `--by-edit` writes
one to `benchmarks/results/`, which git ignores, for maintainers who look for a regression.

False matches are counted over all pairs of different originals: any form of an edited file of
one against the plain hash of each edited file of every other, as if that file had been listed.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pdqhash
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table
from threatexchange.signal_type.pdq import pdq_hasher

from safehold.hashing.borders import BorderOptions
from safehold.hashing.variants import frame_variants
from safehold.media.decode import open_picture
from safehold.media.limits import MediaLimits
from safehold.media.model import DecodeError
from safehold.testing.edits import EDITS, Difficulty
from safehold.testing.pictures import draw_any
from safehold.testing.samples import SAMPLES, sample

THRESHOLD = 31
QUALITY_FLOOR = 50
TOOLS = ("safehold", "threatexchange", "threatexchange, 8 orientations")
RESULTS = Path(__file__).parent / "results"

Hashes = NDArray[np.uint64]
"""Shape (n, 4)."""


@dataclass(frozen=True)
class Edited:
    """One edited file as each tool sees it.

    Attributes:
        original: number of the picture.
        edit: index into `EDITS`.
        queries: per tool, all hashes of quality 50 or more that it would look up.
        listed: the plain hash, as if this file had been listed; None under the floor.
    """

    original: int
    edit: int
    queries: tuple[Hashes, ...]
    listed: tuple[Hashes | None, ...]


@dataclass(frozen=True)
class Worked:
    """One original: its listed hash and its edited files."""

    number: int
    listed: bytes
    quality: int
    files: list[Edited]


def as_words(hashes: Sequence[bytes]) -> Hashes:
    return np.frombuffer(b"".join(hashes), dtype=np.uint64).reshape(-1, 4)


def original(number: int, size: tuple[int, int]) -> Image.Image:
    """The samples first, then drawings."""
    names = tuple(SAMPLES)
    return sample(names[number]) if number < len(names) else draw_any(number, size)


def by_safehold(data: bytes) -> tuple[list[bytes], bytes | None]:
    """Every hash that a scan looks up, and the plain one."""
    hashes: list[bytes] = []
    plain: bytes | None = None
    try:
        for frame in open_picture(data, MediaLimits()).frames():
            for variant in frame_variants(frame, BorderOptions()):
                if variant.quality >= QUALITY_FLOOR:
                    hashes += variant.pdq
                    plain = variant.pdq[0] if plain is None else plain
    except DecodeError:
        return hashes, plain
    return hashes, plain


def by_threatexchange(data: bytes) -> tuple[list[bytes], bytes | None]:
    """The hash that threatexchange looks up, unless it fails or is under the floor."""
    try:
        text, quality = pdq_hasher.pdq_from_bytes(data)
    except Exception:  # noqa: BLE001  (whatever it raises: the picture is not found)
        return [], None
    if quality < QUALITY_FLOOR:
        return [], None
    return [bytes.fromhex(text)], bytes.fromhex(text)


def by_orientations(data: bytes) -> tuple[list[bytes], bytes | None]:
    """As threatexchange decodes, with the eight orientations that pdqhash can give."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            pixels = pdq_hasher._convert_image_to_correct_array_dimension(picture)
        turned, quality = pdqhash.compute_dihedral(pixels)
    except Exception:  # noqa: BLE001
        return [], None
    if quality < QUALITY_FLOOR:
        return [], None
    hashes = [np.packbits(bits).tobytes() for bits in turned]
    return hashes, hashes[0]


def work(number: int, size: tuple[int, int]) -> Worked:
    """Edit one original in every way and hash the files with both tools."""
    picture = original(number, size)
    bits, quality = pdqhash.compute(np.asarray(picture))
    files = []
    for index, edit in enumerate(EDITS):
        data = edit.apply(picture)
        seen = [tool(data) for tool in (by_safehold, by_threatexchange, by_orientations)]
        files.append(
            Edited(
                number,
                index,
                tuple(as_words(hashes) for hashes, _ in seen),
                tuple(None if plain is None else as_words([plain]) for _, plain in seen),
            )
        )
    return Worked(number, np.packbits(bits).tobytes(), int(quality), files)


def distances(queries: Hashes, table: Hashes) -> NDArray[np.uint16]:
    """Hamming distances, shape (queries, table)."""
    total = np.zeros((len(queries), len(table)), dtype=np.uint16)
    for word in range(4):
        total += np.bitwise_count(queries[:, word, None] ^ table[None, :, word])
    return total


def found(worked: list[Worked], tool: int) -> NDArray[np.bool_]:
    """Whether each edit of each original is found: shape (originals, edits)."""
    result = np.zeros((len(worked), len(EDITS)), dtype=np.bool_)
    for row, one in enumerate(worked):
        listed = as_words([one.listed])
        for file in one.files:
            near = distances(file.queries[tool], listed)
            result[row, file.edit] = bool((near <= THRESHOLD).any())
    return result


def false_matches(worked: list[Worked], tool: int) -> tuple[int, int]:
    """Pairs of files of different originals that match, and how many pairs there are."""
    listed = [(file.original, file.listed[tool]) for one in worked for file in one.files]
    kept = [(number, plain) for number, plain in listed if plain is not None]
    table = np.concatenate([plain for _, plain in kept])
    owner = np.array([number for number, _ in kept])
    matched = pairs = 0
    for one in worked:
        others = table[owner != one.number]
        for file in one.files:
            pairs += len(others)
            if len(file.queries[tool]):
                near = distances(file.queries[tool], others) <= THRESHOLD
                matched += int(near.any(axis=0).sum())
    return matched, pairs


def run(count: int, size: tuple[int, int], workers: int, console: Console) -> list[Worked]:
    """All originals, on some processes."""
    with ProcessPoolExecutor(workers) as pool:
        jobs: Iterator[Worked] = pool.map(work, range(count), [size] * count)
        shown = track(jobs, "editing and hashing", total=count, console=console, transient=True)
        return list(shown)


def show(worked: list[Worked], console: Console) -> dict[str, dict[str, float]]:
    """Print the sums; give them as values too."""
    sums: dict[str, dict[str, float]] = {}
    table = Table(
        title=f"{len(worked)} pictures x {len(EDITS)} edits, distance <= {THRESHOLD}, "
        f"quality >= {QUALITY_FLOOR}"
    )
    for heading in ("", *TOOLS):
        table.add_column(heading, justify="right" if heading else "left")
    hits = [found(worked, tool) for tool in range(len(TOOLS))]
    expected = np.array([edit.difficulty is Difficulty.EXPECTED for edit in EDITS])
    for label, chosen in (
        ("recall, all edits", np.ones(len(EDITS), dtype=np.bool_)),
        ("recall, edits that a good tool should find", expected),
        ("recall, hard edits", ~expected),
    ):
        values = [float(one[:, chosen].mean()) for one in hits]
        sums[label] = dict(zip(TOOLS, values, strict=True))
        table.add_row(label, *(f"{value:.2%}" for value in values))
    cells, sums["false matches"] = [], {}
    for tool, name in enumerate(TOOLS):
        matched, pairs = false_matches(worked, tool)
        sums["false matches"][name] = matched / pairs
        cells.append(f"{matched} of {pairs:,} pairs")
    table.add_row("false matches between different pictures", *cells)
    console.print(table)
    return sums


def write_by_edit(worked: list[Worked], target: Path) -> None:
    """Recall of each edit, for maintainers only; never published."""
    hits = [found(worked, tool).mean(axis=0) for tool in range(len(TOOLS))]
    table = {
        edit.name: {
            "difficulty": edit.difficulty.value,
            **{name: float(hits[tool][index]) for tool, name in enumerate(TOOLS)},
        }
        for index, edit in enumerate(EDITS)
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(table, indent=2) + "\n")


def main() -> int:
    """Print the sums; 1 when Safehold finds less than its peer or matches what it should not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=150, help="how many pictures")
    parser.add_argument("--size", type=int, nargs=2, default=(800, 600), help="of the drawings")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--by-edit", action="store_true", help="also write recall-by-edit.json")
    chosen = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 140)
    worked = run(chosen.count, (chosen.size[0], chosen.size[1]), chosen.workers, console)
    if any(one.quality < QUALITY_FLOOR for one in worked):
        raise SystemExit("an original is under the quality floor: it cannot be listed")
    sums = show(worked, console)
    if chosen.by_edit:
        write_by_edit(worked, RESULTS / "recall-by-edit.json")
    recall = sums["recall, all edits"]
    good = recall["safehold"] >= recall["threatexchange"]
    return 0 if good and sums["false matches"]["safehold"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
