"""Digests of bytes and of pictures: md5, sha1, sha256, PDQ, and the variants that are hashed."""
