"""What numbers and words settings may be."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping

RANGES: Mapping[str, tuple[float, float]] = {
    "archives.max_depth": (0, 16),
    "borders.tolerance": (0, 255),
    "borders.narrow_tolerance": (0, 255),
    "borders.stray_share": (0, 1),
    "borders.min_share": (0, 1),
    "borders.min_side": (5, 10_000),
    "borders.soft_edge": (0, 100),
    "borders.rounds": (0, 10),
    # No more than the host takes of a worker (provenance/forms.py).
    "provenance.max_pieces": (1, 65_536),
    "provenance.max_claims": (1, 1_024),
    "provenance.max_passages": (0, 1_024),
    "provenance.max_passage_chars": (0, 131_072),
    "provenance.max_embedded": (0, 64),
    "provenance.max_embedded_pixels": (0, math.inf),
    "provenance.max_json_depth": (1, 256),
    "matching.threshold": (0, 64),
    "matching.quality_floor": (0, 100),
    "matching.contradiction_distance": (0, 256),
    "media.max_frames": (1, 128),
    "server.body_rate": (0, math.inf),
    "server.canary_max_age_hours": (0, math.inf),
    "intake.min_free_bytes": (0, math.inf),
    "intake.max_matches": (0, 5_000),
    "intake.write_threads": (1, 256),
    "work.canary_minutes": (0, math.inf),
    "work.jitter": (0, 1),
    "work.servers": (0, math.inf),
    "surfaces.max_list_age_hours": (0, math.inf),
    "surfaces.threshold": (-1, 64),
    "surfaces.user_per_minute": (-1, math.inf),
    "classifiers.mark": (0, 1),
    "console.max_document_bytes": (1, 1_048_576),
    "previews.max_side": (64, 3_200),
    # What the law asks for: 18 USC 2258A(h)(1) and SI 2026/268 (a year), Canada (21 days).
    "retention.reported_days": (365, 3_650),
    "retention.confirmed_days": (365, 3_650),
    "retention.appeal_days": (1, 3_650),
    "retention.canada_days": (21, 3_650),
    "retention.warn_days": (0, 365),
    "retention.key_backup_days": (1, 3_650),
    "review.stills": (1, 128),
    "review.likeness_radius": (1, 16),
    "review.group_distance": (0, 64),
    "review.small_side": (32, 640),
    "review.side": (64, 3_200),
    "transparency.least": (3, 10_000),
    "gate.account_share": (0.01, 1),
    "ledger.distance": (0, 64),
    "ledger.quality_floor": (0, 100),
    "ledger.answers": (1, 500),
    "ledger.words_bytes": (0, 1_048_576),
    "repeats.alert": (0, math.inf),
    "repeats.slow": (0, math.inf),
    "repeats.stop": (0, math.inf),
    "lists.threshold": (-1, 64),
    "exchanges.minutes": (0, math.inf),
    "exchanges.page_rows": (0, 100_000),
    "exchanges.first_days": (0, math.inf),
    "exchanges.max_withdrawn_share": (0, 1),
    "exchanges.stale_hours": (0, math.inf),
    "exchanges.opinion_hours": (0, math.inf),
    "matchers.per_minute": (0, math.inf),
    "surfaces.keep_digests_days": (0, 3_650),
    "retro.minutes": (0, math.inf),
    "flood.items": (0, 10_000),
    "flood.distance": (0, 64),
    "flood.uploader_share": (0, 1),
    "flood.different_share": (0, 1),
    "flood.minutes": (0, math.inf),
    "lists.flood_items": (-1, 10_000),
    "retro.max_entries": (0, 100_000),
    "retro.chunk_items": (64, 65_536),
    "growth.max_changes": (0, math.inf),
    "growth.compact_changes": (1_000, math.inf),
    "growth.compact_share": (0, 1),
}
"""Smallest and largest value of settings. Any other number must be above zero, and finite."""

WORDS: Mapping[str, frozenset[str]] = {
    "alarms.smtp_tls": frozenset({"starttls", "tls", "none"}),
}
"""The words that settings may be, where they are no enumerations."""

MAY_BE_ZERO = ("budgets.",)
"""Groups in which zero stands for no bound."""


def out_of_range(options: Iterable[tuple[str, object]]) -> Iterator[str]:
    """Names of settings whose value is not possible."""
    for group, values in options:
        assert dataclasses.is_dataclass(values)
        for field in dataclasses.fields(values):
            name = f"{group}.{field.name}"
            value = getattr(values, field.name)
            if name in WORDS and value not in WORDS[name]:
                yield name
            if not isinstance(value, int | float):
                continue
            lowest = 0.0 if name.startswith(MAY_BE_ZERO) else math.ulp(0.0)
            low, high = RANGES.get(name, (lowest, math.inf))
            if isinstance(value, bool):
                continue
            if not low <= value <= high or value == math.inf:
                yield name
