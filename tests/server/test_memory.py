"""What a server gives back of its memory."""

from __future__ import annotations

import subprocess
import sys
import threading

from safehold.engine.memory import give_back

SCRIPT = """
import threading
from pathlib import Path
from safehold.engine.memory import give_back, keep_few_heaps

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

keep_few_heaps()
kept = []

def fill():
    # Small enough to come from a heap, with something behind it that stays.
    blocks = [bytearray(60_000) for _ in range(500)]
    kept.append(bytearray(60_000))
    del blocks

for _ in range(4):
    thread = threading.Thread(target=fill)
    thread.start()
    thread.join()
before = resident()
give_back()
print(before - resident())
"""


def test_free_pages_are_given_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) > 10_000_000


def test_several_threads_may_ask_at_once() -> None:
    threads = [threading.Thread(target=give_back) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
