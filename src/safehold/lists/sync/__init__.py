"""Keeping lists true to their sources: one state machine drives every exchange."""
