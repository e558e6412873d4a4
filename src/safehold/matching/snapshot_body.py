"""The sections of a snapshot as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safehold.hashing.keyed import KEYED_BYTES
from safehold.hashing.model import PDQ_BYTES, SignalType
from safehold.kernels.hamming import BandTables
from safehold.matching import layout
from safehold.matching.banded import BandedIndex
from safehold.matching.exact import ExactTable
from safehold.matching.linear import SearchOptions, as_words
from safehold.matching.mapped_file import MappedFile


@dataclass(frozen=True, slots=True)
class Body:
    """The sections of a snapshot as arrays over the mapped file.

    Attributes:
        index: the PDQ hashes.
        pdq_entries, pdq_qualities: of each row of the index.
        exact: the keyed digests of each signal type.
        places: for each signal type where each entry's digest stands, `NO_PLACE` for none.
        classes, id_ends, ids: of each entry; the ids stand one after another.
    """

    index: BandedIndex
    pdq_entries: NDArray[np.uint32]
    pdq_qualities: NDArray[np.uint8]
    exact: dict[SignalType, ExactTable]
    places: dict[SignalType, NDArray[np.uint32]]
    classes: NDArray[np.uint16]
    id_ends: NDArray[np.uint64]
    ids: NDArray[np.uint8]

    @classmethod
    def of(cls, file: MappedFile, header: layout.Header, options: SearchOptions | None) -> Body:
        """Take the arrays from a mapped file whose header was checked."""

        def column(name: str, dtype: str) -> NDArray[Any]:
            section = header.section(name)
            if section is None:
                return np.empty(0, dtype)
            return np.frombuffer(
                file.mapped, dtype, section.length // np.dtype(dtype).itemsize, section.offset
            )

        rows = as_words(column("pdq_hashes", "u1").reshape(-1, PDQ_BYTES))
        tables = BandTables(
            rows,
            column("band_offsets", "<u4"),
            column("band_rows", "<u4"),
            column("band_signatures", "<u2"),
            header.bands.specification(),
        )
        exact = {
            s: ExactTable(
                column(f"{s.value}_keys", "u1").reshape(-1, KEYED_BYTES),
                column(f"{s.value}_entries", "<u4"),
                header.entry_count,
            )
            for s in layout.EXACT_SIGNALS
        }
        places = {s: column(f"{s.value}_places", "<u4") for s in layout.EXACT_SIGNALS}
        places[SignalType.PDQ] = column("entry_pdq_rows", "<u4")
        return cls(
            BandedIndex(tables, header.bands, options),
            column("pdq_entries", "<u4"),
            column("pdq_qualities", "u1"),
            exact,
            places,
            column("entry_classes", "<u2"),
            column("entry_id_ends", "<u8"),
            column("entry_ids", "u1"),
        )
