"""Which frames of a sequence are decoded. No I/O."""

from __future__ import annotations


def sample_indices(frame_count: int, max_frames: int) -> tuple[int, ...]:
    """At most `max_frames` distinct indices, spread evenly over `range(frame_count)`, rising.

    The first and the last are among them when `max_frames` is 2 or more.
    """
    if frame_count <= max_frames:
        return tuple(range(frame_count))
    if max_frames <= 1:
        return tuple(range(max(0, max_frames)))
    steps = max_frames - 1
    return tuple((2 * i * (frame_count - 1) + steps) // (2 * steps) for i in range(max_frames))
