"""Every bound on the reading of one file, as documented settings."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """Bounds for one item. Reaching one costs that item a stable fault code, never the run.

    There is none on compressed metadata (profiles, text chunks), because none are inflated: a
    file's are taken out, or hidden, before a decoder sees it.

    Attributes:
        max_bytes: largest file that is read, in bytes (`limit_bytes`).
        max_pixels: largest width x height of one frame (`limit_pixels`).
        max_frames: how many frames of an animation or of a multi-page file are hashed, the
            first and the last among them.
        max_sequence_frames: how many frames are walked through to reach those (`limit_frames`).
        max_seconds: wall-clock seconds for one file (`limit_time`).
        max_memory_bytes: address space that decoding one file may add to a worker
            (`limit_memory`).
    """

    max_bytes: int = 256 * MIB
    max_pixels: int = 120_000_000
    max_frames: int = 8
    max_sequence_frames: int = 2_000
    max_seconds: float = 30.0
    max_memory_bytes: int = 2048 * MIB


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Bounds for unpacking one top-level archive, nested archives included.

    Attributes:
        max_members: how many members are looked at.
        max_member_bytes: largest size of one unpacked member.
        max_total_bytes: largest sum of unpacked bytes.
        max_ratio: largest ratio of unpacked bytes to the archive's own size, once more than
            `ratio_floor_bytes` were unpacked.
        ratio_floor_bytes: unpacked bytes under which the ratio is not looked at.
        max_depth: how deep archives may stand within archives.
        max_seconds: wall-clock seconds without any progress of the unpacker.
    """

    max_members: int = 100_000
    max_member_bytes: int = 256 * MIB
    max_total_bytes: int = 16 * 1024 * MIB
    max_ratio: float = 200.0
    ratio_floor_bytes: int = 64 * MIB
    max_depth: int = 3
    max_seconds: float = 60.0
