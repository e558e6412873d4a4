"""Tests of the custodian."""
