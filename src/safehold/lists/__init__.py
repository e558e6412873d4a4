"""Lists: what an entry is, how files of entries are read, and how a list becomes a snapshot."""
