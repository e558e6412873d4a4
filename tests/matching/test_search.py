"""Every search gives exactly the rows within the threshold, in the promised order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.kernels.hamming import BandTables
from safehold.matching import bands
from safehold.matching.banded import BandedIndex, Method
from safehold.matching.errors import SnapshotDamagedError, TooManyHitsError
from safehold.matching.linear import LinearIndex, SearchOptions, as_words, ordered
from tests.matching.builders import (
    Hashes,
    balanced_hashes,
    expected,
    family,
    flipped,
    random_hashes,
    triples,
)

ONE = SearchOptions(threads=1)


def mixed(rng: np.random.Generator, balanced: bool) -> tuple[Hashes, Hashes]:
    """Rows with families, duplicates and extremes; queries at all distances from them."""
    make = balanced_hashes if balanced else random_hashes
    parts = [make(rng, int(rng.integers(1, 120)))]
    for _ in range(int(rng.integers(0, 3))):
        parts.append(family(rng, parts[0][0], int(rng.integers(1, 60)), int(rng.integers(0, 40))))
    if rng.integers(2):
        parts.append(np.zeros((int(rng.integers(1, 5)), 32), np.uint8))
        parts.append(np.full((1, 32), 255, np.uint8))
    rows = np.concatenate(parts)
    rows = rows[rng.permutation(len(rows))]
    near = [flipped(rng, rows[rng.integers(len(rows))], int(rng.integers(0, 80))) for _ in range(6)]
    return rows, np.array([*near, np.zeros(32, np.uint8), rows[0]])


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(20, 64),
    threshold=st.integers(0, 64),
    balanced=st.booleans(),
)
def test_banded_equals_numpy(seed: int, count: int, threshold: int, balanced: bool) -> None:
    rng = np.random.default_rng(seed)
    rows, queries = mixed(rng, balanced)
    widths = tuple(int(w) for w in rng.permutation(bands.even_widths(count)))
    index = BandedIndex.build(rows, ONE, widths)
    try:
        hits = index.search(queries, threshold, Method.BANDED)
    except ValueError:
        plan = bands.make_plan(index.layout, len(rows), threshold, 0)
        assert plan.probes > bands.MAX_PROBES
        return
    assert triples(hits) == expected(rows, queries, threshold)


@given(st.integers(0, 2**32 - 1), st.integers(0, 256))
def test_linear_equals_numpy(seed: int, threshold: int) -> None:
    rows, queries = mixed(np.random.default_rng(seed), balanced=False)
    assert triples(LinearIndex(rows).search(queries, threshold)) == expected(
        rows, queries, threshold
    )


@pytest.mark.parametrize("threshold", [0, 1, 2, 15, 30, 31, 32, 47, 64, 65, 100, 128, 200, 256])
def test_auto_equals_linear_on_a_large_list_with_families(threshold: int) -> None:
    rng = np.random.default_rng(11)
    rows = np.concatenate(
        (
            balanced_hashes(rng, 18_000),
            *(family(rng, centre, 2_000, 12) for centre in balanced_hashes(rng, 2)),
        )
    )
    queries = np.array([flipped(rng, rows[int(rng.integers(len(rows)))], b) for b in range(24)])
    index = BandedIndex.build(rows, ONE)
    assert index.layout.widths
    found = index.search(queries, threshold)
    assert triples(found) == triples(LinearIndex(rows, ONE).search(queries, threshold))


@pytest.mark.parametrize("bits", range(0, 40, 3))
def test_wide_bands_miss_nothing_at_any_distance(bits: int) -> None:
    """The widths of a list of ten million rows; each query has one row exactly `bits` away."""
    rng = np.random.default_rng(bits)
    rows = balanced_hashes(rng, 300)
    index = _wide_index(rows)
    queries = np.array([flipped(rng, row, bits) for row in rows])
    hits = index.search(queries, 31, Method.BANDED)
    wanted = [(i, bits, i) for i in range(len(rows))] if bits <= 31 else []
    assert triples(hits) == wanted


def _wide_index(rows: Hashes) -> BandedIndex:
    return BandedIndex.build(rows, ONE, bands.choose_widths(10_000_000))


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("forced", [False, True])
def test_tiny_lists(count: int, forced: bool) -> None:
    rows = random_hashes(np.random.default_rng(count), count)
    queries = np.concatenate((rows, np.zeros((1, 32), np.uint8)))
    index = BandedIndex.build(rows, ONE, bands.even_widths(32) if forced else None)
    hits = index.search(queries, 31, Method.BANDED if forced else Method.AUTO)
    assert triples(hits) == expected(rows, queries, 31)
    assert len(index) == count


def test_no_queries_give_no_hits() -> None:
    rows = random_hashes(np.random.default_rng(0), 5_000)
    for index in (BandedIndex.build(rows, ONE), LinearIndex(rows)):
        hits = index.search(np.empty((0, 32), np.uint8), 31)
        assert (len(hits.query), len(hits.row), len(hits.distance)) == (0, 0, 0)


@pytest.mark.parametrize("threads", [0, 1, 2, 3, 7])
def test_hits_do_not_depend_on_threads(threads: int) -> None:
    rng = np.random.default_rng(4)
    rows = np.concatenate((random_hashes(rng, 6_000), family(rng, np.zeros(32, np.uint8), 200, 20)))
    queries = family(rng, np.zeros(32, np.uint8), 460, 20)
    options = SearchOptions(threads=threads)
    wanted = LinearIndex(rows, ONE).search(queries, 31)
    for index in (BandedIndex.build(rows, options), LinearIndex(rows, options)):
        found = index.search(queries, 31)
        assert triples(found) == triples(wanted)
        kinds = [str(a.dtype) for a in (found.query, found.row, found.distance)]
        assert kinds == ["int32", "int64", "int16"]


def test_more_hits_than_first_room_are_all_given() -> None:
    rows = np.zeros((30_000, 32), np.uint8)
    queries = np.zeros((2, 32), np.uint8)
    for method in (Method.BANDED, Method.AUTO, Method.LINEAR):
        hits = BandedIndex.build(rows, ONE).search(queries, 31, method)
        assert len(hits.row) == 60_000
        np.testing.assert_array_equal(hits.row[:30_000], np.arange(30_000))


@pytest.mark.parametrize("method", list(Method))
def test_too_many_hits_are_an_error_and_not_dropped(method: Method) -> None:
    rows = np.zeros((5_000, 32), np.uint8)
    index = BandedIndex.build(rows, SearchOptions(1, 4_999))
    with pytest.raises(TooManyHitsError) as caught:
        index.search(rows[:1], 0, method)
    assert caught.value.code == "too_many_hits"
    fits = BandedIndex.build(rows, SearchOptions(1, 5_000))
    assert len(fits.search(rows[:1], 0, method).row) == 5_000


def test_crowded_keys_fall_back_to_the_linear_scan() -> None:
    """All rows alike in most bands: each probe meets all of them."""
    rng = np.random.default_rng(9)
    rows = np.zeros((6_000, 32), np.uint8)
    rows[:, :8] = rng.integers(0, 256, (6_000, 8), dtype=np.uint8)
    queries = np.concatenate((random_hashes(rng, 3), rows[:3]))
    found = BandedIndex.build(rows, ONE).search(queries, 31)
    assert triples(found) == expected(rows, queries, 31)
    assert len(found.row) > 3


def test_linear_is_chosen_where_it_is_cheaper() -> None:
    rows = random_hashes(np.random.default_rng(2), 20_000)
    index = BandedIndex.build(rows, ONE)
    assert index.chosen(31) is Method.BANDED
    assert index.chosen(128) is Method.LINEAR
    assert BandedIndex.build(rows[:100], ONE).chosen(31) is Method.LINEAR


@pytest.mark.parametrize("threshold", [-1, 257])
def test_thresholds_are_checked(threshold: int) -> None:
    rows = np.zeros((3, 32), np.uint8)
    for index in (LinearIndex(rows), BandedIndex.build(rows)):
        with pytest.raises(ValueError, match="threshold"):
            index.search(rows, threshold)


@pytest.mark.parametrize(
    "wrong",
    [np.zeros(32, np.uint8), np.zeros((2, 31), np.uint8), np.zeros((2, 32), np.int8)],
)
def test_shapes_are_checked(wrong: Hashes) -> None:
    with pytest.raises(ValueError, match="hashes"):
        LinearIndex(wrong)


def test_strided_and_unaligned_tables_are_taken() -> None:
    rng = np.random.default_rng(3)
    wide = random_hashes(rng, 40)
    raw = np.frombuffer(b"x" + wide.tobytes(), np.uint8)[1:].reshape(40, 32)
    for rows in (wide[::2], raw):
        assert triples(LinearIndex(rows).search(wide, 40)) == expected(rows, wide, 40)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["offsets", "ids", "signatures"]))
def test_damaged_tables_are_bounded(seed: int, column: str) -> None:
    """Random bytes in a table: an error or hits that are true, never a read outside."""
    rng = np.random.default_rng(seed)
    rows, queries = mixed(rng, balanced=False)
    layout = bands.BandLayout(bands.even_widths(32))
    good = BandedIndex.build(rows, ONE, layout.widths)._tables
    arrays = {name: np.array(getattr(good, name)) for name in BandTables._fields}
    bad = arrays[column].view(np.uint8)
    places = rng.integers(0, len(bad), int(rng.integers(1, 200)))
    bad[places] = rng.integers(0, 256, len(places), dtype=np.uint8)
    index = BandedIndex(BandTables(**arrays), layout, ONE)
    try:
        hits = index.search(queries, 31, Method.BANDED)
    except SnapshotDamagedError as error:
        assert error.code == "snapshot_damaged"
        return
    assert set(triples(hits)) <= set(expected(rows, queries, 31))


def test_tables_of_other_sizes_are_refused() -> None:
    rows = as_words(np.zeros((10, 32), np.uint8))
    layout = bands.BandLayout(bands.even_widths(32))
    short = BandTables(
        rows,
        np.zeros(layout.offset_count - 1, np.uint32),
        np.zeros(320, np.uint32),
        np.zeros(320, np.uint16),
        layout.specification(),
    )
    with pytest.raises(SnapshotDamagedError):
        BandedIndex(short, layout)


def test_order_is_by_query_then_distance_then_row() -> None:
    rng = np.random.default_rng(6)
    for largest_query, largest_row in ((4, 5), (2**22, 2**33)):
        query = rng.integers(0, largest_query + 1, 500, dtype=np.int32)
        row = rng.integers(0, largest_row + 1, 500)
        distance = rng.integers(0, 257, 500, dtype=np.int16)
        query[0], row[0] = largest_query, largest_row
        wanted = sorted(zip(query.tolist(), distance.tolist(), row.tolist(), strict=True))
        assert triples(ordered(query, row, distance)) == wanted
