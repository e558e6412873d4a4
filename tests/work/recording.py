"""A log that remembers what it was told."""

from __future__ import annotations

import threading
from typing import Any


class Recording:
    """A `Log` of tests."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []
        self._lock = threading.Lock()

    def info(self, event: str, **fields: Any) -> None:
        self._add("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._add("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._add("error", event, fields)

    def events(self, event: str) -> list[dict[str, Any]]:
        """The fields of all lines of one event."""
        return [fields for _, name, fields in self.lines if name == event]

    def _add(self, level: str, event: str, fields: dict[str, Any]) -> None:
        with self._lock:
            self.lines.append((level, event, fields))
