"""`safehold demo`."""

EXAMPLE = "Example: safehold demo"


def demo() -> int:
    """Demo."""
    return 0
