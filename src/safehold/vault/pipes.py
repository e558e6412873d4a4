"""Turning a writer into a reader: a thread writes into a pipe that somebody reads.

The bytes stand in the kernel's memory alone, at most a pipe's worth. An error of the thread is
raised to the reader in place of the end, so that nobody takes a part for the whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PIPE_BYTES = 1 << 20
"""Size that is asked for the pipe, and of the buffers at its ends."""


class _PipeReader(io.RawIOBase):
    """The end of a pipe, whose writer runs in a thread of its own."""

    def __init__(self, produce: Callable[[BinaryIO], None]) -> None:
        self._failure: BaseException | None = None
        self._descriptor, write_end = os.pipe2(os.O_CLOEXEC)
        with contextlib.suppress(OSError):  # A user's limit may be smaller; it does all the same.
            fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._thread = threading.Thread(
            target=self._run, args=(produce, write_end), name="pipe", daemon=True
        )
        self._thread.start()

    def _run(self, produce: Callable[[BinaryIO], None], write_end: int) -> None:
        try:
            with os.fdopen(write_end, "wb", buffering=PIPE_BYTES) as output:
                produce(output)
        except BaseException as error:  # noqa: BLE001 - whatever it is goes to who reads
            self._failure = error

    def readable(self) -> bool:
        """It is read from."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a buffer; 0 at the end. Raises what the writer raised."""
        count = os.readv(self._descriptor, [buffer])
        if count == 0:
            self._thread.join()
            if self._failure is not None:
                raise self._failure
        return count

    def close(self) -> None:
        """Give up reading; the writer ends with a broken pipe."""
        if not self.closed:
            os.close(self._descriptor)
            self._thread.join()
        super().close()


def read_from(produce: Callable[[BinaryIO], None]) -> BinaryIO:
    """What `produce` writes to the stream that it is given, to be read.

    Close it, whether or not it was read to its end; that waits for `produce` to return.
    """
    return io.BufferedReader(_PipeReader(produce), PIPE_BYTES)
