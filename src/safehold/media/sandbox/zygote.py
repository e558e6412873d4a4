"""The process that workers are forked from: `python -I -m safehold.media.sandbox.zygote FD`.

It imports and warms up what jobs need, once, then forks a locked worker whenever the host asks,
in milliseconds. It never reads untrusted bytes, and it has one thread: a fork copies only the
thread that forks, and a lock that another thread held would stay shut in the copy for ever.

It ends when the host closes the channel or dies; each worker is killed when the zygote ends.
"""

from __future__ import annotations

import codecs
import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
import traceback
from typing import Any, Final, NoReturn, cast

from safehold.media.limits import MediaLimits
from safehold.media.sandbox import protocol
from safehold.media.sandbox.interface import Job, Message, SandboxStartError
from safehold.media.sandbox.lockdown import (
    c_library,
    isolate_zygote,
    keep_freed_memory,
    thread_count,
)
from safehold.media.sandbox.worker import Order, Setup, Unpack, run

UNPACKER: Final = "safehold.media.unpack.worker:serve"

CODECS: Final = (
    "ascii",
    "cp437",
    "latin-1",
    "unicode_escape",
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-be",
    "utf-16-le",
)
"""Python loads a codec's module when it is first used, which a locked worker cannot do."""


class Zygote:
    """The loop that forks and reaps."""

    def __init__(self, channel: socket.socket, host: int) -> None:
        """`host` is a descriptor (pidfd) that becomes readable when the host ends."""
        self._channel = channel
        self._host = host
        self._children: dict[int, int] = {}  # pidfd -> process id
        self._poll = select.poll()
        self._poll.register(channel.fileno(), select.POLLIN)
        self._poll.register(host, select.POLLIN)

    def serve(self, setup: Setup) -> None:
        """Fork on request until the host is gone, then end every worker."""
        try:
            while True:
                for descriptor, _ in self._poll.poll():
                    if descriptor in self._children:
                        self._reap(descriptor)
                    elif descriptor == self._host or not self._answer(setup):
                        return
        finally:
            self._end()

    def _answer(self, setup: Setup) -> bool:
        """Carry out one request. Returns False when the host closed the channel."""
        packet = protocol.receive_packet(self._channel, 1)
        if packet is None:
            return False
        request = protocol.decode(packet.body)
        (descriptor,) = packet.descriptors
        order = Order(
            role=str(request["role"]),
            file_bytes=int(cast(int, request["file_bytes"])),
            zygote=os.getpid(),
        )
        pid = os.fork()
        if pid == 0:
            self._become_worker(descriptor, order, setup)
        os.close(descriptor)
        pidfd = os.pidfd_open(pid)
        self._children[pidfd] = pid
        self._poll.register(pidfd, select.POLLIN)
        answer: Message = {"id": request["id"], "pid": pid}
        protocol.send_packet(self._channel, protocol.FORKED, protocol.encode(answer), (pidfd,))
        return True

    def _become_worker(self, descriptor: int, order: Order, setup: Setup) -> NoReturn:
        """The child's side of the fork; never returns."""
        status = 1
        try:
            self._channel.close()  # else the host would not see the zygote's death at once
            with socket.socket(fileno=descriptor) as channel:
                run(channel, order, setup)
            status = 0
        finally:
            os._exit(status)

    def _reap(self, pidfd: int) -> None:
        """Collect a dead worker and tell the host how it ended."""
        self._poll.unregister(pidfd)
        pid = self._children.pop(pidfd)
        os.close(pidfd)
        _, status = os.waitpid(pid, 0)
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        with contextlib.suppress(OSError):
            died: Message = {"pid": pid, "signal": number}
            protocol.send_packet(self._channel, protocol.DIED, protocol.encode(died))

    def _end(self) -> None:
        for pidfd, pid in self._children.items():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            os.waitpid(pid, 0)


def resolve(dotted: str) -> Any:
    """The function that `package.module:function` names."""
    module, _, name = dotted.partition(":")
    return getattr(importlib.import_module(module), name)


def prepare(hello: dict[str, Any]) -> Setup:
    """Import and warm up, as the host's HELLO says, and make sure that forking is safe."""
    sys.path[:0] = hello["python_path"]
    root = isolate_zygote(c_library())
    for name in CODECS:
        codecs.lookup(name)
    unpack = cast(Unpack, resolve(UNPACKER))
    job = cast(Job, resolve(hello["job"]))
    keep_freed_memory(c_library())
    if hello["warm_up"] is not None:
        resolve(hello["warm_up"])(hello["settings"])
    threads = thread_count()
    if threads != 1:
        raise SandboxStartError(
            f"The warm-up left {threads - 1} threads behind, so workers cannot be forked."
        )
    # Objects that exist now are never collected, so workers go on sharing their memory.
    gc.collect()
    gc.freeze()
    return Setup(
        job=job,
        unpack=unpack,
        limits=MediaLimits(**hello["limits"]),
        max_message_bytes=hello["max_message_bytes"],
        root=root,
    )


def main(channel: socket.socket) -> None:
    """Be the zygote on `channel`."""
    hello = protocol.receive_hello(channel)
    if hello is None:
        return
    options = cast("dict[str, Any]", hello)
    host = os.pidfd_open(os.getppid())
    if os.getppid() != options["host"]:
        return  # The host died in between, and the descriptor names somebody else.
    try:
        setup = prepare(options)
    except Exception as error:  # noqa: BLE001 - the host must hear of whatever it is
        what = "".join(traceback.format_exception_only(error))[-2000:]
        failed: Message = {"error": what.strip()}
        protocol.send_packet(channel, protocol.FAILED, protocol.encode(failed))
        return
    protocol.send_packet(channel, protocol.READY)
    Zygote(channel, host).serve(setup)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the host's to handle.
    main(socket.socket(fileno=int(sys.argv[1])))
