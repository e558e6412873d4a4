"""Evidence packages: a signed BagIt bag in a tar, encrypted to who receives it.

`docs/formats/package.md` has the bytes; `docs/how-to/verify-a-package.md` how a receiver verifies
one with public tools alone.
"""
