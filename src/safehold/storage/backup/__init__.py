"""Backups of a home on SQLite: making them, and putting them back."""
