"""Figures of a period for publication, with small counts suppressed."""
