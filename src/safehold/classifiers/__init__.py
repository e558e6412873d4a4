"""Operators' classifier endpoints, as one more reason to hold."""
