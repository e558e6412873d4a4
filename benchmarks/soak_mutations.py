"""Many damaged files through `safehold scan`: the run ends, and no row is lost.

Asks of the scan: it ends with one of its own exit codes; there is exactly one row for each
file; each row bears the file's true SHA-256; each file was decoded, or is unsupported, or its
row has an error code; each file whose digest is listed is found, however broken it is; and
that decoding works at all: a decoder that dies on more than 1 % of the files, or less than a
fifth of the rows without an error, is a failure too. Exit 1 when anything of that fails.
"""

from __future__ import annotations

import argparse
import collections
import csv
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from processes import Usage, run
from safehold.testing.mutate import mutations

MOST_CRASHED = 0.01
LEAST_SOUND = 0.2

LIST_EVERY = 20
"""Each so many-th file is put on the list by its SHA-256."""


@dataclass
class Corpus:
    """The written files: their digests, and which of them are listed."""

    folder: Path
    digests: dict[str, str] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)
    size: int = 0


def write_corpus(folder: Path, seed: int, count: int) -> Corpus:
    """Write the mutated files, 1,000 to a folder."""
    corpus = Corpus(folder)
    for index, (name, data) in enumerate(mutations(seed, count)):
        path = folder / f"{index // 1000:03d}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        corpus.size += len(data)
        corpus.digests[str(path)] = hashlib.sha256(data).hexdigest()
        if index % LIST_EVERY == 0 and data:
            corpus.listed.add(str(path))
    return corpus


def write_list(corpus: Corpus, target: Path) -> None:
    with target.open("w", newline="") as sink:
        rows = csv.writer(sink)
        rows.writerow(["sha256"])
        rows.writerows([digest] for digest in sorted({corpus.digests[p] for p in corpus.listed}))


def read_rows(output: Path) -> Iterator[dict[str, Any]]:
    with output.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def failures(corpus: Corpus, usage: Usage, rows: list[dict[str, Any]]) -> list[str]:
    """What is wrong with the run; nothing, one hopes."""
    wrong = []
    if usage.code not in {0, 1, 2}:
        wrong.append(f"exit code {usage.code}: {usage.errors[-500:]}")
    # Members of archives have rows of their own, under paths that are no files on the disk.
    own = [row for row in rows if row["path"] in corpus.digests]
    counted = collections.Counter(row["path"] for row in own)
    lost = len(corpus.digests.keys() - counted.keys())
    twice = sum(1 for number in counted.values() if number > 1)
    wrong += [f"{lost} files have no row"] if lost else []
    wrong += [f"{twice} files have more than one row"] if twice else []
    false = sum(1 for row in own if row["sha256"] != corpus.digests[row["path"]])
    wrong += [f"{false} rows have no or a wrong sha256"] if false else []
    missed = sum(1 for row in own if row["path"] in corpus.listed and not found_exactly(row))
    wrong += [f"{missed} listed files were not found"] if missed else []
    silent = sum(1 for row in rows if row["verdict"] not in {"allow", "hold", "block"})
    wrong += [f"{silent} rows have no verdict"] if silent else []
    errors = collections.Counter(row["error"] for row in rows)
    if errors["decoder_crashed"] > MOST_CRASHED * len(rows):
        wrong.append(f"the decoder died on {errors['decoder_crashed']} items")
    if errors[None] < LEAST_SOUND * len(rows):
        wrong.append(f"only {errors[None]} of {len(rows)} rows are without an error")
    return wrong


def found_exactly(row: dict[str, Any]) -> bool:
    return any(match["signal"] == "sha256" for match in row["matches"])


def main() -> int:
    """Write, list, scan, check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="leave the folder for a look")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="safehold-soak-"))
    errors, output = folder / "errors.txt", folder / "rows.jsonl"
    corpus = write_corpus(folder / "files", chosen.seed, chosen.count)
    write_list(corpus, folder / "list.csv")
    home = folder / "home"
    added = run(home, ["list", "add", "soak", str(folder / "list.csv")], errors)
    if added.code != 0:
        raise SystemExit(f"safehold list add failed: {added.errors}")
    usage = run(home, ["scan", str(corpus.folder), "--output", str(output)], errors, every=0.5)
    rows = list(read_rows(output)) if output.exists() else []
    wrong = failures(corpus, usage, rows)

    own_rows = sum(1 for row in rows if row["path"] in corpus.digests)
    codes = collections.Counter(str(row.get("error")) for row in rows)
    print(f"{chosen.count} mutated files, {corpus.size / 1e6:.0f} MB, seed {chosen.seed}")
    print(
        f"{usage.seconds:.1f} s, {chosen.count / usage.seconds:.0f} files/s, "
        f"{usage.cores_busy:.2f} cores busy, peak {usage.peak_mb:.0f} MB, exit {usage.code}"
    )
    print(f"{len(rows)} rows, of which {len(rows) - own_rows} of members of archives")
    for code, number in codes.most_common():
        print(f"  {number:7d}  {'no error' if code == 'None' else code}")
    for line in wrong:
        print(f"FAILED: {line}")
    print("passed" if not wrong else "failed")
    if chosen.keep:
        print(f"left in {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
