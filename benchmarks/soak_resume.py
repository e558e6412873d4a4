"""A scan that is killed again and again ends with the rows of one that was never broken.

Some thousand files and archives are scanned once without trouble. Then the scan is killed by
SIGKILL at seeded moments and taken up with `--resume`, until as many kills as asked for have
hit; the rows at the end are the same as the unbroken run's, and none stands twice. After each
kill, no process of the scan lives on. Exit 1 when anything of that fails.
"""

from __future__ import annotations

import argparse
import collections
import csv
import hashlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from processes import run, session, start
from safehold.testing.files import make_tar, make_zip, small_files

ORPHAN_SECONDS = 10.0
"""How long workers may take to notice that their parent is gone."""


def write_files(folder: Path, seed: int, count: int) -> list[str]:
    """`count` sound files, each tenth an archive of five more; gives digests for the list."""
    rng = random.Random(seed)
    listed = []
    pool: list[tuple[str, bytes]] = []
    for index in range(count):
        if index % 200 == 0:
            drawn = small_files(rng.randrange(1 << 30))
            pool = list(drawn.items())
        name, data = rng.choice(pool)
        if index % 10 == 9:
            members = {f"{n}-{name}": data for n, (name, data) in enumerate(rng.sample(pool, 5))}
            name, data = (
                ("pack.zip", make_zip(members)) if index % 20 == 9 else ("p.tar", make_tar(members))
            )
            listed.append(hashlib.sha256(next(iter(members.values()))).hexdigest())
        path = folder / f"{index // 500:03d}" / f"{index:06d}-{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if index % 25 == 0:
            listed.append(hashlib.sha256(data).hexdigest())
    return listed


def read_rows(output: Path) -> collections.Counter[str]:
    """The rows as a multiset; a row is compared as JSON with its keys in order."""
    rows: collections.Counter[str] = collections.Counter()
    with output.open(encoding="utf-8") as lines:
        for line in lines:
            rows[json.dumps(json.loads(line), sort_keys=True)] += 1
    return rows


@dataclass
class Soak:
    """One corpus, its unbroken rows, and the counts of what happened to the broken runs."""

    folder: Path
    home: Path
    files: Path
    expected: collections.Counter[str]
    expected_code: int
    unbroken_seconds: float
    kills: int = 0
    completed: int = 0
    resumed_after_rows: int = 0
    left_alive: int = 0

    def arguments(self, output: Path) -> list[str]:
        return ["scan", str(self.files), "--output", str(output), "--resume"]

    def kill_once(self, output: Path, delay: float) -> bool:
        """Start (or resume) the scan and kill it after `delay`; False if it ended before."""
        process = start(self.home, self.arguments(output), self.folder / "errors.txt")
        try:
            code = process.wait(delay)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            self.kills += 1
            self.left_alive += self.orphans(process.pid)
            self.resumed_after_rows += int(output.exists() and output.stat().st_size > 0)
            return True
        if code != self.expected_code:
            raise SystemExit(f"a resumed scan gave exit code {code}: {self.said()}")
        self.completed += 1
        return False

    def said(self) -> str:
        return (self.folder / "errors.txt").read_text(errors="replace")[-1000:]

    def orphans(self, leader: int) -> int:
        """How many processes of a killed scan are still there when they should be gone."""
        deadline = time.monotonic() + ORPHAN_SECONDS
        while time.monotonic() < deadline:
            if not any(True for _ in session(leader)):
                return 0
            time.sleep(0.05)
        return sum(1 for _ in session(leader))

    def compare(self, output: Path) -> list[str]:
        """How the rows differ from the unbroken run's."""
        rows = read_rows(output)
        missing, extra = self.expected - rows, rows - self.expected
        wrong = [f"{missing.total()} rows are missing or differ"] if missing else []
        return wrong + ([f"{extra.total()} rows are too many or differ"] if extra else [])


def prepare(folder: Path, seed: int, count: int) -> Soak:
    """Write the files and the list, and scan once without trouble."""
    home, files, errors = folder / "home", folder / "files", folder / "errors.txt"
    listed = write_files(files, seed, count)
    with (folder / "list.csv").open("w", newline="") as sink:
        csv.writer(sink).writerows([["sha256"], *([digest] for digest in sorted(set(listed)))])
    added = run(home, ["list", "add", "soak", str(folder / "list.csv")], errors)
    if added.code != 0:
        raise SystemExit(f"safehold list add failed: {added.errors}")
    output = folder / "unbroken.jsonl"
    usage = run(home, ["scan", str(files), "--output", str(output)], errors, every=0.2)
    if usage.code not in {0, 1, 2}:
        raise SystemExit(f"the unbroken scan gave exit code {usage.code}: {usage.errors}")
    return Soak(folder, home, files, read_rows(output), usage.code, usage.seconds)


def soak(trial: Soak, kills: int, rng: random.Random) -> list[str]:
    """Kill until `kills` have hit; compare whenever a scan got to its end."""
    wrong: list[str] = []
    output = trial.folder / "broken.jsonl"
    while trial.kills < kills:
        # Some kills hit the start, most of them somewhere in the work.
        delay = rng.uniform(0.02, 0.6) * trial.unbroken_seconds
        if not trial.kill_once(output, delay):
            wrong += trial.compare(output)
            _start_anew(output)
    while trial.kill_once(output, 100 * trial.unbroken_seconds + 60):
        pass
    return wrong + trial.compare(output)


def _start_anew(output: Path) -> None:
    """Remove the rows and whatever the scan keeps beside them for resuming."""
    for path in output.parent.glob(f"{output.name}*"):
        path.unlink()


def main() -> int:
    """Prepare, kill and resume, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=3000, help="files and archives")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="leave the folder for a look")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="safehold-soak-"))
    trial = prepare(folder, chosen.seed, chosen.count)
    twice = sum(number - 1 for number in trial.expected.values())
    wrong = [f"the unbroken run has {twice} rows twice"] if twice else []
    wrong += soak(trial, chosen.kills, random.Random(chosen.seed))
    print(
        f"{chosen.count} files, {trial.expected.total()} rows, "
        f"unbroken {trial.unbroken_seconds:.1f} s, seed {chosen.seed}"
    )
    print(
        f"{trial.kills} kills, {trial.resumed_after_rows} of them after the first rows, "
        f"{trial.completed} scans got to their end"
    )
    wrong += [f"{trial.left_alive} processes outlived a kill"] if trial.left_alive else []
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
