"""Looking back when lists grow: kept digests of allowed items, matched with new entries."""
