"""What host, zygote and workers say to each other.

All channels are Unix sockets of the kind SOCK_SEQPACKET, so a packet arrives whole or not at
all. A packet is one byte for its kind, then a body of at most `PACKET_BYTES`. Bodies are JSON
in UTF-8; pickle is never used. Descriptors travel beside a packet (SCM_RIGHTS), at most one.

    host -> zygote     HELLO + {options} in memory; FORK {role, id} + the worker's socket
    zygote -> host     READY {}; FAILED {error}; FORKED {id, pid} + pidfd; DIED {pid, signal}
    host -> worker     JOB {request} + the file; NEXT (unpacker: the last member was taken)
    worker -> host     READY {protections}; FAILED {error}; PART, MESSAGE {a message};
                       END "" or a fault's code

A message longer than a packet is cut: PART packets, then MESSAGE with the last piece.
"""

from __future__ import annotations

import json
import math
import os
import socket
from typing import Any, Final, NamedTuple, cast

from safehold.errors import SafeholdError
from safehold.media.sandbox.interface import Json, Message

HELLO: Final = b"H"
FORK: Final = b"F"
FORKED: Final = b"O"
DIED: Final = b"D"
READY: Final = b"R"
FAILED: Final = b"X"
JOB: Final = b"J"
NEXT: Final = b"N"
PART: Final = b"P"
MESSAGE: Final = b"M"
END: Final = b"E"

PACKET_BYTES: Final = 48 * 1024
"""Largest body of a packet. Two fit into a socket's send buffer as every kernel sets it."""


class ProtocolError(SafeholdError):
    """The other side said something that the protocol does not allow."""

    code = "sandbox_protocol"
    default_message = "A worker process did not keep to the protocol."


class Packet(NamedTuple):
    """A packet and the descriptors that came with it, which the receiver owns."""

    kind: bytes
    body: bytes
    descriptors: tuple[int, ...]


def send_packet(
    channel: socket.socket, kind: bytes, body: bytes = b"", descriptors: tuple[int, ...] = ()
) -> None:
    """Send one packet. Raises OSError as the socket does (BlockingIOError when it is full)."""
    if len(body) > PACKET_BYTES:
        raise ProtocolError("A packet would be larger than the protocol allows.")
    if descriptors:
        socket.send_fds(channel, [kind + body], list(descriptors))
    else:
        channel.send(kind + body)


def receive_packet(channel: socket.socket, descriptors: int = 0) -> Packet | None:
    """The next packet, or None when the other side is gone.

    Up to `descriptors` descriptors are accepted; the kernel closes any beyond those. What the
    other side sent before it went is still received.
    Raises `ProtocolError` for a packet that is too long, OSError as the socket does.
    """
    try:
        return _receive(channel, descriptors)
    except ConnectionResetError:
        # It died before it had read all. The kernel says so once, ahead of its last words.
        return _receive(channel, descriptors)


def _receive(channel: socket.socket, descriptors: int) -> Packet | None:
    if descriptors:
        data, found, flags, _ = socket.recv_fds(
            channel, PACKET_BYTES + 2, descriptors, socket.MSG_CMSG_CLOEXEC
        )
    else:
        # Without room for them the kernel throws descriptors away.
        data, found, flags = channel.recv(PACKET_BYTES + 2), [], 0
    if not data:
        close_all(found)
        return None
    if len(data) > PACKET_BYTES + 1 or flags & socket.MSG_TRUNC:
        close_all(found)
        raise ProtocolError
    return Packet(data[:1], data[1:], tuple(found))


def close_all(descriptors: list[int] | tuple[int, ...]) -> None:
    """Close every descriptor."""
    for descriptor in descriptors:
        os.close(descriptor)


def send_hello(channel: socket.socket, body: bytes) -> None:
    """Send the options, which may be longer than a packet, in a file in memory."""
    content = os.memfd_create("options", os.MFD_CLOEXEC)
    try:
        left = memoryview(body)
        while left:
            left = left[os.write(content, left) :]
        send_packet(channel, HELLO, descriptors=(content,))
    finally:
        os.close(content)


def receive_hello(channel: socket.socket) -> Message | None:
    """The options that `send_hello` sent, or None when the host is gone."""
    packet = receive_packet(channel, 1)
    if packet is None:
        return None
    if len(packet.descriptors) != 1:
        raise ProtocolError
    with os.fdopen(packet.descriptors[0], "rb") as file:
        file.seek(0)
        return decode(file.read())


def encode(message: Message) -> bytes:
    """A JSON object as strict UTF-8 JSON.

    Raises ValueError or TypeError for what strict JSON cannot say (NaN, lone surrogates).
    """
    text = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8")


def decode(body: bytes) -> Message:
    """The JSON object in `body`, which comes from an untrusted side.

    Raises `ProtocolError` for anything that is not strict JSON in UTF-8 with an object at
    the top: NaN and infinities, lone surrogates, excessive nesting or digits.
    """
    try:
        text = body.decode("utf-8")
        found: Any = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        if "\\u" in text:
            # Only an escape can give a lone surrogate, which no later layer could encode.
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise ProtocolError from error
    if not isinstance(found, dict):
        raise ProtocolError
    return cast("dict[str, Json]", found)


def _refuse(_constant: str) -> float:
    raise ValueError("not strict JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not strict JSON")
    return number


def send_message(channel: socket.socket, message: Message, limit: int) -> None:
    """Send a job's message, cut into packets. Raises ValueError when it is over `limit`."""
    body = encode(message)
    if len(body) > limit:
        raise ValueError("a message is larger than max_message_bytes")
    while len(body) > PACKET_BYTES:
        send_packet(channel, PART, body[:PACKET_BYTES])
        body = body[PACKET_BYTES:]
    send_packet(channel, MESSAGE, body)
