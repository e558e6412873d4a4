"""The shapes of generation services, a module for each."""
