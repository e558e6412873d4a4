"""`safehold serve` as a process of its own, to be measured, stopped and killed."""

from __future__ import annotations

import contextlib
import http.client
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from safehold.errors import SafeholdError

_END_SECONDS = 60.0


class ServerNotReadyError(SafeholdError):
    """A server that was started ended, or is not ready in time."""

    code = "server_not_ready"
    default_message = "The server is not ready."
    default_hint = "Its log says why."


class ServeProcess:
    """A server over a home, with a session of its own.

    Args:
        home: the data folder.
        log: a file to which its output is added.
        settings: environment variables beside this process's own.
    """

    def __init__(
        self, home: Path, log: Path, settings: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.port = free_port()
        # `env` adds to what this process has, and becomes the server.
        given = [f"{name}={value}" for name, value in {**settings, "SAFEHOLD_HOME": home}.items()]
        serve = [sys.executable, "-m", "safehold", "serve", "--port", str(self.port)]
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                ["env", *given, *serve],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id, which is its session's too."""
        return self._process.pid

    @property
    def lives(self) -> bool:
        """Whether the server's own process runs."""
        return self._process.poll() is None

    def wait_ready(self, seconds: float = 120.0) -> None:
        """Wait until it says that it is ready. Raises `ServerNotReadyError`."""
        until = time.monotonic() + seconds
        while self.lives and time.monotonic() < until:
            if self.get("/health/ready")[0] == 200:
                return
            time.sleep(0.05)
        raise ServerNotReadyError

    def get(self, path: str, key: str = "", seconds: float = 30.0) -> tuple[int, bytes]:
        """Status and body of a call; status 0 where there is no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def stop(self) -> int:
        """End it as an operator does; its exit code. One that does not end is killed."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    def kill(self) -> None:
        """End its own process as a fault does."""
        self._process.kill()
        self._process.wait()

    def others(self) -> dict[int, int]:
        """Its living processes but for itself, and the parent of each (proc(5))."""
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == self.pid:
                continue
            with contextlib.suppress(OSError):
                state, parent, _, session = (
                    (entry / "stat").read_text().rsplit(")", 1)[1].split()[:4]
                )
                if int(session) == self.pid and state != "Z":
                    found[int(entry.name)] = int(parent)
        return found


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
