"""Plain numpy beside the kernels of `retro`: short, slow, and what the tests compare with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from safehold.kernels.hamming_reference import distances


def near_pairs(
    kept: NDArray[np.uint64],
    owners: NDArray[np.int64],
    new: NDArray[np.uint64],
    threshold: int,
) -> set[tuple[int, int]]:
    """All (owner, number of the new hash) that are near by one of the owner's hashes.

    Args:
        kept: uint64, shape (m, 4).
        owners: int64, shape (runs,): the owner of each run of m // runs hashes; negative for
            hashes that do not count.
        new: uint64, shape (n, 4).
        threshold: largest distance in bits.
    """
    each = np.repeat(owners, len(kept) // max(1, len(owners)))
    near = np.argwhere(distances(kept, new) <= threshold)
    return {(int(each[row]), int(number)) for number, row in near if each[row] >= 0}
