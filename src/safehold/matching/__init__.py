"""Finding entries: exact digests by sorted keyed tables, PDQ by exact Hamming range search."""
