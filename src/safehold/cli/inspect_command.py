"""`safehold inspect`: what a file says of its own making."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from safehold.cli.options import HomeOption, JsonOption, open_runtime, tell_missing_protections

if TYPE_CHECKING:
    from safehold.provenance.model import Place
    from safehold.screening import Examination

EXAMPLE = "Example: safehold inspect picture.png --json"
LARGEST_RAW = 4 * 1024 * 1024
"""Bytes of one piece that --raw shows."""


def inspect(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A picture.")],
    prompts: Annotated[
        bool,
        typer.Option(
            "--prompts", help="Also words within: prompts, accounts, addresses. They may be awful."
        ),
    ] = False,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="With --json and --prompts: each piece's bytes, in base64."),
    ] = False,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> int:
    """Show what a file says of its own making: claims, conflicts, every piece of metadata.

    A claim is the file's word, and anybody could have written it. A file without one is not
    thereby made by a camera. Nothing is called out to, and no list is asked.

    Exit code 1 where it says that a generative model had a part in it, 0 where it does not, 2
    where it could not be read.
    """
    from safehold.errors import UsageError
    from safehold.media.model import Fault
    from safehold.screening import read_outcome

    if raw and not (prompts and as_json):
        raise UsageError("--raw shows words too, in JSON: it needs --prompts and --json.")
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        raise UsageError("The file cannot be opened.") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UsageError("That is no file: folders, pipes and devices are not read.")
        with open_runtime(context, home, 1) as runtime:
            pool = runtime.workers
            ticket = pool.submit(descriptor, runtime.examine_options.as_request())
            outcomes = [one for one in _collected(pool) if one.ticket == ticket]
            examination = read_outcome(outcomes[0])
            tell_missing_protections(runtime)
        told = _told(examination, prompts=prompts)
        if raw:
            for piece, place in zip(told["pieces"], examination.reading.pieces, strict=True):
                piece["raw"] = _raw(descriptor, place)
    finally:
        os.close(descriptor)
    print(json.dumps(told) if as_json else _words(told))
    if examination.reading.says_generated:
        return 1
    unread = examination.fault not in (None, Fault.UNSUPPORTED, Fault.DAMAGED)
    return 2 if unread or examination.reading.faults else 0


def _collected(pool: Any) -> Iterator[Any]:
    while True:
        found = pool.completed(None)
        yield from found
        if found:
            return


def _told(examination: Examination, *, prompts: bool) -> dict[str, Any]:
    """All that was read, as JSON; words only where they are asked for."""
    from safehold.provenance.forms import claim_form

    reading = examination.reading
    kinds: dict[str, int] = {}
    for passage in reading.passages:
        kinds[passage.kind.value] = kinds.get(passage.kind.value, 0) + 1
    told: dict[str, Any] = {
        "format": examination.format,
        "width": examination.width or None,
        "height": examination.height or None,
        "error": examination.fault.value if examination.fault else None,
        "generated": reading.says_generated or None,
        "claims": [
            claim_form(claim) | {"length": claim.place.length, "sha256": claim.place.sha256}
            for claim in reading.claims
        ],
        "conflicts": [conflict.value for conflict in reading.conflicts],
        "faults": [fault.value for fault in reading.faults],
        "embedded": sorted(
            {v.variant for v in examination.variants if v.variant.startswith("embedded_")}
        ),
        "words": kinds,
        "pieces": [_place(place) for place in reading.pieces],
    }
    if prompts:
        told["passages"] = [
            {
                "kind": passage.kind.value,
                "text": passage.text.encode("utf-8", "replace").decode("utf-8"),
                "place": passage.place.path,
                "offset": passage.place.offset,
            }
            for passage in reading.passages
        ]
    return told


def _place(place: Place) -> dict[str, Any]:
    return {
        "place": place.path,
        "offset": place.offset,
        "length": place.length,
        "sha256": place.sha256,
    }


def _raw(descriptor: int, place: Place) -> str | None:
    """A piece's bytes as they stand in the file.

    None where there are too many, and where they do not stand there in one: segments of JPEG and
    extents of HEIF are put together from several places.
    """
    if place.length > LARGEST_RAW:
        return None
    stored = os.pread(descriptor, place.length, place.offset)
    if hashlib.sha256(stored).hexdigest() != place.sha256:
        return None
    return base64.b64encode(stored).decode("ascii")


def _words(told: dict[str, Any]) -> str:
    """The same for people."""
    from safehold.cli.console import printable

    size = f", {told['width']}x{told['height']}" if told["width"] else ""
    lines = [f"{told['format'] or 'unknown format'}{size}"]
    if told["error"]:
        lines.append(f"Could not be read whole: {told['error']}")
    if not told["claims"]:
        lines.append("It says nothing of its making. That does not say who or what made it.")
    for claim in told["claims"]:
        made = "a model had a part in it" if claim["generative"] else "no word of a model"
        lines.append(f"{claim['form']} ({claim['tier']}): {made}")
        lines += [
            f"    {name}: {_one_line(value)}"
            for name, value in claim.items()
            if name not in ("form", "tier", "generative", "length", "sha256", "offset")
        ]
    lines += [f"Does not go together: {code}" for code in told["conflicts"]]
    lines += [f"Not read: {code}" for code in told["faults"]]
    lines += [f"A picture within: {name}" for name in told["embedded"]]
    if told["words"] and "passages" not in told:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(told["words"].items()))
        lines.append(f"Words within, shown with --prompts: {kinds}")
    for passage in told.get("passages", ()):
        lines.append(f"{passage['kind']} ({passage['place']}): {passage['text']}")
    lines.append(f"Pieces of metadata: {len(told['pieces'])}")
    lines += [
        f"    {piece['offset']:>10} +{piece['length']:<8} {piece['sha256'][:16]}  {piece['place']}"
        for piece in told["pieces"]
    ]
    return "\n".join(printable(line) for line in lines)


def _one_line(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {said}" for name, said in value.items())
    if isinstance(value, list):
        return ", ".join(_one_line(one) for one in value)
    return str(value)
