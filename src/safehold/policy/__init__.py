"""From what was found about an item to a verdict. I/O-free."""
