"""Tests of what people have found out about single matches."""
