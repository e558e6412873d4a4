"""How long evidence is kept, and what becomes of it then."""
