"""People who work in the console: their roles, how they sign in, and their sessions."""
