"""C2PA manifest stores, read by the library of the standard's own project, with the network off.

A store that the library reads gives a claim for each of its manifests that says something of how
the picture was made: often that is an ingredient's and not the active one's. Whether content,
signature, signer and time hold is told apart; a store that does not hold is told all the same,
since genuine files stop holding when a certificate expires. What the library rejects, or what is
more work than one file may make, is told by its presence alone.

The library runs in the locked worker, where it needs no file, no thread and no call that is
forbidden there. Its context is made anew in each process, so that nothing of it is shared by
forks. Its work cannot be interrupted, so it is weighed before (see `jumbf`). Source: C2PA
Technical Specification 2.2 to 2.4.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from safehold.media.limits import MIB
from safehold.media.sandbox.interface import Buffer
from safehold.provenance.generators import jsons
from safehold.provenance.interface import Found
from safehold.provenance.model import (
    Claim,
    Embedded,
    Passage,
    PassageKind,
    Place,
    ProvenanceOptions,
    ReadingFault,
    Tier,
)
from safehold.provenance.standards import jumbf
from safehold.provenance.standards.c2pa_store import Store
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind

MAX_PROMPTS: Final = 8
_MEDIA: Final = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "heic": "image/heic",
    "gif": "image/gif",
    "tiff": "image/tiff",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
}


class C2paReader:
    """Reads stores; for one process at a time."""

    def __init__(self, options: ProvenanceOptions, anchors: bytes | None = None) -> None:
        """`anchors`: certificates of signers that the operator trusts (PEM), or None for none."""
        self._options = options
        self._list = (options.trust_list_version or "unnamed") if anchors else ""
        self._settings = settings(options, anchors)
        self._context: Any = None
        self._process = 0

    def warm_up(self) -> None:
        """Load the library, before a sandbox closes."""
        if not self._options.c2pa:
            return
        import c2pa

        try:
            head = io.BytesIO(b"\x89PNG\r\n\x1a\n")
            c2pa.Reader.try_create("image/png", head, context=self._own())
        except c2pa.C2paError:
            return  # that it is no whole file was known

    def read(
        self, data: Buffer, format_name: str | None, pieces: Sequence[Piece], budget: Budget
    ) -> Iterator[Found]:
        """Claims of a file's store; see `Parser`."""
        stores = [piece for piece in pieces if piece.kind is PieceKind.C2PA]
        if not stores:
            return
        found: list[Found] = []
        if self._options.c2pa and format_name in _MEDIA and not budget.over:
            if self._fits(data, stores):
                found = self._validated(data, _MEDIA[format_name], stores[0].place, budget)
                if not found:
                    budget.faults.add(ReadingFault.UNREADABLE_PIECE)
            else:
                budget.faults.add(ReadingFault.LIMIT_BYTES)
        yield from found
        for store in stores[1 if found else 0 :]:
            yield Found((Claim(Tier.HINT, "c2pa", False, store.place),))

    def _fits(self, data: Buffer, stores: Sequence[Piece]) -> bool:
        return (
            len(data) <= self._options.max_c2pa_bytes
            and all(store.data for store in stores)
            and all(jumbf.weigh(store.data).fits for store in stores)
        )

    def _own(self) -> Any:
        """The library's settings, for this process."""
        import c2pa

        if self._context is None or self._process != os.getpid():
            self._context, self._process = c2pa.Context.from_dict(self._settings), os.getpid()
        return self._context

    def _validated(
        self, data: Buffer, media_type: str, place: Place, budget: Budget
    ) -> list[Found]:
        """What the library reads; nothing where it rejects the store."""
        import c2pa

        try:
            reader = c2pa.Reader.try_create(media_type, io.BytesIO(data), context=self._own())
            if reader is None:
                return []
            with reader:
                said = jsons.parse(reader.json(), budget)
                if not isinstance(said, dict):
                    return []
                store = Store(said, place, self._list)
                found = list(store.read())
                found.extend(self._pictures(reader, store, place))
                found.extend(self._prompts(reader, store, place))
                address = reader.get_remote_url()
                if isinstance(address, str) and address:
                    remote = Passage(PassageKind.REMOTE_ADDRESS, address, place)
                    found.append(Found(passages=(remote,)))
                return found
        except (c2pa.C2paError, ValueError, OSError):
            return []

    def _pictures(self, reader: Any, store: Store, place: Place) -> Iterator[Found]:
        # One more than are hashed, so that the bound is noticed where it is kept.
        for name, address in islice(store.thumbnails(), self._options.max_embedded + 1):
            body = _resource(reader, address)
            if body:
                yield Found(embedded=(Embedded(name, body, place),))

    def _prompts(self, reader: Any, store: Store, place: Place) -> Iterator[Found]:
        for address in islice(store.prompts(), MAX_PROMPTS):
            text = _resource(reader, address)[: 4 * self._options.max_passage_chars]
            if text:
                passage = Passage(PassageKind.PROMPT, text.decode("utf-8", "replace"), place)
                yield Found(passages=(passage,))


def settings(options: ProvenanceOptions, anchors: bytes | None) -> dict[str, Any]:
    """The library's settings: nothing is fetched, for any reason, and little is unpacked."""
    said: dict[str, Any] = {
        "core": {
            # Would resolve the addresses of signers' identities.
            "decode_identity_assertions": False,
            # A second bar: no host at all.
            "allowed_network_hosts": [],
            "allow_redirects": False,
            "max_decompressed_manifest_size_in_mb": 1,
            # Never a file in between.
            "backing_store_memory_threshold_in_mb": max(1, options.max_c2pa_bytes // MIB + 1),
        },
        "verify": {
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
            "verify_trust": True,
            "verify_timestamp_trust": bool(anchors),
        },
        "builder": {"thumbnail": {"enabled": False}},
    }
    if anchors:
        said["trust"] = {"trust_anchors": anchors.decode("ascii", "replace")}
    return said


def _resource(reader: Any, address: str) -> bytes:
    import c2pa

    out = io.BytesIO()
    try:
        reader.resource_to_stream(address, out)
    except (c2pa.C2paError, ValueError, OSError):
        return b""
    return out.getvalue()
