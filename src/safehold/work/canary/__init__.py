"""Canaries: harmless pictures that prove that every server finds, holds and keeps."""
