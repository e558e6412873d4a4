"""The only process that holds officers' identities, and the narrow call by which it is asked."""
