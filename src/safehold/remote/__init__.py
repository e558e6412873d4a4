"""Matchers on other machines, for operators who own no list."""
