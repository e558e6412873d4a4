"""What a worker finds in the bytes of one item; it runs in the sandbox.

It sends what it finds step by step: the digests of a file that kills its decoder are still
matched, and what only reads metadata comes last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from safehold.media.model import DecodeError, Fault, Frame
from safehold.media.sandbox.interface import Buffer, Emit, Message
from safehold.provenance.forms import read_reading, reading_messages
from safehold.provenance.model import ProvenanceOptions, Reading, ReadingFault
from safehold.screening import EMBEDDED, ExamineOptions, exact_message, variant_message

KEPT_PIXELS: Final = 50_000_000
"""Of several frames, a first one that is larger is not kept for what reads marks in pixels."""


def warm_up(settings: Message) -> None:
    """Load, before the sandbox closes, all that `examine` needs: decoders, kernels, parsers.

    `settings["kernel_cache"]` is the folder of compiled kernels, or None; `provenance` the
    options of reading (those of ProvenanceOptions where it is missing), `anchors` the C2PA trust
    anchors as PEM, or None.
    """
    import io
    from pathlib import Path

    from PIL import Image

    from safehold.kernels.accelerate import KernelCache
    from safehold.media import decode
    from safehold.provenance.read import SharedReader

    folder, said = settings.get("kernel_cache"), settings.get("provenance")
    KernelCache.configure(Path(folder) if isinstance(folder, str) else None)
    decode.warm_up()
    provenance = ProvenanceOptions(**cast("dict[str, Any]", said or {}))
    anchors = settings.get("anchors")
    SharedReader.configure(anchors.encode() if isinstance(anchors, str) else None)
    if provenance.enabled:
        SharedReader.of(provenance).warm_up()
    # Each kernel is compiled, or loaded, for grey and for colour, with and without transparency.
    ramp = Image.linear_gradient("L").resize((64, 48))
    for mode in ("L", "LA", "RGB", "RGBA"):
        picture = ramp.convert(mode)
        if mode in ("LA", "RGBA"):
            picture.putalpha(ramp.rotate(180))
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        request = ExamineOptions(provenance=provenance).as_request()
        examine(stream.getvalue(), request, lambda message: None)


def examine(data: Buffer, request: Message, emit: Emit) -> None:
    """The job that runs in a worker: everything that can be said of the bytes alone."""
    from safehold.hashing.exact import exact_digests
    from safehold.media.sniff import HEAD_BYTES, sniff

    options = ExamineOptions.from_request(request)
    with memoryview(data) as view:
        exact = exact_digests(view)
        format_name = sniff(bytes(view[:HEAD_BYTES]))
        emit({"exact": exact_message(exact), "format": format_name})
    seen = _Seen(format_name)
    refused: DecodeError | None = None
    try:
        _decode(data, options, seen, emit)
    except DecodeError as error:
        refused = error
    if options.provenance.enabled:
        for message in _provenance(data, options, seen):
            emit(message)
    if refused is not None:
        raise refused


@dataclass(slots=True)
class _Seen:
    """What is known of a file once its frames are decoded."""

    format: str | None
    size: tuple[int, int] | None = None
    first: Frame | None = None


def _decode(data: Buffer, options: ExamineOptions, seen: _Seen, emit: Emit) -> None:
    """Decode and hash the frames. Raises `DecodeError` for what cannot be opened."""
    from safehold.hashing.variants import frame_variants
    from safehold.media import decode

    picture = decode.open_picture(data, options.limits)
    seen.format, seen.size = picture.format, (picture.width, picture.height)
    emit({"format": picture.format, "size": [*seen.size, picture.frame_count]})
    kept = picture.frame_count == 1 or picture.width * picture.height <= KEPT_PIXELS
    fault: Fault | None = None
    try:
        for frame in picture.frames():
            variants = [variant_message(v) for v in frame_variants(frame, options.borders)]
            emit({"variants": [*variants]})
            if kept and seen.first is None:
                seen.first = frame
    except DecodeError as error:
        fault = error.fault
    if fault is None and picture.damaged:
        fault = Fault.DAMAGED
    if fault is not None:
        emit({"fault": fault.value})


def _provenance(data: Buffer, options: ExamineOptions, seen: _Seen) -> Iterator[Message]:
    """What the file says of its making, and digests of pictures within its metadata.

    No failure of this is one of the item's.
    """
    from safehold.provenance.interface import Pixels
    from safehold.provenance.read import SharedReader

    reading = unread = Reading(faults=(ReadingFault.UNREADABLE_PIECE,))
    try:
        first = seen.first
        pixels = Pixels.of(seen.format or "", first) if first is not None else None
        found = SharedReader.of(options.provenance).read(data, seen.format, pixels, seen.size)
        # Whatever is wrong with claims, pictures within are hashed.
        reading = replace(unread, embedded=found.embedded)
        messages = [*reading_messages(found)]
        read_reading(messages)  # the host takes nothing else
        reading = found
    except Exception:  # noqa: BLE001 - nothing that stands in metadata may stop a check
        messages = [*reading_messages(unread)]
    seen.first = None
    yield from messages
    yield from _embedded(reading, options)


def _embedded(reading: Reading, options: ExamineOptions) -> Iterator[Message]:
    """Digests of the pictures within, of the first frame each; a broken one is passed over."""
    from safehold.hashing.variants import frame_variants
    from safehold.media import decode

    room = options.provenance.max_embedded_pixels
    for number, embedded in enumerate(reading.embedded, 1):
        limits = replace(options.limits, max_pixels=min(options.limits.max_pixels, room))
        prefix = f"{EMBEDDED}{number}_{embedded.name}_"
        try:
            picture = decode.open_picture(embedded.data, limits)
            room = max(0, room - picture.width * picture.height)
            frame = next(iter(picture.frames()))
            variants = [
                variant_message(replace(v, variant=prefix + v.variant))
                for v in frame_variants(frame, options.borders)
            ]
        except Exception:  # noqa: BLE001, S112 - no fault of the item's, and others may be whole
            continue
        yield {"variants": [*variants]}
