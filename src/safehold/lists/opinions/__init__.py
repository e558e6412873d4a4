"""Opinions: what people decided about entries, as it goes back to where the entries come from."""
