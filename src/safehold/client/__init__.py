"""A small typed client for services, and middleware for their uploads. Stands alone."""
