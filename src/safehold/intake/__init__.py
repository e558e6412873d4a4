"""The one place that records what was found, before the answer is given."""
