"""The whole service, as processes: what it answers, keeps and survives."""
