"""The door for uploads: the HTTP service."""
