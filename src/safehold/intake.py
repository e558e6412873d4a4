"""The one place that records what was found (to be filled in)."""
