"""What people decided here about entries of shared lists, on its way back to the source."""
