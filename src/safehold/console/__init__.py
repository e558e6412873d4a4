"""The review console: server-rendered pages in which people decide held cases."""
