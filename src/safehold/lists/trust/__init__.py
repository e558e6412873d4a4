"""Living with what is wrong in lists: suppressions, floods, thresholds of single lists."""
