"""What pixels say of their making: known payloads, and data hidden in transparency."""
