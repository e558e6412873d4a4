"""Reports to authorities: what is told, by whom, and what came of it."""
