"""Suppressions: single matches that people have found to be wrong."""
