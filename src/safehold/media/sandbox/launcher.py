"""The host's hold on the zygote: start it, have workers forked, learn how they died, end it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict
from typing import Final

from safehold.media.sandbox import protocol
from safehold.media.sandbox.interface import (
    DEFAULT_ENVIRONMENT,
    Json,
    Message,
    SandboxOptions,
    SandboxStartError,
)

FORK_SECONDS: Final = 30.0
"""How long the zygote may take to answer; it takes milliseconds on a machine that is alive."""

EXIT_SECONDS: Final = 1.0
"""How long the host waits to hear how a worker ended."""

END_SECONDS: Final = 5.0

FORGIVEN_AFTER_SECONDS: Final = 600.0


class Child:
    """A worker as the host holds it: its channel, and a pidfd, which cannot name another."""

    def __init__(self, pid: int, pidfd: int, channel: socket.socket, generation: int) -> None:
        self.pid = pid
        self.generation = generation
        """Which zygote made it, of those that there were one after another."""
        self.channel = channel
        self._pidfd = pidfd

    def kill(self) -> None:
        """End it at once, whatever it is doing; does nothing when it is dead."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def close(self) -> None:
        """Kill it and let go of it."""
        if self._pidfd >= 0:
            self.kill()
            os.close(self._pidfd)
            self._pidfd = -1
        self.channel.close()


class Sandbox:
    """One zygote. `start` returns at once; the first `fork` waits until it is warm."""

    def __init__(self, options: SandboxOptions) -> None:
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._warm = False
        self._began = 0.0
        self._died: dict[int, int] = {}  # process id -> signal, of workers not asked for yet
        self._live: set[int] = set()
        self._forks = 0
        self._restarts = 0
        self._generation = 0

    def start(self) -> None:
        """Start the zygote, if it is not there. Raises `SandboxStartError`."""
        if self._process is not None:
            return
        if sys.platform != "linux":
            raise SandboxStartError("Safehold reads files on Linux only.")
        hello = protocol.encode(self._hello())
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    [
                        self._options.python,
                        "-I",
                        "-m",
                        "safehold.media.sandbox.zygote",
                        str(theirs.fileno()),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={**DEFAULT_ENVIRONMENT, **self._options.environment},
                    pass_fds=(theirs.fileno(),),
                    cwd="/",
                )
            self._channel = ours
            protocol.send_hello(ours, hello)
        except OSError as error:
            ours.close()
            self._stop()
            raise SandboxStartError from error
        self._warm = False
        self._generation += 1
        self._began = time.monotonic()

    def _hello(self) -> Message:
        options = self._options
        path: list[Json] = list(options.python_path)
        return {
            "host": os.getpid(),
            "python_path": path,
            "job": options.job,
            "warm_up": options.warm_up,
            "settings": dict(options.settings),
            "limits": asdict(options.limits),
            "max_message_bytes": options.max_message_bytes,
        }

    def fork(self, role: str, file_bytes: int) -> Child:
        """A new worker; restarts a dead zygote. Raises `SandboxStartError`.

        `file_bytes` is the largest file in memory that the worker may make.
        """
        while True:
            self.start()
            try:
                return self._fork(role, file_bytes)
            except (OSError, EOFError, protocol.ProtocolError) as error:
                lived = time.monotonic() - self._began
                was_warm = self._warm
                self._stop()
                if was_warm and lived > FORGIVEN_AFTER_SECONDS:
                    self._restarts = 0
                if self._restarts >= self._options.zygote_restarts:
                    raise SandboxStartError(
                        "The process that worker processes are made from died repeatedly."
                    ) from error
                self._restarts += 1

    def _fork(self, role: str, file_bytes: int) -> Child:
        assert self._channel is not None
        self._await_warm(self._channel)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self._forks += 1
                order: Message = {"role": role, "id": self._forks, "file_bytes": file_bytes}
                protocol.send_packet(
                    self._channel, protocol.FORK, protocol.encode(order), (theirs.fileno(),)
                )
            answer = self._next(FORK_SECONDS, protocol.FORKED)
            said = protocol.decode(answer.body)
            pid = said["pid"]
            if said["id"] != self._forks or not isinstance(pid, int) or not answer.descriptors:
                raise protocol.ProtocolError
        except BaseException:
            ours.close()
            raise
        ours.setblocking(False)
        self._live.add(pid)
        return Child(pid, answer.descriptors[0], ours, self._generation)

    def _await_warm(self, channel: socket.socket) -> None:
        """Wait for the zygote's READY. Raises `SandboxStartError` when it says FAILED."""
        if self._warm:
            return
        packet = self._receive(channel, self._options.start_seconds)
        if packet.kind == protocol.FAILED:
            said = protocol.decode(packet.body)
            self._stop()
            raise SandboxStartError(
                "The worker processes could not be prepared.", hint=str(said.get("error", ""))
            )
        if packet.kind != protocol.READY:
            raise protocol.ProtocolError
        self._warm = True

    def _next(self, seconds: float, wanted: bytes) -> protocol.Packet:
        """The next packet of kind `wanted`; notices of deaths before it are noted."""
        until = time.monotonic() + seconds
        while True:
            assert self._channel is not None
            packet = self._receive(self._channel, until - time.monotonic())
            if packet.kind == wanted:
                return packet
            self._note(packet)

    @staticmethod
    def _receive(channel: socket.socket, seconds: float) -> protocol.Packet:
        """The next packet. Raises EOFError when the zygote is gone, TimeoutError when mute."""
        channel.settimeout(max(seconds, 0.001))
        packet = protocol.receive_packet(channel, 1)
        channel.settimeout(None)
        if packet is None:
            raise EOFError
        return packet

    def _note(self, packet: protocol.Packet) -> None:
        protocol.close_all(packet.descriptors)
        if packet.kind != protocol.DIED:
            raise protocol.ProtocolError
        said = protocol.decode(packet.body)
        pid, number = said["pid"], said["signal"]
        if isinstance(pid, int) and isinstance(number, int) and pid in self._live:
            self._died[pid] = number

    def how_it_died(self, child: Child) -> int | None:
        """The signal that ended a worker whose channel closed, 0 when it left by itself.

        None when the zygote cannot say; then it is dead, or the worker is not. Call it once
        for each worker, when it is over.
        """
        until = time.monotonic() + EXIT_SECONDS
        with contextlib.suppress(OSError, EOFError, protocol.ProtocolError):
            while child.pid not in self._died and self._channel is not None:
                self._note(self._receive(self._channel, until - time.monotonic()))
        self._live.discard(child.pid)
        return self._died.pop(child.pid, None)

    def forget(self, child: Child) -> None:
        """Nobody will ask how this worker died."""
        self._live.discard(child.pid)
        self._died.pop(child.pid, None)

    def is_orphan(self, child: Child) -> bool:
        """Whether the zygote that made `child` is dead, and `child` with it."""
        if self._channel is None or child.generation != self._generation:
            return True
        if self._process is None or self._process.poll() is not None:
            return True
        poller = select.poll()
        poller.register(self._channel.fileno(), 0)  # POLLHUP is always told
        return any(event & select.POLLHUP for _, event in poller.poll(0))

    def close(self) -> None:
        """End the zygote, and with it every worker."""
        self._stop()

    def _stop(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        # One that still warms up does not look at its channel.
        patience = END_SECONDS if self._warm else 0.0
        self._warm = False
        self._live.clear()
        self._died.clear()
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
