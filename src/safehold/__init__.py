"""Safehold: find, stop, hold, review and report listed abuse imagery."""

__version__ = "0.1.0"
