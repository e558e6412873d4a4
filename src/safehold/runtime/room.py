"""How much room a disk has."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

ROOM_SECONDS = 2.0
"""For how long the free space that was read is believed."""


class Room:
    """Free space of the disk under a folder, read at most every few seconds; None if unknown."""

    def __init__(self, folder: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._free: int | None = None
        self._until = 0.0

    def __call__(self) -> int | None:
        with self._lock:
            now = self._monotonic()
            if now >= self._until:
                try:
                    self._free = shutil.disk_usage(self._folder).free
                except OSError:
                    self._free = None  # the folder is not there, which writing to it will say
                self._until = now + ROOM_SECONDS
            return self._free
